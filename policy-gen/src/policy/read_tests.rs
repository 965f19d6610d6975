use insta::assert_snapshot;

use super::*;

fn problems(text: &str) -> String {
    let mut report = Report::new();
    read(&[Source::new("p.toml", text)], &mut report);
    report.lines().join("\n")
}

#[test]
fn a_policy_is_read_in_order_with_the_agents_last() {
    let first = "[[agent]]\nactions = 'a.b'\nusers = ['www-data']\n[[grant]]\nactions = ['a.b']\ngroups = 'vm'\nresult = 'yes'\n";
    let second = "[[grant]]\nname = 'n'\nactions = ['a.b', 'a.c']\nusers = ['o\\'b']\nresult = { any = 'no', inactive = 'auth_admin', active = 'auth_self_keep' }\n[[member]]\nuser = 'www-data'\ngroup = 'vm'\n".replace("'o\\'b'", "\"o'b\"");
    let mut report = Report::new();
    let policy = read(&[Source::new("1", first), Source::new("2", second)], &mut report);
    assert_eq!(report.lines(), [""; 0]);
    let labels: Vec<(Kind, &str)> = policy.grants.iter().map(|grant| (grant.kind, grant.label.as_str())).collect();
    assert_eq!(labels, [(Kind::Grant, "grant 1"), (Kind::Grant, "n"), (Kind::Agent, "agent 1")]);
    let results = |action, user| policy.results(action, user, &Default::default()).map(|results| results.any.word());
    assert_eq!(results("a.c", "o'b"), Some("no"));
    assert_eq!(results("a.b", "www-data"), Some("auth_self"));
    assert_eq!(results("a.b", "other"), None);
    let vm = ["vm".to_owned()].into();
    assert_eq!(policy.results("a.b", "o'b", &vm).unwrap(), Results::always(Answer::Yes));
    assert_eq!(policy.members.len(), 1);
}

#[test]
fn everything_wrong_with_a_policy_is_said_at_once() {
    let text = r#"
[[grant]]
actions = ["org.libvirt.*", ""]
groups = ["a\nb", "", "c:d", 5]
result = "maybe"
netgroups = ["x"]

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
    p.toml:3:12: `org.libvirt.*` is not an action id (the exact id, as `pkaction` lists it: `org.libvirt.unix.manage`)
    p.toml:3:29: `` is not an action id (the exact id, as `pkaction` lists it: `org.libvirt.unix.manage`)
    p.toml:4:11: no group can be called `a\x0ab`: it has a control character (a line break, a NUL), which no account name can have (the group's name as `getent` shows it)
    p.toml:4:19: no group can be called ``: it is empty (the group's name as `getent` shows it)
    p.toml:4:23: no group can be called `c:d`: it has a `:` or `/`, which no account name can have (the group's name as `getent` shows it)
    p.toml:4:30: `groups`: expected a string in the list, found an integer (write `groups = ["…", "…"]`)
    p.toml:5:10: `maybe` is not a result of polkit (one of yes, no, auth_self, auth_self_keep, auth_admin, auth_admin_keep)
    p.toml:6:1: unknown key `netgroups` in [[grant]] (known here: actions, groups, name, result, users)
    p.toml:8:1: [[grant]] names nobody (add `groups = ["…"]` or `users = ["…"]`)
    p.toml:10:10: [result] has no `inactive` (add `inactive = "…"`)
    p.toml:12:1: [[agent]] has no `actions` (add `actions = ["…"]`)
    p.toml:16:8: the user `o'brien` cannot stand in a sysusers.d line (letters, digits, `_` and `-` only, at most 31; change the membership with your directory's own tools)
    p.toml:17:9: the group `-G` cannot stand in a sysusers.d line (letters, digits, `_` and `-` only, at most 31; change the membership with your directory's own tools)
    p.toml:19:3: unknown key `grants` (did you mean `grant`?)
    "#);
}

#[test]
fn a_hook_leaves_to_others_what_it_is_not_told_to_refuse() {
    let text = "[[hook]]\nactions = 'a.b'\n[[hook]]\nactions = ['a.c']\non_failure = 'no'\ndetails = 'program'\n";
    let mut report = Report::new();
    let policy = read(&[Source::new("p.toml", text)], &mut report);
    assert_eq!(report.lines(), [""; 0]);
    let of = |action| policy.hook(action).map(|hook| (hook.label.as_str(), hook.on_failure, hook.details.len()));
    assert_eq!(of("a.b"), Some(("hook 1", OnFailure::Nothing, 0)));
    assert_eq!(of("a.c"), Some(("hook 2", OnFailure::No, 1)));
    assert_eq!(of("a.d"), None);
}

#[test]
fn everything_wrong_with_a_hook_is_said() {
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
    p.toml:3:12: `a.*` is not an action id (the exact id, as `pkaction` lists it: `org.libvirt.unix.manage`)
    p.toml:3:26: `a.b` stands in a [[hook]] already (leave one of the two out)
    p.toml:4:12: `` is not the key of a detail (the key that the mechanism passes to polkit: `details = ["program"]`)
    p.toml:4:16: `a\x00b` is not the key of a detail (the key that the mechanism passes to polkit: `details = ["program"]`)
    p.toml:4:28: `😀` is not the key of a detail (the key that the mechanism passes to polkit: `details = ["program"]`)
    p.toml:5:1: unknown key `users` in [[hook]] (known here: actions, details, on_failure)
    p.toml:8:12: `a.b` stands in a [[hook]] already (leave one of the two out)
    p.toml:13:14: `yes` is not what a hook that fails can come to (`nothing` leaves it to polkit's other rules, `no` refuses whomever the agent does not allow)
    p.toml:15:1: [[hook]] has no `actions` (add `actions = ["…"]`)
    p.toml:16:14: `on_failure`: expected a string, found a boolean (write `on_failure = "…"`)
    "#);
}

#[test]
fn an_empty_policy_is_valid() {
    assert_eq!(problems(""), "");
}
