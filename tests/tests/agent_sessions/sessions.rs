//! Sessions of logind: those of a user, served from outside as on a kiosk, and agents inside of a session.

use std::time::Instant;

use polkit_tests::agent;
use polkit_tests::agent::by_hand::{Agent, MANAGE, process_in};
use polkit_tests::agent::double::{Double, Response, question};
use polkit_tests::agent::kiosk::{GUEST, KIOSK, Session, ask, bed, is_refused, log, status, until_served};
use polkit_tests::agent::record::{decisions, from_journal};
use polkit_tests::agent::{by_hand, start_agent, until};
use polkit_tests::polkit::Verdict;
use polkit_tests::{Bed, FullBed, LightBed, Process, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_session_is_served_from_its_login_to_its_end_and_so_is_the_next_one
    no_process_of_the_agent_stays_in_a_session_or_dies_with_one
    sessions_of_others_and_processes_outside_of_sessions_have_no_agent
    a_session_beyond_max_has_no_agent
    after_polkitd_s_restart_sessions_are_served_again
    a_session_with_an_agent_of_its_own_is_served_once_that_one_is_gone
    another_user_s_process_in_a_session_needs_a_rule_that_names_the_user
    a_challenge_without_a_pid_or_about_a_process_elsewhere_is_refused
    a_service_of_the_user_s_own_manager_counts_to_his_display_session
    a_unit_that_runs_in_a_session_of_its_own_is_served_by_one_registration
    without_the_drop_in_no_session_is_served_and_the_log_names_it
    an_agent_without_root_refuses_on_behalf_of_its_own_session
    an_agent_without_root_is_not_started_with_what_needs_root
    an_agent_of_root_in_a_session_may_allow
}

const KIOSK_CONFIG: &str = r#"
[[serve]]
session_user = "kiosk"

[[rule]]
id = "kiosk"
action = "org.libvirt.unix.manage"
session = "active"
answer = "allow"
"#;

/// A bed whose agent has this configuration and runs.
fn served(root: &Root, config: &str) -> FullBed {
    let bed = bed(root, config, true);
    start_agent(&bed);
    bed
}

/// A sleeping process of a user in a session.
fn inside(bed: &Bed, user: &str, session: &Session) -> Process {
    process_in(bed, user, &session.cgroup)
}

/// The reason of the last decision about libvirt's action.
fn last_reason(bed: &FullBed) -> String {
    let decisions = decisions(from_journal(bed), MANAGE);
    decisions.last().map(|record| record.get("REASON").to_owned()).unwrap_or_default()
}

// Served from outside.

fn a_session_is_served_from_its_login_to_its_end_and_so_is_the_next_one(root: &Root) {
    let bed = served(root, KIOSK_CONFIG);
    let mut last = String::new();
    for unit in ["first-login", "second-login"] {
        let began = Instant::now();
        let session = Session::of(&bed, "kiosk", unit);
        let logged_in = began.elapsed();
        assert_ne!(session.id, last, "another session");
        until_served(&bed, session.pid, KIOSK);
        println!("SESSION\t{}\tlogged in after {logged_in:?}, served after {:?}", bed.suite(), began.elapsed());
        assert_eq!(ask(&bed, session.pid, KIOSK), Verdict::Yes, "{}", log(&bed));
        assert!(is_refused(&bed, session.pid, KIOSK), "an action that no rule is about");
        // One that comes later needs no registration of its own.
        let later = inside(&bed, "kiosk", &session);
        assert_eq!(ask(&bed, later.pid(), KIOSK), Verdict::Yes, "{}", log(&bed));
        let json = status(&bed);
        assert!(
            json.contains(r#"{"what":"session_user kiosk","way":"rescan","processes":1,"leaked":0,"over_limit":0"#),
            "{json}"
        );
        assert!(json.contains("\"registrations\":1"), "{json}");
        later.kill();
        last.clone_from(&session.id);
        session.log_out(&bed);
        until(|| status(&bed).contains("\"registrations\":0"));
    }
    let records = decisions(from_journal(&bed), MANAGE);
    assert_eq!(records.len(), 4, "{records:?}");
    assert!(records.iter().all(|record| record.verdict() == ("allow", "kiosk", "rule")), "{records:?}");
    assert_eq!(records[3].get("SESSION"), last);
}

fn no_process_of_the_agent_stays_in_a_session_or_dies_with_one(root: &Root) {
    let bed = served(root, KIOSK_CONFIG);
    let unit = |key: &str| {
        let property = format!("--property={key}");
        bed.exec(["systemctl", "show", "--value", &property, "polkit-service-agent"]).success().text().to_owned()
    };
    let agent = unit("MainPID");
    for unit in ["first-login", "second-login"] {
        let session = Session::of(&bed, "kiosk", unit);
        until_served(&bed, session.pid, KIOSK);
        let procs = bed.exec(["cat", &format!("/sys/fs/cgroup/{}/cgroup.procs", session.cgroup)]).success();
        for pid in procs.text().lines() {
            let name = bed.read(format!("/proc/{pid}/comm"));
            assert!(["sleep\n", "(sd-pam)\n"].contains(&name.as_str()), "{name} is in the session");
        }
        let children = bed.exec(["cat", &format!("/proc/{agent}/task/{agent}/children")]).success();
        for pid in children.text().split_whitespace() {
            let line = bed.read(format!("/proc/{pid}/cmdline"));
            assert!(line.contains("read-slow-facts"), "a child is left: {line}");
            assert!(bed.read(format!("/proc/{pid}/cgroup")).contains("polkit-service-agent.service"), "{line}");
        }
        let _ = bed.exec(["loginctl", "terminate-session", &session.id]).success();
        until(|| status(&bed).contains("\"registrations\":0"));
    }
    assert_eq!((unit("MainPID"), unit("NRestarts").as_str()), (agent, "0"), "{}", log(&bed));
}

fn sessions_of_others_and_processes_outside_of_sessions_have_no_agent(root: &Root) {
    let bed = served(root, KIOSK_CONFIG);
    let kiosk = Session::of(&bed, "kiosk", "kiosk-login");
    until_served(&bed, kiosk.pid, KIOSK);
    let guest = Session::of(&bed, "guest", "guest-login");
    let outside = bed.spawn_as("kiosk", ["sleep", "1000"]);
    let service = process_in(&bed, "kiosk", "system.slice/panel.service");
    assert_eq!(ask(&bed, guest.pid, GUEST), Verdict::NoAgent);
    for pid in [outside.pid(), service.pid()] {
        assert_eq!(ask(&bed, pid, KIOSK), Verdict::NoAgent);
    }
    // The guest has the seat now. (polkit's own `active` is the user's best session; the rule's is this session's.)
    assert_eq!(ask(&bed, kiosk.pid, KIOSK), Verdict::No);
    assert_eq!(last_reason(&bed), "no-rule");
}

fn a_session_beyond_max_has_no_agent(root: &Root) {
    let config = KIOSK_CONFIG.replace("\"kiosk\"\n\n", "\"kiosk\"\nmax = 1\n\n");
    let bed = served(root, &config);
    let first = Session::of(&bed, "kiosk", "first-login");
    until_served(&bed, first.pid, KIOSK);
    let second = Session::of(&bed, "kiosk", "second-login");
    until(|| status(&bed).contains("\"over_limit\":1"));
    assert_eq!(ask(&bed, second.pid, KIOSK), Verdict::NoAgent);
    assert_eq!(log(&bed).matches("session_user kiosk: more than 1 sessions").count(), 1, "{}", log(&bed));
    first.log_out(&bed);
    until_served(&bed, second.pid, KIOSK);
}

fn after_polkitd_s_restart_sessions_are_served_again(root: &Root) {
    let bed = served(root, KIOSK_CONFIG);
    let session = Session::of(&bed, "kiosk", "kiosk-login");
    until_served(&bed, session.pid, KIOSK);
    let _ = bed.exec(["systemctl", "restart", "polkit"]).success();
    until_served(&bed, session.pid, KIOSK);
    assert_eq!(ask(&bed, session.pid, KIOSK), Verdict::Yes, "{}", log(&bed));
}

fn a_session_with_an_agent_of_its_own_is_served_once_that_one_is_gone(root: &Root) {
    let bed = bed(root, KIOSK_CONFIG, true);
    let session = Session::of(&bed, "kiosk", "kiosk-login");
    let own = OwnAgent::start(&bed, "kiosk", &session, OWN_DISMISSES);
    until_served(&bed, session.pid, KIOSK);
    start_agent(&bed);
    let said = || log(&bed).matches("another agent is registered for this session").count();
    until(|| said() == 1);
    assert_eq!(ask(&bed, session.pid, KIOSK), Verdict::Dismissed, "its own agent is asked");
    assert!(
        log(&bed).contains(&format!("session {} (class user, x11 on seat0): another agent", session.id)),
        "{}",
        log(&bed)
    );
    own.process.kill();
    until(|| ask(&bed, session.pid, KIOSK) == Verdict::Yes);
    assert_eq!(said(), 1, "{}", log(&bed));
}

/// A program that root trusts to change its user, such as su, leaves the session as it is.
fn another_user_s_process_in_a_session_needs_a_rule_that_names_the_user(root: &Root) {
    let config = KIOSK_CONFIG.replace("answer =", "unbound = true\nanswer =");
    let bed = served(root, &config);
    let session = Session::of(&bed, "kiosk", "kiosk-login");
    until_served(&bed, session.pid, KIOSK);
    let guest = inside(&bed, "guest", &session);
    let admin = inside(&bed, "root", &session);
    assert_eq!(ask(&bed, guest.pid(), GUEST), Verdict::No);
    assert_eq!(last_reason(&bed), "other-user");
    // polkit asks no agent about root; a mechanism that takes root's process for the user's makes polkit ask the agent.
    assert_eq!(ask(&bed, admin.pid(), KIOSK), Verdict::No);
    assert_eq!(last_reason(&bed), "other-user");
    let named = r#"
[[serve]]
session_user = "kiosk"

[[rule]]
id = "guest"
action = "org.libvirt.unix.manage"
user = "guest"
answer = "allow"
"#;
    bed.write(by_hand::CONFIG_FILE, 0o644, named);
    let _ = bed.exec(["systemctl", "reload", "polkit-service-agent"]).success();
    until(|| log(&bed).contains("the new configuration is in force"));
    assert_eq!(ask(&bed, guest.pid(), GUEST), Verdict::Yes, "{}", log(&bed));
    assert_eq!(ask(&bed, admin.pid(), KIOSK), Verdict::No);
    assert_eq!(ask(&bed, session.pid, KIOSK), Verdict::No);
}

/// A real polkitd asks the agent of a session about its processes alone: one that asks otherwise is a double.
fn a_challenge_without_a_pid_or_about_a_process_elsewhere_is_refused(root: &Root) {
    const SCOPE: &str = "user.slice/user-33.slice/session-c1.scope";
    const FAILED: &str = "org.freedesktop.PolicyKit1.Error.Failed";
    let bed: LightBed = by_hand::builder(root)
        .without("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service")
        .without_libvirtd()
        .start();
    let double = Double::of(&bed, Response::Take);
    let process = process_in(&bed, "www-data", SCOPE);
    let elsewhere = process_in(&bed, "www-data", "user.slice/user-33.slice/session-c2.scope");
    let login = "UID=33\nUSER=www-data\nACTIVE=1\nSEAT=seat0\nREMOTE=0\nSTATE=active\nTYPE=x11\nCLASS=user\nSCOPE=session-c1.scope\n";
    bed.write("/run/systemd/sessions/c1", 0o644, login);
    let agent = Agent::start(&bed, &KIOSK_CONFIG.replace("= \"kiosk\"\n\n", "= \"www-data\"\n\n"));
    let registered = double.registered(0);
    let mut without = question(MANAGE, process.pid(), "no-pid");
    without.3.remove("polkit.subject-pid");
    let mut of_others = question(MANAGE, process.pid(), "other-identity");
    of_others.5 = vec![agent::double::user(0)];
    let gone = bed.exec_as("www-data", ["sh", "-c", "echo $$"]).success().text().parse().expect("a pid");
    let expected = [
        (without, "no-subject"),
        (question(MANAGE, elsewhere.pid(), "elsewhere"), "other-session"),
        (question(MANAGE, 1, "init"), "other-session"),
        (question(MANAGE, gone, "gone"), "gone"),
        (of_others, "unbound"),
    ];
    for (question, reason) in &expected {
        assert_eq!(double.begin(&registered, question), Err(FAILED.to_owned()), "{question:?}");
        let last = agent.records().into_iter().rfind(|record| record.get("ENTRY") == "decision");
        let last = last.expect("a decision is on record");
        assert_eq!((last.get("REASON"), last.get("SESSION")), (*reason, "c1"), "{}", agent.said());
    }
    assert_eq!(double.answers(), [], "nothing was answered");
    assert_eq!(double.begin(&registered, &question(MANAGE, process.pid(), "right")), Ok(()), "{}", agent.said());
    assert_eq!(double.answers().len(), 1);
    // A process that leaves the session is in it no more.
    bed.move_to_cgroup(process.pid(), "system.slice/elsewhere.service");
    assert_eq!(double.begin(&registered, &question(MANAGE, process.pid(), "left")), Err(FAILED.to_owned()));
}

fn a_service_of_the_user_s_own_manager_counts_to_his_display_session(root: &Root) {
    let bed = served(root, KIOSK_CONFIG);
    let session = Session::of(&bed, "kiosk", "kiosk-login");
    until_served(&bed, session.pid, KIOSK);
    let service = process_in(&bed, "kiosk", &format!("user.slice/user-{KIOSK}.slice/user@{KIOSK}.service/x.service"));
    assert_eq!(ask(&bed, service.pid(), KIOSK), Verdict::Yes, "{}", log(&bed));
    // That of another user's manager counts to none of the kiosk's sessions.
    let other = process_in(&bed, "kiosk", &format!("user.slice/user-{GUEST}.slice/user@{GUEST}.service/x.service"));
    assert_eq!(ask(&bed, other.pid(), KIOSK), Verdict::NoAgent);
}

fn a_unit_that_runs_in_a_session_of_its_own_is_served_by_one_registration(root: &Root) {
    let config = KIOSK_CONFIG.replace("\"active\"", "\"background\"");
    let bed = served(root, &config);
    let run =
        ["systemd-run", "--quiet", "--unit=panel", "--property=User=kiosk", "--property=PAMName=login", "sleep", "999"];
    let _ = bed.exec(run).success();
    until(|| status(&bed).contains("\"registrations\":1"));
    let pid =
        bed.exec(["systemctl", "show", "--value", "--property=MainPID", "panel"]).success().text().parse().unwrap();
    until_served(&bed, pid, KIOSK);
    assert_eq!(ask(&bed, pid, KIOSK), Verdict::Yes, "{}", log(&bed));
}

fn without_the_drop_in_no_session_is_served_and_the_log_names_it(root: &Root) {
    let bed = bed(root, KIOSK_CONFIG, false);
    start_agent(&bed);
    let session = Session::of(&bed, "kiosk", "kiosk-login");
    until(|| log(&bed).contains("cgroup.procs: Read-only file system"));
    assert!(log(&bed).contains("the drop-in sessions.conf"), "{}", log(&bed));
    assert_eq!(ask(&bed, session.pid, KIOSK), Verdict::NoAgent);
    assert!(status(&bed).contains("sessions.conf"), "{}", status(&bed));
}

// An agent inside.

const OWN_DISMISSES: &str = r#"
[[serve]]
session = "own"

[[rule]]
id = "not-now"
action = "org.libvirt.unix.manage"
user = "kiosk"
answer = "dismiss"

[[rule]]
id = "never"
action = "*"
user = "kiosk"
answer = "deny"
"#;

/// An agent that a user runs in a session, with a file of the user's.
struct OwnAgent {
    process: Process,
}

impl OwnAgent {
    fn start(bed: &Bed, user: &str, session: &Session, config: &str) -> Self {
        let file = if user == "root" { "/root/agent.toml".to_owned() } else { format!("/home/{user}/agent.toml") };
        bed.write(&file, 0o644, config);
        let _ = bed.exec(["chown", user, &file]).success();
        let run = format!("read go; exec polkit-service-agent run --config {file}");
        let mut process = bed.spawn_as(user, ["sh", "-c", &run]);
        bed.move_to_cgroup(process.pid(), &session.cgroup);
        process.say("go");
        Self { process }
    }
}

fn an_agent_without_root_refuses_on_behalf_of_its_own_session(root: &Root) {
    let bed = bed(root, "", false);
    let session = Session::of(&bed, "kiosk", "kiosk-login");
    assert_eq!(ask(&bed, session.pid, KIOSK), Verdict::NoAgent);
    let agent = OwnAgent::start(&bed, "kiosk", &session, OWN_DISMISSES);
    until(|| agent.process.stderr().contains("ready"));
    assert_eq!(ask(&bed, session.pid, KIOSK), Verdict::Dismissed, "{}", agent.process.stderr());
    assert!(is_refused(&bed, session.pid, KIOSK));
    let record = decisions(from_journal(&bed), MANAGE).pop().expect("a record");
    assert_eq!(record.verdict(), ("dismiss", "not-now", "rule"));
    let asked = bed.exec_as("kiosk", ["polkit-service-agent", "status"]).failure();
    assert!(asked.stderr.contains("decisions --own"), "{asked}");
    let outside = bed.spawn_as("kiosk", ["sleep", "1000"]);
    assert_eq!(ask(&bed, outside.pid(), KIOSK), Verdict::NoAgent);
    agent.process.kill();
    until(|| ask(&bed, session.pid, KIOSK) == Verdict::NoAgent);
}

fn an_agent_without_root_is_not_started_with_what_needs_root(root: &Root) {
    let bed = by_hand::light(root);
    let try_with = |config: &str| {
        bed.write("/home/agent.toml", 0o644, config);
        let output = bed.exec_as("games", ["polkit-service-agent", "run", "--config", "/home/agent.toml"]).failure();
        assert!(output.code().is_some_and(|code| [1, 3, 78].contains(&code)), "{output}");
        output.stderr
    };
    let own = "[[serve]]\nsession = \"own\"\n";
    let rule = "[[rule]]\nid = \"a\"\naction = \"org.example.x\"\nuser = \"games\"\nanswer = \"allow\"\n";
    let allows = try_with(&format!("{own}{rule}"));
    assert!(allows.contains("`a` allows, but polkitd believes only root"), "{allows}");
    assert!(allows.contains("polkit-policy-gen generate"), "{allows}");
    let mixed = try_with(&format!("{own}[[serve]]\nunit = \"a.service\"\n"));
    assert!(mixed.contains("`a.service` cannot be served without root"), "{mixed}");
    let other = try_with("[[serve]]\nsession_user = \"games\"\n");
    assert!(other.contains("without root the agent serves only its own session"), "{other}");
    // A file that another user could have written is no better without root.
    let _ = bed.exec(["chown", "www-data", "/home/agent.toml"]).success();
    let stranger = bed.exec_as("games", ["polkit-service-agent", "check", "--config", "/home/agent.toml"]).failure();
    assert!(stranger.stderr.contains("is writable by users other than root"), "{stranger}");
}

fn an_agent_of_root_in_a_session_may_allow(root: &Root) {
    let bed = bed(root, "", false);
    let session = Session::of(&bed, "kiosk", "kiosk-login");
    let config = KIOSK_CONFIG.replace("session_user = \"kiosk\"", "session = \"own\"");
    let agent = OwnAgent::start(&bed, "root", &session, &config);
    until(|| agent.process.stderr().contains("ready"));
    assert_eq!(ask(&bed, session.pid, KIOSK), Verdict::Yes, "{}", agent.process.stderr());
    let json = status(&bed);
    assert!(json.contains(r#"{"what":"session own","way":"fixed","processes":1"#), "{json}");
}
