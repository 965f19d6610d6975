//! Processes and file systems that never end to be read, and processes by the hundred: what they cost everybody else.

use std::collections::HashMap;

use futures_util::StreamExt;
use polkit_tests::agent::by_hand::{
    Agent, MANAGE, POOL, POOL_CGROUP, PROBE, WWW_DATA, ask, light, process_in, until_served,
};
use polkit_tests::agent::double::{FAILED, Response, question, with_double};
use polkit_tests::agent::peer::{Peer, RUNTIME};
use polkit_tests::agent::record::Record;
use polkit_tests::agent::{in_unit, until};
use polkit_tests::polkit::{Verdict, subject};
use polkit_tests::{Bed, FullBed, Polkit, Process, Root, on_each_suite_with_rules, paths};
use zbus::{MessageStream, Variant, message::Type};

use crate::hangs::hook_bed;

on_each_suite_with_rules! {
    a_user_that_no_entry_names_cannot_stop_the_agent_by_an_endless_command_line
    a_served_process_cannot_get_round_a_refusal_by_an_endless_command_line
    a_served_process_that_is_never_read_keeps_no_other_challenge_waiting
    a_program_on_a_file_system_that_stands_still_delays_no_other_process
    a_pid_file_on_a_file_system_that_stands_still_delays_no_other_process
    a_look_at_everything_opens_no_more_processes_than_may_be_registered
    polkitd_by_itself_waits_for_an_endless_command_line
}

/// Longer than any of these tests takes. A program that reads such a process on this machine waits for so long at most.
const SECONDS: &str = "60";

fn install(bed: &Bed) {
    bed.copy_in(paths::hostile(), "/usr/local/bin/hostile", 0o755);
    let _ = bed.exec(["mknod", "-m", "666", "/dev/fuse", "c", "10", "229"]).success();
}

/// A process whose command line never ends to be read, and its pid.
fn endless(bed: &Bed, user: &str) -> (Process, u32) {
    let mut process = bed.spawn_as(user, ["hostile", "cmdline", SECONDS]);
    let pid = told_pid(&mut process);
    until_endless(bed, pid);
    (process, pid)
}

/// The pid in the first line that `hostile` prints.
fn told_pid(process: &mut Process) -> u32 {
    let line = process.line();
    let pid = line.split(' ').next().and_then(|pid| pid.parse().ok());
    pid.unwrap_or_else(|| panic!("`{line}` is no pid: {}", process.stderr()))
}

/// The read of the command line does not end. What waits can be killed.
fn until_endless(bed: &Bed, pid: u32) {
    let file = format!("/proc/{pid}/cmdline");
    until(|| bed.exec(["timeout", "--signal=KILL", "0.3", "cat", file.as_str()]).code() != Some(0));
}

fn own(bed: &FullBed) -> String {
    let _ = bed.exec(["journalctl", "--sync"]).success();
    bed.journal(["--unit=polkit-service-agent", "--output=cat"])
}

fn a_user_that_no_entry_names_cannot_stop_the_agent_by_an_endless_command_line(root: &Root) {
    const TIMES: usize = 18;
    let bed = hook_bed(root, "", install);
    let _ = bed.exec(["useradd", "--uid=3001", "mallory"]).success();
    let (process, pid) = endless(&bed, "mallory");
    let about = subject(&bed, pid, 3001);
    let began = bed.exec(["systemctl", "show", "--property=MainPID", "polkit-service-agent"]).success();
    for _ in 0..TIMES {
        assert_eq!(Polkit::of(&bed).check(&about, MANAGE), Verdict::NoAgent);
    }
    assert!(in_unit(&bed, "web-test.service").contains("running"), "{}", own(&bed));
    let now = bed.exec(["systemctl", "show", "--property=MainPID", "polkit-service-agent"]).success();
    assert_eq!(now.text(), began.text(), "the agent was restarted");
    let named = own(&bed).matches(&format!("process {pid} of uid 3001: no [[serve]] entry names it")).count();
    assert_eq!(named, TIMES, "{}", own(&bed));
    let line = "18 hook requests were about processes that no entry serves";
    until(|| bed.exec(["polkit-service-agent", "status"]).success().stdout.contains(line));
    // A new agent has no memory of the attack, and fares as the old one.
    let _ = bed.exec(["systemctl", "restart", "polkit-service-agent"]).success();
    for _ in 0..TIMES {
        assert_eq!(Polkit::of(&bed).check(&about, MANAGE), Verdict::NoAgent);
    }
    assert!(in_unit(&bed, "web-test.service").contains("running"), "{}", own(&bed));
    let restarts = bed.exec(["systemctl", "show", "--property=NRestarts", "--value", "polkit-service-agent"]).success();
    assert_eq!(restarts.text(), "0");
    process.kill();
}

const BAD: &str = r#"
[[serve]]
unit = "bad.service"
way = "hook"

[[rule]]
id = "program"
action = "org.libvirt.unix.manage"
unit = "bad.service"
user = "www-data"
exe = "/usr/local/bin/hostile"
answer = "allow"

[[rule]]
id = "never"
action = "org.libvirt.unix.manage"
unit = "bad.service"
answer = "deny"
"#;

/// Runs `hostile` as bad.service, and gives its pid.
fn bad_service(bed: &FullBed, arguments: &str) -> u32 {
    let program = format!("ExecStart=/usr/local/bin/hostile {arguments} {SECONDS}");
    let unit = format!("[Service]\nUser=www-data\n{program}\nStandardOutput=truncate:/run/bad\n");
    bed.write("/etc/systemd/system/bad.service", 0o644, unit);
    let _ = bed.exec(["systemctl", "daemon-reload"]).success();
    let _ = bed.exec(["rm", "-f", "/run/bad"]).success();
    let _ = bed.exec(["systemctl", "start", "bad.service"]).success();
    until(|| bed.exec(["grep", "-q", "^[0-9]", "/run/bad"]).code() == Some(0));
    bed.read("/run/bad").split(' ').next().and_then(|pid| pid.parse().ok()).expect("a pid")
}

/// By the rules that libvirt ships, a member of the group libvirt may. What cannot be read is no program that a rule names, and
/// is not exempt from a refusal.
fn a_served_process_cannot_get_round_a_refusal_by_an_endless_command_line(root: &Root) {
    let bed = hook_bed(root, BAD, install);
    let _ = bed.exec(["usermod", "--append", "--groups=libvirt", "www-data"]).success();
    let ask = |pid: u32| Polkit::of(&bed).check(&subject(&bed, pid, WWW_DATA), MANAGE);
    let outside = bed.spawn_as("www-data", ["sleep", "1000"]);
    assert_eq!(ask(outside.pid()), Verdict::Yes, "libvirt's rule");
    let readable = bad_service(&bed, "forks 0");
    assert_eq!(ask(readable), Verdict::Yes, "{}", own(&bed));
    let _ = bed.exec(["systemctl", "stop", "bad.service"]).success();
    let pid = bad_service(&bed, "cmdline");
    until_endless(&bed, pid);
    // The first read does not end; further ones rest.
    for _ in 0..3 {
        assert_eq!(ask(pid), Verdict::No, "{}", own(&bed));
    }
    let warning = format!("reading process {pid} of uid 33 did not return");
    assert!(own(&bed).contains(&warning), "{}", own(&bed));
    // The agent publishes its status ten times a second.
    let line = format!("1 read did not return; the last read process {pid} of uid 33");
    until(|| bed.exec(["polkit-service-agent", "status"]).success().stdout.contains(&line));
    let _ = bed.exec(["systemctl", "kill", "--signal=KILL", "bad.service"]).success();
}

/// A double asks, since a real polkitd hangs by itself when it writes of such a process to its log.
fn a_served_process_that_is_never_read_keeps_no_other_challenge_waiting(root: &Root) {
    const COOKIES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let config = format!("[agent]\nanswer_within = \"20s\"\n{POOL}");
    let (bed, double, agent, victim) = with_double(root, Response::Take, &config);
    install(&bed);
    let (process, pid) = endless(&bed, "www-data");
    bed.move_to_cgroup(pid, POOL_CGROUP);
    let (hostile, other) = (double.registered(pid), double.registered(victim.pid()));
    let asked = COOKIES.map(|cookie| double.begin_aside(&hostile, question("org.example.x", pid, cookie)));
    // Reads of one uid rest after one that did not end; what needs none of them goes on.
    for cookie in ["m", "n", "o"] {
        assert_eq!(double.begin(&other, &question(MANAGE, victim.pid(), cookie)), Ok(()), "{}", agent.said());
    }
    for asked in asked {
        let ended = RUNTIME.block_on(asked).expect("no panic");
        assert_eq!(ended, Err(FAILED.to_owned()));
    }
    let refused = || agent.decisions("org.example.x");
    until(|| refused().iter().map(Record::times).sum::<usize>() == COOKIES.len());
    assert!(refused().iter().all(|record| record.verdict() == ("deny", "", "no-rule")), "{}", agent.said());
    assert!(agent.said().contains(&format!("reading process {pid} of uid 33 did not return")), "{}", agent.said());
    process.kill();
}

fn a_program_on_a_file_system_that_stands_still_delays_no_other_process(root: &Root) {
    let bed = light(root);
    install(&bed);
    let _ = bed.exec(["useradd", "--uid=3001", "mallory"]).success();
    let mut server = bed.spawn_as("root", ["hostile", "exe", "mallory", SECONDS]);
    let pid = told_pid(&mut server);
    let exe = format!("/proc/{pid}/exe");
    until(|| bed.exec(["readlink", exe.as_str()]).stdout.contains("/srv/share/program"));
    let victim = process_in(&bed, "www-data", POOL_CGROUP);
    let config = POOL.replacen("unit = \"pool.service\"", "user = \"www-data\"", 1);
    let agent = Agent::start(&bed, &config);
    until_served(&bed, victim.pid());
    bed.write("/run/stall", 0o644, "");
    // What the server has taken and does not answer cannot be killed either.
    let stuck = bed.spawn_as("root", ["stat", "-L", exe.as_str()]);
    until(|| bed.read(format!("/proc/{}/wchan", stuck.pid())).contains("request_wait_answer"));
    let newcomer = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, newcomer.pid());
    assert_eq!(ask(&bed, newcomer.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    assert_eq!(bed.exec(["timeout", "10", "polkit-service-agent", "status"]).code(), Some(0));
    bed.remove("/run/stall");
    server.kill();
    stuck.kill();
}

fn a_pid_file_on_a_file_system_that_stands_still_delays_no_other_process(root: &Root) {
    let bed = light(root);
    install(&bed);
    let _ = bed.exec(["useradd", "--uid=3001", "mallory"]).success();
    let mut server = bed.spawn_as("root", ["hostile", "exe", "mallory", SECONDS]);
    let _pid = told_pid(&mut server);
    bed.write("/run/stall", 0o644, "");
    let agent = Agent::start(&bed, &format!("[[serve]]\npid_file = \"/srv/share/x.pid\"\n{POOL}"));
    until(|| agent.said().contains("reading the file /srv/share/x.pid did not return"));
    let victim = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, victim.pid());
    assert_eq!(ask(&bed, victim.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    bed.remove("/run/stall");
    server.kill();
}

/// The kernel never makes a table of descriptors smaller: its size tells how many there ever were.
fn a_look_at_everything_opens_no_more_processes_than_may_be_registered(root: &Root) {
    let bed = light(root);
    install(&bed);
    let mut crowd = bed.spawn_as("www-data", ["sh", "-c", "read go; exec hostile forks 600 60"]);
    bed.move_to_cgroup(crowd.pid(), POOL_CGROUP);
    crowd.say("");
    let _pid = told_pid(&mut crowd);
    let agent = Agent::start(&bed, &format!("[agent]\nmax_registrations = 8\n{POOL}"));
    until(|| agent.said().contains("more than 8 processes"));
    let status = || bed.exec(["polkit-service-agent", "status", "--json"]).success().stdout;
    until(|| !status().contains("\"over_limit\":0"));
    let table = bed.read(format!("/proc/{}/status", agent.pid()));
    let size = table.lines().find_map(|line| line.strip_prefix("FDSize:")).and_then(|size| size.trim().parse().ok());
    assert!(size.is_some_and(|size: u32| size <= 256), "{size:?} descriptors");
    crowd.kill();
}

/// An agent of a user's own, which answers every question with an error.
fn refusing_agent(bed: &Bed, user: &str, (pid, start): (u32, u64)) -> Peer {
    const AUTHORITY: &str = "org.freedesktop.PolicyKit1";
    let peer = Peer::of(bed, user);
    let connection = peer.connection.clone();
    let mut messages = MessageStream::from(&connection);
    RUNTIME.spawn(async move {
        while let Some(Ok(message)) = messages.next().await {
            if message.message_type() == Type::MethodCall {
                let _ = connection.reply_error(&message.header(), FAILED, &"no").await;
            }
        }
    });
    let subject = HashMap::from([("pid", Variant::U32(pid)), ("start-time", Variant::U64(start))]);
    let arguments = (("unix-process", subject), "C", "/an/agent");
    let (path, interface) = ("/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority");
    let reply = peer.call(AUTHORITY, path, interface, "RegisterAuthenticationAgent", &arguments);
    assert!(reply.is_ok(), "{reply:?}");
    peer
}

/// No part of this project runs here. polkitd reads the command line of the subject for a line of its log, on the thread that
/// answers everybody: docs/upstream/polkit-endless-command-line.md.
fn polkitd_by_itself_waits_for_an_endless_command_line(root: &Root) {
    let bed = light(root);
    install(&bed);
    for (user, uid) in [("mallory", "--uid=3001"), ("bob", "--uid=3002")] {
        let _ = bed.exec(["useradd", uid, user]).success();
    }
    let other = bed.spawn_as("bob", ["sleep", "1000"]);
    let ask_about = |pid: u32, uid: u32| format!("{pid},{},{uid}", bed.start_time(pid).expect("it runs"));
    let bob = ask_about(other.pid(), 3002);
    let check = |subject: &str| {
        ["timeout", "--signal=KILL", "3", "pkcheck", "--action-id", PROBE, "--process", subject].map(str::to_owned)
    };
    assert_eq!(bed.exec_as("bob", check(&bob)).code(), Some(2));
    let (process, pid) = endless(&bed, "mallory");
    let _agent = refusing_agent(&bed, "mallory", (pid, bed.start_time(pid).expect("it runs")));
    let mallory = ask_about(pid, 3001);
    let asking = ["pkcheck", "--allow-user-interaction", "--action-id", PROBE, "--process", mallory.as_str()];
    let asking = bed.spawn_as("mallory", asking);
    until(|| bed.exec_as("bob", check(&bob)).code() != Some(2));
    println!("FACT\t{}\tpolkitd waits for an endless command line of a subject\tyes", root.suite().polkit());
    process.kill();
    until(|| bed.exec_as("bob", check(&bob)).code() == Some(2));
    asking.kill();
}
