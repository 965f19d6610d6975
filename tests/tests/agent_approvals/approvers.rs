//! Who approves, and what for: people who are other users than they seem, and programs that are others than they seem.

use polkit_tests::agent::asking::{asking, bed, pending, run, served, the_one};
use polkit_tests::agent::by_hand::{
    Agent, CONFIG_FILE, MANAGE, POOL_CGROUP, WWW_DATA, ask, full, has_agent, process_in, until_served,
};
use polkit_tests::agent::{AGENT_RULE, start_agent, until};
use polkit_tests::polkit::Verdict;
use polkit_tests::{Bed, LightBed, Process, Root, broker, on_each_suite_with_rules};
use serde_json::Value;

on_each_suite_with_rules! {
    a_uid_of_a_user_namespace_approves_nothing
    on_dbus_broker_a_uid_of_a_user_namespace_approves_nothing
    on_dbus_broker_members_and_root_approve
    who_left_the_group_approves_nothing
    a_setuid_program_of_the_subject_approves_nothing
    who_logged_in_as_the_same_user_approves_nothing
    a_program_mounted_over_one_of_the_system_is_shown_as_a_claim
    a_program_rewritten_in_place_is_another_question
    no_approval_for_a_time_for_a_program_of_a_user
}

const NAME: &str = "io.github.polkit_service_agent.Agent1";
const PATH: &str = "/io/github/polkit_service_agent/Agent1";

/// The arguments of a client that approves a question for one answer. It lets the bus say who it is.
fn approving(id: &str) -> [&str; 8] {
    ["busctl", "call", NAME, PATH, NAME, "Approve", "st", id]
}

/// Has www-data, who is a member and whose question it is, approve it with a uid of /etc/subuid. Such a process keeps its groups: it
/// needs a mapping of its uids, which newuidmap(1) makes for everybody with an entry there, and no mapping of groups.
fn approve_in_a_namespace(bed: &Bed, id: &str) -> polkit_tests::Output {
    let script = format!("echo here; read go; exec setpriv --reuid=7 {} 0", approving(id).join(" "));
    let mut approver = bed.spawn_as("www-data", ["unshare", "--user", "sh", "-c", &script]);
    assert_eq!(approver.line(), "here");
    let map = format!("printf '0 {WWW_DATA} 1\\n7 100007 1\\n' > /proc/{}/uid_map", approver.pid());
    let _ = bed.exec(["sh", "-c", &map]).success();
    let groups = bed.exec(["sed", "-n", "s/^Groups://p", &format!("/proc/{}/status", approver.pid())]);
    let approvers = bed.exec(["getent", "group", "polkit-approvers"]).success();
    let gid = approvers.text().split(':').nth(2).expect("a gid").to_owned();
    assert!(groups.text().split_whitespace().any(|group| group == gid), "it keeps the group {gid}: {groups}");
    approver.say("go");
    approver.wait()
}

fn a_uid_of_a_user_namespace_approves_nothing(root: &Root) {
    let bed = bed(root);
    let (agent, process) = served(&bed, &asking(""));
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let refused = approve_in_a_namespace(&bed, &the_one(&bed)).failure();
    println!("APPROVER\t{}\tdbus-daemon\t{}", bed.suite(), refused.stderr.trim());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed, "{}", agent.said());
}

/// A full bed on dbus-broker, with the group of approvers, whose agent runs and asks about www-data in pool.service.
fn on_broker(root: &Root) -> Option<(polkit_tests::FullBed, Process)> {
    let builder = full(root).without_libvirtd().file(CONFIG_FILE, 0o644, asking("")).file(
        "/etc/polkit-1/rules.d/46-agent.rules",
        0o644,
        AGENT_RULE,
    );
    let bed = broker::on_broker(builder, root)?.start();
    let running = bed.exec(["pgrep", "--count", "--exact", "dbus-broker"]);
    assert_eq!(running.text(), "1", "{running}");
    let _ = bed.exec(["groupadd", "--system", "--force", "polkit-approvers"]).success();
    for user in ["games", "www-data"] {
        let _ = bed.exec(["usermod", "-a", "-G", "polkit-approvers", user]).success();
    }
    let bus = "org.freedesktop.DBus";
    let _ = bed.exec(["busctl", "call", bus, "/org/freedesktop/DBus", bus, "ReloadConfig"]).success();
    start_agent(&bed);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, process.pid());
    Some((bed, process))
}

fn on_dbus_broker_a_uid_of_a_user_namespace_approves_nothing(root: &Root) {
    let Some((bed, process)) = on_broker(root) else { return };
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let refused = approve_in_a_namespace(&bed, &the_one(&bed));
    println!("APPROVER\t{}\tdbus-broker\t{}", bed.suite(), refused.stderr.trim());
    assert!(refused.code() != Some(0) && refused.stderr.contains("has no entry in the user database"), "{refused}");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
}

fn on_dbus_broker_members_and_root_approve(root: &Root) {
    let Some((bed, process)) = on_broker(root) else { return };
    for user in ["games", "root"] {
        assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
        let _ = run(&bed, user, &["approve", &the_one(&bed)]).success();
        assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "approved by {user}");
    }
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let own = run(&bed, "www-data", &["approve", &the_one(&bed)]);
    assert!(own.code() == Some(1) && own.stderr.contains("a request of your own user"), "{own}");
}

fn who_left_the_group_approves_nothing(root: &Root) {
    let bed = bed(root);
    let (agent, process) = served(&bed, &asking(""));
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let id = the_one(&bed);
    let script = format!("read go; exec polkit-service-agent approve {id}");
    let mut former = bed.spawn_as("games", ["sh", "-c", &script]);
    let _ = bed.exec(["gpasswd", "--delete", "games", "polkit-approvers"]).success();
    former.say("go");
    let refused = former.wait().failure();
    println!("APPROVER\t{}\tformer member\t{}", bed.suite(), refused.stderr.trim());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed, "{}", agent.said());
}

/// Its real user is the user who started it; the bus sees the effective user.
fn a_setuid_program_of_the_subject_approves_nothing(root: &Root) {
    let bed = bed(root);
    let (agent, process) = served(&bed, &asking(""));
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let id = the_one(&bed);
    let setuid = ["setpriv", "--ruid=www-data", "--euid=root"];
    let refused = bed.exec(setuid.iter().chain(&approving(&id)).chain(&["0"])).failure();
    assert!(refused.stderr.contains("its process has uid 33"), "{refused}");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed, "{}", agent.said());
}

/// As pam_loginuid(8) does at a login, and as stays through sudo(8) and su(1).
fn as_login(login: &str, command: &str) -> [String; 3] {
    ["sh".into(), "-c".into(), format!("echo {login} > /proc/self/loginuid && exec {command}")]
}

fn who_logged_in_as_the_same_user_approves_nothing(root: &Root) {
    let bed = bed(root);
    let agent = Agent::start(&bed, &asking(""));
    let sleeper = "setpriv --reuid=www-data --regid=www-data --clear-groups sleep 1000";
    let process = bed.spawn_as("root", as_login("1000", sleeper));
    bed.move_to_cgroup(process.pid(), POOL_CGROUP);
    until(|| has_agent(&bed, process.pid(), WWW_DATA));
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    assert_eq!(pending(&bed)[0]["login_uid"], 1000);
    let approve = format!("polkit-service-agent approve {}", the_one(&bed));
    let same = bed.exec(as_login("1000", &approve));
    assert!(same.code() == Some(1) && same.stderr.contains("logged in as the same user"), "{same}");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed);
    let _ = bed.exec(as_login("1001", &approve)).success();
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    let word = agent.records().into_iter().find(|record| record.get("ENTRY") == "approval").expect("a record");
    assert_eq!((word.get("APPROVER"), word.get("APPROVER_LOGIN")), ("0", "1001"));
    let allowed =
        agent.decisions(MANAGE).into_iter().find(|record| record.get("VERDICT") == "allow").expect("a record");
    assert_eq!((allowed.get("APPROVER"), allowed.get("APPROVER_LOGIN")), ("0", "1001"));
}

fn a_program_mounted_over_one_of_the_system_is_shown_as_a_claim(root: &Root) {
    let bed = bed(root);
    let agent = Agent::start(&bed, &asking(""));
    let forge = "cp /bin/sleep /tmp/forged && mount --bind /tmp/forged /usr/bin/tail && exec /usr/bin/tail 1000";
    let unshare = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount", "sh", "-c", forge];
    let forger = bed.spawn_as("www-data", unshare);
    bed.move_to_cgroup(forger.pid(), POOL_CGROUP);
    let link = format!("/proc/{}/exe", forger.pid());
    until(|| bed.exec(["readlink", &link]).text() == "/usr/bin/tail");
    until_served(&bed, forger.pid());
    assert_eq!(ask(&bed, forger.pid(), MANAGE), Verdict::Dismissed);
    let shown = run(&bed, "root", &["pending"]).success();
    assert!(shown.stdout.contains("program unknown: it claims to be /usr/bin/tail"), "{shown}");
    let waiting = pending(&bed);
    assert_eq!((&waiting[0]["exe"], &waiting[0]["claims"]["exe"]), (&Value::Null, &Value::from("/usr/bin/tail")));
    let decision = agent.decision(MANAGE);
    assert_eq!((decision.get("EXE"), decision.get("EXE_CLAIMED")), ("", "/usr/bin/tail"));

    let honest = bed.spawn_as("www-data", ["/usr/bin/tail", "-f", "/dev/null"]);
    bed.move_to_cgroup(honest.pid(), POOL_CGROUP);
    until_served(&bed, honest.pid());
    assert_eq!(ask(&bed, honest.pid(), MANAGE), Verdict::Dismissed);
    let shown = run(&bed, "root", &["pending"]).success();
    assert!(shown.stdout.contains(&format!("pid {}, program /usr/bin/tail", honest.pid())), "{shown}");
}

const TOOL: &str = "/var/lib/app/tool";

/// A process of www-data, served, whose program is www-data's own.
fn own_program(bed: &LightBed) -> Process {
    let process = bed.spawn_as("www-data", [TOOL, "1000"]);
    bed.move_to_cgroup(process.pid(), POOL_CGROUP);
    until_served(bed, process.pid());
    process
}

fn with_own_program(root: &Root) -> (LightBed, Agent) {
    let bed = bed(root);
    let _ = bed.exec(["install", "-D", "-m", "0755", "-o", "www-data", "/usr/bin/sleep", TOOL]).success();
    let agent = Agent::start(&bed, &asking(""));
    (bed, agent)
}

fn a_program_rewritten_in_place_is_another_question(root: &Root) {
    let (bed, agent) = with_own_program(root);
    let before = own_program(&bed);
    assert_eq!(ask(&bed, before.pid(), MANAGE), Verdict::Dismissed);
    let _ = run(&bed, "games", &["approve", &the_one(&bed)]).success();
    before.kill();
    let inode = || bed.exec(["stat", "--format=%i", TOOL]).success().text().to_owned();
    let was = inode();
    let rewrite = format!("echo another >> {TOOL}");
    until(|| bed.exec_as("www-data", ["sh", "-c", &rewrite]).code() == Some(0));
    assert_eq!(inode(), was, "the same file");
    let after = own_program(&bed);
    assert_eq!(ask(&bed, after.pid(), MANAGE), Verdict::Dismissed, "{}", agent.said());
    assert_eq!(pending(&bed).len(), 1, "it is another question");
}

fn no_approval_for_a_time_for_a_program_of_a_user(root: &Root) {
    let (bed, agent) = with_own_program(root);
    let own = own_program(&bed);
    assert_eq!(ask(&bed, own.pid(), MANAGE), Verdict::Dismissed);
    let id = the_one(&bed);
    let refused = run(&bed, "games", &["approve", &id, "--for", "10m"]);
    assert!(
        refused.code() == Some(1) && refused.stderr.contains("root alone does not control this program"),
        "{refused}"
    );
    assert_eq!(ask(&bed, own.pid(), MANAGE), Verdict::Dismissed);
    let _ = run(&bed, "games", &["approve", &id]).success();
    assert_eq!(ask(&bed, own.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
}
