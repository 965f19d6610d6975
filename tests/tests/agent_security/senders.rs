//! Questions, cancellations and cookies from others than polkitd. Each ends in a refusal.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use futures_util::StreamExt;
use futures_util::future::select_all;
use polkit_tests::agent::by_hand::{Agent, MANAGE, POOL, POOL_CGROUP, ask, light, process_in, until_served};
use polkit_tests::agent::double::{AGENT, CANCELLED, FAILED, Response, cancel, ended, question, user, with_double};
use polkit_tests::agent::peer::{Peer, RUNTIME};
use polkit_tests::agent::until;
use polkit_tests::polkit::Verdict;
use polkit_tests::{LightBed, Process, Root, on_each_suite_with_rules};
use zbus::{Message, MessageStream, Variant, message::Type};

on_each_suite_with_rules! {
    a_cookie_handed_over_by_a_stranger_is_stopped_by_the_bus
    a_cookie_handed_over_by_polkitd_s_user_is_refused_for_its_sender
    a_cookie_that_was_used_is_worth_nothing
    a_cancellation_by_another_sender_does_nothing
    polkitd_can_cancel_a_challenge_whose_cookie_another_sender_has_used
    polkitd_s_cancellation_ends_the_question_as_often_as_it_comes
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

/// A question and a cookie that polkitd is done with.
fn a_cookie_that_was_used_is_worth_nothing(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, POOL);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, process.pid());
    let monitor = Peer::of(&bed, "root");
    let mut messages = RUNTIME.block_on(async { MessageStream::from(&monitor.connection) });
    let rules = ["type='method_call',member='BeginAuthentication'"];
    let bus = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Monitoring");
    let _ = monitor.call(bus.0, bus.1, bus.2, "BecomeMonitor", &(&rules[..], 0u32)).expect("root may watch");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    let question = next_question(&mut messages);

    let accomplice = Peer::of(&bed, "polkitd");
    let (to, path) =
        (question.header().destination().unwrap().to_string(), question.header().path().unwrap().to_string());
    let body = question.body();
    let arguments: Arguments<'_> = body.deserialize().unwrap();
    let replayed = accomplice.call(&to, &path, AGENT, "BeginAuthentication", &arguments);
    assert_eq!(ended(replayed), Err(FAILED.to_owned()));
    let last = agent.decisions(MANAGE).pop().unwrap();
    assert_eq!(last.verdict(), ("deny", "", "sender"), "{}", agent.said());

    let root_peer = Peer::of(&bed, "root");
    let name = "org.freedesktop.PolicyKit1";
    let (authority, interface) = ("/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority");
    for uid in [0u32, 33] {
        let answer = (uid, arguments.4, user(33));
        let replayed = root_peer.call(name, authority, interface, "AuthenticationAgentResponse2", &answer);
        assert_eq!(ended(replayed), Err(FAILED.to_owned()), "polkitd has forgotten that cookie");
    }
}

/// The arguments of BeginAuthentication.
type Arguments<'a> =
    (&'a str, &'a str, &'a str, HashMap<&'a str, &'a str>, &'a str, Vec<(&'a str, HashMap<&'a str, Variant<'a>>)>);

fn next_question(messages: &mut MessageStream) -> Message {
    RUNTIME.block_on(async {
        loop {
            let message = messages.next().await.expect("a message").expect("a message");
            let header = message.header();
            if message.message_type() == Type::MethodCall && header.member().is_some_and(|m| m == "BeginAuthentication")
            {
                break message.clone();
            }
        }
    })
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
        let challenge = next_question(&mut messages);
        Self { agent, allowed, thief, challenge, asked, bed }
    }

    /// Sends the challenge to the agent's object of the allowed process.
    fn hand_over(&self, by: &Peer) -> Result<(), String> {
        let names = Peer::of(&self.bed, "root").names_of(self.agent.pid());
        let body = self.challenge.body();
        let (action, message, icon, mut details, cookie, identities): Arguments<'_> = body.deserialize().unwrap();
        assert_eq!((action, identities.len()), (MANAGE, 1));
        // As good a forgery as can be: it names the process that the object stands for.
        let pid = self.allowed.pid().to_string();
        details.insert("polkit.subject-pid", &pid);
        let arguments = (action, message, icon, details, cookie, identities);
        // Connections that wait for a process have no object, and reply to no call; the first is the agent's own.
        let calls = names.iter().skip(1).map(|name| {
            let name = Some(name.as_str());
            Box::pin(by.connection.call_method(name, OBJECT, Some(AGENT), "BeginAuthentication", &arguments))
        });
        ended(RUNTIME.block_on(select_all(calls)).0)
    }

    /// The thief returns from its own challenge; returns polkitd's verdict on it.
    fn end(&mut self) -> Verdict {
        let header = self.challenge.header();
        RUNTIME.block_on(self.thief.connection.reply(&header, &())).expect("the bus takes a reply");
        self.asked.take().expect("once").join().expect("it was asked")
    }
}

/// The agent's object on each of its connections.
const OBJECT: &str = "/io/github/polkit_service_agent/AuthenticationAgent";

// A cancellation is believed from polkitd alone.

fn a_cancellation_by_another_sender_does_nothing(root: &Root) {
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

fn polkitd_can_cancel_a_challenge_whose_cookie_another_sender_has_used(root: &Root) {
    let (bed, double, agent, process) = with_double(root, Response::Hold, POOL);
    let registered = double.registered(process.pid());
    let asked = double.begin_aside(&registered, question(MANAGE, process.pid(), "a-cookie"));
    until(|| double.answers().len() == 1);
    let other = Peer::of(&bed, "polkitd");
    let same = question(MANAGE, process.pid(), "a-cookie");
    let of_other = other.call(&registered.name, &registered.path, AGENT, "BeginAuthentication", &same);
    assert_eq!(ended(of_other), Err(FAILED.to_owned()));
    assert_eq!(double.cancel(&registered, "a-cookie"), Ok(()));
    assert_eq!(RUNTIME.block_on(asked).unwrap(), Err(CANCELLED.to_owned()), "{}", agent.said());
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
    // A later challenge is another one, even with the same cookie.
    let asked = double.begin_aside(&registered, question(MANAGE, process.pid(), "a-cookie"));
    until(|| double.answers().len() == 2);
    double.release();
    assert_eq!(RUNTIME.block_on(asked).unwrap(), Ok(()));
}
