//! Mechanisms that never let polkit ask an agent: a registration cannot serve their actions. One of the files with effects: it reads the
//! files that extend polkit-policy-gen's table of mechanisms.

use std::{collections::BTreeMap, path::Path};

use polkit_agent_rules::rule::Rule;
use polkit_config::{
    escape::escape,
    file,
    pattern::Glob,
    report::{Report, Source},
    table,
};

use crate::config::Config;

/// The actions of mechanisms that never let polkit ask an agent, by polkit-policy-gen's table. A test compares them with the table.
const COMPILED: [(&str, &str); 1] = [("rtkit-daemon", "org.freedesktop.RealtimeKit1.*")];
/// The folders of files that extend the table. A file of the second hides the file of the same name of the first.
const FOLDERS: [&str; 2] = ["/usr/share/polkit-policy-gen/mechanisms.d", "/etc/polkit-policy-gen/mechanisms.d"];

/// A mechanism that never lets polkit ask an agent.
struct Mechanism {
    name: String,
    actions: Vec<Glob>,
}

/// Returns one line for each rule by registration that names an action of such a mechanism. Files that cannot be read give no line: the
/// agent does not depend on polkit-policy-gen.
pub(super) fn notes(config: &Config) -> Vec<String> {
    let files = FOLDERS.iter().flat_map(|folder| file::trusted_fragments(Path::new(folder)).unwrap_or_default());
    let by_name: BTreeMap<_, _> = files.map(|path| (path.file_name().map(ToOwned::to_owned), path)).collect();
    let added = by_name.into_values().filter_map(|path| of_file(&file::read_trusted(&path).ok()?));
    of_rules(config, &compiled().chain(added).collect::<Vec<_>>())
}

fn compiled() -> impl Iterator<Item = Mechanism> {
    COMPILED.iter().map(|(name, ids)| Mechanism { name: (*name).to_owned(), actions: vec![Glob::new(ids)] })
}

/// Reads a file of the table. Returns nothing if its mechanism lets polkit ask an agent.
fn of_file(source: &Source) -> Option<Mechanism> {
    let mut report = Report::new();
    let mut root = table::parse(source, &mut report);
    let name = root.string("name", &mut report)?.value;
    let actions = root.strings("actions", &mut report)?;
    let first = root.string("interaction", &mut report);
    let changes =
        root.tables("change", &mut report).into_iter().filter_map(|mut it| it.string("interaction", &mut report));
    let last = changes.last().or(first)?;
    let actions = actions.iter().map(|ids| Glob::new(&ids.value)).collect();
    (last.value == "never").then_some(Mechanism { name, actions })
}

fn of_rules(config: &Config, mechanisms: &[Mechanism]) -> Vec<String> {
    let grants = config.rules.iter().filter(|rule| rule.answer.grants() && super::host::is_registered(config, rule));
    let note = |rule: &Rule| {
        let named = |mechanism: &&Mechanism| {
            let covers = |id: &str| mechanism.actions.iter().any(|ids| ids.covers(id));
            rule.actions.iter().any(|action| covers(action.as_str()))
        };
        let name = escape(&mechanisms.iter().find(named)?.name);
        Some(format!(
            "{} names an action of {name}, which never lets polkit ask an agent: a registration has no effect there. Use the hook \
             (way = \"hook\"), or a policy rule of polkit-policy-gen",
            super::host::place(rule)
        ))
    };
    grants.filter_map(note).collect()
}

#[cfg(test)]
mod tests {
    use polkit_agent_rules::{model, rule::Answer, unit_pattern::UnitPattern};
    use polkit_types::pattern::ActionPattern;

    use super::*;
    use crate::config::{Serve, ServeTarget};

    const NEW: &str =
        "name = \"newd\"\nactions = [\"org.example.new.*\"]\nsubject = \"process\"\ninteraction = \"never\"\n";

    fn of_text(text: &str) -> Option<Mechanism> {
        of_file(&Source::new("new.toml", text))
    }

    fn noted(serve: Serve, answer: Answer, action: &str) -> Vec<String> {
        let unit = UnitPattern::new("web.service").unwrap();
        let actions = vec![ActionPattern::new(action).unwrap()];
        let rule = Rule { unit: Some(unit), user: None, actions, ..model::rule(answer) };
        let all: Vec<Mechanism> = compiled().chain(of_text(NEW)).collect();
        of_rules(&Config::of(vec![serve], vec![rule]), &all)
    }

    fn served() -> Serve {
        Serve::of(ServeTarget::Unit(UnitPattern::new("web.service").unwrap()))
    }

    #[test]
    fn a_grant_by_registration_of_an_action_that_no_agent_is_asked_about_is_named() {
        for action in ["org.freedesktop.RealtimeKit1.acquire-real-time", "org.freedesktop.RealtimeKit1.*"] {
            let notes = noted(served(), Answer::Allow, action);
            assert!(
                notes[0].contains("names an action of rtkit-daemon, which never lets polkit ask an agent"),
                "{notes:?}"
            );
        }
        assert!(noted(served(), Answer::Allow, "org.example.new.run")[0].contains("of newd,"));
        for action in ["org.libvirt.unix.manage", "org.freedesktop.*"] {
            assert_eq!(noted(served(), Answer::Allow, action), [""; 0], "{action}");
        }
    }

    #[test]
    fn the_hook_and_a_refusal_need_no_agent_that_is_asked() {
        let action = "org.freedesktop.RealtimeKit1.acquire-real-time";
        assert_eq!(noted(Serve { by_hook: true, ..served() }, Answer::Allow, action), [""; 0]);
        assert_eq!(noted(served(), Answer::Deny, action), [""; 0]);
    }

    #[test]
    fn the_last_change_of_a_mechanism_counts_and_a_broken_file_is_left_out() {
        let change = "[[change]]\nsince = \"newd 2\"\nmeaning = \"It asks.\"\ninteraction = \"always\"\n";
        assert!(of_text(NEW).is_some());
        assert!(of_text(&format!("{NEW}{change}")).is_none());
        assert!(of_text(&format!("{}{}", NEW.replace("never", "caller"), change.replace("always", "never"))).is_some());
        for text in ["", "name = 3\n", "name = \"newd\"\ninteraction = \"never\"\n"] {
            assert!(of_text(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_compiled_mechanisms_are_those_of_the_table() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy-gen/mechanisms");
        let files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() > 20, "{files:?}");
        let read = |path: &std::path::PathBuf| of_file(&Source::new("table", std::fs::read_to_string(path).unwrap()));
        let pairs = |it: Mechanism| it.actions.into_iter().map(move |ids| (it.name.clone(), ids.as_str().to_owned()));
        let of_table: Vec<_> = files.iter().filter_map(read).flat_map(pairs).collect();
        assert_eq!(of_table, compiled().flat_map(pairs).collect::<Vec<_>>());
    }
}
