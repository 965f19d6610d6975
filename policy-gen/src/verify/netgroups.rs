//! The members of netgroups in the user database of the host. polkit calls innetgr(3) without host and domain.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The users of some netgroups.
#[derive(Debug, Default)]
pub struct Netgroups(BTreeMap<String, Vec<String>>);

impl Netgroups {
    /// Looks up netgroups with getent(1). A netgroup that does not exist is empty.
    ///
    /// # Errors
    /// getent(1) cannot be run.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut found = Self::default();
        for name in names.collect::<BTreeSet<_>>() {
            let mut command = Command::new("getent");
            command.arg("netgroup").arg("--").arg(name).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            let output =
                command.output().map_err(|error| format!("cannot run getent to look up a netgroup: {error}"))?;
            found.0.insert(name.to_owned(), users(&String::from_utf8_lossy(&output.stdout)));
        }
        Ok(found)
    }

    /// Returns the netgroups of `user`.
    #[must_use]
    pub fn of_user(&self, user: &str) -> BTreeSet<String> {
        let has = |users: &Vec<String>| users.iter().any(|known| known.is_empty() || known == user);
        self.0.iter().filter(|(_, users)| has(users)).map(|(name, _)| name.clone()).collect()
    }

    /// Returns the users that a netgroup names.
    pub fn named(&self, netgroup: &str) -> impl Iterator<Item = &str> {
        self.0.get(netgroup).into_iter().flatten().map(String::as_str).filter(|user| !user.is_empty())
    }
}

/// Parses lines like `name (host,user,domain) (host,user,domain)`. An empty user matches every user.
fn users(text: &str) -> Vec<String> {
    let triples = text.split('(').skip(1).filter_map(|rest| rest.split(')').next());
    triples.filter_map(|triple| triple.split(',').nth(1)).map(|user| user.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triple_without_a_user_contains_every_user() {
        let text = "admins                (host,alice,) ( ,bob,example.org) (-,-,-)\n";
        assert_eq!(users(text), ["alice", "bob", "-"]);
        let netgroups = Netgroups([("a".to_owned(), users(text)), ("all".to_owned(), users("all ( , ,)"))].into());
        assert_eq!(netgroups.of_user("bob"), ["a".to_owned(), "all".to_owned()].into());
        assert_eq!(netgroups.of_user("eve"), ["all".to_owned()].into());
        assert_eq!(netgroups.named("all").count(), 0);
    }
}
