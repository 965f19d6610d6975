//! The groups that a distribution's policy allows to manage libvirt.

use std::io;

use super::MANAGE;
use crate::target::Format;
use crate::tree::Tree;

/// The directories of package rules, and the parent of the directories of package pkla files.
const RULES: [&str; 2] = ["usr/share/polkit-1/rules.d", "usr/local/share/polkit-1/rules.d"];
const PKLA: &str = "var/lib/polkit-1/localauthority";

/// A group and the file that names it.
pub type Shipped = (String, String);

/// Returns the groups in package files of the given format. Searches the texts for the patterns of libvirt's packages; the evaluator
/// gives the exact effect.
///
/// # Errors
/// A file is unreadable.
pub fn groups(tree: &Tree, format: Format) -> io::Result<Vec<Shipped>> {
    let mut found = Vec::new();
    let (directories, extension) = match format {
        Format::Rules => (RULES.map(str::to_owned).to_vec(), ".rules"),
        Format::Pkla => (tree.names(PKLA)?.into_iter().map(|name| format!("{PKLA}/{name}")).collect(), ".pkla"),
    };
    for directory in directories {
        if !tree.has_directory(&directory)? {
            continue;
        }
        for name in tree.names(&directory)?.into_iter().filter(|name| name.ends_with(extension)) {
            let path = format!("{directory}/{name}");
            let text = tree.read_text(&path)?;
            if text.contains(MANAGE) {
                let groups = if format == Format::Rules { in_rules(&text) } else { in_pkla(&text) };
                found.extend(groups.into_iter().map(|group| (group, path.clone())));
            }
        }
    }
    Ok(found)
}

/// Returns the groups in `subject.isInGroup("libvirt")`.
fn in_rules(text: &str) -> Vec<String> {
    let after = text.split("isInGroup(").skip(1);
    let quoted = after.filter_map(|rest| rest.split(['"', '\'']).nth(1));
    quoted.map(str::to_owned).collect()
}

/// Returns the groups in `Identity=unix-group:libvirt`.
fn in_pkla(text: &str) -> Vec<String> {
    let identities = text.lines().filter_map(|line| line.trim().strip_prefix("Identity="));
    let groups = identities.flat_map(|list| list.split(';')).filter_map(|one| one.strip_prefix("unix-group:"));
    groups.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_in_debians_files_is_found() {
        let rule = "polkit.addRule(function(action, subject) {\n    if (action.id == \"org.libvirt.unix.manage\" &&\n        \
                    subject.isInGroup(\"libvirt\")) {\n            return polkit.Result.YES;\n    }\n});\n";
        assert_eq!(in_rules(rule), ["libvirt"]);
        assert_eq!(
            in_pkla("[libvirt]\nIdentity=unix-group:libvirt;unix-user:x\nAction=org.libvirt.unix.manage\n"),
            ["libvirt"]
        );
    }
}
