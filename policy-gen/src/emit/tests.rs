use insta::assert_snapshot;
use polkit_config::names::check_name;
use polkit_config::report::Source;
use proptest::prelude::*;

use super::*;
use crate::policy::read;

const SAMPLE: &str = r#"
[[grant]]
name = "web panel"
actions = ["org.libvirt.unix.manage", "org.libvirt.unix.monitor"]
users = ["alice", "__proto__"]
groups = ["libvirt"]
result = "yes"

[[grant]]
actions = ["org.libvirt.unix.manage"]
groups = ["k\u00f6ln\"</script>", "libvirt"]
result = { any = "yes", inactive = "yes", active = "yes" }

[[agent]]
actions = ["org.libvirt.unix.manage"]
users = ["www-data"]

[[member]]
user = "www-data"
group = "vm"
"#;

fn emitted(text: &str, format: Format, owner: Owner) -> (Vec<File>, Vec<String>) {
    let mut report = Report::new();
    let policy = read(&[Source::new("p.toml", text)], &mut report);
    let files = files(&policy, &Origin::Files("/etc/p.toml".to_owned()), format, owner, &mut report);
    (files, report.lines())
}

#[test]
fn rules_are_tables_that_any_engine_reads() {
    let sample = SAMPLE.replace("</script>", "<script>");
    let (files, problems) = emitted(&sample, Format::Rules, Owner::Admin);
    assert_eq!(problems, [""; 0]);
    let paths: Vec<String> = files.iter().map(File::path).collect();
    assert_eq!(
        paths,
        [
            "etc/polkit-1/rules.d/45-polkit-policy-gen.rules",
            "etc/polkit-1/rules.d/46-polkit-policy-gen-agent.rules",
            "etc/sysusers.d/polkit-policy-gen.conf"
        ]
    );
    assert_snapshot!(files[0].text, @r#"
    // Written by polkit-policy-gen from /etc/p.toml. To change it, edit that and run `polkit-policy-gen install`.
    // polkit takes the first answer in the order of the names of files: 45- comes before 49- (pkla files), 50-, 60- (distributions, packages) and 90- (openSUSE's defaults).
    (function () {
        // The grants in their order: the answers without a local session, in an inactive one and in an active one, and what
        // the action's details must be (one of the exact values, or covered by a pattern, which is cut at its stars).
        var grants = [];
        // Of each action or pattern of such, of each name, the first grant that has it. Where details count, it is a list of
        // grants, up to the first that does not ask for them.
        var actions = {};
        // Of what patterns begin with, the patterns; those with a star in their midst as an expression, too.
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
                    actions[key] = {users: {}, groups: {}, netgroups: {}};
                }
                copy(part[i].users, actions[key].users);
                copy(part[i].groups, actions[key].groups);
                copy(part[i].netgroups, actions[key].netgroups);
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

        function holds(detail, action) {
            var value = typeof action.lookup === "function" ? action.lookup(detail.key) : null;
            if (typeof value !== "string") {
                return false;
            }
            if (find(detail.exact, value) !== null) {
                return true;
            }
            for (var i = 0; i < detail.patterns.length; i += 1) {
                if (covers(detail.patterns[i], value)) {
                    return true;
                }
            }
            return false;
        }

        function applies(grant, action) {
            if (!own.call(grant, "details")) {
                return true;
            }
            for (var i = 0; i < grant.details.length; i += 1) {
                if (!holds(grant.details[i], action)) {
                    return false;
                }
            }
            return true;
        }

        // `first`, or an earlier one of these that applies.
        function earlier(numbers, action, first) {
            if (numbers === null) {
                return first;
            }
            var list = typeof numbers === "number" ? [numbers] : numbers;
            for (var i = 0; i < list.length && (first === null || list[i] < first); i += 1) {
                if (applies(grants[list[i]], action)) {
                    return list[i];
                }
            }
            return first;
        }

        // `first`, or an earlier one that names the subject for what `pattern` covers.
        function named(pattern, action, subject, first) {
            var entry = find(actions, pattern);
            if (entry === null) {
                return first;
            }
            first = earlier(find(entry.users, subject.user), action, first);
            var groups = subject.groups || [];
            for (var i = 0; i < groups.length; i += 1) {
                first = earlier(find(entry.groups, groups[i]), action, first);
            }
            for (var key in entry.netgroups) {
                if (own.call(entry.netgroups, key)) {
                    var found = earlier(entry.netgroups[key], action, first);
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
    let agent =
        files[1].text.lines().filter(|line| line.contains("www-data") || line.contains("any:")).collect::<Vec<_>>();
    assert_snapshot!(agent.join("\n"), @r#"
    {any: "auth_self", inactive: "auth_self", active: "auth_self"} // 0: agent 1
        users: {"$www-data": 0},
    "#);
    assert_snapshot!(files[2].text, @r"
    # Written by polkit-policy-gen from /etc/p.toml. To change it, edit that and run `polkit-policy-gen install`.
    m www-data vm
    ");
}

const NARROWED: &str = r#"
[[systemd]]
units = ["nginx.service", "app@*.service"]
verbs = ["restart", "reload"]
groups = ["deploy"]

[[grant]]
actions = ["org.libvirt.*", "org.*.manage", "org.a.*.b*"]
netgroups = ["ops"]
groups = ["deploy"]
result = "no"
"#;

#[test]
fn patterns_details_and_netgroups_are_tables_too() {
    let (files, problems) = emitted(NARROWED, Format::Rules, Owner::Admin);
    assert_eq!(problems, [""; 0]);
    let tables = files[0].text.split("    addGrants((").nth(1).unwrap().split("    polkit.addRule(").next().unwrap();
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
fn pkla_refuses_details_and_stars_in_the_midst_by_name() {
    let (_, problems) = emitted(NARROWED, Format::Pkla, Owner::Admin);
    assert_snapshot!(problems.join("\n"), @r"
    p.toml:2:1: pkla cannot say `systemd 1`: it knows nothing of an action's details (only rules can: polkit 0.106 or later. Without details it would be for all units, domains or programs)
    p.toml:8:29: pkla cannot say `org.*.manage`: its `*` does not end at a dot (name the actions, or end the pattern with its first star: `org.libvirt.*`)
    p.toml:8:45: pkla cannot say `org.a.*.b*`: its `*` does not end at a dot (name the actions, or end the pattern with its first star: `org.libvirt.*`)
    ");
    let text = "[[grant]]\nactions = ['org.libvirt.*', 'a.b']\nnetgroups = ['ops']\ngroups = ['vm']\nresult = 'yes'\n";
    let (files, problems) = emitted(text, Format::Pkla, Owner::Admin);
    assert_eq!(problems, [""; 0]);
    let expected = "[1]\nIdentity=unix-netgroup:ops;unix-group:vm\nAction=org.libvirt.*;a.b\nResultAny=yes\n";
    assert!(files[0].text.contains(expected), "{}", files[0].text);
}

const HOOKS: &str = r#"
[[hook]]
actions = ["org.libvirt.unix.manage", "org.libvirt.api.domain.start"]

[[hook]]
actions = ["org.freedesktop.systemd1.manage-units"]
on_failure = "no"
details = ["k\u00f6ln\"</script>", "verb"]
"#;

#[test]
fn the_hook_is_asked_about_its_actions_and_sorts_first() {
    let text = format!("{HOOKS}{}", SAMPLE.replace("</script>", ""));
    let (files, problems) = emitted(&text, Format::Rules, Owner::Admin);
    assert_eq!(problems, [""; 0]);
    assert_eq!(files[0].path(), "etc/polkit-1/rules.d/44-polkit-policy-gen-hook.rules");
    assert!(files.is_sorted_by_key(File::path));
    assert_snapshot!(files[0].text.replace(hook::PROGRAM, "PROGRAM"), @r#"
    // Written by polkit-policy-gen from /etc/p.toml. To change it, edit that and run `polkit-policy-gen install`.
    // polkit takes the first answer in the order of the names of files: 44- comes before all that answers without the agent.
    (function () {
        var hook = "PROGRAM";

        // Of each action, the details that the agent is told, and what it comes to without a yes or no of the agent. null
        // leaves it to the rules that follow. "no" refuses, whatever they say: an agent that has no rule for the subject
        // says nothing, as one that is dead does, and a fence must hold for both.
        var actions = {
            "$org.freedesktop.systemd1.manage-units": {details: ["k\u00f6ln\"\u003c/script>", "unit", "verb"], otherwise: "no"},
            "$org.libvirt.api.domain.start": {details: ["connect_driver", "domain_name", "domain_uuid"], otherwise: null},
            "$org.libvirt.unix.manage": {details: [], otherwise: null}
        };
        var own = Object.prototype.hasOwnProperty;

        // It throws where the program cannot be run, fails, or takes longer than polkit allows.
        function ask(action, subject, details) {
            var words = [hook, String(subject.pid), String(subject.user), String(action.id)];
            var i;
            for (i = 0; i < details.length; i += 1) {
                var value = action.lookup(details[i]);
                if (typeof value === "string") {
                    words.push(details[i], value);
                }
            }
            for (i = 0; i < words.length; i += 1) {
                // An argument ends at a NUL: the agent would be asked about something else.
                if (words[i].indexOf("\u0000") !== -1) {
                    throw new Error("a NUL in an argument of the hook");
                }
            }
            return polkit.spawn(words);
        }

        polkit.addRule(function (action, subject) {
            var key = "$" + action.id;
            if (!own.call(actions, key)) {
                return null;
            }
            var entry = actions[key];
            var said = "";
            try {
                said = ask(action, subject, entry.details);
            } catch (error) {
                return entry.otherwise;
            }
            if (said === "yes\n") {
                return "yes";
            }
            if (said === "no\n") {
                return "no";
            }
            return entry.otherwise;
        });
    }());
    "#);
}

#[test]
fn pkla_refuses_each_hook_by_name() {
    let (_, problems) = emitted(HOOKS, Format::Pkla, Owner::Admin);
    assert_snapshot!(problems.join("\n"), @r"
    p.toml:2:1: pkla cannot say `hook 1`: it asks nobody (only rules can: polkit 0.106 or later; on this one the agent serves by registration, with [[agent]])
    p.toml:5:1: pkla cannot say `hook 2`: it asks nobody (only rules can: polkit 0.106 or later; on this one the agent serves by registration, with [[agent]])
    ");
}

#[test]
fn a_package_s_files_lie_below_usr() {
    let paths = |format| -> Vec<String> {
        let sample = SAMPLE.replace("</script>", "");
        emitted(&sample, format, Owner::Vendor).0.iter().map(File::path).collect()
    };
    assert!(paths(Format::Rules).iter().all(|path| path.starts_with("usr/")));
    assert_eq!(paths(Format::Pkla)[0], "var/lib/polkit-1/localauthority/45-polkit-policy-gen.d/polkit-policy-gen.pkla");
}

#[test]
fn pkla_has_the_first_grant_last_and_all_three_results() {
    let sample = SAMPLE.replace("</script>", "").replace("auth_self", "yes").replace("[[agent]]", "[[agents]]");
    let sample = sample.split("[[agents]]").next().unwrap().to_owned();
    let (files, problems) = emitted(&sample, Format::Pkla, Owner::Admin);
    assert_eq!(problems, [""; 0]);
    assert_snapshot!(files[0].text, @r#"
    # Written by polkit-policy-gen from /etc/p.toml. To change it, edit that and run `polkit-policy-gen install`.
    # polkit takes the last match in the order of the names of directories: this one comes after 10-vendor.d, 20-org.d and 30-site.d, and before 50-local.d and 90-mandatory.d.

    # grant 2
    [2]
    Identity=unix-group:köln";unix-group:libvirt
    Action=org.libvirt.unix.manage
    ResultAny=yes
    ResultInactive=yes
    ResultActive=yes

    # web panel
    [1]
    Identity=unix-user:alice;unix-user:__proto__;unix-group:libvirt
    Action=org.libvirt.unix.manage;org.libvirt.unix.monitor
    ResultAny=yes
    ResultInactive=yes
    ResultActive=yes
    "#);
}

#[test]
fn what_pkla_cannot_say_is_refused_by_name() {
    let grant =
        |who: &str, result: &str| format!("[[grant]]\nname = '{who}'\nactions = ['a.b']\n{who}\nresult = '{result}'\n");
    let refused = |first: &str, second: &str| -> Vec<String> {
        let text = grant(&first.replace('\'', "\""), "yes")
            .replace("name = '", "name = '''")
            .replace("'\nactions", "'''\nactions");
        let second = grant(&second.replace('\'', "\""), "no")
            .replace("name = '", "name = '''")
            .replace("'\nactions", "'''\nactions");
        emitted(&(text + &second), Format::Pkla, Owner::Admin).1
    };
    // A user first, then a group: the user's entry wins, as it should.
    assert_eq!(refused("users = 'u'", "groups = 'g'"), [""; 0]);
    assert_eq!(refused("users = 'u'", "users = 'v'"), [""; 0]);
    // The second one's user is shadowed by the first in our order, and never written.
    assert_eq!(refused("users = 'u'", "users = 'u'"), [""; 0]);
    assert_snapshot!(refused("groups = 'g'", "users = 'u'").join("\n"), @r#"p.toml:6:1: pkla cannot say that `groups = "g"` comes before `users = "u"` for a.b: the entry of a user or netgroup beats that of a group (give both the same result, or write the one that names users first)"#);
    assert_snapshot!(refused("groups = 'g'", "groups = 'h'").join("\n"), @r#"p.toml:6:1: pkla cannot say that `groups = "g"` comes before `groups = "h"` for a.b: which of a user's groups counts is not defined (give both the same result, or write the one that names users first)"#);
    assert_snapshot!(refused("users = 'a*'", "users = 'b;c'").join("\n"), @r"
    p.toml:4:9: pkla cannot name `a*`: `*`, `?` and `;` do not stand for themselves (only rules can: polkit 0.106 or later)
    p.toml:9:9: pkla cannot name `b;c`: `*`, `?` and `;` do not stand for themselves (only rules can: polkit 0.106 or later)
    ");
}

#[test]
fn a_letter_that_duktape_never_matches_is_refused_in_rules() {
    let text = "[[grant]]\nactions = ['a.b']\nusers = ['\u{1f600}']\nresult = 'yes'\n";
    let (_, problems) = emitted(text, Format::Rules, Owner::Admin);
    assert!(problems.len() == 1 && problems[0].contains("p.toml:3:10: a rule can never match"), "{problems:?}");
    assert_eq!(emitted(text, Format::Pkla, Owner::Admin).1, [""; 0]);
}

#[test]
fn many_names_are_spread_over_functions() {
    let names: Vec<String> = (0..25_000).map(|number| format!("'u{number}'")).collect();
    let text = format!("[[grant]]\nactions = ['a.b']\nusers = [{}]\nresult = 'yes'\n", names.join(","));
    let (files, _) = emitted(&text, Format::Rules, Owner::Admin);
    assert_eq!(files[0].text.matches("    addNames((function () {").count(), 3);
    assert_eq!(files[0].text.matches("\"$u").count(), 25_000);
}

/// Names with what is special to JavaScript, to key files and to terminals.
fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "\\PC{1,4}",
        proptest::sample::select(vec![
            "\"",
            "'",
            "\\",
            "</",
            "__proto__",
            "toString",
            "*/",
            "//",
            "\u{2028}",
            "\n",
            ";",
            "{",
            "\u{f6}",
            "a"
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(part, 1..4).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn accepted_names_come_out_as_ascii_data_and_nothing_else(users in proptest::collection::vec(name(), 1..5), label in name()) {
        let users: Vec<String> = users.into_iter().filter(|name| check_name(name).is_ok() && name.chars().all(|c| u32::from(c) <= 0xffff)).collect();
        prop_assume!(!users.is_empty());
        let quoted: Vec<String> = users.iter().map(|name| quote::toml(name)).collect();
        let text = format!("[[grant]]\nname = {}\nactions = ['a.b']\nusers = [{}]\nresult = 'yes'\n", quote::toml(&label), quoted.join(", "));
        let (files, problems) = emitted(&text, Format::Rules, Owner::Admin);
        prop_assert!(problems.is_empty(), "{problems:?}");
        let (again, _) = emitted(&text, Format::Rules, Owner::Admin);
        prop_assert_eq!(&files, &again);
        let text = &files[0].text;
        prop_assert!(text.is_ascii());
        // All lines but that of the label and that of the table are those of any other policy.
        let (plain, _) = emitted("[[grant]]\nactions = ['a.b']\nusers = ['x']\nresult = 'yes'\n", Format::Rules, Owner::Admin);
        let other = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.contains("users: {") && !line.contains("{any:")).map(str::to_owned).collect()
        };
        prop_assert_eq!(other(text), other(&plain[0].text));
        let table = text.lines().find_map(|line| line.trim().strip_prefix("users: {\"").map(|_| line.trim().trim_start_matches("users: ").trim_end_matches(','))).unwrap();
        let table: std::collections::BTreeMap<String, usize> = serde_json::from_str(table).unwrap();
        let expected: std::collections::BTreeSet<String> = users.iter().map(|name| format!("${name}")).collect();
        prop_assert_eq!(table.keys().cloned().collect::<std::collections::BTreeSet<_>>(), expected);
    }
}
