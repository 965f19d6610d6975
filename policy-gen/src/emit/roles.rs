//! The rule for the roles of libvirt's access control, in the JavaScript of [`rules`](super::rules).
//!
//! The roles are tables. A check looks up the user and each of the user's groups and examines only the roles found there, so a
//! hundred roles cost as much as one. libvirt checks without interaction, so the results are only "yes" and "no". A user with a role
//! gets "no" for everything that none of the user's roles permits. connect_driver is ignored, because one object has two driver names
//! (`QEMU` and `network`, depending on the caller).

use polkit_config::table::Spanned;

use super::quote::{comment, javascript};
use crate::policy::permissions::{NEEDS, PREFIX, Scope};
use crate::policy::{Libvirt, Others, Role, RoleKind};

/// Limit of names in one function: Duktape allows 65,535 constants in a function.
const PART: usize = 10_000;

/// The functions that fill and read the tables.
const TABLES: &str = r#"
    var own = Object.prototype.hasOwnProperty;
    var users = {};
    var groups = {};

    function find(table, name) {
        var key = "$" + name;
        return own.call(table, key) ? table[key] : null;
    }

    // Patterns without a star become a table; the others become lists of the texts between the stars.
    function patterns(texts) {
        var made = {exact: {}, open: [], any: texts.length > 0};
        for (var i = 0; i < texts.length; i += 1) {
            if (texts[i].indexOf("*") === -1) {
                made.exact["$" + texts[i]] = true;
            } else {
                made.open.push(texts[i].split("*"));
            }
        }
        return made;
    }

    function enlist(table, names, entry) {
        for (var i = 0; i < names.length; i += 1) {
            var key = "$" + names[i];
            if (!own.call(table, key)) {
                table[key] = [];
            }
            table[key].push(entry);
        }
    }

    function role(level, people, domains, networks, pools) {
        var entry = {
            level: level,
            domain: patterns(domains),
            network: patterns(networks),
            pool: patterns(pools)
        };
        enlist(users, people.users, entry);
        enlist(groups, people.groups, entry);
    }

"#;

/// The rule. It cannot throw, because an exception would deny every action of the host.
const DECIDE: &str = r#"
    function fits(parts, name) {
        var at = parts[0].length;
        var last = parts[parts.length - 1];
        if (name.slice(0, at) !== parts[0]) {
            return false;
        }
        for (var i = 1; i < parts.length - 1; i += 1) {
            var found = name.indexOf(parts[i], at);
            if (found === -1) {
                return false;
            }
            at = found + parts[i].length;
        }
        return name.length - last.length >= at && name.slice(name.length - last.length) === last;
    }

    function has(made, name) {
        if (typeof name !== "string") {
            return false;
        }
        if (find(made.exact, name) !== null) {
            return true;
        }
        for (var i = 0; i < made.open.length; i += 1) {
            if (fits(made.open[i], name)) {
                return true;
            }
        }
        return false;
    }

    function gives(roles, need, name) {
        for (var i = 0; i < roles.length; i += 1) {
            if (need.of === null) {
                return true;
            }
            if (need.name === null ? roles[i][need.of].any : roles[i].level >= need.level && has(roles[i][need.of], name)) {
                return true;
            }
        }
        return false;
    }

    polkit.addRule(function (action, subject) {
        if (action.id.slice(0, prefix.length) !== prefix) {
            return null;
        }
        var need = find(needs, action.id.slice(prefix.length));
        var name = need === null || need.name === null ? null : action.lookup(need.name);
        var mine = find(users, subject.user);
        var listed = mine !== null;
        if (listed && need !== null && gives(mine, need, name)) {
            return "yes";
        }
        var memberships = subject.groups || [];
        for (var i = 0; i < memberships.length; i += 1) {
            mine = find(groups, memberships[i]);
            if (mine !== null) {
                listed = true;
                if (need !== null && gives(mine, need, name)) {
                    return "yes";
                }
            }
        }
        return listed ? "no" : others;
    });
}());
"#;

/// Generates the rule of the roles, which follows the grants in the same file.
#[must_use]
pub fn emit(libvirt: &Libvirt) -> String {
    let mut out = String::from(
        "\n// The roles of libvirt's access control, with their domains, networks and storage pools. Users with a role are\n\
         // refused all other actions of org.libvirt.api.\n(function () {\n",
    );
    let others = match libvirt.others {
        Others::Defaults => "null",
        Others::Nothing => "\"no\"",
    };
    out.push_str(&format!("    var prefix = {};\n", javascript(PREFIX)));
    out.push_str(&format!(
        "    // The result for users without a role; null leaves the decision to libvirt's defaults.\n    var others = {others};\n\n"
    ));
    let levels: Vec<String> = RoleKind::ALL.iter().map(|kind| format!("{} {}", level(*kind), kind.text())).collect();
    out.push_str(&format!(
        "    // For each permission: the lowest role that has it ({}), and the object type.\n",
        levels.join(", ")
    ));
    out.push_str("    var needs = {");
    for (number, (permission, least, scope)) in NEEDS.iter().enumerate() {
        let (of, name) = match scope {
            Scope::Connection => ("null", "null".to_owned()),
            Scope::AnyNetwork => ("\"network\"", "null".to_owned()),
            Scope::AnyPool => ("\"pool\"", "null".to_owned()),
            Scope::Domain => ("\"domain\"", named(*scope)),
            Scope::Network => ("\"network\"", named(*scope)),
            Scope::Pool => ("\"pool\"", named(*scope)),
        };
        let comma = if number == 0 { "" } else { "," };
        out.push_str(&format!(
            "{comma}\n        {}: {{level: {}, of: {of}, name: {name}}}",
            javascript(&format!("${permission}")),
            level(*least)
        ));
    }
    out.push_str("\n    };\n");
    out.push_str(TABLES);
    for one in &libvirt.roles {
        out.push_str(&format!("    // {}\n", comment(&one.label)));
        for people in people(one) {
            for domains in one.domains.chunks(PART).map(list) {
                out.push_str(&format!(
                    "    (function () {{\n        role({}, {people},\n            {domains}, {}, {});\n    }}());\n",
                    level(one.kind),
                    list(&one.networks),
                    list(&one.pools)
                ));
            }
        }
    }
    out.push_str(DECIDE);
    out
}

fn level(kind: RoleKind) -> usize {
    RoleKind::ALL.iter().take_while(|known| **known < kind).count()
}

fn named(scope: Scope) -> String {
    scope.detail().map_or_else(|| "null".to_owned(), javascript)
}

fn list<T: AsRef<str>>(names: &[Spanned<T>]) -> String {
    format!("[{}]", names.iter().map(|name| javascript(name.value.as_ref())).collect::<Vec<_>>().join(", "))
}

fn people(role: &Role) -> Vec<String> {
    let users = role.users.chunks(PART).map(|part| format!("{{users: {}, groups: []}}", list(part)));
    let groups = role.groups.chunks(PART).map(|part| format!("{{users: [], groups: {}}}", list(part)));
    users.chain(groups).collect()
}
