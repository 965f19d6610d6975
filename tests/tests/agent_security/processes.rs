//! Hostile processes. Each ends in a refusal, with a record, except where the name says otherwise.

use polkit_tests::agent::by_hand::{
    Agent, MANAGE, POOL, POOL_CGROUP, PROBE, ask, has_agent, light, process_in, until_served,
};
use polkit_tests::agent::peer::{OWN_NAMES, Peer};
use polkit_tests::agent::until;
use polkit_tests::polkit::{Verdict, subject};
use polkit_tests::{Bed, Polkit, Process, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    hostile_names_and_command_lines_of_4_mb_stay_on_one_line_escaped
    a_user_without_an_entry_is_refused_and_recorded_by_uid
    a_uid_beyond_polkit_s_range_is_not_served_and_harms_no_other_process
    a_program_mounted_over_the_named_one_is_refused
}

fn hostile_names_and_command_lines_of_4_mb_stay_on_one_line_escaped(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, POOL);
    // A program whose file, name and first argument hold a line break, an escape, a change of direction and a quotation mark.
    let name = "/tmp/a\n\u{1b}[2J\u{202e}\" record=\"x";
    let script = "ulimit -s unlimited; cp /bin/sleep \"$0\"; long=$(printf '%100000s' | tr ' ' 7); \
                  exec \"$0\" 1000 $(for times in $(seq 42); do echo $long; done)";
    let mut process = bed.spawn_as("www-data", ["bash", "-c", script, name]);
    bed.move_to_cgroup(process.pid(), POOL_CGROUP);
    until_served(&bed, process.pid());
    assert!(!process.has_ended(), "{}", process.stderr());
    let length = format!("wc -c < /proc/{}/cmdline", process.pid());
    until(|| bed.exec(["sh", "-c", &length]).text().parse::<usize>().is_ok_and(|length| length > 4 << 20));
    assert_eq!(ask(&bed, process.pid(), PROBE), Verdict::No);
    let said = agent.said();
    let harmless = |c: char| c == '\n' || !(c.is_control() || c != '…' && ('\u{200b}'..='\u{206f}').contains(&c));
    assert!(said.chars().all(harmless), "{said:?}");
    assert!(said.lines().all(|line| line.starts_with("polkit-service-agent: ") && line.len() < 4096), "{said}");
    let decision = agent.decisions(PROBE).pop().unwrap();
    assert_eq!(decision.get("EXE_CLAIMED"), "/tmp/a\\x0a\\x1b[2J\\u{202e}\" record=\"x", "{said}");
    assert!(decision.get("COMMAND_LINE").ends_with('…'), "{said}");
    assert_ne!(decision.get("RECORD"), "x");
}

fn a_user_without_an_entry_is_refused_and_recorded_by_uid(root: &Root) {
    let bed = light(root);
    let config = POOL.replace("user = \"www-data\"", "group = \"www-data\"");
    let agent = Agent::start(&bed, &config);
    let process = as_uid(&bed, 4242);
    bed.move_to_cgroup(process.pid(), POOL_CGROUP);
    until(|| has_agent(&bed, process.pid(), 4242));
    assert_eq!(Polkit::of(&bed).check(&subject(&bed, process.pid(), 4242), MANAGE), Verdict::No);
    let decision = agent.decision(MANAGE);
    assert_eq!(decision.verdict(), ("deny", "", "no-rule"), "unknown groups grant nothing: {}", agent.said());
    assert_eq!((decision.get("SUBJECT_UID"), decision.get("USER")), ("4242", ""));
}

fn a_uid_beyond_polkit_s_range_is_not_served_and_harms_no_other_process(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, POOL);
    let beyond = as_uid(&bed, 3_000_000_000);
    bed.move_to_cgroup(beyond.pid(), POOL_CGROUP);
    let honest = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, honest.pid());
    let root_peer = Peer::of(&bed, "root");
    until(|| root_peer.names_of(agent.pid()).len() == OWN_NAMES + 1);
    let check = ["pkcheck", "--allow-user-interaction", "--action-id", PROBE, "--process", &beyond.pid().to_string()];
    let _ = bed.exec(check).failure();
    assert_eq!(ask(&bed, honest.pid(), MANAGE), Verdict::Yes);
    let about: Vec<_> =
        agent.records().into_iter().filter(|r| r.get("SUBJECT_PID") == beyond.pid().to_string()).collect();
    assert_eq!(about, [], "{}", agent.said());
}

/// A sleeping process with a uid that need not have a name.
fn as_uid(bed: &Bed, uid: u32) -> Process {
    let uid = format!("--reuid={uid}");
    bed.spawn_as("root", ["setpriv", &uid, "--regid=www-data", "--clear-groups", "sleep", "1000"])
}

fn a_program_mounted_over_the_named_one_is_refused(root: &Root) {
    let bed = light(root);
    let _ = bed.exec(["cp", "/bin/sleep", "/usr/local/bin/panel"]).success();
    let agent = Agent::start(&bed, &format!("{POOL}exe = \"/usr/local/bin/panel\"\n"));
    let forge = "cp /bin/sleep /tmp/forged && mount --bind /tmp/forged /usr/local/bin/panel && \
                 exec /usr/local/bin/panel 1000";
    let unshare = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c", forge];
    let mut forger = bed.spawn_as("www-data", unshare);
    bed.move_to_cgroup(forger.pid(), POOL_CGROUP);
    until_served(&bed, forger.pid());
    let link = format!("/proc/{}/exe", forger.pid());
    until(|| bed.exec(["readlink", &link]).text() == "/usr/local/bin/panel");
    assert!(!forger.has_ended(), "{}", forger.stderr());
    assert_eq!(ask(&bed, forger.pid(), MANAGE), Verdict::No);
    let decision = agent.decision(MANAGE);
    assert_eq!(decision.verdict(), ("deny", "", "no-rule"));
    assert_eq!(decision.get("EXE_CLAIMED"), "/usr/local/bin/panel", "its path proves nothing");

    let honest = bed.spawn_as("www-data", ["/usr/local/bin/panel", "1000"]);
    bed.move_to_cgroup(honest.pid(), POOL_CGROUP);
    until_served(&bed, honest.pid());
    assert_eq!(ask(&bed, honest.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
}
