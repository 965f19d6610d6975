use insta::assert_snapshot;

use super::*;
use crate::implicit_authorization::Session;
use crate::policy::{PolicyRequest, SYSTEMD_ACTION};

fn problems(text: &str) -> String {
    Draft::read(&[Source::new("p.toml", text)], Report::new()).report.lines().join("\n")
}

#[test]
fn a_policy_is_read_in_order_with_agents_last() {
    let first = "[[agent]]\nactions = 'a.b'\nusers = ['www-data']\n[[grant]]\nactions = ['a.b']\ngroups = 'vm'\nresult = 'yes'\n";
    let second = "[[grant]]\nname = 'n'\nactions = ['a.b', 'a.c']\nusers = ['o\\'b']\nresult = { any = 'no', inactive = 'auth_admin', active = 'auth_self_keep' }\n[[member]]\nuser = 'www-data'\ngroup = 'vm'\n".replace("'o\\'b'", "\"o'b\"");
    let (policy, report) = read(&[Source::new("1", first), Source::new("2", second)]).unwrap();
    assert_eq!(report.lines(), [""; 0]);
    let labels: Vec<(GrantKind, &str)> = policy.grants.iter().map(|grant| (grant.kind, grant.label.as_str())).collect();
    assert_eq!(labels, [(GrantKind::Grant, "grant 1"), (GrantKind::Grant, "n"), (GrantKind::Agent, "agent 1")]);
    let none = Default::default();
    let asked = |action, user, groups| {
        policy.results(&PolicyRequest {
            action,
            user,
            groups,
            netgroups: &none,
            details: &Default::default(),
            unit: None,
            no_new_privileges: false,
            session: Session::None,
        })
    };
    let results = |action, user| asked(action, user, &none).map(|results| results.any.text());
    assert_eq!(results("a.c", "o'b"), Some("no"));
    assert_eq!(results("a.b", "www-data"), Some("auth_self"));
    assert_eq!(results("a.b", "other"), None);
    let vm = ["vm".to_owned()].into();
    assert_eq!(asked("a.b", "o'b", &vm).unwrap(), BySession::always(ImplicitAuthorization::Yes));
    assert_eq!(policy.members.len(), 1);
}

#[test]
fn all_problems_of_a_policy_are_reported_together() {
    let text = r#"
[[grant]]
actions = ["org.lib*virt", "", "*"]
groups = ["a\nb", "", "c:d", 5]
result = "maybe"
netgruops = ["x"]

[[grant]]
actions = ["a.b"]
result = { any = "yes", active = "no" }

[[agent]]
users = ["www-data"]

[[member]]
user = "o'brien"
group = "-G"

[[grants]]
"#;
    assert_snapshot!(problems(text), @r#"
    p.toml:3:12: `org.lib*virt` is neither an action id nor an action pattern (`*` is valid only at the end of a dotted part; examples: `org.libvirt.unix.manage`, `org.libvirt.*`)
    p.toml:3:28: `` is neither an action id nor an action pattern (an action id consists of letters, digits, `.`, `-` and `_`; examples: `org.libvirt.unix.manage`, `org.libvirt.*`)
    p.toml:4:11: invalid group name `a\x0ab`: it has a control character (a line break, a NUL), which account names cannot have (use the group name that `getent` shows)
    p.toml:4:19: invalid group name ``: it is empty (use the group name that `getent` shows)
    p.toml:4:23: invalid group name `c:d`: it has a `:` or `/`, which account names cannot have (use the group name that `getent` shows)
    p.toml:4:30: `groups`: expected a string in the list, found an integer (write `groups = ["…", "…"]`)
    p.toml:5:10: `maybe` is not a result of polkit (use one of yes, no, auth_self, auth_self_keep, auth_admin, auth_admin_keep)
    p.toml:6:1: unknown key `netgruops` in [[grant]] (did you mean `netgroups`?)
    p.toml:8:1: [[grant]] has no users, groups, netgroups or unit, and is not for everybody (add `users = ["…"]`, `groups = ["…"]`, `netgroups = ["…"]`, `unit = "….service"` or `everybody = true`)
    p.toml:10:10: [result] has no `inactive` (add `inactive = "…"`)
    p.toml:12:1: [[agent]] has no `actions` (add `actions = ["…"]`)
    p.toml:16:8: the user `o'brien` is not valid in a sysusers.d line (use at most 31 letters, digits, `_` and `-`, or change the membership with the tools of your directory service)
    p.toml:17:9: the group `-G` is not valid in a sysusers.d line (use at most 31 letters, digits, `_` and `-`, or change the membership with the tools of your directory service)
    p.toml:19:3: unknown key `grants` (did you mean `grant`?)
    "#);
}

#[test]
fn a_hook_leaves_failures_to_other_rules_by_default() {
    let text = "[[hook]]\nactions = 'a.b'\n[[hook]]\nactions = ['a.c']\non_failure = 'no'\ndetails = 'program'\n";
    let (policy, report) = read(&[Source::new("p.toml", text)]).unwrap();
    assert_eq!(report.lines(), [""; 0]);
    let of = |action| policy.hook(action).map(|hook| (hook.label.as_str(), hook.on_failure, hook.details.len()));
    assert_eq!(of("a.b"), Some(("hook 1", OnFailure::Nothing, 0)));
    assert_eq!(of("a.c"), Some(("hook 2", OnFailure::No, 1)));
    assert_eq!(of("a.d"), None);
}

#[test]
fn all_problems_of_a_hook_are_reported() {
    let text = r#"
[[hook]]
actions = ["a.*", "a.b", "a.b"]
details = ["", "a\u0000b", "\U0001f600", "user.name"]
users = ["x"]

[[hook]]
actions = ["a.b"]
on_failure = "nothing"

[[hook]]
actions = ["a.c"]
on_failure = "yes"

[[hook]]
on_failure = true
"#;
    assert_snapshot!(problems(text), @r#"
    p.toml:3:12: `a.*` is not an action id (use the exact id that `pkaction` lists, for example `org.libvirt.unix.manage`)
    p.toml:3:26: `a.b` is already in a [[hook]] (remove one of the two)
    p.toml:4:12: `` is not a valid detail key (use a key that the mechanism passes to polkit, for example `details = ["program"]`)
    p.toml:4:16: `a\x00b` is not a valid detail key (use a key that the mechanism passes to polkit, for example `details = ["program"]`)
    p.toml:4:28: `😀` is not a valid detail key (use a key that the mechanism passes to polkit, for example `details = ["program"]`)
    p.toml:5:1: unknown key `users` in [[hook]] (known here: actions, details, on_failure)
    p.toml:8:12: `a.b` is already in a [[hook]] (remove one of the two)
    p.toml:13:14: `yes` is not a value of `on_failure` (use `nothing` to let polkit's other rules decide, or `no` to refuse users that the agent does not allow)
    p.toml:15:1: [[hook]] has no `actions` (add `actions = ["…"]`)
    p.toml:16:14: `on_failure`: expected a string, found a boolean (write `on_failure = "…"`)
    "#);
}

#[test]
fn an_empty_policy_is_valid() {
    assert_eq!(problems(""), "");
}

#[test]
fn grants_match_patterns_netgroups_and_details_in_file_order() {
    let text = r#"
[[systemd]]
units = ["nginx.service", "app@*.service"]
verbs = ["restart"]
groups = ["deploy"]

[[grant]]
actions = ["org.freedesktop.*"]
netgroups = ["ops"]
details = { verb = "re*" }
result = "auth_admin"

[[systemd]]
name = "fence"
units = "*.service"
groups = ["deploy"]
result = "no"
"#;
    let (policy, report) = read(&[Source::new("p.toml", text)]).unwrap();
    assert_eq!(report.lines(), [""; 0]);
    let labels: Vec<&str> = policy.grants.iter().map(|grant| grant.label.as_str()).collect();
    assert_eq!(labels, ["systemd 1", "grant 1", "fence"]);
    let (deploy, ops) = (["deploy".to_owned()].into(), ["ops".to_owned()].into());
    let asked = |unit: &str, verb: &str| {
        let details = [("unit", unit), ("verb", verb)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let request = PolicyRequest {
            action: SYSTEMD_ACTION,
            user: "u",
            groups: &deploy,
            netgroups: &ops,
            details: &details.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            unit: None,
            no_new_privileges: false,
            session: Session::None,
        };
        policy.results(&request).map(|results| results.any.text())
    };
    assert_eq!(asked("nginx.service", "restart"), Some("yes"));
    assert_eq!(asked("app@1.service", "restart"), Some("yes"));
    assert_eq!(asked("app@1.service", "reload"), Some("auth_admin"));
    assert_eq!(asked("nginx.service", "stop"), Some("no"));
    assert_eq!(asked("x.timer", "stop"), None);
    assert_eq!(asked("", ""), None);
}

#[test]
fn all_problems_of_details_and_units_are_reported() {
    let text = r#"
[[grant]]
actions = ["*", "a.b"]
users = ["u"]
details = { program = ["/bin/true", 5], "" = "x", emoji = "\U0001f600" }
result = "auth_admin_keep"

[[grant]]
actions = ["a.b"]
users = ["u"]
details = {}
result = { any = "no", inactive = "no", active = "auth_self_keep" }

[[systemd]]
units = ["nginx", ".service", "a b.service"]
verbs = ["restrat"]
result = "auth_self_keep"
actions = ["a.b"]

[[systemd]]
users = ["u"]

[[agent]]
actions = ["org.libvirt.*"]
users = ["u"]
"#;
    assert_snapshot!(problems(text), @r#"
    p.toml:3:12: `*` covers every present and future action (use a narrower pattern such as `org.libvirt.*`; `*` is valid only with `result = "no"`)
    p.toml:5:37: `program`: expected a string in the list, found an integer (write `program = ["…", "…"]`)
    p.toml:5:41: `` is not a valid detail key (use a key that the mechanism passes to polkit, for example `details = ["program"]`)
    p.toml:5:59: a rule can never match the value `😀` (for Duktape a character beyond U+FFFF differs from the same character in a rules file (polkit 122 to 128))
    p.toml:6:10: polkit keeps this authorization for the action with any details, so it would also cover other units, domains or programs (with `details`, use the result without `_keep`)
    p.toml:11:11: [details] is empty (remove it)
    p.toml:14:1: [[systemd]] has no users, groups, netgroups or unit, and is not for everybody (add `users = ["…"]`, `groups = ["…"]`, `netgroups = ["…"]`, `unit = "….service"` or `everybody = true`)
    p.toml:15:10: `nginx` is neither a unit name nor a unit pattern (use the full name that `systemctl show -p Id` shows: `nginx.service`, `app@*.service`)
    p.toml:15:19: `.service` is neither a unit name nor a unit pattern (use the full name that `systemctl show -p Id` shows: `nginx.service`, `app@*.service`)
    p.toml:15:31: `a b.service` is neither a unit name nor a unit pattern (use the full name that `systemctl show -p Id` shows: `nginx.service`, `app@*.service`)
    p.toml:16:10: `restrat` is not a known verb of systemd (use one of start, stop, reload, restart, try-restart, reload-or-restart, reload-or-try-restart, kill, reset-failed, set-property, freeze, thaw, clean, ref)
    p.toml:17:10: polkit keeps this authorization for the action with any details, so it would also cover other units, domains or programs (with `details`, use the result without `_keep`)
    p.toml:18:1: unknown key `actions` in [[systemd]] (known here: everybody, groups, name, netgroups, no_new_privileges, result, unit, units, users, verbs)
    p.toml:20:1: [[systemd]] has no `units` (add `units = ["…"]`)
    p.toml:24:12: `org.libvirt.*` is a pattern ([[agent]] needs the exact ids that `pkaction` lists, for example `org.libvirt.unix.manage`)
    "#);
}

#[test]
fn a_grant_of_every_action_can_only_refuse() {
    assert_eq!(problems("[[grant]]\nactions = ['*']\nusers = ['u']\nresult = 'no'\n"), "");
    for result in ["yes", "auth_self", "auth_self_keep", "auth_admin", "auth_admin_keep"] {
        let found = problems(&format!("[[grant]]\nactions = ['*']\nusers = ['u']\nresult = '{result}'\n"));
        assert!(found.contains("p.toml:2:12: `*` covers every"), "{result}: {found}");
    }
    for session in ["any", "inactive", "active"] {
        let results = ["any", "inactive", "active"].map(|key| {
            let result = if key == session { "auth_admin" } else { "no" };
            format!("{key} = '{result}'")
        });
        let results = results.join(", ");
        let found = problems(&format!("[[grant]]\nactions = ['*']\nusers = ['u']\nresult = {{ {results} }}\n"));
        assert!(found.contains("p.toml:2:12: `*` covers every"), "{session}: {found}");
    }
}

#[test]
fn a_member_has_names_of_at_most_31_characters() {
    for (user, group, expected) in [(31, 31, 0), (32, 31, 1), (31, 32, 1), (32, 32, 2)] {
        let (user, group) = ("u".repeat(user), "g".repeat(group));
        let found = problems(&format!("[[member]]\nuser = '{user}'\ngroup = '{group}'\n"));
        let lines = found.lines().filter(|line| line.contains("is not valid in a sysusers.d line")).count();
        assert_eq!(lines, expected, "{found}");
    }
}

#[test]
fn a_star_does_not_mean_every_user_and_the_error_says_how_to_write_it() {
    for (key, name) in [("users", "*"), ("groups", "*"), ("users", "ALL"), ("users", "everybody")] {
        let text = format!("[[grant]]\nactions = [\"org.a.b\"]\n{key} = [\"{name}\"]\nresult = \"yes\"\n");
        let lines = problems(&text);
        assert!(lines.contains("does not mean every user") && lines.contains("write `everybody = true`"), "{lines}");
        assert!(lines.starts_with("p.toml:3:"), "{lines}");
    }
}

/// What a policy says to a user in a unit, with and without `NoNewPrivileges=yes`, in a session.
fn answers(policy: &Policy, user: &str, unit: Option<&str>, no_new_privileges: bool, session: Session) -> bool {
    let none = Default::default();
    let request = PolicyRequest {
        action: "a.b",
        user,
        groups: &none,
        netgroups: &none,
        details: &Default::default(),
        unit,
        no_new_privileges,
        session,
    };
    policy.results(&request).is_some()
}

#[test]
fn a_grant_for_a_unit_needs_the_unit_and_the_user() {
    let of = |keys: &str| {
        let text = format!("[[grant]]\nactions = 'a.b'\n{keys}result = 'yes'\n");
        read(&[Source::new("p.toml", text)]).unwrap().0
    };
    let both = of("unit = ['panel.service', 'app@*.service']\nusers = ['u']\n");
    let alone = of("unit = 'panel.service'\n");
    let strict = of("unit = 'panel.service'\nno_new_privileges = true\n");
    for (user, unit, no_new_privileges, expected) in [
        ("u", Some("panel.service"), false, [true, true, false]),
        ("u", Some("panel.service"), true, [true, true, true]),
        ("u", Some("app@1.service"), false, [true, false, false]),
        ("v", Some("panel.service"), false, [false, true, false]),
        ("u", Some("other.service"), true, [false, false, false]),
        ("u", None, true, [false, false, false]),
    ] {
        let found =
            [&both, &alone, &strict].map(|policy| answers(policy, user, unit, no_new_privileges, Session::None));
        assert_eq!(found, expected, "{user} {unit:?} {no_new_privileges}");
    }
    let everybody = of("everybody = true\n");
    assert!(answers(&everybody, "v", None, false, Session::Active));
}

#[test]
fn all_problems_of_the_keys_of_subjects_are_reported() {
    let text = r#"
[[grant]]
actions = "a.b"
unit = ["panel", "x.socket", "", "*.service", "a b.service"]
no_new_privileges = false
result = "yes"

[[grant]]
actions = "a.b"
users = "u"
everybody = true
no_new_privileges = true
result = "yes"

[[systemd]]
units = "web.service"
everybody = "yes"
"#;
    assert_snapshot!(problems(text), @r#"
    p.toml:4:9: `panel` is neither the name nor a pattern of a service or a scope (processes run in services and scopes: `panel.service`, `app@*.service`)
    p.toml:4:18: `x.socket` is neither the name nor a pattern of a service or a scope (processes run in services and scopes: `panel.service`, `app@*.service`)
    p.toml:4:30: `` is neither the name nor a pattern of a service or a scope (processes run in services and scopes: `panel.service`, `app@*.service`)
    p.toml:4:34: `*.service` without users is for every process of every such unit (name the unit, or add `users`)
    p.toml:4:47: `a b.service` is neither the name nor a pattern of a service or a scope (processes run in services and scopes: `panel.service`, `app@*.service`)
    p.toml:5:21: the only value of `no_new_privileges` is true (remove the key)
    p.toml:11:13: `everybody` includes the users, groups and netgroups of this table (remove `everybody`, or remove the names)
    p.toml:12:21: `no_new_privileges` is a setting of the unit, and there is no `unit` (add `unit = "….service"`, or remove the key)
    p.toml:15:1: [[systemd]] has no users, groups, netgroups or unit, and is not for everybody (add `users = ["…"]`, `groups = ["…"]`, `netgroups = ["…"]`, `unit = "….service"` or `everybody = true`)
    p.toml:17:13: `everybody`: expected true or false, found a string (write `everybody = true`)
    "#);
}
