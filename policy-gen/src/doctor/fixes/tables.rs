//! The tables that fixes write into policy files and into files of the agent. Pure.

use std::collections::BTreeMap;

use crate::emit::quote::toml;
use crate::mechanisms;

/// A rule of the agent about one unit.
pub(super) struct Rule<'a> {
    pub(super) id: &'a str,
    pub(super) action: &'a str,
    pub(super) unit: &'a str,
    /// `None` for `DynamicUser=`: the user exists only while the unit runs, so the unit alone names the processes.
    pub(super) user: Option<&'a str>,
    pub(super) details: &'a BTreeMap<String, String>,
    pub(super) answer: &'static str,
}

impl Rule<'_> {
    pub(super) fn text(&self) -> String {
        format!(
            "[[rule]]\nid = {}\naction = {}\nunit = {}\n{}{}answer = \"{}\"\n",
            toml(self.id),
            toml(self.action),
            toml(self.unit),
            self.user.map_or_else(String::new, |user| format!("user = {}\n", toml(user))),
            details(self.details),
            self.answer
        )
    }
}

/// The entry that makes the agent serve a unit.
pub(super) fn serve(unit: &str, by_hook: bool) -> String {
    let way = if by_hook { "way = \"hook\"\n" } else { "" };
    format!("[[serve]]\nunit = {}\n{way}", toml(unit))
}

/// The table by which polkit asks the agent about an action, with the details that the hook does not pass anyway.
pub(super) fn hook(action: &str, details: &BTreeMap<String, String>) -> String {
    let known = mechanisms::compiled_details(action);
    let more: Vec<String> = details.keys().filter(|key| !known.contains(&key.as_str())).map(|key| toml(key)).collect();
    let more = if more.is_empty() { String::new() } else { format!("details = [{}]\n", more.join(", ")) };
    format!("[[hook]]\nactions = [{}]\non_failure = \"nothing\"\n{more}", toml(action))
}

/// The table by which polkit asks the agent that is registered for the processes of a user.
pub(super) fn bound<'a>(actions: impl Iterator<Item = &'a str>, user: &str) -> String {
    let actions: Vec<String> = actions.map(toml).collect();
    format!("[[agent]]\nactions = [{}]\nusers = [{}]\n", actions.join(", "), toml(user))
}

/// The key `details`; empty without details.
pub(super) fn details(details: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = details.iter().map(|(name, value)| format!("{} = {}", key(name), toml(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("details = {{ {} }}\n", pairs.join(", ")) }
}

fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_bare { name.to_owned() } else { toml(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_bare_is_quoted_and_no_details_are_no_key() {
        let of = |name: &str| details(&BTreeMap::from([(name.to_owned(), "a\"b".to_owned())]));
        for (name, written) in [("a", "a"), ("A-b_1", "A-b_1"), ("", "\"\""), ("a.b", "\"a.b\""), ("a b", "\"a b\"")] {
            assert_eq!(of(name), format!("details = {{ {written} = \"a\\\"b\" }}\n"));
        }
        assert_eq!(details(&BTreeMap::new()), "");
    }

    #[test]
    fn a_hook_passes_the_details_that_the_mechanism_is_not_known_to_have() {
        let details =
            BTreeMap::from([("unit", "a.service"), ("no.key", "x")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert!(hook("org.freedesktop.systemd1.manage-units", &details).ends_with("\ndetails = [\"no.key\"]\n"));
        assert!(!hook("org.freedesktop.systemd1.manage-units", &BTreeMap::new()).contains("details"));
    }
}
