//! Runs rules with open facts until all paths are known: depth first, each run with the decided facts of an earlier one and one more.

mod run;
mod sift;

use std::collections::BTreeMap;

use super::assignment::Assignment;
use super::conditions::{Condition, merged};
use super::example::Example;
use super::files::Files;
use super::remark::Remark;
use super::sample::Samples;
use super::variants::variants;
use crate::failure::Failure;
use crate::implicit_authorization::ImplicitAuthorization;
use crate::mechanisms;
use crate::target::Version;
use crate::verdict::engine::Engine;
use crate::verdict::evaluate::UserRequest;
use crate::verdict::wire::{End, Fact, KnownFact};
use crate::verdict::{AccessRequest, Evaluator, Outcome, RuleError, Verdict};
use run::Path;

/// Number of runs in a round.
const AT_ONCE: usize = 128;
/// Number of facts that are named if there are too many paths.
const NAMED_MAX: usize = 4;

/// The limits of exploring.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The paths for one action.
    pub paths: usize,
    /// The runs that exceed the time limit of the engine, for all actions together.
    pub failures: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { paths: 2048, failures: 2 }
    }
}

/// The conditions of an action.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// The conditions. They exclude each other and, without remarks, cover every subject.
    pub conditions: Vec<Condition>,
    /// What could not be enumerated.
    pub incomplete: Vec<Remark>,
    /// The number of paths.
    pub paths: usize,
}

impl Exploration {
    /// Whether the conditions are exact.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.incomplete.is_empty()
    }
}

/// A policy that is explored.
#[derive(Debug)]
pub struct Explorer {
    evaluator: Evaluator,
    /// The engine with the rewritten rules, if there are rules.
    engine: Option<Engine>,
    files: Files,
    samples: Samples,
    limits: Limits,
    /// The runs that exceeded the time limit.
    failures: usize,
    /// For an action, the numbers of the rules that concern it. All, if there is no entry.
    only: BTreeMap<String, Vec<usize>>,
}

impl Explorer {
    /// Prepares the policy of an evaluator.
    #[must_use]
    pub fn new(evaluator: Evaluator, mut samples: Samples, limits: Limits) -> Self {
        let mut files = Files::new(evaluator.rules());
        samples.literals.clone_from(&files.literals);
        let has_rules = evaluator.target().version >= Version::RULES && !files.rules.is_empty();
        // Without an engine the evaluator has none, either, and every verdict depends on that.
        let engine = if has_rules { Engine::explore(&files.rules).ok() } else { None };
        for (number, (loaded, rules)) in engine.iter().flat_map(Engine::loaded).zip(&files.rules).enumerate() {
            // A file that does not compile has no rules, and the rules of the others are the same with and without the rewriting.
            let line = files.unwritten.iter().find(|(unwritten, _)| *unwritten == number).map(|(_, line)| *line);
            let is_followed = line.is_none() && loaded.lines.len() == evaluator.added_by(number);
            let is_dropped = loaded.lines.is_empty() && loaded.error.is_some() && evaluator.added_by(number) == 0;
            if !is_followed && !is_dropped {
                let why = "the file has a form that exploring cannot follow";
                files.remarks.push(Remark::new(why, Some(rules.path.clone()), line));
            }
            let unknown = loaded.unknown.iter().map(|what| run::unknown(what));
            files.remarks.extend(unknown.map(|why| Remark::new(why, Some(rules.path.clone()), None)));
        }
        Self { evaluator, engine, files, samples, limits, failures: 0, only: BTreeMap::new() }
    }

    /// Returns the evaluator.
    pub fn evaluator(&mut self) -> &mut Evaluator {
        &mut self.evaluator
    }

    /// Explores the action of a request. Its details and flags are given; its subject is open.
    ///
    /// # Errors
    /// An engine cannot be restarted.
    pub fn explore(&mut self, base: &AccessRequest) -> Result<Exploration, Failure> {
        let given = given(base);
        let mut found = Found { remarks: self.files.remarks.clone(), ..Found::default() };
        if self.evaluator.registered(&base.action).is_none() {
            let example = Example::of(base, &given);
            let verdicts = self.verdicts(vec![example])?;
            found.conditions.extend(verdicts.iter().map(|verdict| Condition::of(verdict, Vec::new())));
            return Ok(found.finish());
        }
        self.sift(base, &given)?;
        let mut open = vec![Path::new(given.clone())];
        while !open.is_empty() {
            if found.paths >= self.limits.paths {
                found.too_many(self.limits.paths);
                break;
            }
            let room = (self.limits.paths - found.paths).min(AT_ONCE);
            let mut paths: Vec<Path> = open.split_off(open.len().saturating_sub(room));
            self.run(base, &mut paths)?;
            for path in &paths {
                let children = path.children();
                for child in &children {
                    if let Some(KnownFact { fact, .. }) = child.facts().known().last() {
                        *found.decided.entry(fact.clone()).or_default() += 1;
                    }
                }
                open.extend(children);
            }
            self.judge(base, &given, paths, &mut found)?;
            if self.failures > self.limits.failures {
                found.remark(Remark::new("the rules did not end in time, and other paths were not tried", None, None));
                break;
            }
        }
        self.run_again(base, &mut found)?;
        Ok(found.finish())
    }

    /// Evaluates finished paths, and adds their conditions.
    fn judge(
        &mut self,
        base: &AccessRequest,
        given: &Assignment,
        paths: Vec<Path>,
        found: &mut Found,
    ) -> Result<(), Failure> {
        found.paths += paths.len();
        let (ended, failed): (Vec<Path>, Vec<Path>) = paths.into_iter().partition(|path| path.failed().is_none());
        for path in failed {
            self.failures += 1;
            let why = format!("the effect of a rule: when run by this program, {}", path.failed().unwrap_or_default());
            found.remark(Remark::new(why, None, None));
        }
        let examples: Vec<Example> = ended.iter().map(|path| Example::of(base, path.facts())).collect();
        let verdicts = self.verdicts(examples.clone())?;
        for ((path, example), verdict) in ended.into_iter().zip(examples).zip(verdicts) {
            for remark in path.remarks(&self.files) {
                found.remark(remark);
            }
            let place = verdict.decided_by.as_ref().map(|decider| (decider.file.clone(), decider.line));
            let (file, line) = place.unwrap_or_default();
            if verdict.outcome == Outcome::Depends {
                let has_reason = path.has_notes();
                let reasons = verdict.depends_on.iter().filter(|_| !has_reason);
                reasons.for_each(|why| found.remark(Remark::new(why.clone(), None, None)));
            } else if !path.agrees(&verdict) {
                let why = "a rule decides otherwise when it runs again: it keeps values from one request to the next";
                found.remark(Remark::new(why, file.clone(), line));
            }
            if path.is_ordered() || (self.evaluator.pkla().is_some() && self.has_variant(&example, &verdict)?) {
                let why = "the result depends on the order or the number of the user's groups";
                found.remark(Remark::new(why, file.clone(), line));
            }
            let facts = path.facts().known().iter().skip(given.known().len()).cloned().collect();
            found.conditions.push(Condition::of(&verdict, facts));
            if let Some(end) = path.end() {
                found.ends.push(RulesEnd { facts: path.facts().clone(), end: end.clone(), file, line });
            }
        }
        Ok(())
    }

    /// Whether another order or number of groups changes the verdict.
    fn has_variant(&mut self, example: &Example, verdict: &Verdict) -> Result<bool, Failure> {
        let others = variants(example.known_groups()).into_iter().map(|groups| {
            let mut other = example.clone();
            other.user.groups = groups;
            other
        });
        let verdicts = self.verdicts(others.collect())?;
        Ok(verdicts.iter().any(|other| (other.outcome, &other.decided_by) != (verdict.outcome, &verdict.decided_by)))
    }

    /// Runs all paths again in the opposite order: a rule that keeps values from one request to the next may end otherwise.
    fn run_again(&mut self, base: &AccessRequest, found: &mut Found) -> Result<(), Failure> {
        let ends = std::mem::take(&mut found.ends);
        let mut paths: Vec<Path> = ends.iter().rev().map(|ended| Path::new(ended.facts.clone())).collect();
        for chunk in paths.chunks_mut(AT_ONCE) {
            self.run_first(base, chunk)?;
        }
        for (path, RulesEnd { end, file, line, .. }) in paths.iter().zip(ends.iter().rev()) {
            if path.failed().is_none() && (path.end() != Some(end) || path.has_read()) {
                let why = "a rule decides otherwise when it runs again: it keeps values from one request to the next";
                found.remark(Remark::new(why, file.clone(), *line));
            }
        }
        Ok(())
    }

    fn verdicts(&mut self, examples: Vec<Example>) -> Result<Vec<Verdict>, Failure> {
        let request = |example: Example| Evaluator::request_of(example.request, example.user);
        let requests: Vec<UserRequest> = examples.into_iter().map(request).collect();
        let batch = self.evaluator.start(requests);
        let implied = self.evaluator.imply(batch)?;
        self.evaluator.finish(implied)
    }
}

/// Returns the facts that a request gives.
fn given(base: &AccessRequest) -> Assignment {
    let mut given = Assignment::default();
    for (key, value) in &base.details {
        given.decide(Fact { kind: format!("detail:{key}"), value: Some(value.clone()) }, true);
    }
    if mechanisms::is_by_process(&base.action) {
        given.decide(Fact { kind: "system_unit".to_owned(), value: None }, false);
    }
    given
}

/// What has been found for an action.
#[derive(Debug, Default)]
struct Found {
    conditions: Vec<Condition>,
    remarks: Vec<Remark>,
    paths: usize,
    /// How often each fact was decided in two ways.
    decided: BTreeMap<Fact, usize>,
    /// The facts, the end and the place of each path that ran rules.
    ends: Vec<RulesEnd>,
}

/// The end of the rules for decided facts.
#[derive(Debug)]
struct RulesEnd {
    facts: Assignment,
    end: End,
    file: Option<String>,
    line: Option<usize>,
}

impl Found {
    fn remark(&mut self, remark: Remark) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    fn too_many(&mut self, limit: usize) {
        let mut most: Vec<(&Fact, usize)> = self.decided.iter().map(|(fact, times)| (fact, *times)).collect();
        most.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        let name = |(fact, _): &(&Fact, usize)| run::named(fact);
        let named: Vec<String> = most.iter().take(NAMED_MAX).map(name).collect();
        let why = format!("more than {limit} paths; the facts that multiply: {}", named.join(", "));
        self.remark(Remark::new(why, None, None));
    }

    fn finish(mut self) -> Exploration {
        self.remarks.sort();
        Exploration { conditions: merged(self.conditions), incomplete: self.remarks, paths: self.paths }
    }
}

/// Whether the end of a run with open facts is what the evaluator found with the original files.
fn is_same(end: &End, verdict: &Verdict) -> bool {
    match end {
        End::Nothing => verdict.rule_error.is_none() && verdict.ends_polkitd.is_none(),
        End::Text(text) => match ImplicitAuthorization::parse(text) {
            Some(result) => verdict.outcome == Outcome::Result(result),
            None => matches!(verdict.rule_error, Some(RuleError::NotAResult(_))),
        },
        End::Threw(..) => matches!(verdict.rule_error, Some(RuleError::Throws(_))),
        End::Kills(_) => verdict.ends_polkitd.is_some(),
    }
}
