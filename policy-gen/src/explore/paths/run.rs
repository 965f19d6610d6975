//! One path: a run of the rules for an action, and for the actions that imply it, as far as the result needs them.

use super::super::assignment::Assignment;
use super::super::example::Example;
use super::super::files::Files;
use super::super::pkla;
use super::super::remark::Remark;
use super::super::sample::Samples;
use super::super::variants::variants;
use super::{Explorer, is_same};
use crate::failure::Failure;
use crate::implicit_authorization::BySession;
use crate::verdict::engine::Engine;
use crate::verdict::wire::{End, EngineRequest, Fact, KnownFact, Note};
use crate::verdict::{AccessRequest, Evaluator, Verdict};

/// Limit of the rounds with other orders of groups.
const VARIED_MAX: usize = 20;

/// A path.
#[derive(Debug)]
pub(super) struct Path {
    facts: Assignment,
    /// How many facts were decided before the run. The others were open, and are false.
    before: usize,
    /// The end of the rules for the action itself.
    end: Option<End>,
    /// Whether no implying action is needed.
    is_done: bool,
    /// Whether implying actions were run.
    is_implied: bool,
    /// Whether a rule read the list of groups, and whether its order or length changes the end of the rules.
    lists_groups: bool,
    is_ordered: bool,
    notes: Vec<Note>,
    remarks: Vec<Remark>,
    failed: Option<String>,
}

impl Path {
    pub(super) fn new(facts: Assignment) -> Self {
        Self {
            before: facts.known().len(),
            facts,
            end: None,
            is_done: false,
            is_implied: false,
            lists_groups: false,
            is_ordered: false,
            notes: Vec::new(),
            remarks: Vec::new(),
            failed: None,
        }
    }

    pub(super) fn facts(&self) -> &Assignment {
        &self.facts
    }

    pub(super) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Returns why the run did not end.
    pub(super) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Whether the order or the number of the groups changes the end of the rules.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Whether facts were open.
    pub(super) fn has_read(&self) -> bool {
        self.facts.known().len() > self.before
    }

    pub(super) fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// Returns the paths with the same facts up to one that was open, and with this one true.
    pub(super) fn children(&self) -> Vec<Self> {
        let known = self.facts.known();
        let child = |place: usize| {
            let mut facts = known.get(..place).unwrap_or_default().to_vec();
            facts.extend(known.get(place).map(|open| KnownFact { fact: open.fact.clone(), is: true }));
            Self::new(Assignment::new(facts))
        };
        (self.before..known.len()).map(child).collect()
    }

    /// Whether the evaluator found the same. An implying action can change the verdict.
    pub(super) fn agrees(&self, verdict: &Verdict) -> bool {
        self.is_implied || self.end.as_ref().is_none_or(|end| is_same(end, verdict))
    }

    pub(super) fn remarks(&self, files: &Files) -> Vec<Remark> {
        let of_note = |note: &Note| {
            let (file, line) = files.place(note.line);
            let why = match &note.kind {
                Some(kind) => {
                    let sample = if matches!(kind.as_str(), "group" | "uid") { "" } else { "by sample: " };
                    format!("{sample}a rule {} ({})", note.what, described(kind))
                }
                None => unknown(&note.what),
            };
            Remark::new(why, file, line)
        };
        self.notes.iter().map(of_note).chain(self.remarks.iter().cloned()).collect()
    }

    /// Runs the rules with other orders and numbers of groups, until they read no further facts.
    fn vary_groups(
        &mut self,
        engine: &mut Engine,
        request: impl Fn(&Assignment) -> EngineRequest,
        base: &AccessRequest,
        end: &End,
    ) -> Result<(), Failure> {
        for _ in 0..VARIED_MAX {
            let before = self.facts.known().len();
            let request = request(&self.facts);
            let others = variants(Example::of(base, &self.facts).known_groups());
            let numbers = engine.put(others.into_iter().map(|groups| EngineRequest { groups, ..request.clone() }));
            for reply in engine.answers(numbers).map_err(Failure::Unreachable)?.into_iter().flatten() {
                self.is_ordered |= reply.end != *end;
                for fact in reply.read {
                    self.facts.ask(&fact);
                }
                self.notes.extend(reply.notes);
            }
            if self.facts.known().len() == before {
                return Ok(());
            }
        }
        self.is_ordered = true;
        Ok(())
    }

    /// Asks a fact outside of rules.
    fn ask(&mut self, kind: &str, value: Option<&str>) -> bool {
        self.facts.ask(&Fact { kind: kind.to_owned(), value: value.map(str::to_owned) }).is
    }

    fn sample(&mut self, kind: &str, samples: &Samples) {
        for text in samples.of(kind) {
            self.ask(kind, Some(text));
        }
    }

    /// Asks the facts on which the implicit authorizations depend.
    fn implicit<T: Copy + PartialEq>(&mut self, results: &BySession<T>) {
        let [any, inactive, active] = results.all();
        if (any != inactive || any != active) && self.ask("local", None) && inactive != active {
            self.ask("active", None);
        }
    }
}

impl Explorer {
    /// Runs paths for an action and for the actions that imply it.
    pub(super) fn run(&mut self, base: &AccessRequest, paths: &mut [Path]) -> Result<(), Failure> {
        self.run_first(base, paths)?;
        for action in self.evaluator.implying(&base.action).to_vec() {
            for path in paths.iter_mut() {
                path.is_implied |= !path.is_done;
            }
            self.run_one(base, &action, paths)?;
        }
        Ok(())
    }

    /// Runs paths for an action alone.
    pub(super) fn run_first(&mut self, base: &AccessRequest, paths: &mut [Path]) -> Result<(), Failure> {
        let all: Vec<String> =
            std::iter::once(base.action.clone()).chain(self.evaluator.implying(&base.action).iter().cloned()).collect();
        if all.iter().any(|action| self.evaluator.exempts_root(base, action)) {
            paths.iter_mut().for_each(|path| {
                path.ask("uid", Some("0"));
            });
        }
        self.run_one(base, &base.action.clone(), paths)
    }

    fn run_one(&mut self, base: &AccessRequest, action: &str, paths: &mut [Path]) -> Result<(), Failure> {
        let exempts = self.evaluator.exempts_root(base, action);
        let is_root = Fact { kind: "uid".to_owned(), value: Some("0".to_owned()) };
        let mut requests = Vec::new();
        let mut asked = Vec::new();
        for path in paths.iter_mut().filter(|path| !path.is_done && path.failed.is_none()) {
            if exempts && path.facts.get(&is_root) == Some(true) {
                path.is_done = true;
                continue;
            }
            if let Some(pkla) = self.evaluator.pkla() {
                let of_pkla = pkla::ask(pkla, action, &mut path.facts);
                path.remarks.extend(of_pkla.remarks);
                for kind in of_pkla.sampled {
                    path.sample(kind, &self.samples);
                }
            }
            if self.engine.is_some() {
                let only = self.only.get(action).cloned();
                requests.push(EngineRequest { only, ..request(&self.evaluator, base, action, &path.facts) });
            }
            asked.push(path);
        }
        let replies = match &mut self.engine {
            Some(engine) => {
                let numbers = engine.put(requests);
                engine.answers(numbers).map_err(Failure::Unreachable)?
            }
            None => Vec::new(),
        };
        let results = self.evaluator.implicit(action);
        let mut replies = replies.into_iter();
        for path in asked {
            let end = match replies.next() {
                Some(Ok(reply)) => {
                    reply.read.into_iter().for_each(|fact| path.facts.decide(fact, false));
                    for kind in reply.notes.iter().filter_map(|note| note.kind.as_deref()) {
                        path.sample(kind, &self.samples);
                    }
                    path.notes.extend(reply.notes);
                    path.lists_groups |= reply.lists_groups;
                    reply.end
                }
                Some(Err(why)) => {
                    path.failed = Some(why);
                    continue;
                }
                None => End::Nothing,
            };
            path.is_done = end == End::Text("yes".to_owned());
            if let Some(engine) = self.engine.as_mut().filter(|_| path.lists_groups) {
                let only = self.only.get(action).cloned();
                let request = |facts: &Assignment| EngineRequest {
                    only: only.clone(),
                    ..request(&self.evaluator, base, action, facts)
                };
                path.vary_groups(engine, request, base, &end)?;
            }
            if end == End::Nothing
                && let Some(results) = &results
            {
                path.implicit(results);
            }
            if path.end.is_none() && self.engine.is_some() {
                path.end = Some(end);
            }
        }
        Ok(())
    }
}

/// Makes the request for a run with open facts.
pub(super) fn request(evaluator: &Evaluator, base: &AccessRequest, action: &str, facts: &Assignment) -> EngineRequest {
    // The engine's substitutes for open texts are those of the example.
    let example = Example::of(base, facts);
    let whole = evaluator.engine_request(&example.request, &example.user, action);
    EngineRequest {
        action: whole.action,
        has_uid: whole.has_uid,
        has_unit: whole.has_unit,
        groups: example.user.groups,
        programs: whole.programs,
        open: Some(facts.known().to_vec()),
        ..EngineRequest::default()
    }
}

/// Describes a fact of a kind, as in rules.
pub(super) fn described(kind: &str) -> String {
    match kind.strip_prefix("detail:") {
        Some(key) => format!("the detail {key}"),
        None if kind == "group" => "subject.groups".to_owned(),
        None => format!("subject.{kind}"),
    }
}

/// Names a fact.
pub(super) fn named(fact: &Fact) -> String {
    match &fact.value {
        Some(value) => format!("{} {value}", described(&fact.kind)),
        None => described(&fact.kind),
    }
}

/// Describes an unknown fact that the engine reports.
pub(super) fn unknown(what: &str) -> String {
    match what.split_once(' ') {
        Some(("program", line)) => format!("the output of a program that a rule runs: {line}"),
        Some(("netgroup", name)) => format!("whether the user is in the netgroup {name}"),
        _ if what == "memory" => "whether polkitd has more memory than this program allows a rule".to_owned(),
        _ if what.starts_with("Math.random") => "a rule uses Math.random()".to_owned(),
        _ if what == "the time" => "the file reads the time".to_owned(),
        _ => format!("a rule {what}"),
    }
}
