//! The processes that the agent serves, as processes, units, configurations, polkitd and the agent itself come and go; and the
//! records of many requests.

use std::collections::{HashMap, HashSet};

use polkit_tests::agent;
use polkit_tests::agent::by_hand::{
    Agent, CONFIG_FILE, MANAGE, POOL, POOL_CGROUP, PROBE, WWW_DATA, ask, full, has_agent, light, process_in,
    until_served,
};
use polkit_tests::agent::peer::{OWN_NAMES, Peer};
use polkit_tests::agent::{record, start_agent, until};
use polkit_tests::polkit::Verdict;
use polkit_tests::{Bed, FullBed, Process, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    the_process_of_a_pid_file_is_served_and_the_next_one_in_it
    a_pid_file_that_others_may_write_serves_no_process
    a_pipe_in_place_of_a_user_s_pid_file_delays_no_other_process
    after_polkitd_s_restart_the_same_agent_serves_again
    a_killed_agent_is_started_again_and_leaves_no_stale_registration
    a_reload_adds_and_removes_units
    the_status_after_a_reload_is_that_of_the_new_configuration
    a_process_that_gave_root_up_is_judged_by_what_it_is_now
    a_process_moved_out_of_the_unit_is_not_served_any_more
    processes_beyond_max_have_no_agent_and_that_is_said_once
    entries_share_the_registrations_evenly
    a_unit_that_is_stopped_and_started_is_served_again
    a_process_that_ends_gives_its_connection_back
    every_question_has_one_decision_and_one_outcome_after_it
    many_equal_refusals_are_counted_and_none_is_lost
}

// pid files.

const PID_FILES: &str = r#"
[[serve]]
pid_file = "/run/panel.pid"

[[serve]]
pid_file = "/run/open.pid"

[[serve]]
pid_file = "/run/pids/in-open-folder.pid"

[[rule]]
id = "panel"
action = "org.libvirt.unix.manage"
user = "www-data"
answer = "allow"
"#;

fn the_process_of_a_pid_file_is_served_and_the_next_one_in_it(root: &Root) {
    let bed = light(root);
    let first = bed.spawn_as("www-data", ["sleep", "1000"]);
    bed.write("/run/panel.pid", 0o644, format!("{}\n", first.pid()));
    let agent = Agent::start(&bed, PID_FILES);
    assert_eq!(ask(&bed, first.pid(), MANAGE), Verdict::Yes, "served from the start: {}", agent.said());
    first.kill();
    bed.remove("/run/panel.pid");
    let second = bed.spawn_as("www-data", ["sleep", "1000"]);
    bed.write("/run/panel.pid", 0o644, second.pid().to_string());
    until_served(&bed, second.pid());
    // Its own user may write it: that user could only name processes of that user.
    let _ = bed.exec(["chown", "www-data", "/run/panel.pid"]).success();
    second.kill();
    let third = bed.spawn_as("www-data", ["sleep", "1000"]);
    bed.write("/run/panel.pid", 0o644, third.pid().to_string());
    until_served(&bed, third.pid());
}

fn a_pid_file_that_others_may_write_serves_no_process(root: &Root) {
    let bed = light(root);
    let victim = bed.spawn_as("www-data", ["sleep", "1000"]);
    let honest = bed.spawn_as("www-data", ["sleep", "1000"]);
    bed.write("/run/open.pid", 0o666, victim.pid().to_string());
    bed.write("/run/pids/in-open-folder.pid", 0o644, victim.pid().to_string());
    let _ = bed.exec(["chmod", "0777", "/run/pids"]).success();
    bed.write("/run/panel.pid", 0o644, honest.pid().to_string());
    let agent = Agent::start(&bed, PID_FILES);
    assert!(has_agent(&bed, honest.pid(), WWW_DATA));
    assert!(!has_agent(&bed, victim.pid(), WWW_DATA));
    let _ = bed.exec(["chown", "games", "/run/open.pid"]).success();
    let _ = bed.exec(["chmod", "0644", "/run/open.pid"]).success();
    // A scan since then has read another of the files.
    let later = bed.spawn_as("www-data", ["sleep", "1000"]);
    bed.write("/run/panel.pid", 0o644, later.pid().to_string());
    until_served(&bed, later.pid());
    assert!(!has_agent(&bed, victim.pid(), WWW_DATA), "a stranger's file");
    for file in ["/run/open.pid", "/run/pids/in-open-folder.pid"] {
        assert_eq!(
            agent.said().matches(&format!("{file}: cannot serve the process of this file")).count(),
            1,
            "{}",
            agent.said()
        );
    }
    let _ = bed.exec(["chown", "root", "/run/open.pid"]).success();
    until_served(&bed, victim.pid());
}

/// A service may keep its pid file in a folder of its own, and so put there what it likes.
fn a_pipe_in_place_of_a_user_s_pid_file_delays_no_other_process(root: &Root) {
    let bed = light(root);
    let _ = bed.exec(["install", "-d", "-o", "www-data", "/run/panel"]).success();
    let _ = bed.exec_as("www-data", ["mkfifo", "/run/panel/panel.pid"]).success();
    let pool = process_in(&bed, "www-data", POOL_CGROUP);
    let agent = Agent::start(&bed, &format!("{POOL}[[serve]]\npid_file = \"/run/panel/panel.pid\"\n"));
    until_served(&bed, pool.pid());
    assert!(agent.said().contains("/run/panel/panel.pid: cannot serve the process of this file"), "{}", agent.said());
    let panel = bed.spawn_as("www-data", ["sleep", "1000"]);
    let write = format!("rm /run/panel/panel.pid; echo {} > /run/panel/panel.pid", panel.pid());
    let _ = bed.exec_as("www-data", ["sh", "-c", &write]).success();
    until_served(&bed, panel.pid());
}

// polkitd and the agent.

fn after_polkitd_s_restart_the_same_agent_serves_again(root: &Root) {
    let bed = light(root);
    let mut agent = Agent::start(&bed, POOL);
    let processes: Vec<_> = (0..3).map(|_| process_in(&bed, "www-data", POOL_CGROUP)).collect();
    for _ in 0..2 {
        processes.iter().for_each(|process| until_served(&bed, process.pid()));
        bed.restart_polkitd();
    }
    processes.iter().for_each(|process| until_served(&bed, process.pid()));
    assert_eq!(ask(&bed, processes[0].pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    assert!(!agent.has_ended());
    // The agent holds no connection of before.
    let peer = Peer::of(&bed, "root");
    until(|| peer.names_of(agent.pid()).len() == OWN_NAMES + processes.len());
}

fn a_killed_agent_is_started_again_and_leaves_no_stale_registration(root: &Root) {
    let bed = full_bed(root);
    start_agent(&bed);
    let processes: Vec<_> = (0..5).map(|_| process_in(&bed, "www-data", POOL_CGROUP)).collect();
    processes.iter().for_each(|process| until_served(&bed, process.pid()));
    let main_pid = || {
        let shown = bed.exec(["systemctl", "show", "--value", "--property=MainPID", "polkit-service-agent"]);
        shown.success().text().to_owned()
    };
    let first = main_pid();
    let _ = bed.exec(["kill", "-KILL", &first]).success();
    until(|| !["0", &first].contains(&main_pid().as_str()));
    let _ = bed.exec(["systemctl", "start", "polkit-service-agent"]).success();
    for process in &processes {
        // Asked about an action that is granted: a stale registration would refuse it every time.
        until(|| ask(&bed, process.pid(), MANAGE) == Verdict::Yes);
    }
    let _ = bed.exec(["systemctl", "stop", "polkit-service-agent"]).success();
    for process in &processes {
        until(|| ask(&bed, process.pid(), MANAGE) == Verdict::NoAgent);
    }
}

fn the_status_after_a_reload_is_that_of_the_new_configuration(root: &Root) {
    let bed = full_bed(root);
    start_agent(&bed);
    for number in 0..10 {
        bed.write(CONFIG_FILE, 0o644, format!("{POOL}# {number}\n"));
        let script = "systemctl reload polkit-service-agent && exec polkit-service-agent status";
        let status = bed.exec(["sh", "-c", script]).success();
        assert!(!status.stdout.contains("newer than the one in force"), "{status}");
    }
}

fn a_reload_adds_and_removes_units(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, POOL);
    let pool = process_in(&bed, "www-data", POOL_CGROUP);
    let other = process_in(&bed, "www-data", "system.slice/other.service");
    until_served(&bed, pool.pid());
    assert!(!has_agent(&bed, other.pid(), WWW_DATA));
    agent.reload(&bed, &format!("{POOL}[[serve]]\nunit = \"other.service\"\n"));
    until_served(&bed, other.pid());
    assert!(has_agent(&bed, pool.pid(), WWW_DATA));
    agent.reload(&bed, "[[serve]]\nunit = \"other.service\"\n");
    until(|| !has_agent(&bed, pool.pid(), WWW_DATA));
    assert!(has_agent(&bed, other.pid(), WWW_DATA));
    // A broken one changes nothing.
    agent.reload(&bed, "x = ");
    until(|| agent.said().contains("the old configuration stays in force"));
    assert!(has_agent(&bed, other.pid(), WWW_DATA));
    agent.reload(&bed, "");
    until(|| !has_agent(&bed, other.pid(), WWW_DATA));
}

// Processes and units.

/// So does systemd: a process is root's in its unit's cgroup before it becomes the unit's user and program.
fn a_process_that_gave_root_up_is_judged_by_what_it_is_now(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, POOL);
    let peer = Peer::of(&bed, "root");
    let script = "read line; exec setpriv --reuid=www-data --regid=www-data --clear-groups sleep 1000";
    let mut process = bed.spawn_as("root", ["sh", "-c", script]);
    bed.move_to_cgroup(process.pid(), POOL_CGROUP);
    until(|| peer.names_of(agent.pid()).len() == OWN_NAMES + 1);
    process.say("go");
    let status = format!("/proc/{}/status", process.pid());
    until(|| bed.exec(["grep", "^Uid:\t33\t33\t33\t33$", &status]).status.success());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    let decision = agent.decision(MANAGE);
    assert_eq!((decision.get("SUBJECT_UID"), decision.get("IDENTITY")), ("33", "unix-user:33"));
}

fn a_process_moved_out_of_the_unit_is_not_served_any_more(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, POOL);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until(|| ask(&bed, process.pid(), MANAGE) == Verdict::Yes);
    bed.move_to_cgroup(process.pid(), "system.slice/elsewhere.service");
    // Until the next scan the agent is asked and refuses; then the process has no agent.
    assert_ne!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    until(|| !has_agent(&bed, process.pid(), WWW_DATA));
    bed.move_to_cgroup(process.pid(), "system.slice/pool.service/workers");
    until_served(&bed, process.pid());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "a cgroup that the unit made below its own");
}

fn processes_beyond_max_have_no_agent_and_that_is_said_once(root: &Root) {
    let bed = light(root);
    let processes: Vec<_> = (0..4).map(|_| process_in(&bed, "www-data", POOL_CGROUP)).collect();
    let config = POOL.replace("\n[[rule]]", "max = 2\n\n[[serve]]\nunit = \"other.service\"\n\n[[rule]]");
    let agent = Agent::start(&bed, &config);
    assert_eq!(served(&bed, &processes).len(), 2, "ready means that those who fit are served: {}", agent.said());
    // Three more scans, each of which finds a new process.
    for _ in 0..3 {
        let other = process_in(&bed, "www-data", "system.slice/other.service");
        until_served(&bed, other.pid());
    }
    assert_eq!(agent.said().matches("more than 2 processes").count(), 1, "{}", agent.said());
    // A place that becomes free is taken.
    let first = served(&bed, &processes)[0];
    let (ended, left): (Vec<_>, Vec<_>) = processes.into_iter().partition(|process| process.pid() == first);
    ended.into_iter().for_each(Process::kill);
    until(|| served(&bed, &left).len() == 2);
}

fn entries_share_the_registrations_evenly(root: &Root) {
    let bed = light(root);
    let pool: Vec<_> = (0..4).map(|_| process_in(&bed, "www-data", POOL_CGROUP)).collect();
    let other: Vec<_> = (0..4).map(|_| process_in(&bed, "www-data", "system.slice/other.service")).collect();
    let config = format!("[agent]\nmax_registrations = 4\n{POOL}[[serve]]\nunit = \"other.service\"\n");
    let agent = Agent::start(&bed, &config);
    assert_eq!((served(&bed, &pool).len(), served(&bed, &other).len()), (2, 2), "{}", agent.said());
    for unit in ["pool.service", "other.service"] {
        assert_eq!(agent.said().matches(&format!("{unit}: more than 2 processes")).count(), 1, "{}", agent.said());
    }
    // An entry's own `max` comes first, and the rest is shared.
    agent.reload(&bed, &config.replace("unit = \"other.service\"", "unit = \"other.service\"\nmax = 1"));
    drop((pool, other));
    let other: Vec<_> = (0..3).map(|_| process_in(&bed, "www-data", "system.slice/other.service")).collect();
    let pool: Vec<_> = (0..5).map(|_| process_in(&bed, "www-data", POOL_CGROUP)).collect();
    until(|| served(&bed, &pool).len() == 3 && served(&bed, &other).len() == 1);
    let peer = Peer::of(&bed, "root");
    until(|| peer.names_of(agent.pid()).len() == OWN_NAMES + 4);
}

/// The pids of those that have an agent.
fn served(bed: &Bed, processes: &[Process]) -> Vec<u32> {
    processes.iter().map(Process::pid).filter(|pid| has_agent(bed, *pid, WWW_DATA)).collect()
}

fn a_unit_that_is_stopped_and_started_is_served_again(root: &Root) {
    let bed = full_bed(root);
    let unit = "[Service]\nType=exec\nUser=www-data\nExecStart=/bin/sleep 1000\n";
    bed.write("/etc/systemd/system/pool.service", 0o644, unit);
    let _ = bed.exec(["systemctl", "daemon-reload"]).success();
    start_agent(&bed);
    for action in ["start", "restart", "restart"] {
        let _ = bed.exec(["systemctl", action, "pool.service"]).success();
        let pid = bed.exec(["systemctl", "show", "--value", "--property=MainPID", "pool.service"]).success();
        let pid = pid.text().parse().unwrap();
        until(|| ask(&bed, pid, MANAGE) == Verdict::Yes);
    }
}

fn a_process_that_ends_gives_its_connection_back(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, POOL);
    let peer = Peer::of(&bed, "root");
    let processes: Vec<_> = (0..4).map(|_| process_in(&bed, "www-data", POOL_CGROUP)).collect();
    until(|| peer.names_of(agent.pid()).len() == OWN_NAMES + 4);
    drop(processes);
    until(|| peer.names_of(agent.pid()).len() == OWN_NAMES);
}

// Records.

const QUESTIONS: usize = 50;

fn every_question_has_one_decision_and_one_outcome_after_it(root: &Root) {
    let bed = full_bed(root);
    start_agent(&bed);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, process.pid());
    assert_eq!(ask_often(&bed, process.pid(), MANAGE), vec!["0"; QUESTIONS]);

    let records = record::from_journal(&bed);
    let of_pool: HashSet<&str> =
        records.iter().filter(|record| record.get("RULE") == "pool").map(|record| record.get("RECORD")).collect();
    assert_eq!(of_pool.len(), QUESTIONS, "as many ids as questions");
    let mut entries: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
    for record in records.iter().filter(|record| of_pool.contains(record.get("RECORD"))) {
        entries.entry(record.get("RECORD")).or_default().push((record.get("ENTRY"), record.get("OUTCOME")));
    }
    for (id, entries) in entries {
        assert_eq!(entries, [("decision", ""), ("outcome", "sent")], "{id}");
    }
}

fn many_equal_refusals_are_counted_and_none_is_lost(root: &Root) {
    let bed = full_bed(root);
    start_agent(&bed);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until(|| ask(&bed, process.pid(), MANAGE) == Verdict::Yes);
    assert_eq!(ask_often(&bed, process.pid(), PROBE), vec!["1"; QUESTIONS]);
    let counted =
        || record::decisions(record::from_journal(&bed), PROBE).iter().map(record::Record::times).sum::<usize>();
    until(|| counted() >= QUESTIONS);
    assert_eq!(counted(), QUESTIONS);
}

/// Asks again and again, four at a time; the exit codes of pkcheck.
fn ask_often(bed: &Bed, pid: u32, action: &str) -> Vec<String> {
    let process = format!("{pid},{},{WWW_DATA}", bed.start_time(pid).expect("it lives"));
    let script = format!(
        "seq {QUESTIONS} | xargs -P 4 -I N sh -c \
         'pkcheck --allow-user-interaction --action-id {action} --process {process} >/dev/null 2>&1; echo $?'"
    );
    bed.exec(["sh", "-c", &script]).success().text().lines().map(str::to_owned).collect()
}

/// A full bed with the agent's configuration for pool.service, without libvirtd.
fn full_bed(root: &Root) -> FullBed {
    full(root)
        .file(CONFIG_FILE, 0o644, POOL)
        .file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, agent::AGENT_RULE)
        .without_libvirtd()
        .start()
}
