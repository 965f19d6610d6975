//! Rules in JavaScript, as ES5: what mozjs (polkit 0.106 to 125) and Duktape (121 and later) both take.
//!
//! The grants are a table: of an action, of a name, the number of the first grant that names it.
//! polkitd looks up the user and each of the user's groups, so that a check costs the same
//! with ten grants or ten thousand; the lowest number found is the first grant that applies.
//! Keys begin with `$`, so that no name is one of those that every object has (`__proto__`,
//! `toString`), and are looked up as the table's own, so that nothing that another rules file puts
//! on `Object.prototype` is found.

use std::collections::BTreeMap;

use super::quote::{comment, javascript};
use crate::policy::Grant;

/// What decides. `results[n]` are the three answers of grant n. Nothing in it can throw, which
/// would deny every action of the host, and it returns null or one of polkit's result words
/// (as text: `polkit.Result` is absent from 0.106).
const DECIDE: &str = r#"
    var own = Object.prototype.hasOwnProperty;

    function find(table, name) {
        var key = "$" + name;
        return own.call(table, key) ? table[key] : null;
    }

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

#[derive(Default)]
struct Entry<'a> {
    users: BTreeMap<&'a str, usize>,
    groups: BTreeMap<&'a str, usize>,
}

/// A rules file. The same grants give the same bytes.
#[must_use]
pub fn emit(grants: &[&Grant], origin: &str) -> String {
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
    out.push_str("\n    ];\n\n");
    out.push_str("    // Of each action, the first grant that names the user, and the first that names the group.\n");
    out.push_str("    var actions = {");
    let entries = actions.iter().map(|(action, entry)| {
        format!(
            "\n        {}: {{\n            users: {},\n            groups: {}\n        }}",
            key(action),
            table(&entry.users),
            table(&entry.groups)
        )
    });
    out.push_str(&entries.collect::<Vec<_>>().join(","));
    out.push_str("\n    };\n");
    out.push_str(DECIDE);
    out
}

fn key(name: &str) -> String {
    javascript(&format!("${name}"))
}

fn table(numbers: &BTreeMap<&str, usize>) -> String {
    let pairs: Vec<String> = numbers.iter().map(|(name, number)| format!("{}: {number}", key(name))).collect();
    format!("{{{}}}", pairs.join(", "))
}
