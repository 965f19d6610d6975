//! Checks the paths of programs in grants of pkexec's action.

use polkit_config::report::{Problem, Report};

use crate::policy::Policy;
use crate::tree::Tree;

/// The action of pkexec.
const EXEC: &str = "org.freedesktop.policykit.exec";

/// Warns of a program whose path leads through symbolic links. Up to polkit 126 pkexec passes the path as it was found, and from 127 on
/// the path without links (`/bin/id` becomes `/usr/bin/id` on a system with merged /usr).
pub(super) fn programs(policy: &Policy, tree: &Tree, report: &mut Report) {
    let grants = policy.grants.iter().filter(|grant| grant.actions.iter().any(|action| action.value.covers(EXEC)));
    for detail in grants.flat_map(|grant| &grant.details).filter(|detail| detail.key.value == "program") {
        let named = |path: &str| detail.values.iter().any(|value| value.value.covers(path));
        for program in detail.values.iter().filter(|program| program.value.is_exact()) {
            let path = program.value.as_str();
            if let Some(resolved) = tree.resolved(path).filter(|resolved| resolved != path && !named(resolved)) {
                let message = format!("`{path}` leads to `{resolved}`: from polkit 127 on, pkexec names that path");
                let help = format!("name both: program = [\"{path}\", \"{resolved}\"]");
                report.push(Problem::warning(program.at.clone(), message).help(help));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use polkit_config::report::Source;

    use super::*;
    use crate::policy::Draft;

    #[test]
    fn a_program_behind_a_link_is_named_by_both_paths() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("usr/bin")).unwrap();
        std::fs::write(folder.path().join("usr/bin/id"), "").unwrap();
        std::os::unix::fs::symlink("usr/bin", folder.path().join("bin")).unwrap();
        std::os::unix::fs::symlink("id", folder.path().join("usr/bin/whoami")).unwrap();
        let tree = Tree::open(Some(folder.path())).unwrap();
        let found = |program: &str| {
            let text = format!(
                "[[grant]]\nactions = ['{EXEC}']\nusers = ['u']\ndetails = {{ program = {program} }}\nresult = 'yes'\n"
            );
            let mut draft = Draft::read(&[Source::new("p.toml", text)], Report::new());
            let (policy, report) = draft.parts();
            programs(policy, &tree, report);
            report.lines()
        };
        assert!(found("'/bin/id'")[0].contains("`/bin/id` leads to `/usr/bin/id`"));
        assert!(found("'/usr/bin/whoami'")[0].contains("`/usr/bin/whoami` leads to `/usr/bin/id`"));
        for right in ["'/usr/bin/id'", "['/bin/id', '/usr/bin/id']", "'/usr/bin/absent'", "'/bin/*'"] {
            assert_eq!(found(right), [""; 0], "{right}");
        }
    }
}
