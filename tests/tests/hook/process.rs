//! Hook requests that polkit would not send, or whose process changes: the hook's program is run by hand, as polkitd's user.

use polkit_tests::agent::by_hand::{Agent, MANAGE, POOL, POOL_CGROUP, light, process_in, until_served};
use polkit_tests::agent::journal::{fill, journal};
use polkit_tests::agent::until;
use polkit_tests::{Bed, LightBed, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_hook_request_with_the_user_of_another_process_gets_nothing
    a_hook_request_about_a_reused_pid_gets_nothing_for_the_user_of_before
    a_hook_request_about_a_registered_unit_gets_nothing
    a_process_that_changes_its_unit_before_the_hook_s_reply_gets_nothing
}

const OTHER_CGROUP: &str = "system.slice/other.service";

/// POOL, served by hook requests.
fn by_hook() -> String {
    POOL.replace("\"pool.service\"\n\n[[rule]]", "\"pool.service\"\nway = \"hook\"\n\n[[rule]]")
}

/// Starts the agent, which has the folder for its socket from systemd elsewhere.
fn start(bed: &LightBed, config: &str) -> Agent {
    let _ = bed.exec(["mkdir", "-p", "/run/polkit-service-agent"]).success();
    let agent = Agent::start(bed, config);
    until(|| bed.exists("/run/polkit-service-agent/hook.sock"));
    agent
}

/// What the hook prints when polkitd asks about a process with that user.
fn hook(bed: &Bed, pid: u32, user: &str) -> String {
    let program = "/usr/libexec/polkit-service-agent-hook";
    bed.exec_as("polkitd", [program, &pid.to_string(), user, MANAGE]).success().text().to_owned()
}

fn a_hook_request_with_the_user_of_another_process_gets_nothing(root: &Root) {
    let bed = light(root);
    let agent = start(&bed, &by_hook());
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    for user in ["games", "root", "0", "no-such-user", ""] {
        assert_eq!(hook(&bed, process.pid(), user), "", "{user:?}: {}", agent.said());
    }
    assert_eq!(agent.decisions(MANAGE), [], "such a request has no record");
    assert_eq!(hook(&bed, process.pid(), "www-data"), "yes", "{}", agent.said());
}

/// polkit fixes the user when the client connects. The pid then passes to a process of www-data in the served unit.
fn a_hook_request_about_a_reused_pid_gets_nothing_for_the_user_of_before(root: &Root) {
    let bed = light(root);
    let agent = start(&bed, &by_hook());
    let first = process_in(&bed, "games", OTHER_CGROUP);
    let pid = first.pid();
    first.kill();
    let _second = bed.take_pid(pid);
    bed.move_to_cgroup(pid, POOL_CGROUP);
    assert_eq!(hook(&bed, pid, "games"), "", "{}", agent.said());
    assert_eq!(hook(&bed, pid, "www-data"), "yes", "{}", agent.said());
}

fn a_hook_request_about_a_registered_unit_gets_nothing(root: &Root) {
    let bed = light(root);
    let rule = by_hook().replace("pool", "other");
    let agent = start(&bed, &format!("{POOL}{rule}"));
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, process.pid());
    assert_eq!(hook(&bed, process.pid(), "www-data"), "", "{}", agent.said());
    assert_eq!(agent.decisions(MANAGE), [], "such a request has no record");
    let other = process_in(&bed, "www-data", OTHER_CGROUP);
    assert_eq!(hook(&bed, other.pid(), "www-data"), "yes", "{}", agent.said());
}

/// The agent waits for the journal between decision and reply. It waits for less than two seconds, so that under load a try can end
/// before the change: it is repeated until the agent has recorded a change. No try gets a yes.
fn a_process_that_changes_its_unit_before_the_hook_s_reply_gets_nothing(root: &Root) {
    let bed = light(root);
    let mut first = journal(&bed, "at once");
    let agent = start(&bed, &by_hook());
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    assert_eq!(hook(&bed, process.pid(), "www-data"), "yes", "{}", agent.said());
    let line = first.line();
    assert!(!line.is_empty(), "the decision goes to the journal: {}", agent.said());
    first.kill();
    let sockets = || {
        let count = format!("ls -l /proc/{}/fd | grep -c socket:", agent.pid());
        bed.exec(["sh", "-c", &count]).success().text().parse::<u32>().expect("a number")
    };
    until(|| {
        bed.move_to_cgroup(process.pid(), POOL_CGROUP);
        let before = sockets();
        let mut journal = journal(&bed, "later");
        fill(&bed);
        let printed = std::thread::scope(|scope| {
            let asked = scope.spawn(|| hook(&bed, process.pid(), "www-data"));
            // The request waits: its own connection is open.
            while sockets() <= before && !asked.is_finished() {}
            bed.move_to_cgroup(process.pid(), OTHER_CGROUP);
            journal.say("read");
            asked.join().expect("the hook ends")
        });
        assert_eq!(printed, "", "{}", agent.said());
        // Another request ends what is read: its outcome comes after that of the request before it.
        bed.move_to_cgroup(process.pid(), POOL_CGROUP);
        assert_eq!(hook(&bed, process.pid(), "www-data"), "yes", "{}", agent.said());
        let mut is_changed = false;
        loop {
            let line = journal.line();
            assert!(!line.is_empty(), "the journal ended: {}", agent.said());
            is_changed |= line == "POLKIT_AGENT_OUTCOME=changed";
            if line == "POLKIT_AGENT_OUTCOME=sent" {
                break is_changed;
            }
        }
    });
}
