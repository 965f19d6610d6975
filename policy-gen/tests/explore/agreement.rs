//! Random subjects fall into exactly one condition of an exact exploration, with the evaluator's verdict.

use polkit_policy_gen::explore::sample::Samples;
use polkit_policy_gen::explore::{Exploration, Explorer, Limits};
use polkit_policy_gen::mechanisms;
use polkit_policy_gen::verdict::evaluate::UserRequest;
use polkit_policy_gen::verdict::{AccessRequest, Evaluator, Verdict};

use crate::numbers::Random;
use crate::policies::Policy;
use crate::random;
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
    fn compare(&mut self, policy: &Policy, version: u32, random: &mut Random, text: &str) {
        let mut explorer =
            Explorer::new(policy.evaluator(version), Samples::default(), Limits { paths: 1000, ..Limits::default() });
        let (mut is_exact, mut is_sampled) = (true, true);
        for action in policy.actions() {
            let base = AccessRequest { action: action.clone(), ..AccessRequest::default() };
            let exploration = explorer.explore(&base).unwrap();
            self.paths += exploration.paths;
            self.conditions += exploration.conditions.len();
            if exploration.is_exact() {
                self.ask(policy, version, random, (action, &exploration), text);
            }
            is_exact &= exploration.is_exact();
            is_sampled &= exploration.incomplete.iter().all(|remark| remark.why.starts_with("by sample"));
        }
        self.policies += 1;
        self.exact += usize::from(is_exact);
        self.sampled += usize::from(!is_exact && is_sampled);
        self.incomplete += usize::from(!is_exact && !is_sampled);
    }

    /// Asks the evaluator about subjects by chance, and about one or more of each condition.
    fn ask(
        &mut self,
        policy: &Policy,
        version: u32,
        random: &mut Random,
        (action, exploration): (&str, &Exploration),
        text: &str,
    ) {
        let mut evaluator = policy.evaluator(version);
        let with_pkla = evaluator.pkla().is_some();
        let mut subjects: Vec<Subject> =
            (0..number("POLKIT_TESTS_SUBJECTS", 40)).map(|_| Subject::random(random, action)).collect();
        for condition in &exploration.conditions {
            subjects.extend((0..2).filter_map(|_| Subject::of_condition(condition, random, action)));
        }
        // The program of polkit-pkla-compat fails for a user without a name, which is no fact. libvirt passes no unit.
        subjects.retain(|subject| subject.user.has_name || !with_pkla);
        if mechanisms::is_by_process(action) {
            subjects.iter_mut().for_each(Subject::without_unit);
        }
        let verdicts = verdicts(&mut evaluator, &subjects);
        for (subject, verdict) in subjects.iter().zip(verdicts) {
            self.subjects += 1;
            agrees(exploration, subject, &verdict, text);
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
        tally.compare(&policy, version, &mut random, &text);
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

/// Files of a corpus (`POLKIT_TESTS_CORPUS`), or of this project.
#[test]
fn files_of_a_corpus_are_explored() {
    let own = [("a.rules", random::OWN.to_owned()), ("b.pkla", random::OWN_PKLA.to_owned())];
    let files: Vec<(String, String)> = match std::env::var_os("POLKIT_TESTS_CORPUS") {
        Some(folder) => std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter_map(|path| Some((path.to_str()?.to_owned(), std::fs::read_to_string(&path).ok()?)))
            .collect(),
        None => own.map(|(name, text)| (name.to_owned(), text)).into(),
    };
    let mut random = Random::new(5);
    for (suffix, version, place) in [
        (".rules", 126, "etc/polkit-1/rules.d/50-a.rules"),
        (".pkla", 105, "etc/polkit-1/localauthority/50-local.d/a.pkla"),
    ] {
        let mut tally = Tally::default();
        for (name, text) in files.iter().filter(|(name, _)| name.ends_with(suffix)) {
            let before = (tally.exact, tally.sampled);
            tally.compare(&Policy::with_actions(place, text), version, &mut random, name);
            if (tally.exact, tally.sampled) == before {
                println!("incomplete: {name}");
            } else if tally.exact == before.0 {
                println!("by sample: {name}");
            }
        }
        println!("{suffix}: {tally:?}");
        assert!(tally.exact > 0);
    }
}
