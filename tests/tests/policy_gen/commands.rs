//! `[[command]]`: a user starts a fixed command by systemctl, without a password and without sudo; and nothing else.

use polkit_tests::agent::until;
use polkit_tests::policy_gen::{POLICY, difference, rows};
use polkit_tests::{Bed, FullBed, Root, on_each_suite_with_rules, program};

on_each_suite_with_rules! {
    a_granted_user_starts_the_command_and_no_other_user
    an_argument_outside_the_list_is_refused
    commands_that_other_users_control_are_refused
    the_sandbox_holds_and_the_policy_widens_it
}

const SCRIPT: &str = "#!/bin/sh\necho \"ran as $(id -un) with <$*>\"\n";

fn start(root: &Root) -> FullBed {
    let bed = FullBed::on(root).without_libvirtd().file("/usr/local/sbin/job", 0o755, SCRIPT).start();
    bed.copy_in(program("polkit-policy-gen"), "/usr/bin/polkit-policy-gen", 0o755);
    let people =
        "useradd --system worker && useradd --system deploy && groupadd operators && usermod -aG operators deploy";
    let _ = bed.exec(["sh", "-c", people]).success();
    bed
}

fn install(bed: &Bed, policy: &str) -> polkit_tests::Output {
    bed.write(POLICY, 0o600, policy);
    bed.exec(["polkit-policy-gen", "install", POLICY])
}

fn works(bed: &Bed, user: &str, verb: &str, unit: &str) -> bool {
    bed.exec_as(user, ["systemctl", "--no-ask-password", verb, unit]).status.success()
}

/// What the units of commands have printed.
fn printed(bed: &Bed) -> String {
    let _ = bed.exec(["journalctl", "--sync"]);
    bed.exec(["journalctl", "--output=cat", "--unit=polkit-command-*"]).success().stdout
}

/// The files that an installation can touch.
fn state(bed: &Bed) -> String {
    let script = "find /etc /usr/share/polkit-1 /var/lib/polkit-1 -printf '%p %y %m %U:%G %l\\n' | sort
        find /etc /usr/share/polkit-1 /var/lib/polkit-1 -type f -exec sha256sum {} + | sort";
    bed.exec(["sh", "-c", script]).stdout
}

const PLAIN: &str = "[[command]]\nname = 'job'\nrun = ['/usr/local/sbin/job', '--all', '100%', '$HOME', 'a b;c']\n\
                     run_as = 'worker'\ngroups = ['operators']\n";

fn a_granted_user_starts_the_command_and_no_other_user(root: &Root) {
    let bed = start(root);
    let before = state(&bed);
    let unit = "polkit-command-job.service";
    let installed = install(&bed, PLAIN).success();
    assert!(installed.stdout.contains(&format!("wrote /etc/systemd/system/{unit}")), "{installed}");
    let note = "note: group operators: may run `/usr/local/sbin/job --all 100% $HOME a b;c` as worker";
    assert!(installed.stderr.contains(note), "{installed}");
    let row = format!("command job: org.freedesktop.systemd1.manage-units unit={unit} verb=start deploy yes yes");
    assert!(rows(&installed.stdout).contains(&row), "{installed}");
    assert!(works(&bed, "deploy", "start", unit), "{}", bed.exec(["systemctl", "status", unit]));
    until(|| printed(&bed).contains("ran as worker with <--all 100% $HOME a b;c>"));
    for (user, verb, unit) in [
        ("worker", "start", unit),
        ("games", "start", unit),
        ("deploy", "restart", unit),
        ("deploy", "kill", unit),
        ("deploy", "start", "cron.service"),
        ("deploy", "start", "polkit-command-other.service"),
    ] {
        assert!(!works(&bed, user, verb, unit), "{user} {verb} {unit}");
    }
    // A failure of the command is a failure of systemctl.
    bed.write("/usr/local/sbin/job", 0o755, "#!/bin/sh\nexit 3\n");
    assert!(!works(&bed, "deploy", "start", unit));
    let listed = bed.exec(["polkit-policy-gen", "list"]).success();
    assert!(listed.stdout.contains("command job: /usr/local/sbin/job --all 100% $HOME a b;c as worker"), "{listed}");
    assert_eq!(bed.exec(["polkit-policy-gen", "diff", POLICY]).code(), Some(0));
    let removed = bed.exec(["polkit-policy-gen", "remove"]).success();
    assert!(removed.stdout.contains(&format!("removed /etc/systemd/system/{unit}")), "{removed}");
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
    let shown = bed.exec(["systemctl", "show", "--property=LoadState", "--value", unit]).success();
    assert_eq!(shown.text(), "not-found");
    until(|| !works(&bed, "deploy", "start", unit));
}

fn an_argument_outside_the_list_is_refused(root: &Root) {
    let bed = start(root);
    let policy = "[[command]]\nname = 'job'\nrun = ['/usr/local/sbin/job', '--profile=%i', '%i']\nargument = ['daily', 'web-*']\n\
                  run_as = 'worker'\nusers = 'deploy'\n\
                  [[command]]\nname = 'mount'\nrun = ['/usr/local/sbin/job', '%i']\nargument = ['/srv/a b', 'x-y']\n\
                  run_as = 'worker'\nusers = 'deploy'\n";
    let installed = install(&bed, policy).success();
    assert!(installed.stderr.contains("polkit-command-mount@-srv-a\\x20b.service"), "{installed}");
    let job = |argument: &str| works(&bed, "deploy", "start", &format!("polkit-command-job@{argument}.service"));
    for argument in ["daily", "web-1"] {
        assert!(job(argument), "{argument}");
        let expected = format!("ran as worker with <--profile={argument} {argument}>");
        until(|| printed(&bed).contains(&expected));
    }
    for argument in ["weekly", "daily2", "webx", "-x", "daily@x"] {
        assert!(!job(argument), "{argument}");
    }
    assert!(!works(&bed, "games", "start", "polkit-command-job@daily.service"));
    assert!(!works(&bed, "deploy", "start", "polkit-command-job@.service"));
    // systemd-escape writes the names of the instances.
    for (argument, is_allowed) in [("/srv/a b", true), ("x-y", true), ("/srv/other", false)] {
        let name = bed.exec(["systemd-escape", "--template=polkit-command-mount@.service", "--", argument]).success();
        assert_eq!(works(&bed, "deploy", "start", name.text()), is_allowed, "{argument}");
        if is_allowed {
            until(|| printed(&bed).contains(&format!("ran as worker with <{argument}>")));
        }
    }
}

fn commands_that_other_users_control_are_refused(root: &Root) {
    let bed = start(root);
    let before = state(&bed);
    bed.write("/opt/own/job", 0o755, SCRIPT);
    bed.write("/opt/open/job", 0o777, SCRIPT);
    let _ = bed.exec(["chown", "worker", "/opt/own"]).success();
    let _ = bed.exec(["chmod", "0777", "/opt/open/job"]).success();
    let command = |run: &str, run_as: &str| {
        format!("[[command]]\nname = 'job'\nrun = {run}\nrun_as = '{run_as}'\nusers = 'deploy'\n")
    };
    for (run, run_as, why) in [
        ("['/opt/own/job']", "worker", "users other than root can change the program"),
        ("['/opt/open/job']", "worker", "users other than root can change the program"),
        ("['usr/local/sbin/job']", "worker", "`usr/local/sbin/job` is not an absolute path"),
        ("'/usr/local/sbin/job --all | tee log'", "worker", "and no line for a shell"),
        ("['/usr/local/sbin/none']", "worker", "there is no program /usr/local/sbin/none"),
        ("['/usr/local/sbin/job']", "absent", "there is no user `absent` to run the command as"),
        ("['/usr/local/sbin/job', '%i']", "worker", "and there is no `argument`"),
    ] {
        let refused = install(&bed, &command(run, run_as));
        assert_eq!(refused.code(), Some(1), "{refused}");
        let place = if run_as == "absent" {
            "4:10"
        } else if run.contains("%i") {
            "1:1"
        } else {
            "3:"
        };
        assert!(
            refused.stderr.contains(why) && refused.stderr.contains(&format!("{POLICY}:{place}")),
            "{run} {refused}"
        );
        let checked = bed.exec(["polkit-policy-gen", "check", POLICY]);
        assert!(checked.code() == Some(1) && checked.stdout.contains(why), "{checked}");
    }
    assert_eq!(difference(&before, &state(&bed)), [""; 0]);
}

fn the_sandbox_holds_and_the_policy_widens_it(root: &Root) {
    let bed = start(root);
    bed.write("/usr/local/sbin/job", 0o755, "#!/bin/sh\ntouch \"$1\" && echo \"wrote $1\"\n");
    let _ = bed.exec(["mkdir", "-p", "/etc/app", "/srv/app"]).success();
    let command = |name: &str, path: &str, more: &str| {
        format!(
            "[[command]]\nname = '{name}'\nrun = ['/usr/local/sbin/job', '{path}']\nrun_as = 'root'\nusers = 'deploy'\n{more}\n"
        )
    };
    let policy = command("data", "/srv/app/x", "")
        + &command("system", "/usr/x", "")
        + &command("config", "/etc/app/x", "")
        + &command("widened", "/etc/app/y", "writable = '/etc/app'")
        + &command("open", "/usr/y", "sandbox = { ProtectSystem = 'no' }");
    let installed = install(&bed, &policy).success();
    assert!(installed.stderr.contains("as root the program may do everything"), "{installed}");
    assert!(installed.stderr.contains("; ProtectSystem=no"), "{installed}");
    for (name, path, is_written) in [
        ("data", "/srv/app/x", true),
        ("system", "/usr/x", false),
        ("config", "/etc/app/x", false),
        ("widened", "/etc/app/y", true),
        ("open", "/usr/y", true),
    ] {
        let done = works(&bed, "deploy", "start", &format!("polkit-command-{name}.service"));
        assert_eq!((done, bed.exists(path)), (is_written, is_written), "{name}: {}", printed(&bed));
    }
}
