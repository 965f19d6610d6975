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
