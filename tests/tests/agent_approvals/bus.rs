//! The bus interface by which a person answers: who may call it, who hears it, and what it shows.

use polkit_tests::agent::asking::{asking, bed, run, served, the_one};
use polkit_tests::agent::by_hand::{Agent, MANAGE, POOL, POOL_CGROUP, ask, light, until_served};
use polkit_tests::agent::until;
use polkit_tests::polkit::Verdict;
use polkit_tests::{Root, on_each_suite_with_rules};

const NAME: &str = "io.github.polkit_service_agent.Agent1";
const PATH: &str = "/io/github/polkit_service_agent/Agent1";

on_each_suite_with_rules! {
    the_installed_group_is_the_one_that_the_bus_knows
    only_root_and_approvers_call_and_hear
    the_interface_can_be_looked_at
    what_a_subject_writes_does_not_reach_a_terminal
}

/// As a package does it, and with no group made by hand.
fn the_installed_group_is_the_one_that_the_bus_knows(root: &Root) {
    let bed = light(root);
    let (_agent, _process) = served(&bed, &asking(""));
    assert_eq!(run(&bed, "games", &["pending"]).code(), Some(3));
    let _ = bed.exec(["systemd-sysusers", "/usr/lib/sysusers.d/polkit-service-agent.conf"]).success();
    let _ = bed.exec(["usermod", "-a", "-G", "polkit-approvers", "games"]).success();
    let bus = "org.freedesktop.DBus";
    let _ = bed.exec(["busctl", "call", bus, "/org/freedesktop/DBus", bus, "ReloadConfig"]).success();
    let _ = run(&bed, "games", &["pending"]).success();
    assert_eq!(run(&bed, "daemon", &["pending"]).code(), Some(3));
}

fn only_root_and_approvers_call_and_hear(root: &Root) {
    let bed = &bed(root);
    let (_agent, process) = served(bed, &asking(""));
    // The bus takes the two matches in this order: who hears of names has both.
    let listen = |user: &str| {
        let script = "exec dbus-monitor --system \"$1\" \"type='signal',member='NameOwnerChanged'\" > \"$2\"";
        let (signals, file) = (format!("type='signal',interface='{NAME}'"), format!("/tmp/heard-by-{user}"));
        let listener = bed.spawn_as(user, ["sh", "-c", script, "sh", &signals, &file]);
        (listener, move || bed.read(&file))
    };
    let ((_member, by_member), (_stranger, by_stranger)) = (listen("games"), listen("daemon"));
    // Each client that comes and goes is told to all who listen.
    let names = |heard: String| heard.matches("member=NameOwnerChanged").count();
    let hears_more = |heard: &dyn Fn() -> String, than: usize| {
        until(|| {
            let _ = bed.exec(["busctl", "status", "org.freedesktop.DBus"]).success();
            bed.exists("/tmp/heard-by-daemon") && bed.exists("/tmp/heard-by-games") && names(heard()) > than
        });
    };
    hears_more(&by_member, 0);
    hears_more(&by_stranger, 0);
    assert_eq!(ask(bed, process.pid(), MANAGE), Verdict::Dismissed);
    until(|| ["member=PendingAdded", "member=Decision"].iter().all(|signal| by_member().contains(signal)));
    for arguments in [&["pending"][..], &["approve", &the_one(bed)], &["deny", &the_one(bed)], &["status"]] {
        let refused = run(bed, "daemon", arguments);
        assert_eq!(refused.code(), Some(3), "{refused}");
    }
    let told = run(bed, "games", &["pending", "--json"]).success();
    assert!(told.stdout.contains("\"command_line\":null"), "command lines are for root: {told}");
    // Signals come in their order: those of the agent were before these.
    hears_more(&by_stranger, names(by_stranger()));
    assert!(!by_stranger().contains(&format!("interface={NAME}")), "{}", by_stranger());
}

fn the_interface_can_be_looked_at(root: &Root) {
    let bed = bed(root);
    let _agent = Agent::start(&bed, POOL);
    let shown = bed.exec_as("games", ["busctl", "introspect", "--no-pager", NAME, PATH]).success();
    for member in
        [".Approve", ".Deny", ".ListPending", ".Status", ".Registrations", ".Pending", ".Decision", ".PendingAdded"]
    {
        assert!(shown.stdout.lines().any(|line| line.starts_with(member)), "{member} in {shown}");
    }
    let version = bed.exec_as("games", ["busctl", "get-property", NAME, PATH, NAME, "Version"]).success();
    assert!(version.text().starts_with("s \""), "{version}");
}

fn what_a_subject_writes_does_not_reach_a_terminal(root: &Root) {
    let bed = bed(root);
    bed.write(
        "/tmp/hostile",
        0o755,
        "#!/bin/sh\nexec -a \"$(printf 'a\\033[2J\\342\\200\\256b\\nc\\342\\201\\247')\" sleep 1000\n"
            .replace("#!/bin/sh", "#!/bin/bash"),
    );
    let process = bed.spawn_as("www-data", ["/tmp/hostile"]);
    bed.move_to_cgroup(process.pid(), POOL_CGROUP);
    let _agent = Agent::start(&bed, &asking(""));
    until_served(&bed, process.pid());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let shown = run(&bed, "root", &["pending"]).success();
    assert!(shown.stdout.contains("it claims to run: a\\x1b[2J\\u{202e}b\\x0ac\\u{2067}"), "{shown}");
    // Controls, marks of direction, embeddings, overrides, isolates.
    let is_hostile = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!shown.stdout.contains(is_hostile), "{shown}");
}
