//! The agent's commands: their exit codes and messages.

use std::os::unix::process::ExitStatusExt;

use polkit_tests::agent::by_hand::{
    Agent, CONFIG_FILE, MANAGE, POOL, POOL_CGROUP, builder, full, light, process_in, until_served,
};
use polkit_tests::agent::until;
use polkit_tests::{Bed, LightBed, Output, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_broken_configuration_is_shown_in_its_place_with_a_way_out
    all_errors_of_a_file_are_shown_at_once
    an_empty_configuration_is_right_and_starts
    a_file_that_cannot_be_trusted_or_read_is_refused
    check_tells_the_order_and_what_is_root_equivalent
    test_answers_in_exit_codes_and_json
    test_reads_a_real_process
    exec_without_a_registration_runs_nothing
    exec_becomes_the_command_and_ends_as_it_does
    a_user_has_sixteen_registrations_by_exec
    without_polkitd_run_says_what_to_install
    under_systemd_polkitd_is_waited_for
    without_a_bus_run_ends
    a_second_agent_ends_and_the_first_lives
    every_command_has_help_with_an_example
}

const PROGRAM: &str = "polkit-service-agent";

fn run(bed: &Bed, arguments: &[&str]) -> Output {
    bed.exec([PROGRAM].iter().chain(arguments))
}

/// What `check` and `run` both say of a configuration that both refuse.
fn refused(bed: &Bed, content: impl AsRef<[u8]>) -> String {
    bed.write(CONFIG_FILE, 0o644, content);
    refused_as_it_is(bed)
}

fn refused_as_it_is(bed: &Bed) -> String {
    let [check, run] = ["check", "run"].map(|command| run(bed, &[command]));
    for (output, code) in [(&check, 1), (&run, 78)] {
        assert_eq!((output.code(), output.stdout.as_str()), (Some(code), ""), "{output}");
    }
    let report = |output: &Output| {
        output.stderr.split("polkit-service-agent: the configuration has errors").next().unwrap().to_owned()
    };
    assert_eq!(report(&check), report(&run));
    check.stderr
}

// A broken configuration.

fn a_broken_configuration_is_shown_in_its_place_with_a_way_out(root: &Root) {
    let bed = light(root);
    let rule = |key: &str| format!("[[rule]]\nid = \"a\"\naction = \"org.example.x\"\nuser = \"daemon\"\n{key}\n");
    let denied = rule("answer = \"deny\"");
    // The file, where, what, and the way out.
    let cases = [
        (
            "[agent]\ncolour = \"red\"\n".to_owned(),
            "2:1",
            "unknown key `colour`",
            "known here: answer_within, max_registrations",
        ),
        ("[agent]\nanswer_within = 20\n".to_owned(), "2:17", "expected a length of time", "answer_within = \"20s\""),
        ("[[serve]]\nunit = \"apache2\"\n".to_owned(), "2:8", "cannot be a unit", "`apache2.service`"),
        ("[[serve]]\nexec = [\"root\"]\n".to_owned(), "2:9", "root needs no agent", ""),
        (denied.replace("daemon", "no-such-user"), "4:8", "there is no user `no-such-user`", "`getent passwd`"),
        (
            denied.replace("user = \"daemon\"", "group = \"no-such\""),
            "4:9",
            "there is no group `no-such`",
            "`getent group`",
        ),
        (rule("answer = \"perhaps\""), "5:10", "unknown answer `perhaps`", "`\"ask\"` or `\"authenticate\"`"),
        (
            denied.repeat(2),
            "6:1",
            "the id `a` is taken by the rule at /etc/polkit-service-agent/agent.toml:1",
            "choose",
        ),
        (denied.replace("id = \"a\"\n", ""), "1:1", "[[rule]] has no `id`", "add `id = "),
        (rule(""), "1:1", "[[rule]] has no `answer`", "add `answer = "),
        (rule("answer = [\"deny\"]"), "5:10", "expected a string", ""),
        ("answer = [\n".to_owned(), "1:11", "unclosed array", ""),
        (
            rule("answer = \"allow\"").replace("user = \"daemon\"\n", ""),
            "1:1",
            "this grants to every served process",
            "add `unit`, `user`",
        ),
        (
            rule("answer = \"allow\"").replace("org.example.x", "org.freedesktop.policykit.exec"),
            "1:1",
            "for all programs and all units",
            "`root_equivalent = true`",
        ),
    ];
    for (content, place, message, help) in cases {
        let said = refused(&bed, &content);
        let caret = said.lines().any(|line| line.trim_start().starts_with('|') && line.contains('^'));
        assert!(caret, "{said}");
        for part in [&format!("{CONFIG_FILE}:{place}\n"), message, help] {
            assert!(said.contains(part), "{part:?} is missing in\n{said}");
        }
        assert_eq!(said.matches("error: ").count(), 1, "{said}");
    }
}

fn all_errors_of_a_file_are_shown_at_once(root: &Root) {
    let bed = light(root);
    let said = refused(
        &bed,
        "[agent]\ncolour = 1\n[[serve]]\nunit = \"x\"\n[[rule]]\nid = \"a\"\nuser = \"no-such-user\"\nanswer = \"no\"\n",
    );
    for place in ["2:1", "4:8", "5:1", "7:8", "8:10"] {
        assert!(said.contains(&format!("{CONFIG_FILE}:{place}\n")), "{place} is missing in\n{said}");
    }
    assert_eq!(said.matches("error: ").count(), 5, "{said}");
}

fn an_empty_configuration_is_right_and_starts(root: &Root) {
    let bed = light(root);
    bed.write(CONFIG_FILE, 0o644, "");
    let _ = run(&bed, &["check"]).success();
    let test = run(&bed, &["test", "--action", MANAGE, "--user", "www-data", "--json"]).failure();
    assert_eq!((test.code(), test.text()), (Some(1), "{\"verdict\":\"deny\",\"rule\":null,\"reason\":\"no-rule\"}"));
    let _agent = Agent::start(&bed, "");
    bed.remove(CONFIG_FILE);
    let _ = run(&bed, &["check"]).success();
}

fn a_file_that_cannot_be_trusted_or_read_is_refused(root: &Root) {
    let bed = light(root);
    bed.write(CONFIG_FILE, 0o664, POOL);
    let said = refused_as_it_is(&bed);
    assert!(said.contains("mode 0664") && said.contains("chmod go-w"), "{said}");
    bed.write(CONFIG_FILE, 0o644, POOL);
    let _ = bed.exec(["chown", "www-data", CONFIG_FILE]).success();
    let said = refused_as_it_is(&bed);
    assert!(said.contains("owner 33") && said.contains("chown root:root"), "{said}");
    let _ = bed.exec(["chown", "root", CONFIG_FILE]).success();
    let folder = "/etc/polkit-service-agent";
    let _ = bed.exec(["chmod", "0777", folder]).success();
    let said = refused_as_it_is(&bed);
    assert!(said.contains("the directory") && said.contains(folder) && said.contains("mode 0777"), "{said}");
    let _ = bed.exec(["chmod", "0755", folder]).success();
    let _ = run(&bed, &["check"]).success();

    // In a sticky directory only the owner of an entry can replace it: root's is trusted, another user's is not.
    let link = "/tmp/agent.toml";
    let _ = bed.exec(["ln", "-s", CONFIG_FILE, link]).success();
    let _ = run(&bed, &["check", "--config", link]).success();
    let _ = bed.exec(["chown", "-h", "www-data", link]).success();
    assert_eq!(run(&bed, &["check", "--config", link]).code(), Some(1));

    let said = refused(&bed, b"# right\nid = \"\xff\"\n");
    assert!(said.contains("is not UTF-8") && said.contains("agent.toml:2:7\n"), "{said}");
    let said = refused(&bed, "#".repeat(10 << 20));
    assert!(said.contains("larger than 1 MiB") && said.len() < 1000, "{said}");
    bed.remove(CONFIG_FILE);
    let _ = bed.exec(["ln", "-s", "agent.toml", CONFIG_FILE]).success();
    let said = refused_as_it_is(&bed);
    assert!(said.contains("form a loop"), "{said}");

    let absent = run(&bed, &["check", "--config", "/etc/no-such.toml"]).failure();
    assert!(absent.code() == Some(1) && absent.stderr.contains("/etc/no-such.toml"), "{absent}");
}

fn check_tells_the_order_and_what_is_root_equivalent(root: &Root) {
    let bed = light(root);
    bed.write(CONFIG_FILE, 0o644, POOL);
    let rule = |id: &str| format!("[[rule]]\nid = \"{id}\"\naction = \"org.example.x\"\nanswer = \"deny\"\n");
    bed.write("/etc/polkit-service-agent/agent.d/60-late.toml", 0o644, rule("late"));
    bed.write("/etc/polkit-service-agent/agent.d/40-early.toml", 0o644, rule("early"));
    let check = run(&bed, &["check"]).success();
    let position = |text: &str| check.stdout.find(text).unwrap_or_else(|| panic!("{text} is missing in {check}"));
    assert!(
        position("deny \"early\"") < position("allow \"pool\"")
            && position("allow \"pool\"") < position("deny \"late\"")
    );
    assert!(position("root-equivalent") > 0);
    assert!(position("allow \"pool\": org.libvirt.unix.manage for unit pool.service") > 0);
    bed.write(
        CONFIG_FILE,
        0o644,
        POOL.replacen("unit = \"pool.service\"", "unit = \"poool.service\"\nway = \"hook\"", 1),
    );
    let check = run(&bed, &["check"]).success();
    for said in ["poool.service (hook)", "grants to pool.service, which no [[serve]] entry serves"] {
        assert!(check.stdout.contains(said), "{check}");
    }
}

// What the rules say.

fn test_answers_in_exit_codes_and_json(root: &Root) {
    let bed = light(root);
    let dismiss = "[[rule]]\nid = \"later\"\naction = \"org.example.x\"\nanswer = \"dismiss\"\n";
    bed.write(CONFIG_FILE, 0o644, format!("{POOL}{dismiss}"));
    let test = |arguments: &[&str]| run(&bed, &[&["test", "--json", "--user", "www-data"], arguments].concat());
    let said = |arguments: &[&str]| {
        let output = test(arguments);
        let without_near = output.text().split(",\"near\":").next().unwrap_or_default();
        (output.code(), format!("{}}}", without_near.trim_end_matches('}')))
    };
    let json = |verdict: &str, rule: &str, reason: &str| {
        format!("{{\"verdict\":\"{verdict}\",\"rule\":{rule},\"reason\":\"{reason}\"}}")
    };
    let pool = ["--action", MANAGE, "--unit", "pool.service"];
    assert_eq!(said(&pool), (Some(0), json("allow", "\"pool\"", "rule")));
    assert_eq!(
        said(&["--action", MANAGE]),
        (Some(1), json("deny", "null", "no-rule")),
        "an unknown unit grants nothing"
    );
    let other = ["--action", MANAGE, "--unit", "other.service"];
    assert_eq!(said(&other), (Some(1), json("deny", "null", "no-rule")));
    assert_eq!(said(&["--action", "org.example.x"]), (Some(1), json("dismiss", "\"later\"", "rule")));
    let text = run(&bed, &["test", "--user", "www-data", "--action", MANAGE, "--unit", "pool.service"]).success();
    assert!(text.stdout.starts_with("allow: rule \"pool\" (/etc/polkit-service-agent/agent.toml:5"), "{text}");

    for usage in [&["test"][..], &["test", "--action", MANAGE], &["test", "--colour"], &[], &["fly"]] {
        let output = run(&bed, usage);
        assert!(output.code() == Some(2) && output.stderr.contains("sage:"), "{output}");
    }
    for absent in [&["--user", "no-such-user"][..], &["--pid", "4194304"], &["--pid", "0"]] {
        let output = run(&bed, &[&["test", "--action", MANAGE], absent].concat());
        assert!(output.code() == Some(3) && output.stdout.is_empty() && !output.stderr.is_empty(), "{output}");
    }
    bed.write(CONFIG_FILE, 0o644, "x = ");
    let broken = test(&pool);
    assert_eq!((broken.code(), broken.text()), (Some(3), ""), "{broken}");
}

fn test_reads_a_real_process(root: &Root) {
    let bed = light(root);
    bed.write(CONFIG_FILE, 0o644, POOL);
    let inside = process_in(&bed, "www-data", POOL_CGROUP);
    let outside = bed.spawn_as("www-data", ["sleep", "1000"]);
    let stranger = process_in(&bed, "games", POOL_CGROUP);
    let code = |pid: u32| run(&bed, &["test", "--action", MANAGE, "--pid", &pid.to_string()]).code();
    assert_eq!([inside.pid(), outside.pid(), stranger.pid()].map(code), [Some(0), Some(1), Some(1)]);
}

// exec.

fn exec(bed: &Bed, user: &str, command: &[&str]) -> Output {
    bed.exec_as(user, [PROGRAM, "exec", "--"].iter().chain(command))
}

const EXEC: &str = "[[serve]]\nexec = [\"www-data\", \"@games\"]\n";

fn exec_without_a_registration_runs_nothing(root: &Root) {
    let bed = light(root);
    let nothing_ran = |output: Output, why: &str| {
        assert_eq!((output.code(), output.stdout.as_str()), (Some(125), ""), "{output}");
        assert!(output.stderr.contains("echo was not run") && output.stderr.contains(why), "{output}");
    };
    nothing_ran(exec(&bed, "www-data", &["echo", "ran"]), "Is polkit-service-agent.service running?");
    let agent = Agent::start(&bed, EXEC);
    nothing_ran(exec(&bed, "daemon", &["echo", "ran"]), "no [[serve]] entry names this user");
    nothing_ran(exec(&bed, "root", &["echo", "ran"]), "root needs no agent");
    assert_eq!(exec(&bed, "games", &["echo", "ran"]).success().text(), "ran", "by its group");
    bed.stop_polkitd();
    drop(agent);
    nothing_ran(exec(&bed, "www-data", &["echo", "ran"]), "cannot reach the agent");
}

fn exec_becomes_the_command_and_ends_as_it_does(root: &Root) {
    let bed = light(root);
    let _agent = Agent::start(&bed, EXEC);
    let not_there = exec(&bed, "www-data", &["no-such-program"]);
    assert!(not_there.code() == Some(127) && not_there.stderr.contains("cannot run no-such-program"), "{not_there}");
    let hostile = exec(&bed, "www-data", &["no-such\u{1b}[2J\nprogram"]);
    assert!(hostile.stderr.contains("cannot run no-such\\x1b[2J\\x0aprogram"), "{hostile}");
    let no_program = exec(&bed, "www-data", &["/etc/passwd"]);
    assert!(no_program.code() == Some(126) && no_program.stderr.contains("Permission denied"), "{no_program}");
    assert_eq!(exec(&bed, "www-data", &["sh", "-c", "exit 7"]).code(), Some(7));
    let pids = "echo $$; exec polkit-service-agent exec -- sh -c 'echo $$'";
    let pids = bed.exec_as("www-data", ["sh", "-c", pids]).success();
    let pids: Vec<&str> = pids.text().lines().collect();
    assert_eq!((pids.len(), pids[0]), (2, pids[1]), "the same process");
    let killed = exec(&bed, "www-data", &["sh", "-c", "kill -TERM $$"]);
    assert_eq!(killed.status.signal(), Some(15), "{killed}");
}

fn a_user_has_sixteen_registrations_by_exec(root: &Root) {
    let bed = light(root);
    let _agent = Agent::start(&bed, EXEC);
    let sleep = |user: &str| {
        let script = "echo $$; exec sleep 1000";
        let mut process = bed.spawn_as(user, [PROGRAM, "exec", "--", "sh", "-c", script]);
        assert_eq!(process.line(), process.pid().to_string(), "{}", process.stderr());
        process
    };
    let mut sleepers: Vec<_> = (0..16).map(|_| sleep("www-data")).collect();
    let seventeenth = exec(&bed, "www-data", &["echo", "ran"]);
    assert_eq!((seventeenth.code(), seventeenth.stdout.as_str()), (Some(125), ""), "{seventeenth}");
    assert!(seventeenth.stderr.contains("already has 16 registrations by `exec`"), "{seventeenth}");
    let _other = sleep("games");
    sleepers.pop().unwrap().kill();
    until(|| exec(&bed, "www-data", &["true"]).code() == Some(0));
}

// What it needs.

fn without_activation(root: &Root) -> LightBed {
    let activation = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service";
    let bed = builder(root).without(activation).without_libvirtd().start();
    bed.write(CONFIG_FILE, 0o644, POOL);
    bed
}

fn without_polkitd_run_says_what_to_install(root: &Root) {
    let bed = without_activation(root);
    bed.stop_polkitd();
    let output = run(&bed, &["run"]);
    assert!(output.code() == Some(3) && output.stderr.contains("apt install polkitd"), "{output}");
}

fn under_systemd_polkitd_is_waited_for(root: &Root) {
    let bed = full(root).mask("polkit.service").without_libvirtd().file(CONFIG_FILE, 0o644, POOL).start();
    let _ = bed.exec(["systemctl", "start", "--no-block", "polkit-service-agent"]).success();
    let property = |name: &str| {
        let shown = bed.exec(["systemctl", "show", "--value", "--property", name, "polkit-service-agent"]).success();
        shown.text().to_owned()
    };
    until(|| property("StatusText").contains("waiting for polkitd"));
    assert_eq!(property("ActiveState"), "activating");
    let pid = property("MainPID");
    let _ = bed.exec(["systemctl", "unmask", "polkit.service"]).success();
    let _ = bed.exec(["systemctl", "start", "polkit.service"]).success();
    until(|| property("ActiveState") == "active");
    assert_eq!(property("MainPID"), pid, "the same process has waited");
}

fn without_a_bus_run_ends(root: &Root) {
    let bed = light(root);
    bed.write(CONFIG_FILE, 0o644, POOL);
    let no_bus = "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/no-such-bus";
    let output = bed.exec(["env", no_bus, PROGRAM, "run"]);
    assert!(output.code() == Some(3) && output.stderr.contains("cannot reach the system bus"), "{output}");
}

fn a_second_agent_ends_and_the_first_lives(root: &Root) {
    let bed = light(root);
    let _first = Agent::start(&bed, POOL);
    let second = run(&bed, &["run"]);
    assert!(second.code() == Some(3) && second.stderr.contains("another polkit-service-agent is running"), "{second}");
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, process.pid());
}

fn every_command_has_help_with_an_example(root: &Root) {
    let bed = light(root);
    let overview = run(&bed, &["--help"]).success();
    let (_, listed) = overview.stdout.split_once("Commands:\n").expect("a list of the commands");
    let lines = listed.lines().take_while(|line| !line.is_empty());
    // A name is indented by two; the text of a long line goes on below, indented by more.
    let named = lines.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let mut commands: Vec<&str> = named.filter_map(|line| line.split_whitespace().next()).collect();
    commands.retain(|command| *command != "help");
    for known in ["run", "exec", "status", "pending", "approve", "deny", "decisions", "check", "test"] {
        assert!(commands.contains(&known), "{known} is not among {commands:?}");
    }
    for command in commands.iter().map(|command| vec![*command, "--help"]).chain([vec!["--help"]]) {
        let help = run(&bed, &command).success();
        assert!(help.stdout.contains("Example") && help.stdout.contains("Exit codes:"), "{help}");
        assert!(!help.stdout.contains('\u{1b}'), "colour is for a terminal alone");
    }
}
