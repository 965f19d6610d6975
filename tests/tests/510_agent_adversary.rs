//! The agent before hostile processes, hostile questions and a deaf journal. Each ends in a refusal, with a record, except
//! where the name says otherwise.

#[macro_use]
mod agent;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use agent::by_hand::{
    Agent, CONFIG_FILE, MANAGE, POOL, POOL_CGROUP, PROBE, WWW_DATA, ask, builder, full, has_agent, light, process_in,
    until_served,
};
use agent::double::{AGENT, Double, Response, cancel, ended, question, user};
use agent::peer::{OWN_NAMES, Peer, RUNTIME};
use agent::record::{self, Record};
use agent::until;
use futures_util::StreamExt;
use futures_util::future::select_all;
use polkit_tests::polkit::{Verdict, subject};
use polkit_tests::{Bed, LightBed, Polkit, Process, Root, libvirt_probe};
use zbus::{Message, MessageStream, Variant, message::Type};

on_each_suite_with_rules! {
    a_stranger_with_a_reused_pid_is_refused_as_unbound
    a_stranger_with_a_reused_pid_is_refused_without_the_rule_too
    a_stranger_with_a_reused_pid_gets_in_where_a_rule_says_unbound
    an_honest_client_of_the_same_unit_is_allowed
    a_cookie_handed_over_by_a_stranger_is_stopped_by_the_bus
    a_cookie_handed_over_by_polkitd_s_user_is_refused_for_its_sender
    a_cancellation_by_anybody_else_does_nothing
    polkitd_s_cancellation_ends_the_question_as_often_as_it_comes
    a_challenge_about_another_process_is_refused
    malformed_challenges_are_refused_and_the_agent_lives
    a_huge_action_is_refused_with_a_short_record
    an_answer_that_polkitd_refuses_is_a_refusal
    an_answer_that_polkitd_does_not_take_in_time_is_a_refusal
    hostile_names_and_command_lines_stay_on_one_line_escaped
    a_user_without_an_entry_is_refused_and_recorded_by_uid
    a_uid_beyond_polkit_s_range_is_not_served_and_harms_nobody
    a_program_mounted_over_the_named_one_is_refused
    a_unit_s_name_further_down_in_a_cgroup_path_is_not_that_unit
    a_process_that_changes_before_its_answer_is_refused
    a_journal_that_is_gone_means_no_answer
    a_journal_that_nobody_reads_means_no_answer
}

// A pid reused between a client's connect and its authentication.

fn a_stranger_with_a_reused_pid_is_refused_as_unbound(root: &Root) {
    let (bed, agent) = libvirt(root, true, POOL);
    let says = steal_pid(&bed);
    assert!(says.starts_with("refused: "), "{says}");
    let decision = agent.decision(MANAGE);
    assert_eq!(decision.verdict(), ("deny", "pool", "unbound"), "{}", agent.said());
    assert_eq!((decision.get("UNIT"), decision.get("USER")), ("pool.service", "www-data"));
}

fn a_stranger_with_a_reused_pid_is_refused_without_the_rule_too(root: &Root) {
    let (bed, agent) = libvirt(root, false, POOL);
    let says = steal_pid(&bed);
    assert!(says.starts_with("refused: "), "{says}");
    assert_eq!(agent.decision(MANAGE).verdict(), ("deny", "pool", "unbound"), "{}", agent.said());
}

/// What that key risks; and the attack of these tests works.
fn a_stranger_with_a_reused_pid_gets_in_where_a_rule_says_unbound(root: &Root) {
    let (bed, agent) = libvirt(root, false, &format!("{POOL}unbound = true\n"));
    assert_eq!(steal_pid(&bed), "authorized");
    assert_eq!(agent.decision(MANAGE).verdict(), ("allow", "pool", "rule"), "{}", agent.said());
}

fn an_honest_client_of_the_same_unit_is_allowed(root: &Root) {
    let (bed, agent) = libvirt(root, true, POOL);
    let mut client = bed.spawn_as("www-data", [LIBVIRT_PROBE, LIBVIRT_SOCKET]);
    assert_eq!(client.line(), "connected");
    bed.move_to_cgroup(client.pid(), POOL_CGROUP);
    until_served(&bed, client.pid());
    client.say("go");
    assert_eq!(client.line(), "authorized", "{}", agent.said());
    assert_eq!(agent.decision(MANAGE).verdict(), ("allow", "pool", "rule"));
    assert_eq!(agent.outcome(MANAGE).get("OUTCOME"), "sent");
}

const LIBVIRT_PROBE: &str = "/usr/local/bin/libvirt-probe";
const LIBVIRT_SOCKET: &str = "/run/libvirt/libvirt-sock";

fn libvirt(root: &Root, bound: bool, config: &str) -> (LightBed, Agent) {
    let mut bed = builder(root).file(LIBVIRT_PROBE, 0o755, std::fs::read(libvirt_probe()).unwrap());
    if bound {
        bed = bed.file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, agent::AGENT_RULE);
    }
    let bed = bed.start();
    let agent = Agent::start(&bed, config);
    (bed, agent)
}

/// A stranger connects and leaves its pid to a process of www-data in the unit that is served; what it is told in the end.
fn steal_pid(bed: &LightBed) -> String {
    let mut stranger = bed.spawn_as("games", [LIBVIRT_PROBE, "--leave", LIBVIRT_SOCKET]);
    assert_eq!(stranger.line(), "connected");
    let pid = stranger.pid();
    until(|| bed.start_time(pid).is_none());
    let _served = take_pid(bed, pid);
    bed.move_to_cgroup(pid, POOL_CGROUP);
    until_served(bed, pid);
    stranger.say("go");
    stranger.line()
}

/// A process of www-data with that pid. Another process may take the pid that is due, so it is tried more than once.
fn take_pid(bed: &LightBed, pid: u32) -> Process {
    let script = "for try in $(seq 200); do \
                    echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid; \
                    setpriv --reuid=www-data --regid=www-data --clear-groups sh -c 'echo $$; exec sleep 1000' & \
                    [ $! = $1 ] && break; \
                    kill -9 $!; wait $!; \
                  done; wait";
    let mut taker = bed.spawn_as("root", ["sh", "-c", script, "sh", &pid.to_string()]);
    while taker.line() != pid.to_string() {
        assert!(!taker.has_ended(), "pid {pid} could not be taken: {}", taker.stderr());
    }
    taker
}

// A process of www-data is its own agent, has itself challenged, and hands that challenge to the root agent of another
// process of www-data, which is allowed.

fn a_cookie_handed_over_by_a_stranger_is_stopped_by_the_bus(root: &Root) {
    let mut relay = Relay::set_up(root);
    let end = relay.hand_over(&relay.thief);
    assert_eq!(end, Err("org.freedesktop.DBus.Error.AccessDenied".to_owned()));
    assert_eq!(relay.end(), Verdict::No);
    assert_eq!(relay.agent.decisions(MANAGE), [], "{}", relay.agent.said());
}

fn a_cookie_handed_over_by_polkitd_s_user_is_refused_for_its_sender(root: &Root) {
    let mut relay = Relay::set_up(root);
    let accomplice = Peer::of(&relay.bed, "polkitd");
    let end = relay.hand_over(&accomplice);
    assert_eq!(end, Err("org.freedesktop.PolicyKit1.Error.Failed".to_owned()));
    assert_eq!(relay.end(), Verdict::No);
    let decision = relay.agent.decision(MANAGE);
    assert_eq!(decision.verdict(), ("deny", "", "sender"));
    assert_eq!(decision.get("SUBJECT_PID"), relay.allowed.pid().to_string());
    assert_eq!(relay.agent.outcome(MANAGE).get("OUTCOME"), "refused");
    // The process that was to be misused can still do what it may.
    assert_eq!(ask(&relay.bed, relay.allowed.pid(), MANAGE), Verdict::Yes);
}

struct Relay {
    agent: Agent,
    allowed: Process,
    thief: Peer,
    /// The challenge about the thief, as it came.
    challenge: Message,
    asked: Option<JoinHandle<Verdict>>,
    bed: Arc<LightBed>,
}

impl Relay {
    fn set_up(root: &Root) -> Self {
        let bed = Arc::new(light(root));
        let agent = Agent::start(&bed, POOL);
        let allowed = process_in(&bed, "www-data", POOL_CGROUP);
        until_served(&bed, allowed.pid());
        let thief = Peer::of(&bed, "www-data");
        let mut messages = RUNTIME.block_on(async { MessageStream::from(&thief.connection) });
        let start = bed.start_time(thief.pid()).expect("it lives");
        let details = HashMap::from([
            ("pid", Variant::U32(thief.pid())),
            ("start-time", Variant::U64(start)),
            ("uid", Variant::I32(33)),
        ]);
        let name = "org.freedesktop.PolicyKit1";
        let (path, interface) = ("/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority");
        let registration = (("unix-process", details), "C", "/thief");
        let _ = thief.call(name, path, interface, "RegisterAuthenticationAgent", &registration).expect("it may");
        let asked = {
            let (bed, pid) = (Arc::clone(&bed), thief.pid());
            Some(std::thread::spawn(move || ask(&bed, pid, MANAGE)))
        };
        let challenge = RUNTIME.block_on(async {
            loop {
                let message = messages.next().await.expect("a message").expect("a message");
                let header = message.header();
                if message.message_type() == Type::MethodCall
                    && header.member().is_some_and(|m| m == "BeginAuthentication")
                {
                    break message.clone();
                }
            }
        });
        Self { agent, allowed, thief, challenge, asked, bed }
    }

    /// Sends the challenge to the agent's object of the allowed process.
    fn hand_over(&self, by: &Peer) -> Result<(), String> {
        let names = Peer::of(&self.bed, "root").names_of(self.agent.pid());
        let body = self.challenge.body();
        type Arguments<'a> = (
            &'a str,
            &'a str,
            &'a str,
            HashMap<&'a str, &'a str>,
            &'a str,
            Vec<(&'a str, HashMap<&'a str, Variant<'a>>)>,
        );
        let (action, message, icon, mut details, cookie, identities): Arguments<'_> = body.deserialize().unwrap();
        assert_eq!((action, identities.len()), (MANAGE, 1));
        // As good a forgery as can be: it names the process that the object stands for.
        let pid = self.allowed.pid().to_string();
        details.insert("polkit.subject-pid", &pid);
        let arguments = (action, message, icon, details, cookie, identities);
        // Connections that wait for a process have no object, and answer nobody; the first is the agent's own.
        let calls = names.iter().skip(1).map(|name| {
            let name = Some(name.as_str());
            Box::pin(by.connection.call_method(name, OBJECT, Some(AGENT), "BeginAuthentication", &arguments))
        });
        ended(RUNTIME.block_on(select_all(calls)).0)
    }

    /// The thief returns from its own challenge; what polkitd says to whoever asked about it.
    fn end(&mut self) -> Verdict {
        let header = self.challenge.header();
        RUNTIME.block_on(self.thief.connection.reply(&header, &())).expect("the bus takes a reply");
        self.asked.take().expect("once").join().expect("it was asked")
    }
}

/// The agent's object on each of its connections.
const OBJECT: &str = "/io/github/polkit_service_agent/AuthenticationAgent";

// A polkitd that asks what a real one never would.

/// A served process of www-data, a double of polkitd, and the agent between them.
fn with_double(root: &Root, response: Response, config: &str) -> (LightBed, Double, Agent, Process) {
    let bed = builder(root)
        .without("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service")
        .without_libvirtd()
        .start();
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let double = Double::of(&bed, response);
    let agent = Agent::start(&bed, config);
    (bed, double, agent, process)
}

const FAILED: &str = "org.freedesktop.PolicyKit1.Error.Failed";
const CANCELLED: &str = "org.freedesktop.PolicyKit1.Error.Cancelled";

fn a_cancellation_by_anybody_else_does_nothing(root: &Root) {
    let (bed, double, agent, process) = with_double(root, Response::Hold, POOL);
    let registered = double.registered(process.pid());
    let asked = double.begin_aside(&registered, question(MANAGE, process.pid(), "a-cookie"));
    until(|| double.answers().len() == 1);
    let other = Peer::of(&bed, "polkitd");
    assert_eq!(cancel(&other, &registered, "a-cookie"), Ok(()), "the bus lets that user through");
    let stranger = Peer::of(&bed, "www-data");
    assert_eq!(cancel(&stranger, &registered, "a-cookie"), Err("org.freedesktop.DBus.Error.AccessDenied".to_owned()));
    double.release();
    assert_eq!(RUNTIME.block_on(asked).unwrap(), Ok(()));
    assert_eq!(agent.outcome(MANAGE).get("OUTCOME"), "sent", "{}", agent.said());
}

fn polkitd_s_cancellation_ends_the_question_as_often_as_it_comes(root: &Root) {
    let (_bed, double, agent, process) = with_double(root, Response::Hold, POOL);
    let registered = double.registered(process.pid());
    for cookie in ["", "never-asked", "a-cookie"] {
        assert_eq!(double.cancel(&registered, cookie), Ok(()), "before any question");
    }
    let asked = double.begin_aside(&registered, question(MANAGE, process.pid(), "a-cookie"));
    until(|| double.answers().len() == 1);
    for _ in 0..3 {
        assert_eq!(double.cancel(&registered, "a-cookie"), Ok(()));
    }
    assert_eq!(RUNTIME.block_on(asked).unwrap(), Err(CANCELLED.to_owned()));
    assert_eq!(double.cancel(&registered, "a-cookie"), Ok(()), "after the end");
    assert_eq!(agent.outcome(MANAGE).get("OUTCOME"), "cancelled", "{}", agent.said());
    // A later question is another one, whatever its cookie.
    let asked = double.begin_aside(&registered, question(MANAGE, process.pid(), "a-cookie"));
    until(|| double.answers().len() == 2);
    double.release();
    assert_eq!(RUNTIME.block_on(asked).unwrap(), Ok(()));
}

fn a_challenge_about_another_process_is_refused(root: &Root) {
    let (bed, double, agent, process) = with_double(root, Response::Take, POOL);
    let registered = double.registered(process.pid());
    let other = process_in(&bed, "www-data", POOL_CGROUP);
    let mut questions = vec![question(MANAGE, other.pid(), "wrong-pid"), question(MANAGE, process.pid(), "no-pid")];
    questions[1].3.remove("polkit.subject-pid");
    for question in &questions {
        assert_eq!(double.begin(&registered, question), Err(FAILED.to_owned()));
    }
    let reasons: Vec<_> = agent.decisions(MANAGE).iter().map(|record| record.get("REASON").to_owned()).collect();
    assert_eq!(reasons, ["other-subject", "other-subject"], "{}", agent.said());
    assert_eq!(double.answers(), [], "nothing was answered");
    assert_eq!(double.begin(&registered, &question(MANAGE, process.pid(), "right-pid")), Ok(()));
}

fn malformed_challenges_are_refused_and_the_agent_lives(root: &Root) {
    let (_bed, double, agent, process) = with_double(root, Response::Take, POOL);
    let registered = double.registered(process.pid());
    let good = || question(MANAGE, process.pid(), "a-cookie");
    let with_identity = |kind: &'static str, details| {
        let mut question = good();
        question.5 = vec![(kind, details)];
        question
    };
    let with_pid = |text: &str| {
        let mut question = good();
        question.3.insert("polkit.subject-pid", text.to_owned());
        question
    };
    let empty = HashMap::new;
    let malformed = [
        question("", process.pid(), "a-cookie"),
        question(MANAGE, process.pid(), ""),
        with_identity("unix-user", empty()),
        with_identity("unix-user", HashMap::from([("uid", Variant::I32(33))])),
        with_identity("unix-user", HashMap::from([("uid", Variant::U32(u32::MAX))])),
        with_identity("unix-user", HashMap::from([("uid", Variant::from("33"))])),
        with_identity("unix-group", empty()),
        with_identity("unix-netgroup", HashMap::from([("name", Variant::U32(1))])),
        with_identity("martian", HashMap::from([("uid", Variant::U32(33))])),
        with_pid("0"),
        with_pid("-1"),
        with_pid("many"),
        with_pid("4294967296"),
    ];
    for question in &malformed {
        assert_eq!(double.begin(&registered, question), Err(FAILED.to_owned()), "{question:?}");
    }
    assert_eq!(double.begin(&registered, &()), Err(FAILED.to_owned()));
    assert_eq!(double.begin(&registered, &(MANAGE, 7u32)), Err(FAILED.to_owned()));
    // Equal ones beyond ten a second have one record together.
    let refused = || {
        let records = agent.records();
        let refused = records.iter().filter(|record| record.verdict() == ("deny", "", "malformed"));
        refused.map(Record::times).sum::<usize>()
    };
    until(|| refused() >= malformed.len() + 2);
    assert_eq!(refused(), malformed.len() + 2, "{}", agent.said());
    assert_eq!(double.answers(), [], "nothing was answered");
    assert_eq!(double.begin(&registered, &good()), Ok(()), "{}", agent.said());
    let mut nobody = good();
    nobody.5.clear();
    assert_eq!(double.begin(&registered, &nobody), Err(FAILED.to_owned()), "nobody is offered");
    let mut two = good();
    two.5.push(user(0));
    assert_eq!(double.begin(&registered, &two), Err(FAILED.to_owned()), "two are offered: unbound");
    until(|| agent.decisions(MANAGE).pop().unwrap().verdict() == ("deny", "pool", "unbound"));
}

fn a_huge_action_is_refused_with_a_short_record(root: &Root) {
    let (_bed, double, agent, process) = with_double(root, Response::Take, POOL);
    let registered = double.registered(process.pid());
    let huge: &'static str = Box::leak("org.example.".repeat(100_000).into_boxed_str());
    assert_eq!(double.begin(&registered, &question(huge, process.pid(), "a-cookie")), Err(FAILED.to_owned()));
    until(|| agent.records().len() == 2);
    assert_eq!(agent.records()[0].verdict(), ("deny", "", "no-rule"));
    assert!(agent.said().lines().all(|line| line.len() < 4096), "{}", agent.said());
    assert_eq!(double.begin(&registered, &question(MANAGE, process.pid(), "a-cookie")), Ok(()));
}

fn an_answer_that_polkitd_refuses_is_a_refusal(root: &Root) {
    let (_bed, double, agent, process) = with_double(root, Response::Refuse, POOL);
    let registered = double.registered(process.pid());
    let question = question(MANAGE, process.pid(), "a-cookie");
    assert_eq!(double.begin(&registered, &question), Err(FAILED.to_owned()));
    assert_eq!(double.answers(), [(WWW_DATA, "a-cookie".to_owned())]);
    let outcome = agent.outcome(MANAGE);
    assert_eq!(outcome.get("OUTCOME"), "refused-by-polkitd");
    assert!(outcome.get("ERROR").contains("the double refuses"), "{outcome:?}");
}

fn an_answer_that_polkitd_does_not_take_in_time_is_a_refusal(root: &Root) {
    let config = format!("[agent]\nanswer_within = \"500ms\"\n{POOL}");
    let (_bed, double, agent, process) = with_double(root, Response::Hold, &config);
    let registered = double.registered(process.pid());
    assert_eq!(double.begin(&registered, &question(MANAGE, process.pid(), "a-cookie")), Err(FAILED.to_owned()));
    assert_eq!(agent.decision(MANAGE).verdict(), ("allow", "pool", "rule"));
    assert_eq!(agent.outcome(MANAGE).get("OUTCOME"), "deadline");
    assert!(!agent.said().contains("a-cookie"), "a cookie is a secret: {}", agent.said());
}

// Hostile processes.

fn hostile_names_and_command_lines_stay_on_one_line_escaped(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, POOL);
    // A program whose file, name and first argument hold a line break, an escape, a change of direction and a quotation mark.
    let name = "/tmp/a\n\u{1b}[2J\u{202e}\" record=\"x";
    let script = "cp /bin/sleep \"$0\"; exec \"$0\" 1000 $(printf '%100000s' | tr ' ' 7)";
    let mut process = bed.spawn_as("www-data", ["bash", "-c", script, name]);
    bed.move_to_cgroup(process.pid(), POOL_CGROUP);
    until_served(&bed, process.pid());
    assert!(!process.has_ended(), "{}", process.stderr());
    assert_eq!(ask(&bed, process.pid(), PROBE), Verdict::No);
    let said = agent.said();
    let harmless = |c: char| c == '\n' || !(c.is_control() || c != '…' && ('\u{200b}'..='\u{206f}').contains(&c));
    assert!(said.chars().all(harmless), "{said:?}");
    assert!(said.lines().all(|line| line.starts_with("polkit-service-agent: ") && line.len() < 4096), "{said}");
    let decision = agent.decisions(PROBE).pop().unwrap();
    assert_eq!(decision.get("EXE"), "/tmp/a\\x0a\\x1b[2J\\u{202e}\" record=\"x", "{said}");
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

fn a_uid_beyond_polkit_s_range_is_not_served_and_harms_nobody(root: &Root) {
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
    assert_eq!(decision.get("EXE"), "/usr/local/bin/panel", "its path proves nothing");

    let honest = bed.spawn_as("www-data", ["/usr/local/bin/panel", "1000"]);
    bed.move_to_cgroup(honest.pid(), POOL_CGROUP);
    until_served(&bed, honest.pid());
    assert_eq!(ask(&bed, honest.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
}

/// A user may name the cgroups below his own as he likes.
fn a_unit_s_name_further_down_in_a_cgroup_path_is_not_that_unit(root: &Root) {
    let bed = full(root).file("/usr/local/bin/lend", 0o755, LEND).file("/usr/local/bin/ask", 0o755, ASK).start();
    let _ = bed.exec(["useradd", "--create-home", "alice"]).success();
    let uid = bed.exec(["id", "-u", "alice"]).success().text().to_owned();
    let _ = bed.exec(["systemctl", "start", &format!("user@{uid}.service")]).success();
    let config = POOL.replace("user = \"www-data\"", "user = \"alice\"") + "[[serve]]\nexec = [\"alice\"]\n";
    bed.write(CONFIG_FILE, 0o644, config);
    agent::start_agent(&bed);

    let runtime = format!("XDG_RUNTIME_DIR=/run/user/{uid}");
    let of_alice =
        ["env", &runtime, "systemd-run", "--user", "--slice=system.slice", "--unit=pool.service", "--collect"];
    let lend = ["systemd-run", "--unit=lent.service", "--property=Delegate=yes", "--property=User=alice", "--collect"];
    let sleep = |argv: &[&str], user: &str, end: &str, of: &str| {
        let _ = bed.exec_as(user, argv.iter().copied().chain(["/usr/local/bin/lend", end])).success();
        until(|| pid_in(&bed, of).is_some());
        pid_in(&bed, of).unwrap()
    };
    let user_pool = format!("/user.slice/user-{uid}.slice/user@{uid}.service/system.slice/pool.service");
    let lent_pool = "/system.slice/lent.service/system.slice/pool.service";
    let forgers = [sleep(&of_alice, "alice", "stay", &user_pool), sleep(&lend, "root", "below", lent_pool)];
    let _ = bed.exec(["systemd-run", "--unit=pool.service", "--property=User=alice", "sleep", "1000"]).success();
    until(|| pid_in(&bed, "/system.slice/pool.service").is_some());
    let uid_number = uid.parse().unwrap();
    let real = pid_in(&bed, "/system.slice/pool.service").unwrap();
    until(|| has_agent(&bed, real, uid_number));
    for forger in forgers {
        assert!(!has_agent(&bed, forger, uid_number), "{forger}");
    }

    let _ = bed.exec_as("alice", ["env", &runtime, "systemctl", "--user", "stop", "pool.service"]).success();
    let _ = bed.exec(["systemctl", "stop", "lent.service"]).success();
    let asked = |argv: &[&str], user: &str, end: &str| {
        bed.remove("/tmp/said");
        let program = ["/usr/local/bin/lend", end, "/usr/local/bin/ask"];
        let _ = bed.exec_as(user, argv.iter().copied().chain(program)).success();
        until(|| bed.exists("/tmp/said"));
        bed.read("/tmp/said")
    };
    let user_says = asked(&of_alice, "alice", "stay");
    let lent_says = asked(&lend, "root", "below");
    for says in [user_says, lent_says] {
        assert!(says.contains("access denied by policy"), "{says}");
    }
    let decisions = record::decisions(record::from_journal(&bed), MANAGE);
    let mut seen: Vec<_> = decisions.iter().map(|record| (record.get("UNIT"), record.get("REASON"))).collect();
    // virsh asks more than once.
    seen.dedup();
    assert_eq!(seen, [(format!("user@{uid}.service").as_str(), "no-rule"), ("lent.service", "no-rule")]);
}

/// Moves into a cgroup of its own making, if told to, and becomes a program, or sleeps.
const LEND: &str = r#"#!/bin/sh
if [ "$1" = below ]; then
    own=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
    mkdir -p "$own/system.slice/pool.service" && echo $$ > "$own/system.slice/pool.service/cgroup.procs" || exit 9
fi
exec "${2:-/bin/sleep}" 1000
"#;

const ASK: &str = r#"#!/bin/sh
polkit-service-agent exec -- virsh -c qemu:///system list > /tmp/said.new 2>&1
mv /tmp/said.new /tmp/said
"#;

/// A process whose unified cgroup has this path.
fn pid_in(bed: &Bed, cgroup: &str) -> Option<u32> {
    let file = format!("/sys/fs/cgroup{cgroup}/cgroup.procs");
    bed.exec(["cat", &file]).stdout.lines().next()?.parse().ok()
}

// No record, no answer.

const JOURNAL: &str = "/run/systemd/journal/socket";

/// A program in place of journald: prints each datagram, at once or when it is told to.
fn journal(bed: &Bed, when: &str) -> Process {
    let script = "use Socket; $| = 1; unlink $ARGV[0]; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; \
        bind($s, sockaddr_un($ARGV[0])) or die; print qq(bound\n); \
        <STDIN> if $ARGV[1] ne 'at once'; while (1) { recv($s, my $d, 65536, 0); print $d, qq(END\n) }";
    let _ = bed.exec(["mkdir", "-p", "/run/systemd/journal"]).success();
    let mut journal = bed.spawn_as("root", ["perl", "-e", script, JOURNAL, when]);
    assert_eq!(journal.line(), "bound");
    journal
}

/// Fills the queue of a journal that does not read.
fn fill(bed: &Bed) {
    let script = "use Socket; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; connect($s, sockaddr_un($ARGV[0])) or die; \
        $s->blocking(0); while (defined send($s, q(x), 0)) {} die $! unless $!{EAGAIN};";
    let _ = bed.exec(["perl", "-MIO::Handle", "-MErrno", "-e", script, JOURNAL]).success();
}

/// A record that waits for the journal gives time to change between the decision and the answer.
fn a_process_that_changes_before_its_answer_is_refused(root: &Root) {
    let (bed, _read, agent, process) = with_journal(root);
    let mut journal = journal(&bed, "later");
    fill(&bed);
    let sockets = || {
        let count = format!("ls -l /proc/{}/fd | grep -c socket:", agent.pid());
        bed.exec(["sh", "-c", &count]).success().text().parse::<u32>().unwrap()
    };
    let before = sockets();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&bed, process.pid(), MANAGE));
        while sockets() == before {
            assert!(!asked.is_finished(), "it did not wait: {}", agent.said());
        }
        bed.move_to_cgroup(process.pid(), "system.slice/elsewhere.service");
        journal.say("read");
        assert_eq!(asked.join().unwrap(), Verdict::No, "{}", agent.said());
    });
    let mut text = String::new();
    while !text.contains("POLKIT_AGENT_OUTCOME=") {
        text += &(journal.line() + "\n");
    }
    assert!(text.contains("POLKIT_AGENT_VERDICT=allow\n") && text.contains("POLKIT_AGENT_OUTCOME=changed\n"), "{text}");
}

/// The agent with that journal, and a process that it allows.
fn with_journal(root: &Root) -> (LightBed, Process, Agent, Process) {
    let bed = light(root);
    let mut journal = journal(&bed, "at once");
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let agent = Agent::start(&bed, POOL);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    let mut text = String::new();
    while !text.contains("POLKIT_AGENT_OUTCOME=sent") {
        text += &(journal.line() + "\n");
    }
    assert!(text.contains("POLKIT_AGENT_VERDICT=allow\n"), "{text}");
    assert!(text.contains("MESSAGE_ID=062650a6bb21482cb26e15a767235462\n"), "{text}");
    assert_eq!(agent.records(), [], "records go to the journal alone");
    (bed, journal, agent, process)
}

fn a_journal_that_is_gone_means_no_answer(root: &Root) {
    let (bed, dead, agent, process) = with_journal(root);
    dead.kill();
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::No, "a socket without a reader");
    bed.remove(JOURNAL);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::No, "no socket");
    assert_eq!(agent.said().matches("no record, no answer").count(), 2, "{}", agent.said());
    // The next journal is taken as it comes.
    let _journal = journal(&bed, "at once");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes);
}

fn a_journal_that_nobody_reads_means_no_answer(root: &Root) {
    let (bed, _read, agent, process) = with_journal(root);
    let _deaf = journal(&bed, "never");
    fill(&bed);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::No);
    assert!(agent.said().contains("no record, no answer"), "{}", agent.said());
}
