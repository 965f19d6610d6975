//! Rules in JavaScript, as ES5: what mozjs (polkit 0.106 to 125) and Duktape (121 and later) both take.
//!
//! The grants are a table: of an action, of a name, the number of the first grant that names it.
//! polkitd looks up the user and each of the user's groups, so that a check costs the same
//! with ten grants or ten thousand; the lowest number found is the first grant that applies.
//! Keys begin with `$`, so that no name is one of those that every object has (`__proto__`,
//! `toString`), and are looked up as the table's own, so that nothing that another rules file puts
//! on `Object.prototype` is found.

use std::collections::BTreeMap;

use super::Origin;
use super::quote::{comment, javascript};
use crate::policy::Grant;

/// How many names stand in one function: Duktape takes 65,535 constants in each, and drops the
/// whole file if there are more.
const PART: usize = 10_000;

/// What decides. Nothing in it can throw, which would deny every action of the host, and it returns
/// null or one of polkit's result words (as text: `polkit.Result` is absent from 0.106).
const DECIDE: &str = r#"
    polkit.addRule(function (action, subject) {
        var entry = find(actions, action.id);
        if (entry === null) {
            return null;
        }
        var first = find(entry.users, subject.user);
        var groups = subject.groups || [];
        for (var i = 0; i < groups.length; i += 1) {
            var found = find(entry.groups, groups[i]);
            if (found !== null && (first === null || found < first)) {
                first = found;
            }
        }
        if (first === null) {
            return null;
        }
        var result = results[first];
        if (!subject.local) {
            return result.any;
        }
        return subject.active ? result.active : result.inactive;
    });
}());
"#;

/// The tables and how they are filled and read.
const TABLES: &str = r#"
    // Of each action, of each name, the first grant that has it.
    var actions = {};
    var own = Object.prototype.hasOwnProperty;

    function find(table, name) {
        var key = "$" + name;
        return own.call(table, key) ? table[key] : null;
    }

    function copy(from, to) {
        for (var key in from) {
            if (own.call(from, key)) {
                to[key] = from[key];
            }
        }
    }

    function add(action, part) {
        var key = "$" + action;
        if (!own.call(actions, key)) {
            actions[key] = {users: {}, groups: {}};
        }
        copy(part.users, actions[key].users);
        copy(part.groups, actions[key].groups);
    }

"#;

#[derive(Default)]
struct Entry<'a> {
    users: BTreeMap<&'a str, usize>,
    groups: BTreeMap<&'a str, usize>,
}

/// A rules file. The same grants give the same bytes.
#[must_use]
pub fn emit(grants: &[&Grant], origin: &Origin) -> String {
    let mut actions: BTreeMap<&str, Entry<'_>> = BTreeMap::new();
    for (number, grant) in grants.iter().enumerate() {
        for action in &grant.actions {
            let entry = actions.entry(&action.value).or_default();
            for user in &grant.users {
                entry.users.entry(&user.value).or_insert(number);
            }
            for group in &grant.groups {
                entry.groups.entry(&group.value).or_insert(number);
            }
        }
    }
    let mut out = format!("// {}\n(function () {{\n", super::first_line(origin));
    out.push_str("    // The answers of each grant: without a local session, in an inactive one, in an active one.\n");
    out.push_str("    var results = [");
    for (number, grant) in grants.iter().enumerate() {
        let (results, comma) = (grant.results, if number + 1 < grants.len() { "," } else { "" });
        out.push_str(&format!(
            "\n        {{any: \"{}\", inactive: \"{}\", active: \"{}\"}}{comma} // {number}: {}",
            results.any.word(),
            results.inactive.word(),
            results.active.word(),
            comment(&grant.label)
        ));
    }
    out.push_str("\n    ];\n");
    out.push_str(TABLES);
    for (action, entry) in &actions {
        for (users, groups) in parts(entry) {
            out.push_str(&format!(
                "    add({}, (function () {{\n        return {{\n            users: {users},\n            \
                 groups: {groups}\n        }};\n    }}()));\n",
                javascript(action),
            ));
        }
    }
    out.push_str(DECIDE);
    out
}

/// The tables of an action, cut into parts.
fn parts(entry: &Entry<'_>) -> Vec<(String, String)> {
    let cut = |numbers: &BTreeMap<&str, usize>| -> Vec<String> {
        let pairs: Vec<String> = numbers.iter().map(|(name, number)| format!("{}: {number}", key(name))).collect();
        pairs.chunks(PART).map(|part| format!("{{{}}}", part.join(", "))).collect()
    };
    let (mut users, mut groups) = (cut(&entry.users), cut(&entry.groups));
    let count = users.len().max(groups.len());
    users.resize(count, "{}".to_owned());
    groups.resize(count, "{}".to_owned());
    users.into_iter().zip(groups).collect()
}

fn key(name: &str) -> String {
    javascript(&format!("${name}"))
}
