use polkit_config::report::Source;

use super::*;
use crate::policy::{Draft, Policy, read};

fn problems(text: &str) -> String {
    let mut draft = Draft::read(&[Source::new("p.toml", text)], Report::new());
    let (_, report) = draft.parts();
    report.lines().join("\n")
}

fn of(keys: &str) -> Policy {
    let text = format!("[[command]]\nname = 'job'\nrun_as = 'u'\nusers = 'v'\n{keys}\n");
    read(&[Source::new("p.toml", text)]).unwrap_or_else(|report| panic!("{:?}", report.lines())).0
}

/// The values of the detail `unit` in the grant.
fn units(policy: &Policy) -> Vec<&str> {
    policy.grants[0].details[0].values.iter().map(|value| value.value.as_str()).collect()
}

#[test]
fn the_grant_is_for_the_start_of_the_unit_alone() {
    let policy = of("run = ['/usr/bin/id', '-u']");
    let grant = &policy.grants[0];
    assert_eq!((grant.label.as_str(), grant.actions[0].value.as_str()), ("command job", SYSTEMD_ACTION));
    assert_eq!(units(&policy), ["polkit-command-job.service"]);
    let verb: Vec<&str> = grant.details[1].values.iter().map(|value| value.value.as_str()).collect();
    assert_eq!((grant.details[1].key.value.as_str(), verb), ("verb", vec!["start"]));
    assert_eq!(grant.results, BySession::always(ImplicitAuthorization::Yes));
}

#[test]
fn an_argument_is_an_instance_of_a_template() {
    let policy = of("run = ['/usr/bin/id', '%i']\nargument = ['daily', 'a-b.c', 'web-*']");
    assert_eq!(policy.commands[0].unit(), "polkit-command-job@.service");
    assert_eq!(
        units(&policy),
        ["polkit-command-job@daily.service", "polkit-command-job@a-b.c.service", "polkit-command-job@web-*.service"]
    );
    let escaped = of("run = ['/usr/bin/id', '%i']\nargument = ['/srv/a b', 'a-b']");
    assert!(escaped.commands[0].is_escaped());
    assert_eq!(units(&escaped), ["polkit-command-job@-srv-a\\x20b.service", "polkit-command-job@a\\x2db.service"]);
}

#[test]
fn names_are_escaped_as_systemd_does() {
    for (text, expected) in [
        ("daily", "daily"),
        ("a/b", "a-b"),
        ("a-b c", "a\\x2db\\x20c"),
        (".x.y", "\\x2ex.y"),
        ("k\u{f6}ln", "k\\xc3\\xb6ln"),
    ] {
        assert_eq!(escape(text), expected);
    }
}

#[test]
fn all_problems_of_a_command_are_reported() {
    let text = r#"
[[command]]
name = "Job 1"
run = "tar czf /b.tgz /home | tee log"
run_as = "a:b"
users = "u"

[[command]]
name = "two"
run = ["bin/id", "", "%i"]
run_as = "u"
users = "u"

[[command]]
name = "two"
run = ["/usr/bin/../bin/id"]
run_as = "u"
users = "u"
argument = "x"
sandbox = { ProtectHome = "maybe", Nice = "5" }
writable = "srv"

[[command]]
name = "three"
run = ["/bin/sh", "-c", "echo %i"]
run_as = "u"
argument = ["-x", "*", "", "a%b", "web-*", "a b"]
everybody = true
result = "auth_self_keep"

[[command]]
name = "four"
run = ["/usr/bin/%i"]
run_as = "u"
argument = "x"
"#;
    insta::assert_snapshot!(problems(text), @r#"
    p.toml:3:8: `Job 1` cannot be the name of a command (use at most 60 lower-case letters, digits and hyphens: `backup-now`)
    p.toml:4:7: `run` is a list of the program and its arguments, and no line for a shell (write each word as an element: `run = ["tar", "czf", "/b.tgz", "/home", "|", "tee", "log"]`; no shell expands them)
    p.toml:5:10: invalid user name `a:b`: it has a `:` or `/`, which account names cannot have (use the user name that `getent` shows)
    p.toml:8:1: `%i` stands for an argument of the user, and there is no `argument` (list the allowed values: `argument = ["daily", "weekly"]`; `*` stands for any characters)
    p.toml:10:8: `bin/id` is not an absolute path (begin the path in `run` with /, without `.` and `..`)
    p.toml:10:18: a word of a command is empty or has a control character (remove it, or use a script)
    p.toml:15:8: there is already a command `two` (the name is that of the unit: use another one)
    p.toml:16:8: `/usr/bin/../bin/id` is not an absolute path (begin the path in `run` with /, without `.` and `..`)
    p.toml:19:12: `run` does not use the argument (add "%i" to `run`, or remove `argument`)
    p.toml:20:27: `maybe` is not a value of `ProtectHome` (use read-only (the default) or no, yes, tmpfs)
    p.toml:20:43: `Nice` is not a setting of the sandbox (use one of NoNewPrivileges, PrivateTmp, ProtectSystem, ProtectHome, ProtectKernelTunables, ProtectKernelModules, ProtectKernelLogs, ProtectControlGroups, ProtectClock, RestrictSUIDSGID, RestrictRealtime, RestrictNamespaces, LockPersonality)
    p.toml:21:12: `srv` is not an absolute path (begin the path in `writable` with /, without `.` and `..`)
    p.toml:25:25: sh would run the argument of the user as code (use `"$1"` in the code, and add the elements "sh", "%i" after it)
    p.toml:27:13: `-x` would allow an option of the program as argument (begin each value with a letter or digit: `web-*`)
    p.toml:27:19: `*` would allow an option of the program as argument (begin each value with a letter or digit: `web-*`)
    p.toml:27:19: a pattern cannot stand beside a value that systemd escapes (use only letters, digits, `:`, `_`, `.` and `-` in the values, or list them without `*`)
    p.toml:27:24: `` would allow an option of the program as argument (begin each value with a letter or digit: `web-*`)
    p.toml:27:28: `a%b` cannot be an argument (use letters, digits and signs without `%` and control characters)
    p.toml:29:10: polkit keeps this authorization for the action with any details, so it would also cover other units, domains or programs (with `details`, use the result without `_keep`)
    p.toml:31:1: [[command]] has no users, groups, netgroups or unit, and is not for everybody (add `users = ["…"]`, `groups = ["…"]`, `netgroups = ["…"]`, `unit = "….service"` or `everybody = true`)
    p.toml:33:8: the program cannot be chosen by an argument (write the path of one program, and use `%i` only in its arguments)
    p.toml:35:12: `run` does not use the argument (add "%i" to `run`, or remove `argument`)
    "#);
}
