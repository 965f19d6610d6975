//! What the agent's unit may do, by the measure of systemd-analyze(1), and that it can do with no less.

use polkit_tests::agent;
use polkit_tests::agent::by_hand::{
    CONFIG_FILE, MANAGE, POOL, POOL_CGROUP, ask, builder, full, process_in, until_served,
};
use polkit_tests::agent::until;
use polkit_tests::polkit::Verdict;
use polkit_tests::{FullBed, Process, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    the_unit_and_its_drop_ins_keep_to_their_figures
    the_running_agent_has_two_capabilities_and_a_filter
    the_journal_has_the_name_of_the_program_once_and_no_note_on_what_the_unit_intends
    what_is_left_to_the_unit_is_needed
    a_program_is_seen_by_cap_sys_ptrace_alone
    a_program_in_a_home_is_not_seen_and_that_is_said
    process_events_come_in_the_host_s_network_alone
    old_kernels_tell_cap_net_admin_alone_of_processes
}

const UNIT: &str = "polkit-service-agent.service";
const DROP_INS: &str = "/etc/systemd/system/polkit-service-agent.service.d";
/// Where each mark stands with its reason and its test.
const PAPER: &str = include_str!("../../../SECURITY.md");

fn bed(root: &Root) -> FullBed {
    full(root).without_libvirtd().file(CONFIG_FILE, 0o644, POOL).start()
}

/// Gives the unit these drop-ins, and no others.
fn drop_in(bed: &FullBed, contents: &[&str]) {
    let _ = bed.exec(["rm", "-rf", DROP_INS]).success();
    for (number, content) in contents.iter().enumerate() {
        bed.write(format!("{DROP_INS}/{number}.conf"), 0o644, content);
    }
    let _ = bed.exec(["systemctl", "daemon-reload"]).success();
}

/// As it is shipped.
fn shipped(bed: &FullBed, name: &str) -> String {
    bed.read(format!("/usr/share/doc/polkit-service-agent/examples/{name}.conf"))
}

// The figures.

/// systemd-analyze(1) weighs what is left to a unit from 0 to 10; its weights are those of its version.
fn the_unit_and_its_drop_ins_keep_to_their_figures(root: &Root) {
    let bed = bed(root);
    let [follow, sessions] = ["follow", "sessions"].map(|name| shipped(&bed, name));
    let cases: [(&str, &[&str], &str); 4] = [
        ("gives the unit", &[], "1.3"),
        ("with the drop-in `follow.conf`", &[&follow], "1.9"),
        ("with `sessions.conf`", &[&sessions], "1.4"),
        ("with both", &[&follow, &sessions], "2.1"),
    ];
    let paper = PAPER.split_whitespace().collect::<Vec<_>>().join(" ");
    for (what, contents, expected) in cases {
        assert!(paper.contains(&format!("{what} {expected}")), "SECURITY.md has another figure than {expected} {what}");
        drop_in(&bed, contents);
        let analysis = bed.exec(["systemd-analyze", "--no-pager", "security", UNIT]).success().stdout;
        let (_, overall) = analysis.split_once("Overall exposure level").expect("a figure");
        let figure = overall.split_whitespace().nth(2).expect("a figure").to_owned();
        println!("SECURITY\t{}\t{what}\t{figure}", root.suite());
        assert_eq!(figure, expected, "{what}: {analysis}");
        for mark in analysis.lines().filter_map(|line| line.strip_prefix('✗')) {
            let mark = mark.split_whitespace().next().expect("a name");
            assert!(
                PAPER.replace("\\|", "|").contains(&format!("| `{mark}`")),
                "{what}: {mark} has no reason in SECURITY.md"
            );
        }
    }
}

fn the_running_agent_has_two_capabilities_and_a_filter(root: &Root) {
    let bed = bed(root);
    agent::start_agent(&bed);
    let status = bed.read(format!("/proc/{}/status", main_pid(&bed)));
    // CAP_CHOWN is bit 0, CAP_SYS_PTRACE is bit 19 (capabilities(7)).
    for line in ["CapPrm:\t0000000000080001", "CapEff:\t0000000000080001", "CapBnd:\t0000000000080001"] {
        assert!(status.contains(line), "{status}");
    }
    for line in ["CapInh:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{status}");
    }
}

fn main_pid(bed: &FullBed) -> String {
    bed.exec(["systemctl", "show", "--value", "--property=MainPID", UNIT]).success().text().to_owned()
}

// What is left.

/// What the unit says when it is started, and whether it stays up.
fn start(bed: &FullBed, content: &str) -> (bool, String) {
    let _ = bed.exec(["systemctl", "stop", UNIT]);
    let _ = bed.exec(["systemctl", "reset-failed", UNIT]);
    drop_in(bed, &[&format!("[Service]\nRestart=no\n{content}\n")]);
    let end = bed.journal(["--lines=0", "--show-cursor"]);
    let cursor = end.lines().find_map(|line| line.strip_prefix("-- cursor: ")).expect("a cursor");
    let started = bed.exec(["systemctl", "start", UNIT]).status.success();
    let _ = bed.exec(["journalctl", "--sync"]).success();
    // Not by the invocation: of a process that has ended journald may not know it any more.
    let said = bed.journal(["--output=cat", "--unit", UNIT, &format!("--after-cursor={cursor}")]);
    (started, said)
}

fn the_journal_has_the_name_of_the_program_once_and_no_note_on_what_the_unit_intends(root: &Root) {
    let bed = bed(root);
    agent::start_agent(&bed);
    let _ = bed.exec(["journalctl", "--sync"]).success();
    let said = bed.journal(["--unit", UNIT, "--output=json"]);
    let lines: Vec<&str> =
        said.lines().filter(|line| line.contains("\"SYSLOG_IDENTIFIER\":\"polkit-service-agent\"")).collect();
    assert!(lines.iter().any(|line| line.contains("\"MESSAGE\":\"ready\"")), "{said}");
    assert!(!lines.iter().any(|line| line.contains("\"MESSAGE\":\"polkit-service-agent")), "{said}");
    assert!(!said.contains("no process events"), "{said}");
    bed.write(CONFIG_FILE, 0o644, "broken");
    let _ = bed.exec(["systemctl", "restart", UNIT]).failure();
    let _ = bed.exec(["journalctl", "--sync"]).success();
    let said = bed.journal(["--unit", UNIT, "--output=json", "--priority=err"]);
    assert!(said.contains("\"MESSAGE\":\"the configuration has errors: not started\""), "{said}");
    // The stream of a script has the name of the script.
    let _ =
        bed.exec(["systemd-run", "--wait", "--unit=script", "sh", "-c", "polkit-service-agent status; true"]).success();
    let _ = bed.exec(["journalctl", "--sync"]).success();
    let said = bed.journal(["--unit=script", "--output=cat"]);
    assert!(said.contains("polkit-service-agent: polkit-service-agent is not running"), "{said}");
}

fn what_is_left_to_the_unit_is_needed(root: &Root) {
    let bed = bed(root);
    let cases = [
        ("", true, ""),
        ("CapabilityBoundingSet=~CAP_SYS_PTRACE", false, "/ns/pid"),
        ("CapabilityBoundingSet=~CAP_CHOWN", true, "hook.sock, so hook requests get no reply"),
        ("SystemCallFilter=~@chown", true, "hook.sock, so hook requests get no reply"),
        ("RestrictAddressFamilies=none", false, "cannot reach the system bus"),
        ("PrivateUsers=yes", false, "/ns/pid"),
        ("RootDirectory=/run", false, "status=203/EXEC"),
        ("User=nobody", false, "cannot read"),
    ];
    for (content, starts, says) in cases {
        let (started, said) = start(&bed, content);
        assert_eq!((started, said.contains(says)), (starts, true), "{content}: {said}");
    }
    // The drop-ins: without each of their settings the unit has what it has without the drop-in.
    let netlink = "RestrictAddressFamilies=AF_UNIX AF_NETLINK";
    let follow = shipped(&bed, "follow");
    assert!(follow.contains(netlink), "{follow}");
    let (_, said) = start(&bed, &follow);
    assert!(!said.contains("Address family not supported"), "{said}");
    let debug = "Environment=POLKIT_SERVICE_AGENT_LOG=debug";
    let without = follow.replace(netlink, &format!("RestrictAddressFamilies=AF_UNIX\n{debug}"));
    let (_, said) = start(&bed, &without);
    assert!(said.contains("no process events (Address family not supported"), "{said}");
    // The unit has one of these two marks in every case.
    let marks = |content: &str| {
        let _ = start(&bed, content);
        bed.exec(["systemd-analyze", "--no-pager", "security", UNIT]).stdout
    };
    assert!(marks("").contains("✗ DeviceAllow="));
    let without = marks("ProtectClock=no");
    assert!(!without.contains("✗ DeviceAllow=") && without.contains("✗ ProtectClock="), "{without}");
}

/// /proc/PID/exe and /proc/PID/ns of another user need this capability.
fn a_program_is_seen_by_cap_sys_ptrace_alone(root: &Root) {
    let bed = builder(root).without_libvirtd().start();
    bed.write(CONFIG_FILE, 0o644, format!("{POOL}exe = \"/usr/bin/sleep\"\n"));
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let test = |capabilities: &str| {
        let set = format!("--bounding-set={capabilities}");
        let test = ["polkit-service-agent", "test", "--action", MANAGE, "--pid", &process.pid().to_string()].join(" ");
        bed.exec(["setpriv", &set, "sh", "-c", &test]).code()
    };
    assert_eq!((test("-all,+sys_ptrace"), test("-sys_ptrace")), (Some(0), Some(1)));
}

/// So says the manual of the unit's ProtectHome=.
fn a_program_in_a_home_is_not_seen_and_that_is_said(root: &Root) {
    let bed = bed(root);
    let _ = bed.exec(["cp", "/bin/sleep", "/home/panel"]).success();
    bed.write("/etc/polkit-1/rules.d/46-agent.rules", 0o644, agent::AGENT_RULE);
    bed.write(CONFIG_FILE, 0o644, format!("{POOL}exe = \"/home/panel\"\n"));
    agent::start_agent(&bed);
    let process = bed.spawn_as("www-data", ["/home/panel", "1000"]);
    bed.move_to_cgroup(process.pid(), POOL_CGROUP);
    until_served(&bed, process.pid());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::No);
    let said = bed.journal(["--unit=polkit-service-agent", "--output=cat"]);
    assert!(said.contains("`/home/panel` cannot be read now"), "{said}");
}

// Process events, which come in a bed that shares the host's pids.

/// The agent as it is started by that command, and what it says of events.
fn says_of_events(root: &Root, before: &[&str]) -> String {
    let bed = builder(root).file(CONFIG_FILE, 0o644, POOL).sharing_host_pids().start();
    let run = ["env", "POLKIT_SERVICE_AGENT_LOG=debug", "polkit-service-agent", "run"];
    let agent: Process = bed.spawn_as("root", before.iter().chain(&run));
    until(|| agent.stderr().contains("polkit-service-agent: ready"));
    agent.stderr().lines().filter(|line| line.contains("no process events")).collect()
}

fn process_events_come_in_the_host_s_network_alone(root: &Root) {
    assert_eq!(says_of_events(root, &[]), "");
    let said = says_of_events(root, &["unshare", "--net"]);
    assert!(said.contains("no process events"), "{said}");
}

fn old_kernels_tell_cap_net_admin_alone_of_processes(root: &Root) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next().expect("a version"), numbers.next().expect("a version"));
    let said = says_of_events(root, &["setpriv", "--bounding-set=-net_admin"]);
    assert_eq!(said.contains("no process events"), version < (6, 6), "Linux {version:?}: {said}");
}
