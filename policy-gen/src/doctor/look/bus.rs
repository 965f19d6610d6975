//! The configuration of the system bus.

use polkit_config::names::Names;

use crate::doctor::bus_policy::{self, Client, Denial, Rule};
use crate::doctor::facts::Subject;
use crate::mechanisms::is_by_process;
use crate::tree::Tree;

/// The files and directories of the configuration, in the order of the bus.
const PLACES: [&str; 5] = [
    "usr/share/dbus-1/system.conf",
    "etc/dbus-1/system.conf",
    "usr/share/dbus-1/system.d",
    "etc/dbus-1/system.d",
    "etc/dbus-1/system-local.conf",
];

/// Returns the refusal of the subject's calls to the service of the action. A service that is not called through the bus has none.
pub(super) fn denial(tree: &Tree, names: &Names, subject: &Subject, action: &str) -> Option<Denial> {
    if subject.uid == 0 || is_by_process(action) {
        return None;
    }
    let mut groups = subject.groups.clone();
    groups.extend(subject.process.iter().flat_map(|process| process.groups.clone()));
    let gid = |group: &String| names.group(group).ok().flatten().map(|group| group.gid.to_string());
    let gids: Vec<String> = groups.iter().filter_map(gid).collect();
    groups.extend(gids);
    let client = Client { user: vec![subject.user.clone(), subject.uid.to_string()], groups };
    bus_policy::denial(&rules(tree), action, &client)
}

fn rules(tree: &Tree) -> Vec<Rule> {
    let mut rules = Vec::new();
    for place in PLACES {
        let mut names = tree.names(place).unwrap_or_default();
        names.sort();
        let files = names.into_iter().filter(|name| name.ends_with(".conf")).map(|name| format!("{place}/{name}"));
        let files: Vec<String> = if place.ends_with(".conf") { vec![place.to_owned()] } else { files.collect() };
        for file in files {
            let text = tree.read_text(&file).unwrap_or_default();
            rules.extend(bus_policy::parse(&format!("/{file}"), &text));
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::facts::Process;

    const ACTION: &str = "org.example.Store1.write";

    /// The refusal in a tree with these files, for bob, whose process has these groups.
    fn found(files: &[(&str, &str)], uid: u32, groups: &[&str], action: &str) -> Option<Denial> {
        let root = tempfile::tempdir().unwrap();
        for (path, policy) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("<busconfig>{policy}</busconfig>")).unwrap();
        }
        let names = Names::Root(polkit_config::names::Tree::parse("", "vm:x:3100:\nops:x:3200:\n"));
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let process = Process { groups: texts(groups), ..Process::default() };
        let subject = Subject {
            user: "bob".to_owned(),
            uid,
            groups: texts(&["vm"]),
            process: Some(process),
            ..Subject::default()
        };
        denial(&Tree::open(Some(root.path())).unwrap(), &names, &subject, action)
    }

    fn rule(policy: &str, rule: &str) -> String {
        format!("<policy {policy}><{rule} send_destination=\"org.example.Store1\"/></policy>")
    }

    #[test]
    fn a_user_is_refused_by_name_uid_or_group() {
        let denied = |policy: &str| found(&[("etc/dbus-1/system.conf", &rule(policy, "deny"))], 3002, &["ops"], ACTION);
        let applies =
            ["user=\"bob\"", "user=\"3002\"", "group=\"vm\"", "group=\"3100\"", "group=\"ops\"", "group=\"3200\""];
        for policy in applies {
            let denial = denied(policy).unwrap();
            assert_eq!(denial.place, "/etc/dbus-1/system.conf:1", "{policy}");
        }
        for policy in ["user=\"eve\"", "user=\"3003\"", "group=\"admins\"", "group=\"3300\""] {
            assert_eq!(denied(policy), None, "{policy}");
        }
    }

    #[test]
    fn root_and_services_that_are_not_called_on_the_bus_are_never_refused() {
        let deny = rule("context=\"default\"", "deny");
        let with = |uid, action: &str| found(&[("etc/dbus-1/system.conf", &deny)], uid, &[], action);
        assert!(with(3002, ACTION).is_some());
        assert_eq!([with(0, ACTION), with(3002, "org.libvirt.unix.manage")], [None, None]);
    }

    #[test]
    fn the_files_are_read_in_the_order_of_the_bus() {
        let (allow, deny) = (rule("context=\"default\"", "allow"), rule("context=\"default\"", "deny"));
        let order = [
            "usr/share/dbus-1/system.conf",
            "etc/dbus-1/system.conf",
            "usr/share/dbus-1/system.d/a.conf",
            "usr/share/dbus-1/system.d/b.conf",
            "etc/dbus-1/system.d/a.conf",
            "etc/dbus-1/system-local.conf",
        ];
        for pair in order.windows(2) {
            let last = |first: &str, last: &str| found(&[(pair[0], first), (pair[1], last)], 3002, &[], ACTION);
            assert_eq!(last(&deny, &allow), None, "{pair:?}");
            assert_eq!(last(&allow, &deny).unwrap().place, format!("/{}:1", pair[1]));
        }
        let ignored = found(&[("etc/dbus-1/system.d/a.conf.bak", &deny)], 3002, &[], ACTION);
        assert_eq!(ignored, None, "the bus reads only files that end in .conf");
    }
}
