//! From refusals to the narrowest rules that would have answered them, as TOML to paste. Values go through a TOML encoder.

use std::collections::{BTreeSet, HashMap};

use polkit_agent_rules::unit_pattern::UnitPattern;
use polkit_config::names::Names;
use polkit_types::pattern::ActionPattern;

use crate::{
    base::root_control,
    cli::journal_reader::Decided,
    config::{
        is_run_for_users,
        root_equivalent::{NEVER_NARROWED, ROOT_EQUIVALENT},
    },
};

/// What makes two refusals one suggestion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    action: String,
    reason: String,
    rule: Option<String>,
    uid: u32,
    unit: Option<String>,
    exe: Option<String>,
    by_hook: bool,
}

/// One suggestion for each kind of refusal, the most frequent first. `taken` are the ids that the configuration has.
#[must_use]
pub fn suggest(decisions: &[Decided], names: &Names, taken: &BTreeSet<String>) -> String {
    let mut counted: HashMap<Kind, u64> = HashMap::new();
    for decided in decisions {
        if let Some(kind) = kind(decided) {
            *counted.entry(kind).or_default() += decided.times();
        }
    }
    let mut counted: Vec<(Kind, u64)> = counted.into_iter().collect();
    counted.sort_by(|(a, times), (b, others)| others.cmp(times).then_with(|| key(a).cmp(&key(b))));
    let mut taken = taken.clone();
    let parts = counted.iter().map(|(kind, times)| one(kind, *times, names, &mut taken));
    parts.collect::<Vec<_>>().join("\n")
}

fn key(kind: &Kind) -> (&str, u32, Option<&str>, &str) {
    (&kind.action, kind.uid, kind.unit.as_deref(), &kind.reason)
}

fn kind(decided: &Decided) -> Option<Kind> {
    let decision = &decided.decision;
    let text = |field: &str| decision.get(field).map(str::to_owned);
    if !matches!(decision.get("VERDICT")?, "deny" | "dismiss") {
        return None;
    }
    Some(Kind {
        action: text("ACTION")?,
        reason: text("REASON")?,
        rule: text("RULE"),
        uid: decision.get("SUBJECT_UID")?.parse().ok()?,
        unit: text("UNIT"),
        exe: text("EXE"),
        by_hook: decision.get("WAY") == Some("hook"),
    })
}

fn one(kind: &Kind, times: u64, names: &Names, taken: &mut BTreeSet<String>) -> String {
    let user = names.user_by_uid(kind.uid).ok().flatten().map(|user| user.name);
    let mut lines = vec![comment(&header(kind, times, user.as_deref()))];
    if let Some(advice) = advice(kind, user.as_deref()) {
        lines.push(comment(&advice));
        return lines.join("\n") + "\n";
    }
    if let Some((_, why)) = ROOT_EQUIVALENT.iter().find(|(action, _)| *action == kind.action) {
        lines.push(comment(&format!("WARNING: as good as root: {why}")));
    }
    if kind.by_hook {
        lines.push(comment("The hook said nothing: polkit's other rules decided then"));
    }
    let id = id(kind, user.as_deref().unwrap_or_default(), taken);
    let unit = kind.unit.as_deref().filter(|unit| UnitPattern::new(unit).is_some() && !unit.contains('*'));
    // What was escaped for the record is another path.
    let exe =
        kind.exe.as_deref().filter(|exe| !exe.contains(['\\', '…']) && root_control::program(exe.as_ref()).is_ok());
    let keys = [
        ("id", Some(id.as_str())),
        ("action", Some(&kind.action)),
        ("unit", unit),
        ("user", user.as_deref()),
        ("exe", exe),
        ("answer", Some("allow")),
    ];
    lines.push("[[rule]]".to_owned());
    let set = |(key, value): (&str, &str)| format!("{key} = {}", toml::Value::from(value));
    lines.extend(keys.into_iter().filter_map(|(key, value)| value.map(|value| set((key, value)))));
    lines.join("\n") + "\n"
}

fn header(kind: &Kind, times: u64, user: Option<&str>) -> String {
    let who = user.map_or_else(|| format!("uid {}", kind.uid), str::to_owned);
    let unit = kind.unit.as_deref().map_or_else(|| "no unit".to_owned(), |unit| format!("in {unit}"));
    let exe = kind.exe.as_deref().map(|exe| format!(", {exe}")).unwrap_or_default();
    let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    format!("Refused {times}: {} for {who}, {unit}{exe}", kind.action)
}

/// What to do where no rule to paste would mend it.
fn advice(kind: &Kind, user: Option<&str>) -> Option<String> {
    let rule = kind.rule.as_deref().unwrap_or_default();
    let for_reason = match kind.reason.as_str() {
        "no-rule" => None,
        "rule" => Some(format!("The rule \"{rule}\" refuses it. A rule that is to allow it stands before that one")),
        "unbound" => Some(format!(
            "The rule \"{rule}\" allows it, but polkitd does not vouch for the subject: name the user in an [[agent]] of \
             polkit-policy-gen"
        )),
        "other-user" => {
            Some(format!("The rule \"{rule}\" allows it, and names no `user`: the session is another user's"))
        }
        "limit" => Some(format!("The rule \"{rule}\" allows it, as often as its `at_most` says")),
        reason => Some(format!("No rule would have helped: the reason was \"{reason}\", see polkit-service-agent(8)")),
    };
    let run_for_users = || kind.unit.as_deref().is_some_and(is_run_for_users);
    for_reason
        .or_else(|| user.is_none().then(|| "The uid has no name on this host, and a rule needs one".to_owned()))
        .or_else(|| {
            let exact = ActionPattern::new(&kind.action).is_ok() && !kind.action.contains(['*', '\\', '…']);
            (!exact).then(|| "This is no action that a rule can name".to_owned())
        })
        .or_else(|| {
            let wide = NEVER_NARROWED.contains(&kind.action.as_str());
            wide.then(|| {
                "A rule would allow this for all programs or all units: root in everything but name. Let polkit-policy-gen \
                 write a rule by [[systemd]], or let the hook ask, with `details`"
                    .to_owned()
            })
        })
        .or_else(|| {
            run_for_users().then(|| {
                "Every user with a crontab is in that unit: run the job as a unit of its own, and grant to that".to_owned()
            })
        })
}

/// A comment is one line, whatever is in it.
fn comment(text: &str) -> String {
    format!("# {}", text.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>())
}

/// A readable id that nothing else has.
fn id(kind: &Kind, user: &str, taken: &mut BTreeSet<String>) -> String {
    let whom = kind.unit.as_deref().and_then(|unit| unit.split('.').next()).unwrap_or(user);
    let action = kind.action.rsplit('.').take(2).collect::<Vec<_>>();
    let words = [&[whom][..], &action.into_iter().rev().collect::<Vec<_>>()].concat().join("-");
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = words.chars().map(plain).take(96).collect();
    let numbered = (2..).map(|number| format!("{words}-{number}"));
    let free = std::iter::once(words.clone()).chain(numbered).find(|id| !taken.contains(id)).unwrap_or(words);
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests;
