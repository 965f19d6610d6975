//! Suggestions for users and groups with different names on other distributions.

use polkit_config::names::{LookupError, Names};

use crate::tree::Tree;

/// Groups with the same purpose.
const GROUPS: [&[&str]; 2] = [&["libvirt", "libvirtd", "kvm", "libvirt-qemu"], &["sudo", "wheel"]];
/// The users of web servers.
const WEB_SERVERS: &[&str] = &["www-data", "apache", "http", "wwwrun", "nginx"];
/// Names below this length are short.
const SHORT: usize = 5;
/// The directories of package rules. polkit 126 and later also read the first.
const RULES: [&str; 2] = ["usr/local/share/polkit-1/rules.d", "usr/share/polkit-1/rules.d"];

/// The texts of the policy rules of packages.
#[derive(Debug, Default)]
pub struct Shipped(Vec<(String, String)>);

impl Shipped {
    /// Reads the rules of a tree. Ignores unreadable files: the result is only used for suggestions.
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        let mut texts = Vec::new();
        for directory in RULES {
            let names = tree.names(directory).unwrap_or_default();
            for name in names.into_iter().filter(|name| name.ends_with(".rules")) {
                let text = tree.read_text(&format!("{directory}/{name}")).unwrap_or_default();
                texts.push((format!("/{directory}/{name}"), text));
            }
        }
        Self(texts)
    }

    /// Returns the file that contains `isInGroup("group")`.
    fn naming(&self, group: &str) -> Option<&str> {
        let forms = [format!("isInGroup(\"{group}\")"), format!("isInGroup('{group}')")];
        let found = self.0.iter().find(|(_, text)| forms.iter().any(|form| text.contains(form)));
        found.map(|(file, _)| file.as_str())
    }

    /// Suggests the local name of a group that does not exist.
    ///
    /// # Errors
    /// The database does not answer.
    pub fn group(&self, missing: &str, names: &Names) -> Result<Option<String>, LookupError> {
        let family = GROUPS.into_iter().find(|family| family.contains(&missing)).unwrap_or_default();
        let named =
            family.iter().find_map(|name| self.naming(name).filter(|_| *name != missing).map(|file| (name, file)));
        if let Some((name, file)) = named {
            return Ok(Some(format!("{file} names the group `{name}`")));
        }
        for name in family {
            if names.group(name)?.is_some() {
                return Ok(Some(format!("the group is called `{name}` here")));
            }
        }
        Ok(None)
    }
}

/// Returns the name that differs least from a mistyped one. A short name may differ by one character, others by two.
#[must_use]
pub fn similar<'a>(mistyped: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = if mistyped.chars().count() < SHORT { 1 } else { 2 };
    let near = names.map(|name| (strsim::damerau_levenshtein(name, mistyped), name));
    near.filter(|(distance, _)| (1..=limit).contains(distance)).min().map(|(_, name)| name)
}

/// Suggests the local name of a user who does not exist.
///
/// # Errors
/// The database does not answer.
pub fn user(missing: &str, names: &Names) -> Result<Option<String>, LookupError> {
    if WEB_SERVERS.contains(&missing) {
        for name in WEB_SERVERS {
            if names.user(name)?.is_some() {
                return Ok(Some(format!("web servers run as `{name}` here")));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_differs_least_is_similar() {
        let names = || ["alice", "bob", "nginx.service", "www-data"].into_iter();
        assert_eq!(similar("alcie", names()), Some("alice"));
        assert_eq!(similar("ngnix.service", names()), Some("nginx.service"));
        assert_eq!(similar("bab", names()), Some("bob"));
        assert_eq!(similar("tim", names()), None);
        assert_eq!(similar("bob", names()), None);
    }
}
