//! Checks that the units in grants exist.

use polkit_config::report::{Problem, Report};

use super::root::{is_started, narrowed_to_units};
use crate::policy::{Policy, SYSTEMD_ACTION};
use crate::tree::Tree;

/// The unit directories of systemd and its generators.
const DIRECTORIES: [&str; 9] = [
    "etc/systemd/system",
    "run/systemd/system",
    "run/systemd/generator",
    "run/systemd/generator.early",
    "run/systemd/generator.late",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/transient",
];

/// Warns of units of subjects that do not exist: a mistyped name, or a unit that is only started as a transient one.
pub(super) fn of_subjects(policy: &Policy, tree: &Tree, report: &mut Report) {
    for unit in policy.grants.iter().flat_map(|grant| &grant.subjects.units) {
        let name = template(unit.value.as_str());
        if is_absent(&name, tree) && name.ends_with(".service") {
            let message = format!("there is no unit `{name}`: the grant has no effect before there is one");
            let help = "correct the name, or install the unit; a transient unit (systemd-run) has no file";
            report.push(Problem::warning(unit.at.clone(), message).help(help));
        }
    }
}

/// Whether no directory has the file of a unit. A pattern is not looked up.
fn is_absent(name: &str, tree: &Tree) -> bool {
    let mut files = DIRECTORIES.iter().map(|directory| tree.file_mode(&format!("{directory}/{name}")));
    // An unreadable directory may contain the unit.
    !name.contains('*') && files.all(|mode| matches!(mode, Ok(None)))
}

/// Warns of units that do not exist. From systemd 257 on, a user who may start a missing unit can create it with any program
/// (systemd-run).
pub(super) fn units(policy: &Policy, tree: &Tree, report: &mut Report) {
    let about_units =
        policy.grants.iter().filter(|grant| grant.actions.iter().any(|own| own.value.covers(SYSTEMD_ACTION)));
    for grant in about_units.filter(|grant| grant.gives()) {
        let Some(detail) = narrowed_to_units(grant) else { continue };
        for unit in &detail.values {
            let name = template(unit.value.as_str());
            if !is_absent(&name, tree) || policy.commands.iter().any(|command| command.unit() == name) {
                continue;
            }
            let (message, help) = if is_started(grant) {
                (
                    format!(
                        "there is no unit `{name}`: a user who may start it can create it with any program, as root"
                    ),
                    "install the unit first, or correct the name (systemd 257 and later tell polkit the name of a transient unit)",
                )
            } else {
                (format!("there is no unit `{name}`"), "install the unit first, or correct the name")
            };
            report.push(Problem::warning(unit.at.clone(), message).help(help));
        }
    }
}

/// Returns the file name of a unit; for an instance, that of its template.
fn template(unit: &str) -> String {
    match (unit.split_once('@'), unit.rsplit_once('.')) {
        (Some((start, _)), Some((_, kind))) => format!("{start}@.{kind}"),
        _ => unit.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_of_a_subject_without_a_file_is_a_warning() {
        use polkit_config::report::Source;
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("etc/systemd/system")).unwrap();
        for unit in ["panel.service", "app@.service"] {
            std::fs::write(folder.path().join("etc/systemd/system").join(unit), "").unwrap();
        }
        let tree = Tree::open(Some(folder.path())).unwrap();
        let found = |unit: &str| {
            let text = format!("[[grant]]\nactions = ['a.b']\nunit = '{unit}'\nresult = 'yes'\n");
            let mut draft = crate::policy::Draft::read(&[Source::new("p.toml", text)], Report::new());
            let (policy, report) = draft.parts();
            of_subjects(policy, &tree, report);
            report.lines().join("\n")
        };
        assert!(
            found("pannel.service").contains("p.toml:3:8: there is no unit `pannel.service`: the grant has no effect")
        );
        for unit in ["panel.service", "app@1.service", "app@*.service", "web-*.service", "session-1.scope"] {
            assert_eq!(found(unit), "", "{unit}");
        }
    }

    #[test]
    fn an_instance_has_the_file_of_its_template() {
        assert_eq!([template("app@7.service"), template("app@*.service")], ["app@.service"; 2]);
        assert_eq!(template("web.service"), "web.service");
    }
}
