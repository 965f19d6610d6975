//! Many grants become tables.

use super::*;

/// The file of the grants, or of the rules for the agent, in the form of tables.
pub(super) fn tables(text: &str, kind: GrantKind) -> String {
    let mut draft = Draft::read(&[Source::new("p.toml", text)], Report::new());
    let (policy, report) = draft.parts();
    assert!(!report.has_errors(), "{:?}", report.lines());
    tables::emit(&policy.grants.iter().filter(|grant| grant.kind == kind).collect::<Vec<_>>())
}

#[test]
fn tables_are_plain_javascript() {
    let sample = SAMPLE.replace("</script>", "<script>");
    assert_snapshot!(tables(&sample, GrantKind::Grant), @r#"
    (function () {
        // The grants in order: the results for any, inactive and active, the required details and units (exact values, or patterns
        // split at their stars), and the required session.
        var grants = [];
        // For each action or action pattern and each name, and for every user: the first grant. If grants have conditions, a list of
        // grants, up to the first without conditions.
        var actions = {};
        // For each prefix: the patterns with this prefix, and a regular expression if there is a star before the end.
        var patterns = {};
        var lengths = [];
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

        function addGrants(part) {
            for (var i = 0; i < part.length; i += 1) {
                grants.push(part[i]);
            }
        }

        function addNames(part) {
            for (var i = 0; i < part.length; i += 1) {
                var key = "$" + part[i].action;
                if (!own.call(actions, key)) {
                    actions[key] = {users: {}, groups: {}, netgroups: {}, everybody: null};
                }
                copy(part[i].users, actions[key].users);
                copy(part[i].groups, actions[key].groups);
                copy(part[i].netgroups, actions[key].netgroups);
                if (own.call(part[i], "everybody")) {
                    actions[key].everybody = part[i].everybody;
                }
            }
        }

        function addPatterns(part) {
            for (var i = 0; i < part.length; i += 1) {
                var key = "$" + part[i].begins;
                if (!own.call(patterns, key)) {
                    patterns[key] = [];
                }
                patterns[key].push(part[i]);
            }
        }

        function covers(parts, text) {
            var last = parts.length - 1;
            var at = parts[0].length;
            var end = text.length - parts[last].length;
            if (at > end || text.slice(0, at) !== parts[0] || text.slice(end) !== parts[last]) {
                return false;
            }
            for (var i = 1; i < last; i += 1) {
                at = text.indexOf(parts[i], at);
                if (at === -1 || at + parts[i].length > end) {
                    return false;
                }
                at += parts[i].length;
            }
            return true;
        }

        function matches(known, value) {
            if (typeof value !== "string") {
                return false;
            }
            if (find(known.exact, value) !== null) {
                return true;
            }
            for (var i = 0; i < known.patterns.length; i += 1) {
                if (covers(known.patterns[i], value)) {
                    return true;
                }
            }
            return false;
        }

        function applies(grant, action, subject) {
            if (own.call(grant, "units") && !matches(grant.units, subject.system_unit)) {
                return false;
            }
            if (own.call(grant, "noNewPrivileges") && subject.no_new_privileges !== true) {
                return false;
            }
            if (own.call(grant, "session") && !(grant.session === "local" ? subject.local : !subject.session)) {
                return false;
            }
            var details = own.call(grant, "details") ? grant.details : [];
            for (var i = 0; i < details.length; i += 1) {
                var value = typeof action.lookup === "function" ? action.lookup(details[i].key) : null;
                if (!matches(details[i], value)) {
                    return false;
                }
            }
            return true;
        }

        // Returns the first applicable of these grants if it comes before `first`, otherwise `first`.
        function earlier(numbers, action, subject, first) {
            if (numbers === null) {
                return first;
            }
            var list = typeof numbers === "number" ? [numbers] : numbers;
            for (var i = 0; i < list.length && (first === null || list[i] < first); i += 1) {
                if (applies(grants[list[i]], action, subject)) {
                    return list[i];
                }
            }
            return first;
        }

        // Returns the first grant for the subject in the entry of `pattern` if it comes before `first`, otherwise `first`.
        function named(pattern, action, subject, first) {
            var entry = find(actions, pattern);
            if (entry === null) {
                return first;
            }
            first = earlier(entry.everybody, action, subject, first);
            first = earlier(find(entry.users, subject.user), action, subject, first);
            var groups = subject.groups || [];
            for (var i = 0; i < groups.length; i += 1) {
                first = earlier(find(entry.groups, groups[i]), action, subject, first);
            }
            for (var key in entry.netgroups) {
                if (own.call(entry.netgroups, key)) {
                    var found = earlier(entry.netgroups[key], action, subject, first);
                    if (found !== first && subject.isInNetGroup(key.slice(1))) {
                        first = found;
                    }
                }
            }
            return first;
        }

        addGrants((function () {
            return [
                {any: "yes", inactive: "yes", active: "yes"}, // 0: web panel
                {any: "yes", inactive: "yes", active: "yes"} // 1: grant 2
            ];
        }()));
        addNames((function () {
            return [
                {
                    action: "org.libvirt.unix.manage",
                    users: {"$__proto__": 0, "$alice": 0},
                    groups: {"$k\u00f6ln\"\u003cscript>": 1, "$libvirt": 0},
                    netgroups: {}
                },
                {
                    action: "org.libvirt.unix.monitor",
                    users: {"$__proto__": 0, "$alice": 0},
                    groups: {"$libvirt": 0},
                    netgroups: {}
                }
            ];
        }()));
        lengths = [];

        polkit.addRule(function (action, subject) {
            var first = named(action.id, action, subject, null);
            for (var i = 0; i < lengths.length && lengths[i] <= action.id.length; i += 1) {
                var found = find(patterns, action.id.slice(0, lengths[i])) || [];
                for (var j = 0; j < found.length; j += 1) {
                    if (found[j].expression === null || found[j].expression.test(action.id)) {
                        first = named(found[j].pattern, action, subject, first);
                    }
                }
            }
            if (first === null) {
                return null;
            }
            var grant = grants[first];
            if (!subject.local) {
                return grant.any;
            }
            return subject.active ? grant.active : grant.inactive;
        });
    }());
    "#);
    let agent = tables(&sample, GrantKind::Agent);
    let agent = agent.lines().filter(|line| line.contains("www-data") || line.contains("any:")).collect::<Vec<_>>();
    assert_snapshot!(agent.join("\n"), @r#"
    {any: "auth_self", inactive: "auth_self", active: "auth_self"} // 0: agent 1
        users: {"$www-data": 0},
    "#);
}

#[test]
fn a_policy_with_many_grants_is_a_table_and_one_with_few_is_not() {
    let grants = |count: usize| -> String {
        let grant = |number| format!("[[grant]]\nactions = ['a.b{number}']\nusers = ['u']\nresult = 'yes'\n");
        emitted(&(0..count).map(grant).collect::<String>(), Format::Rules, Owner::Admin).0[0].text.clone()
    };
    assert!(!grants(32).contains("addGrants(") && grants(33).contains("addGrants("));
    let users = |count: usize| -> String {
        let users: Vec<String> = (0..count).map(|number| format!("'u{number}'")).collect();
        let text = format!("[[grant]]\nactions = ['a.b']\nusers = [{}]\nresult = 'yes'\n", users.join(","));
        emitted(&text, Format::Rules, Owner::Admin).0[0].text.clone()
    };
    assert!(!users(159).contains("addGrants(") && users(160).contains("addGrants("));
}

#[test]
fn patterns_details_and_netgroups_are_tables() {
    let text = tables(NARROWED, GrantKind::Grant);
    let tables = text.split("    addGrants((").nth(1).unwrap().split("    polkit.addRule(").next().unwrap();
    assert_snapshot!(tables, @r#"
    function () {
            return [
                {any: "yes", inactive: "yes", active: "yes", details: [{key: "unit", exact: {"$nginx.service": true}, patterns: [["app@", ".service"]]}, {key: "verb", exact: {"$reload": true, "$restart": true}, patterns: []}]}, // 0: systemd 1
                {any: "no", inactive: "no", active: "no"} // 1: grant 1
            ];
        }()));
        addNames((function () {
            return [
                {
                    action: "org.*.manage",
                    users: {},
                    groups: {"$deploy": 1},
                    netgroups: {"$ops": 1}
                },
                {
                    action: "org.a.*.b*",
                    users: {},
                    groups: {"$deploy": 1},
                    netgroups: {"$ops": 1}
                },
                {
                    action: "org.freedesktop.systemd1.manage-units",
                    users: {},
                    groups: {"$deploy": [0]},
                    netgroups: {}
                },
                {
                    action: "org.libvirt.*",
                    users: {},
                    groups: {"$deploy": 1},
                    netgroups: {"$ops": 1}
                }
            ];
        }()));
        addPatterns((function () {
            return [
                {begins: "org.", pattern: "org.*.manage", expression: /^org\.[^.]*\.manage$/},
                {begins: "org.a.", pattern: "org.a.*.b*", expression: /^org\.a\.[^.]*\.b.*$/},
                {begins: "org.libvirt.", pattern: "org.libvirt.*", expression: null}
            ];
        }()));
        lengths = [4, 6, 12];
    "#);
}

#[test]
fn units_and_every_user_are_in_the_tables() {
    let text = tables(super::few::CONDITIONS, GrantKind::Grant);
    let tables = text.split("    addGrants((").nth(1).unwrap().split("    polkit.addRule(").next().unwrap();
    assert_snapshot!(tables, @r#"
    function () {
            return [
                {any: "yes", inactive: "yes", active: "yes", details: [{key: "key", exact: {"$v": true}, patterns: []}], units: {exact: {"$panel.service": true}, patterns: [["app@", ".service"]]}, noNewPrivileges: true}, // 0: grant 1
                {any: "no", inactive: "no", active: "no"} // 1: grant 2
            ];
        }()));
        addNames((function () {
            return [
                {
                    action: "a.b",
                    users: {"$u": [0]},
                    groups: {},
                    netgroups: {},
                    everybody: 1
                }
            ];
        }()));
        lengths = [];
    "#);
}
