//! The conditions that `polkit-policy-gen who` lists about the files of a bed, and the subjects of the bed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::{Asked, USERS};
use crate::{Bed, program};

/// `who --json`: the object of each action that is registered.
pub fn who(bed: &Bed, actions: &[&str]) -> BTreeMap<String, Value> {
    let root = format!("/proc/{}/root", bed.pid1());
    let mut objects = BTreeMap::new();
    for action in actions {
        let output = Command::new(program("polkit-policy-gen"))
            .args(["who", action, "--json", "--root", &root])
            .output()
            .unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1 | 5)), "{output:?}");
        let object: Value = serde_json::from_slice(&output.stdout).unwrap();
        if output.status.code() != Some(1) {
            objects.insert((*action).to_owned(), object);
        }
    }
    objects
}

/// The conditions of an action that a subject fulfils.
pub fn covering<'a>(object: &'a Value, asked: &Asked) -> Vec<&'a Value> {
    let conditions = object["conditions"].as_array().unwrap().iter();
    conditions.filter(|condition| condition["all"].as_array().unwrap().iter().all(|fact| holds(fact, asked))).collect()
}

/// The details that conditions of these actions name.
pub fn details(objects: &BTreeMap<String, Value>) -> BTreeSet<BTreeMap<String, String>> {
    let mut found = BTreeSet::new();
    for condition in objects.values().flat_map(|object| object["conditions"].as_array().unwrap()) {
        let mut details = BTreeMap::new();
        for fact in condition["all"].as_array().unwrap() {
            if let (Some(key), Some(true)) =
                (fact["fact"].as_str().unwrap().strip_prefix("detail:"), fact["is"].as_bool())
            {
                details.insert(key.to_owned(), fact["value"].as_str().unwrap_or("other").to_owned());
            }
        }
        found.insert(details);
    }
    found
}

/// Whether a subject of the bed, a process, has a fact of a condition.
fn holds(fact: &Value, asked: &Asked) -> bool {
    let (uid, groups) = account(asked.user);
    let in_session = asked.session != "none";
    let local = ["inactive", "active"].contains(&asked.session);
    let value = fact["value"].as_str();
    let text = |text: Option<&str>| value.map_or(text.is_some(), |value| text == Some(value));
    let is = match fact["fact"].as_str().unwrap() {
        "user" => text(Some(asked.user)),
        "uid" => fact["value"].as_u64() == Some(u64::from(uid)),
        "group" => groups.iter().any(|group| Some(group.as_str()) == value),
        "local" => local,
        "active" => ["remote", "active"].contains(&asked.session),
        "session" => text(in_session.then(|| format!("c{uid}")).as_deref()),
        "seat" => text(local.then_some("seat0")),
        // polkit does not know the unit of a process.
        "system_unit" | "no_new_privileges" => false,
        detail => text(asked.details.get(detail.strip_prefix("detail:").unwrap()).map(String::as_str)),
    };
    Some(is) == fact["is"].as_bool()
}

/// The uid and the groups of a user of the bed.
fn account(user: &str) -> (u32, Vec<String>) {
    let Some((_, uid, groups)) = USERS.iter().find(|(name, ..)| *name == user) else {
        return (33, vec!["www-data".to_owned()]);
    };
    // The primary group has no name.
    let primary = [uid.to_string()];
    (*uid, primary.into_iter().chain(groups.iter().map(|group| (*group).to_owned())).collect())
}
