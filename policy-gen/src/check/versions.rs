//! Checks of grants against the installed version of the mechanism, as far as the tree has a list of packages.

use polkit_config::report::{Location, Problem, Report};

use crate::mechanisms::{Mechanism, checks_root, of_action};
use crate::policy::{Grant, Policy};
use crate::target::{installed, numbers};
use crate::tree::Tree;

/// The list of packages.
const STATUS: &str = "var/lib/dpkg/status";

/// Warns of details that the installed version of a mechanism does not pass yet, and of grants to root if it does not ask about root
/// yet.
pub(super) fn versions(policy: &Policy, tree: &Tree, report: &mut Report) {
    let mut status = None;
    for grant in &policy.grants {
        for action in grant.actions.iter().filter(|action| action.value.is_exact()) {
            let Some(mechanism) = of_action(action.value.as_str()) else { continue };
            let needs = needs(grant, action.value.as_str(), mechanism);
            if needs.is_empty() {
                continue;
            }
            let status = status.get_or_insert_with(|| tree.read_text(STATUS).unwrap_or_default());
            let Some(here) = mechanism.packages.iter().find_map(|package| installed(status, package)) else { continue };
            for (at, since, what) in needs {
                if is_before(&here, since) {
                    let message = format!("{what} from {since} on; the installed version is {here}");
                    let (problem, help) = match grant.set {
                        Some(set) => (
                            Problem::error(at.clone(), message),
                            format!("remove the key of `{}`: without it the set is not narrowed", set.name),
                        ),
                        None => (
                            Problem::warning(at.clone(), message),
                            "the grant has no effect before an upgrade".to_owned(),
                        ),
                    };
                    report.push(problem.help(help));
                }
            }
        }
    }
}

/// A place, the first version, and what the mechanism does from then on.
type Need<'a> = (&'a Location, &'static str, String);

/// What a grant needs of the mechanism, each with its place and the first version that has it.
fn needs<'a>(grant: &'a Grant, action: &str, mechanism: &'static Mechanism) -> Vec<Need<'a>> {
    let details = grant.details.iter().filter_map(|detail| {
        let since = mechanism.detail_since(&detail.key.value)?;
        Some((&detail.key.at, since, format!("{} passes `{}`", mechanism.name, detail.key.value)))
    });
    let root = grant.subjects.users.iter().filter(|user| user.value == "root").filter_map(|user| {
        let (_, since) = checks_root(action).filter(|(_, since)| !since.is_empty())?;
        Some((&user.at, since, format!("{} asks about root", mechanism.name)))
    });
    details.chain(root).collect()
}

/// Whether the version of a package is before the one in `systemd 257`.
fn is_before(package: &str, since: &str) -> bool {
    let version = since.rsplit(' ').next().unwrap_or_default();
    match (numbers(package), numbers(version)) {
        (here, first) if here.is_empty() || first.is_empty() => false,
        (here, first) => here < first,
    }
}

#[cfg(test)]
mod tests {
    use polkit_config::report::Source;

    use super::*;
    use crate::policy::Draft;

    #[test]
    fn the_installed_version_decides_what_a_mechanism_passes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("var/lib/dpkg")).unwrap();
        let tree = Tree::open(Some(folder.path())).unwrap();
        let found = |package: &str, version: &str, grant: &str| {
            let status = format!("Package: {package}\nStatus: install ok installed\nVersion: {version}\n");
            std::fs::write(folder.path().join(STATUS), status).unwrap();
            let mut draft =
                Draft::read(&[Source::new("p.toml", format!("[[grant]]\n{grant}result = 'yes'\n"))], Report::new());
            let (policy, report) = draft.parts();
            versions(policy, &tree, report);
            report.lines().join("\n")
        };
        let pkexec =
            "actions = ['org.freedesktop.policykit.exec']\nusers = ['u']\ndetails = { cmdline_short = 'id' }\n";
        assert!(
            found("pkexec", "122-3", pkexec).contains("p.toml:4:13: pkexec passes `cmdline_short` from polkit 126 on")
        );
        assert!(found("policykit-1", "0.105-31", pkexec).contains("the installed version is 0.105-31"));
        for (package, version) in [("pkexec", "126-2"), ("pkexec", "1:128.1-1"), ("pkexec", "unknown"), ("other", "1")]
        {
            assert_eq!(found(package, version, pkexec), "", "{package} {version}");
        }
        let root = "actions = ['org.freedesktop.login1.reboot-ignore-inhibit']\nusers = ['root']\n";
        assert!(
            found("systemd", "252.39-1~deb12u2", root).contains("systemd-logind asks about root from systemd 257 on")
        );
        assert_eq!(found("systemd", "257.13-1~deb13u1", root), "");
    }
}
