//! Random policies, random questions: what policy-gen writes decides in real polkits as the policy itself says.
//!
//! `POLKIT_TESTS_CASES` is how many questions each way is asked (600 by default), `POLKIT_TESTS_SEED` what the random
//! choices begin with: `POLKIT_TESTS_CASES=20000 cargo test -p polkit-tests --test policy_gen model::`.

mod bed;
mod random;

use std::collections::BTreeMap;

use bed::{Asked, Host, Seen};
use polkit_config::report::Source;
use polkit_policy_gen::emit::{self, Origin, Owner};
use polkit_policy_gen::implicit_authorization::{BySession, ImplicitAuthorization};
use polkit_policy_gen::policy::{self, Policy};
use polkit_policy_gen::target::Format;
use polkit_tests::{Root, Suite, require};
use random::{Random, World};

/// How many questions are asked of each policy.
const OF_EACH: usize = 100;

/// polkit's default for the actions of these tests, without a session, in an inactive one, in an active one.
const IMPLICIT: BySession<ImplicitAuthorization> = BySession {
    any: ImplicitAuthorization::AuthAdminKeep,
    inactive: ImplicitAuthorization::AuthSelf,
    active: ImplicitAuthorization::AuthAdmin,
};

fn cases() -> usize {
    std::env::var("POLKIT_TESTS_CASES").map_or(600, |cases| cases.parse().expect("a number"))
}

fn seed() -> u64 {
    std::env::var("POLKIT_TESTS_SEED").map_or(1, |seed| seed.parse().expect("a number"))
}

/// A random policy that can be said in this format: its text, itself and its file. Counts those that cannot.
fn next(
    random: &mut Random,
    world: World,
    format: Format,
    turn: usize,
    refused: &mut usize,
) -> (String, Policy, String) {
    loop {
        let mut text = random.policy(world, turn);
        // Few grants become rules, and many a table: every second policy has many, of an action that no question is about.
        if format == Format::Rules && turn % 2 == 1 {
            text.push_str(
                &"\n[[grant]]\nactions = ['org.example.other']\nusers = ['root']\nresult = 'yes'\n".repeat(40),
            );
        }
        let read = policy::read(&[Source::new("p.toml", text.as_str())]);
        let (policy, mut report) = read.unwrap_or_else(|report| panic!("{text}\n{:?}", report.lines()));
        let files = emit::files(&policy, &Origin::Options, format, Owner::Admin, &mut report);
        if !report.has_errors() {
            return (text, policy, files[0].text.clone());
        }
        assert_eq!(format, Format::Pkla, "{text}\n{:?}", report.lines());
        *refused += 1;
    }
}

/// Installs policies one after the other, and asks polkitd over the bus.
fn ask_polkitd(root: &Root, host: &Host, world: World, format: Format) {
    let mut random = Random::new(seed());
    let (mut asked, mut decided, mut refused) = (0, 0, 0);
    let mut answers: BTreeMap<Seen, usize> = BTreeMap::new();
    for turn in 0.. {
        if asked >= cases() {
            break;
        }
        let (text, policy, file) = next(&mut random, world, format, turn, &mut refused);
        host.install(format, &file, turn);
        let questions: Vec<Asked> = (0..OF_EACH).map(|_| random.question(world, turn)).collect();
        for (question, seen) in questions.iter().zip(host.ask(&questions)) {
            let results = policy.results(&question.as_question());
            decided += usize::from(results.is_some());
            let expected = host.shown(results.unwrap_or(IMPLICIT).of(question.session));
            assert_eq!(seen, expected, "{}: {question:?}\n{text}\n{}", root.suite(), host.log());
            *answers.entry(seen).or_default() += 1;
            asked += 1;
        }
    }
    println!(
        "{}: {asked} questions answered as the policy says, {decided} by a grant of it: {answers:?}; {refused} policies refused",
        root.suite()
    );
    assert!(answers.len() >= 3 && decided > asked / 5, "the questions were all alike: {decided} {answers:?}");
}

macro_rules! rules_decide_as_the_policy_says {
    ($($name:ident $suite:ident),*) => {
        mod rules_decide_as_the_policy_says {
            use super::*;
            $(
                #[test]
                fn $name() {
                    let Some(root) = require(Suite::$suite) else { return };
                    let host = Host::start(&root, true);
                    ask_polkitd(&root, &host, World::Rules, Format::Rules);
                }
            )*
        }
    };
}

rules_decide_as_the_policy_says!(bookworm Bookworm, trixie Trixie, forky Forky);

#[test]
fn pkla_decides_on_polkit_0_105_as_the_policy_says() {
    let Some(root) = require(Suite::Bullseye) else { return };
    let host = Host::start(&root, false);
    ask_polkitd(&root, &host, World::Pkla, Format::Pkla);
}

#[test]
fn pkla_decides_in_polkit_pkla_compat_as_the_policy_says() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let host = Host::start(&root, false);
    let mut random = Random::new(seed());
    let (mut asked, mut decided, mut refused) = (0, 0, 0);
    for turn in 0.. {
        if asked >= cases() {
            break;
        }
        let (text, policy, file) = next(&mut random, World::Pkla, Format::Pkla, turn, &mut refused);
        host.write(Format::Pkla, &file);
        let questions: Vec<Asked> = (0..OF_EACH).map(|_| random.question(World::Pkla, turn)).collect();
        for (question, said) in questions.iter().zip(host.ask_compat(&questions)) {
            let results = policy.results(&question.as_question());
            decided += usize::from(results.is_some());
            let expected = results.map_or("", |results| results.of(question.session).text());
            assert_eq!(said, expected, "{question:?}\n{text}");
            asked += 1;
        }
    }
    println!(
        "pkla-check-authorization: {asked} questions answered as the policy says, {decided} by a grant of it; {refused} policies \
         refused"
    );
    assert!(decided > asked / 5, "the questions were all alike: {decided}");
}
