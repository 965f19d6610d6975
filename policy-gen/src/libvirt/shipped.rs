//! The groups that a distribution's own policy lets manage libvirt.

use std::io;

use crate::policy::MANAGE;
use crate::tree::Tree;

/// Where packages put rules, and where they put pkla files (in one more directory).
const RULES: [&str; 2] = ["usr/share/polkit-1/rules.d", "usr/local/share/polkit-1/rules.d"];
const PKLA: &str = "var/lib/polkit-1/localauthority";

/// A group, and the file that names it.
pub type Shipped = (String, String);

/// The groups of a tree's shipped policy, by what the files of libvirt's packages look like; who wants to know what polkit
/// makes of them asks polkit.
///
/// # Errors
/// What cannot be read.
pub fn groups(tree: &Tree) -> io::Result<Vec<Shipped>> {
    let mut found = Vec::new();
    let mut files = Vec::new();
    for directory in RULES {
        files.extend(tree.names(directory)?.into_iter().map(|name| format!("{directory}/{name}")));
    }
    for directory in tree.names(PKLA)?.into_iter().map(|name| format!("{PKLA}/{name}")) {
        if tree.has_directory(&directory)? {
            files.extend(tree.names(&directory)?.into_iter().map(|name| format!("{directory}/{name}")));
        }
    }
    for path in files.into_iter().filter(|path| path.ends_with(".rules") || path.ends_with(".pkla")) {
        let text = tree.read_text(&path)?;
        if text.contains(MANAGE) {
            let groups = if path.ends_with(".rules") { in_rules(&text) } else { in_pkla(&text) };
            found.extend(groups.into_iter().map(|group| (group, path.clone())));
        }
    }
    Ok(found)
}

/// `subject.isInGroup("libvirt")`
fn in_rules(text: &str) -> Vec<String> {
    let after = text.split("isInGroup(").skip(1);
    let quoted = after.filter_map(|rest| rest.split(['"', '\'']).nth(1));
    quoted.map(str::to_owned).collect()
}

/// `Identity=unix-group:libvirt`
fn in_pkla(text: &str) -> Vec<String> {
    let identities = text.lines().filter_map(|line| line.trim().strip_prefix("Identity="));
    let groups = identities.flat_map(|list| list.split(';')).filter_map(|one| one.strip_prefix("unix-group:"));
    groups.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_read_out_of_what_debian_ships() {
        let rule = "polkit.addRule(function(action, subject) {\n    if (action.id == \"org.libvirt.unix.manage\" &&\n        \
                    subject.isInGroup(\"libvirt\")) {\n            return polkit.Result.YES;\n    }\n});\n";
        assert_eq!(in_rules(rule), ["libvirt"]);
        assert_eq!(in_pkla("[libvirt]\nIdentity=unix-group:libvirt;unix-user:x\nAction=org.libvirt.unix.manage\n"), ["libvirt"]);
    }
}
