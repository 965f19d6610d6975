mod names;
mod pkla;

use insta::assert_snapshot;
use polkit_config::report::Source;

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
fn a_package_s_files_lie_below_usr() {
    let paths = |format| -> Vec<String> {
        let sample = SAMPLE.replace("</script>", "");
        emitted(&sample, format, Owner::Vendor).0.iter().map(File::path).collect()
    };
    assert!(paths(Format::Rules).iter().all(|path| path.starts_with("usr/")));
    assert_eq!(paths(Format::Pkla)[0], "var/lib/polkit-1/localauthority/45-polkit-policy-gen.d/polkit-policy-gen.pkla");
}
