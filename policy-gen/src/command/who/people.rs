//! The accounts of the host that can fulfil a condition: in some session, and with some unit and details.

use std::collections::BTreeSet;

use polkit_config::names::{LookupError, Names};

use crate::explore::Condition;
use crate::verdict::wire::KnownFact;

/// The listed accounts.
#[derive(Debug, Default)]
pub(super) struct People(Vec<Person>);

/// An account with its groups.
#[derive(Debug)]
struct Person {
    name: String,
    uid: u32,
    groups: BTreeSet<String>,
}

impl People {
    pub(super) fn of(names: &Names) -> Result<Self, LookupError> {
        let mut people: Vec<Person> = Vec::new();
        for user in names.listed_users()? {
            // polkit uses the first of two users with the same uid.
            if people.iter().any(|known| known.uid == user.uid) {
                continue;
            }
            let mut groups = BTreeSet::new();
            for gid in names.groups_of(&user)? {
                groups.insert(names.group_by_gid(gid)?.map_or_else(|| gid.to_string(), |group| group.name));
            }
            people.push(Person { name: user.name, uid: user.uid, groups });
        }
        Ok(Self(people))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|person| person.name.as_str())
    }

    /// Returns the accounts that can fulfil a condition. A condition that names no user and no group covers nearly every account: its
    /// accounts are listed only if `every` is set.
    pub(super) fn of_condition(&self, condition: &Condition, every: bool) -> Vec<&str> {
        let is_named = condition.all.iter().any(|known| known.is && is_of_account(known));
        if !is_named && !every {
            return Vec::new();
        }
        let fits =
            |person: &&Person| condition.all.iter().filter(|known| is_of_account(known)).all(|known| person.has(known));
        self.0.iter().filter(fits).map(|person| person.name.as_str()).collect()
    }
}

impl Person {
    fn has(&self, known: &KnownFact) -> bool {
        let value = known.fact.value.as_deref().unwrap_or_default();
        let is = match known.fact.kind.as_str() {
            "user" => self.name == value,
            "uid" => self.uid.to_string() == value,
            _ => self.groups.contains(value),
        };
        is == known.is
    }
}

fn is_of_account(known: &KnownFact) -> bool {
    matches!(known.fact.kind.as_str(), "user" | "group" | "uid")
}
