//! From a question to a verdict, in the order of polkitd: is the action registered, is the subject root, implicit
//! authorization, pkla (up to 0.105) or rules (later), and the actions that imply this one.

mod answer;
mod task;
mod user;

use std::collections::BTreeMap;

use polkit_config::names::Names;

use answer::imply;
use task::{Task, compat, is_compat};
use user::Known;

use super::engine::Engine;
use super::files::{self, Files, PassedOver, Registered};
use super::pkla::{self, Reader};
use super::wire::{Ask, End, Told};
use super::{Decider, Kind, Outcome, Question, Session, Verdict, Word};
use crate::failure::Failure;
use crate::target::{JavaScript, Target, Version};
use crate::tree::Tree;

/// The first polkit that tells rules of the caller's unit.
const UNITS: Version = Version(124);
/// The first polkit that tells rules the user's number.
const UIDS: Version = Version(127);
/// A polkit's whole policy, ready to be asked.
#[derive(Debug)]
pub struct Evaluator {
    names: Names,
    target: Target,
    files: Files,
    engine: Result<Engine, String>,
    /// File and line of each rule, in the order in which they are run.
    rules: Vec<(usize, usize)>,
    /// What every answer of the rules depends on.
    always: Vec<String>,
    users: BTreeMap<String, Known>,
}

impl Evaluator {
    /// Reads the files of a tree, and loads its rules.
    ///
    /// # Errors
    /// The accounts cannot be asked.
    pub fn open(tree: &Tree, names: Names, target: Target) -> Result<Self, Failure> {
        let mut files = files::read(tree, &names, target)?;
        let engine = if files.rules.is_empty() { Err(String::new()) } else { Engine::start(&files.rules) };
        let (mut rules, mut always) = (Vec::new(), Vec::new());
        for closed in &files.closed_to_us {
            always.push(format!("what is in {closed}: only root may read it"));
        }
        match &engine {
            Err(why) if !files.rules.is_empty() => always.push(format!("the rules, which cannot be run here: {why}")),
            Err(_) => {}
            Ok(engine) => {
                for (path, why) in engine.cut() {
                    always.push(format!("what polkitd makes of {path}: run here, {why}"));
                }
                for (number, (rules_file, loaded)) in files.rules.iter().zip(engine.loaded()).enumerate() {
                    let line = |line: &u32| beginning(&rules_file.bytes, usize::try_from(*line).unwrap_or(0));
                    rules.extend(loaded.lines.iter().map(|reported| (number, line(reported))));
                    always.extend(loaded.unknown.iter().map(|what| format!("{what}, which {} wants", rules_file.path)));
                    let Some(error) = &loaded.error else { continue };
                    let line = loaded.line;
                    let why = if loaded.lines.is_empty() {
                        format!("polkitd drops the whole file: {error}")
                    } else {
                        format!("polkitd stops running it here, and keeps the rules before: {error}")
                    };
                    files.passed_over.push(PassedOver { file: rules_file.path.clone(), line, why });
                    if target.javascript != JavaScript::Duktape {
                        always.push(format!(
                            "the engine of that polkit: Duktape does not take {} ({error})",
                            rules_file.path
                        ));
                    }
                }
            }
        }
        Ok(Self { names, target, files, engine, rules, always, users: BTreeMap::new() })
    }

    /// The polkit that it speaks for.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// The files that are not read, or not to their end.
    #[must_use]
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.files.passed_over
    }

    /// The rules files that are run, in their order.
    #[must_use]
    pub fn rules_files(&self) -> Vec<&str> {
        self.files.rules.iter().map(|rules| rules.path.as_str()).collect()
    }

    /// The rules files of which no rule was run for this verdict, since an earlier one answered.
    #[must_use]
    pub fn never_reached(&self, verdict: &Verdict) -> Vec<&str> {
        let Some(decider) = verdict.decided_by.as_ref().filter(|decider| decider.kind == Kind::Rule) else {
            return Vec::new();
        };
        let by = self.files.rules.iter().position(|rules| Some(&rules.path) == decider.file.as_ref());
        let Some(by) = by else { return Vec::new() };
        let has_rules = |number: &usize| self.rules.iter().any(|(file, _)| file == number);
        let later = (by + 1..self.files.rules.len()).filter(has_rules);
        later.filter_map(|number| self.files.rules.get(number)).map(|rules| rules.path.as_str()).collect()
    }

    /// The ids of all registered actions.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.files.actions.keys().map(String::as_str)
    }

    /// The groups of the user that is asked about, in polkit's order.
    ///
    /// # Errors
    /// As [`Evaluator::verdicts`].
    pub fn groups(&mut self, question: &Question) -> Result<Vec<String>, Failure> {
        Ok(self.known(question)?.groups)
    }

    /// The rules file that, by itself, ends polkitd instead of answering this question.
    ///
    /// # Errors
    /// As [`Evaluator::verdicts`].
    pub fn ending_file(&mut self, question: &Question) -> Result<Option<String>, Failure> {
        let user = self.known(question)?;
        let ask = self.ask(&Task { question, user: &user, action: &question.action });
        for rules in &self.files.rules {
            let Ok(mut engine) = Engine::start(std::slice::from_ref(rules)) else { return Ok(None) };
            let told = engine.ask(std::slice::from_ref(&ask)).map_err(Failure::Unreachable)?;
            if told.iter().any(|told| matches!(told, Ok(Told { end: End::Kills(_), .. }))) {
                return Ok(Some(rules.path.clone()));
            }
        }
        Ok(None)
    }

    /// Answers one question.
    ///
    /// # Errors
    /// As [`Evaluator::verdicts`].
    pub fn verdict(&mut self, question: &Question) -> Result<Verdict, Failure> {
        let verdicts = self.verdicts(std::slice::from_ref(question))?;
        verdicts.into_iter().next().ok_or_else(|| Failure::Unreachable("there was no answer".to_owned()))
    }

    /// Answers all questions, in order. As in polkitd, the rules of all of them share one set of global variables.
    ///
    /// # Errors
    /// The accounts cannot be asked, a user does not exist, or the engine cannot be started any more.
    pub fn verdicts(&mut self, questions: &[Question]) -> Result<Vec<Verdict>, Failure> {
        let mut users = Vec::with_capacity(questions.len());
        for question in questions {
            users.push(self.known(question)?);
        }
        let mut tasks = Vec::new();
        for (question, user) in questions.iter().zip(&users) {
            tasks.push(Task { question, user, action: &question.action });
        }
        let mut verdicts = self.direct(&tasks)?;
        // polkitd looks at implying actions where the answer is not yes.
        let mut implied = Vec::new();
        let mut of = Vec::new();
        for (number, (verdict, task)) in verdicts.iter().zip(&tasks).enumerate() {
            if matches!(verdict.outcome, Outcome::Unregistered | Outcome::Word(Word::Yes)) {
                continue;
            }
            for registered in self.files.actions.values() {
                if registered.action.implies.iter().any(|id| id == task.action) && registered.action.id != task.action {
                    implied.push((number, registered.action.id.clone()));
                }
            }
        }
        let more: Vec<Task<'_>> = implied
            .iter()
            .filter_map(|(number, action)| {
                let task = tasks.get(*number)?;
                of.push(*number);
                Some(Task { question: task.question, user: task.user, action })
            })
            .collect();
        let answers = self.direct(&more)?;
        for ((number, task), answer) in of.into_iter().zip(&more).zip(answers) {
            if let Some(verdict) = verdicts.get_mut(number) {
                imply(verdict, task.action, answer);
            }
        }
        Ok(verdicts)
    }

    /// The answers without implying actions.
    fn direct(&mut self, tasks: &[Task<'_>]) -> Result<Vec<Verdict>, Failure> {
        let mut verdicts: Vec<Option<Verdict>> = tasks.iter().map(|task| self.before_rules(task)).collect();
        let open: Vec<usize> =
            verdicts.iter().enumerate().filter(|(_, verdict)| verdict.is_none()).map(|(number, _)| number).collect();
        let asks: Vec<Ask> = open.iter().filter_map(|number| tasks.get(*number)).map(|task| self.ask(task)).collect();
        let told = match &mut self.engine {
            Ok(engine) => engine.ask(&asks).map_err(Failure::Unreachable)?.into_iter().map(Some).collect(),
            Err(_) => vec![None; asks.len()],
        };
        for (number, told) in open.into_iter().zip(told) {
            if let (Some(verdict), Some(task)) = (verdicts.get_mut(number), tasks.get(number)) {
                *verdict = Some(self.after_rules(task, told));
            }
        }
        Ok(verdicts.into_iter().flatten().collect())
    }

    /// The verdict, where no rule is asked.
    fn before_rules(&self, task: &Task<'_>) -> Option<Verdict> {
        let Some(registered) = self.files.actions.get(task.action) else {
            let mut verdict = Verdict::of(Outcome::Unregistered, None);
            verdict.depend_on(
                self.files
                    .closed_to_us
                    .iter()
                    .filter(|path| path.contains("/actions"))
                    .map(|path| format!("what is in {path}: only root may read it")),
            );
            return Some(verdict);
        };
        if task.user.uid == Some(0) {
            let decider = Decider { kind: Kind::Root, file: None, line: None, by_action: None };
            let mut verdict = Verdict::of(Outcome::Word(Word::Yes), Some(decider));
            verdict.step("root", "yes: polkit refuses root nothing", None, None);
            return Some(verdict);
        }
        if self.target.version >= Version::RULES {
            return None;
        }
        let mut verdict = Self::implicit(registered, task);
        if let Some(pkla) = &self.files.pkla {
            let outcome = pkla.outcome(task.subject(), task.action);
            let mut words: Vec<Option<Word>> =
                outcome.possible.iter().map(|said| said.as_ref().map(|said| said.word)).collect();
            words.dedup();
            if let [Some(word)] = words.as_slice()
                && let Some(Some(said)) = outcome.possible.first()
            {
                verdict.decide(*word, Kind::Pkla, Some(said.file.clone()), Some(said.line));
                verdict.step("pkla", word.text(), Some(said.file.clone()), Some(said.line));
            } else if words.len() > 1 {
                verdict.depend_on([order_unknown(&outcome)]);
            } else {
                verdict.step("pkla", "nothing", None, None);
            }
            verdict.depend_on(outcome.unknown);
        }
        verdict.depend_on(self.always.iter().cloned());
        Some(verdict)
    }

    fn implicit(registered: &Registered, task: &Task<'_>) -> Verdict {
        let word = registered.action.results.of(task.question.session);
        let (file, line) = (Some(registered.file.clone()), Some(registered.action.line));
        let decider = Decider { kind: Kind::Implicit, file: file.clone(), line, by_action: None };
        let mut verdict = Verdict::of(Outcome::Word(word), Some(decider));
        verdict.step("implicit", word.text(), file, line);
        if let Some(rival) = &registered.rival {
            verdict.depend_on([format!("which of {rival} and {} polkitd reads last", registered.file)]);
        }
        verdict
    }

    fn ask(&self, task: &Task<'_>) -> Ask {
        let Question { details, session, system_unit, netgroups, programs, .. } = task.question;
        let mut programs = programs.clone();
        if let Some(pkla) = self.files.pkla.as_ref().filter(|pkla| pkla.reader == Reader::Compat) {
            programs.extend(compat(pkla, task));
        }
        Ask {
            action: task.action.to_owned(),
            details: details.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            user: task.user.name.clone(),
            groups: task.user.groups.clone(),
            in_session: *session != Session::None,
            local: session.is_local(),
            active: session.is_active(),
            has_uid: self.target.version >= UIDS,
            uid: task.user.uid,
            has_unit: self.target.version >= UNITS,
            unit: system_unit.clone(),
            netgroups: netgroups.clone(),
            programs,
        }
    }

    fn after_rules(&self, task: &Task<'_>, told: Option<Result<Told, String>>) -> Verdict {
        let Some(registered) = self.files.actions.get(task.action) else {
            return Verdict::of(Outcome::Unregistered, None);
        };
        let mut verdict = Self::implicit(registered, task);
        match told {
            None => {}
            Some(Err(why)) => verdict.depend_on([format!("what polkitd makes of a rule: run here, {why}")]),
            Some(Ok(told)) => self.rules_said(&mut verdict, task, told),
        }
        verdict.depend_on(self.always.iter().cloned());
        verdict
    }

    fn rules_said(&self, verdict: &mut Verdict, task: &Task<'_>, told: Told) {
        let place = told.rule.and_then(|rule| self.rules.get(rule));
        let file = place.and_then(|(file, _)| self.files.rules.get(*file)).map(|rules| rules.path.clone());
        let line = place.map(|(_, line)| *line).filter(|line| *line > 0);
        let other_engine = self.target.javascript != JavaScript::Duktape;
        match told.end {
            End::Nothing => verdict.step("rules", "nothing", None, None),
            End::Text(text) => match Word::parse(&text) {
                Some(word) if file.as_ref().is_some_and(|file| is_compat(file)) => {
                    let said = self.files.pkla.as_ref().map(|pkla| pkla.outcome(task.subject(), task.action).possible);
                    let said = said.and_then(|mut possible| possible.pop_first().flatten());
                    let (file, line) = said.map_or((file, line), |said| (Some(said.file), Some(said.line)));
                    verdict.decide(word, Kind::Pkla, file.clone(), line);
                    verdict.step("pkla", word.text(), file, line);
                }
                Some(word) => {
                    verdict.decide(word, Kind::Rule, file.clone(), line);
                    verdict.step("rules", word.text(), file, line);
                }
                None => {
                    verdict.decide(Word::No, Kind::Rule, file.clone(), line);
                    verdict.step(
                        "rules",
                        &format!("no: `{text}` is not a result of polkit, which refuses"),
                        file,
                        line,
                    );
                }
            },
            End::Threw(message, thrown_at) => {
                let line = thrown_at.and_then(|line| usize::try_from(line).ok()).or(line);
                verdict.decide(Word::No, Kind::Rule, file.clone(), line);
                let says = format!("no: the rule throws, which refuses to everybody who gets here: {message}");
                verdict.step("rules", &says, file, line);
                if other_engine {
                    verdict.depend_on([format!("the engine of that polkit: with Duktape a rule throws ({message})")]);
                }
            }
            End::Kills(message) => {
                verdict.decide(Word::No, Kind::Rule, file.clone(), line);
                let says = format!("no answer: polkitd ends here, for everybody: {message}");
                verdict.step("rules", &says, file, line);
                verdict.ends_polkitd = Some(message.clone());
                if other_engine {
                    verdict.depend_on([format!("the engine of that polkit: Duktape ends polkitd here ({message})")]);
                }
            }
        }
        verdict.depend_on(told.unknown.into_iter().map(|what| unknown(&what)));
    }
}

fn order_unknown(outcome: &pkla::Outcome) -> String {
    let files: std::collections::BTreeSet<&str> =
        outcome.possible.iter().flatten().map(|said| said.file.as_str()).collect();
    format!("the order in which polkit 0.105 reads {}", Vec::from_iter(files).join(" and "))
}

/// The engine's word for what it was not told, for a person.
fn unknown(what: &str) -> String {
    match what.split_once(' ') {
        Some(("program", line)) => format!("what the program says that a rule runs: {line}"),
        Some(("netgroup", name)) => format!("whether the user is in the netgroup {name}"),
        _ if what == "memory" => "whether polkitd has more memory than a rule may take here".to_owned(),
        _ if what == "subject.system_unit" => {
            "subject.system_unit, which polkit knows of a caller over D-Bus only: null for a bare process, as libvirtd's"
                .to_owned()
        }
        _ => format!("{what}, which a rule reads"),
    }
}

/// The line where the call of addRule begins that the engine reports at its last line.
fn beginning(source: &[u8], reported: usize) -> usize {
    let lines: Vec<&[u8]> = source.split(|byte| *byte == b'\n').take(reported).collect();
    let named = |line: &&[u8]| line.windows(7).any(|word| word == b"addRule");
    lines.iter().rposition(named).map_or(reported, |number| number + 1)
}
