//! Random subjects fall into exactly one condition of an exact exploration, with the evaluator's verdict.

use polkit_policy_gen::explore::sample::Samples;
use polkit_policy_gen::explore::{Exploration, Explorer, Limits};
use polkit_policy_gen::verdict::evaluate::UserRequest;
use polkit_policy_gen::verdict::{AccessRequest, Evaluator, Verdict};

use crate::policies::{ACTION, Policy};
use crate::random::{self, Random};
use crate::subjects::Subject;

/// What came of comparing.
#[derive(Debug, Default)]
struct Tally {
    policies: usize,
    exact: usize,
    sampled: usize,
    incomplete: usize,
    subjects: usize,
    conditions: usize,
    paths: usize,
}

fn verdicts(evaluator: &mut Evaluator, subjects: &[Subject]) -> Vec<Verdict> {
    let request = |one: &Subject| Evaluator::request_of(one.request.clone(), one.user.clone());
    let requests: Vec<UserRequest> = subjects.iter().map(request).collect();
    let batch = evaluator.start(requests);
    let implied = evaluator.imply(batch).unwrap();
    evaluator.finish(implied).unwrap()
}

impl Tally {
    fn compare(&mut self, policy: &Policy, version: u32, random: &mut Random, count: usize, text: &str) {
        let with_pkla = policy.evaluator(version).pkla().is_some();
        let mut explorer =
            Explorer::new(policy.evaluator(version), Samples::default(), Limits { paths: 1000, ..Limits::default() });
        let base = AccessRequest { action: ACTION.to_owned(), ..AccessRequest::default() };
        let exploration = explorer.explore(&base).unwrap();
        self.policies += 1;
        self.paths += exploration.paths;
        self.conditions += exploration.conditions.len();
        if !exploration.is_exact() {
            let is_sample = |why: &str| why.starts_with("by sample");
            let sampled = exploration.incomplete.iter().all(|remark| is_sample(&remark.why));
            *(if sampled { &mut self.sampled } else { &mut self.incomplete }) += 1;
            return;
        }
        self.exact += 1;
        let mut subjects: Vec<Subject> = (0..count).map(|_| Subject::random(random, ACTION)).collect();
        // The program of polkit-pkla-compat fails for a user without a name, which is no fact.
        subjects.retain(|subject| subject.user.has_name || !with_pkla);
        let verdicts = verdicts(&mut policy.evaluator(version), &subjects);
        for (subject, verdict) in subjects.iter().zip(verdicts) {
            self.subjects += 1;
            agrees(&exploration, subject, &verdict, text);
        }
    }
}

fn agrees(exploration: &Exploration, subject: &Subject, verdict: &Verdict, text: &str) {
    let covering: Vec<_> =
        exploration.conditions.iter().filter(|condition| condition.covers(|fact| subject.has(fact))).collect();
    let [one] = covering.as_slice() else {
        panic!("{} conditions for {subject:?}: {covering:#?}\n{text}\n{:#?}", covering.len(), exploration.conditions);
    };
    let same = (one.outcome, &one.decided_by) == (verdict.outcome, &verdict.decided_by);
    assert!(same, "{subject:?}: {verdict:?}, but {one:?}\n{text}");
}

/// A number from the environment.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

fn rounds(version: u32, times: usize, policy: impl Fn(&mut Random) -> (Policy, String)) -> Tally {
    let seed = number("POLKIT_TESTS_SEED", 1) as u64 ^ u64::from(version);
    let (mut random, mut tally) = (Random::new(seed), Tally::default());
    for _ in 0..times * number("POLKIT_TESTS_POLICIES", 8) {
        let (policy, text) = policy(&mut random);
        tally.compare(&policy, version, &mut random, 60, &text);
    }
    println!("polkit {version}: {tally:?}");
    tally
}

#[test]
fn subjects_of_rules_have_one_condition_with_the_evaluator_s_verdict() {
    for version in [122, 126, 128] {
        let tally = rounds(version, 1, |random| {
            let text = random::rules(random);
            (Policy::rules(&text), text)
        });
        assert!(tally.exact * 3 > tally.policies, "{tally:?}");
    }
}

#[test]
fn subjects_of_pkla_files_have_one_condition_with_the_evaluator_s_verdict() {
    for version in [105, 122] {
        let tally = rounds(version, 4, |random| {
            let (one, two) = (random::pkla(random), random::pkla(random));
            let rule = random::COMPAT;
            let text = format!("{one}\n{two}");
            let policy = Policy::new(&[
                ("etc/polkit-1/localauthority/10-vendor.d/a.pkla", &one),
                ("etc/polkit-1/localauthority/50-local.d/b.pkla", &two),
                ("usr/share/polkit-1/rules.d/49-polkit-pkla-compat.rules", rule),
            ]);
            (policy, text)
        });
        assert!(tally.exact * 8 > tally.policies, "{tally:?}");
    }
}
