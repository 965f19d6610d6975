//! The evaluation, in the order of polkitd: registration of the action, root, implicit authorization, pkla (up to 0.105) or rules
//! (later), and the actions that imply the requested one.

mod action_request;
mod decide;
mod grant;
mod near_entries;
mod parts;
mod policy_data;
mod user_facts;
mod verdict_steps;

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use polkit_config::names::Names;

use action_request::ActionRequest;
pub use near_entries::{NearEntry, Obstacle};
pub use policy_data::NOT_RUN;
use policy_data::PolicyData;
pub(crate) use policy_data::{added_in, beginning};
pub use user_facts::UserFacts;

use super::engine::Engine;
use super::files::{self, SkippedFile};
use super::wire::{End, EngineReply};
use super::{AccessRequest, DeciderKind, Outcome, Verdict};
use crate::failure::Failure;
use crate::implicit_authorization::{BySession, ImplicitAuthorization};
use crate::target::Target;
use crate::tree::Tree;

/// The complete policy of a polkit, ready for evaluation.
#[derive(Debug)]
pub struct Evaluator {
    names: Names,
    data: PolicyData,
    engine: Option<Engine>,
    users: BTreeMap<String, Rc<UserFacts>>,
}

/// A request with its user.
#[derive(Debug)]
pub struct UserRequest {
    access_request: AccessRequest,
    user: Rc<UserFacts>,
}

/// Requests whose first stage has started. [`Evaluator::imply`] starts the second stage.
#[derive(Debug)]
pub struct Batch {
    requests: Vec<UserRequest>,
    sent: EngineBatch,
}

/// Requests whose second stage, the implying actions, has started. [`Evaluator::finish`] returns the verdicts.
#[derive(Debug)]
pub struct ImpliedBatch {
    requests: Vec<UserRequest>,
    verdicts: Vec<Verdict>,
    /// The index of a request, and an action that implies the requested one.
    implied: Vec<(usize, String)>,
    sent: EngineBatch,
}

/// The verdicts that need no rules, and the numbers of the engine requests for the others.
#[derive(Debug)]
struct EngineBatch {
    verdicts: Vec<Option<Verdict>>,
    numbers: Range<u64>,
}

impl Evaluator {
    /// Reads the files of a tree and loads its rules.
    ///
    /// # Errors
    /// The user database does not answer.
    pub fn open(tree: &Tree, names: Names, target: Target) -> Result<Self, Failure> {
        Ok(Self::of_files(names.clone(), target, files::read(tree, &names, target)?))
    }

    /// The same policy with changed files (path and text) in the place of those of the tree, and without the files that are gone. The
    /// other files are not read again.
    #[must_use]
    pub fn with_changes(&self, tree: &Tree, changed: &[(String, String)], gone: &[String]) -> Self {
        let mut files = self.data.files.clone();
        gone.iter().for_each(|path| files.remove(&tree.shown(path)));
        changed.iter().for_each(|(path, text)| files.overlay(&tree.shown(path), text));
        Self::of_files(self.names.clone(), self.data.target, files)
    }

    fn of_files(names: Names, target: Target, files: files::Files) -> Self {
        let engine = if files.rules.is_empty() { None } else { Some(Engine::start(&files.rules)) };
        let data = PolicyData::new(target, files, engine.as_ref());
        Self { names, data, engine: engine.and_then(Result::ok), users: BTreeMap::new() }
    }

    /// Returns the evaluated polkit.
    #[must_use]
    pub fn target(&self) -> Target {
        self.data.target
    }

    /// Returns the files that polkit skips completely or in part.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedFile] {
        &self.data.files.skipped
    }

    /// Returns the rules files in the order of execution.
    #[must_use]
    pub fn rules_files(&self) -> Vec<&str> {
        self.data.files.rules.iter().map(|rules| rules.path.as_str()).collect()
    }

    /// Returns the rules files that were not run for this verdict, because an earlier rule decided.
    #[must_use]
    pub fn never_reached(&self, verdict: &Verdict) -> Vec<&str> {
        let Some(decider) = verdict.decided_by.as_ref().filter(|decider| decider.kind == DeciderKind::Rule) else {
            return Vec::new();
        };
        let by = self.data.files.rules.iter().position(|rules| Some(&rules.path) == decider.file.as_ref());
        let Some(by) = by else { return Vec::new() };
        let has_rules = |number: &usize| self.data.rules.iter().any(|(file, _)| file == number);
        let later = (by + 1..self.data.files.rules.len()).filter(has_rules);
        later.filter_map(|number| self.data.files.rules.get(number)).map(|rules| rules.path.as_str()).collect()
    }

    /// Returns the implicit authorizations of a registered action.
    #[must_use]
    pub fn implicit(&self, action: &str) -> Option<BySession<ImplicitAuthorization>> {
        self.data.files.actions.get(action).map(|registered| registered.action.results)
    }

    /// Returns the ids of all registered actions.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.data.files.actions.keys().map(String::as_str)
    }

    /// Returns the groups of the user in polkit's order.
    ///
    /// # Errors
    /// The errors of [`Evaluator::verdicts`].
    pub fn groups(&mut self, access_request: &AccessRequest) -> Result<Vec<String>, Failure> {
        Ok(self.user_facts(access_request)?.groups.clone())
    }

    /// Returns the rules file that ends polkitd for this request.
    ///
    /// # Errors
    /// The errors of [`Evaluator::verdicts`].
    pub fn ending_file(&mut self, access_request: &AccessRequest) -> Result<Option<String>, Failure> {
        let user = self.user_facts(access_request)?;
        let request = self.data.ask(&ActionRequest { access_request, user: &user, action: &access_request.action });
        for rules in &self.data.files.rules {
            let Ok(mut engine) = Engine::start(std::slice::from_ref(rules)) else { return Ok(None) };
            let number = engine.put([request.clone()]);
            let replies = engine.answers(number).map_err(Failure::Unreachable)?;
            if replies.iter().any(|reply| matches!(reply, Ok(EngineReply { end: End::Kills(_), .. }))) {
                return Ok(Some(rules.path.clone()));
            }
        }
        Ok(None)
    }

    /// Evaluates one request.
    ///
    /// # Errors
    /// The errors of [`Evaluator::verdicts`].
    pub fn verdict(&mut self, access_request: &AccessRequest) -> Result<Verdict, Failure> {
        let verdicts = self.verdicts(std::slice::from_ref(access_request))?;
        verdicts.into_iter().next().ok_or_else(|| Failure::Unreachable("the engine returned no verdict".to_owned()))
    }

    /// Evaluates requests in order. As in polkitd, the rules share one set of global variables.
    ///
    /// # Errors
    /// The errors of [`Evaluator::look_up`] and [`Evaluator::finish`].
    pub fn verdicts(&mut self, access_requests: &[AccessRequest]) -> Result<Vec<Verdict>, Failure> {
        let requests = access_requests
            .iter()
            .map(|access_request| self.look_up(access_request.clone()))
            .collect::<Result<_, _>>()?;
        let batch = self.start(requests);
        let implied = self.imply(batch)?;
        self.finish(implied)
    }

    /// Looks up the user of a request.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the user does not exist; other errors if the user database does not answer.
    pub fn look_up(&mut self, access_request: AccessRequest) -> Result<UserRequest, Failure> {
        Ok(UserRequest { user: self.user_facts(&access_request)?, access_request })
    }

    /// Starts the first stage. The engine works on the requests while the caller continues.
    pub fn start(&mut self, requests: Vec<UserRequest>) -> Batch {
        let sent = self.send(&action_requests(&requests));
        Batch { requests, sent }
    }

    /// Starts the second stage: polkitd evaluates implying actions if the result is not yes.
    ///
    /// # Errors
    /// The engine cannot be restarted.
    pub fn imply(&mut self, batch: Batch) -> Result<ImpliedBatch, Failure> {
        let first = action_requests(&batch.requests);
        let verdicts = self.receive(&first, batch.sent)?;
        let mut implied = Vec::new();
        for (number, (verdict, request)) in verdicts.iter().zip(&first).enumerate() {
            if !matches!(verdict.outcome, Outcome::Unregistered | Outcome::Result(ImplicitAuthorization::Yes)) {
                implied.extend(self.data.implying(request.action).iter().map(|by| (number, by.clone())));
            }
        }
        let sent = self.send(&implying(&first, &implied));
        Ok(ImpliedBatch { requests: batch.requests, verdicts, implied, sent })
    }

    /// Returns the verdicts in order.
    ///
    /// # Errors
    /// The engine cannot be restarted.
    pub fn finish(
        &mut self,
        ImpliedBatch { requests, mut verdicts, implied, sent }: ImpliedBatch,
    ) -> Result<Vec<Verdict>, Failure> {
        let answers = self.receive(&implying(&action_requests(&requests), &implied), sent)?;
        for ((number, action), answer) in implied.iter().zip(answers) {
            if let Some(verdict) = verdicts.get_mut(*number) {
                verdict_steps::imply(verdict, action, answer);
            }
        }
        Ok(verdicts)
    }

    /// Evaluates requests as far as possible without rules, and sends the others to the engine.
    fn send(&mut self, requests: &[ActionRequest<'_>]) -> EngineBatch {
        let verdicts: Vec<Option<Verdict>> = requests.iter().map(|request| self.data.before_rules(request)).collect();
        let open = requests.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_none());
        let requests = open.map(|(request, _)| self.data.ask(request));
        let numbers = self.engine.as_mut().map_or(0..0, |engine| engine.put(requests));
        EngineBatch { verdicts, numbers }
    }

    /// Returns the verdicts of requests, without implying actions.
    fn receive(&mut self, requests: &[ActionRequest<'_>], sent: EngineBatch) -> Result<Vec<Verdict>, Failure> {
        let answers = match &mut self.engine {
            Some(engine) => engine.answers(sent.numbers).map_err(Failure::Unreachable)?,
            None => Vec::new(),
        };
        let mut answers = answers.into_iter();
        let verdict = |(request, before): (_, Option<_>)| {
            before.unwrap_or_else(|| self.data.after_rules(request, answers.next()))
        };
        Ok(requests.iter().zip(sent.verdicts).map(verdict).collect())
    }
}

fn implying<'a>(requests: &[ActionRequest<'a>], implied: &'a [(usize, String)]) -> Vec<ActionRequest<'a>> {
    let implying = implied
        .iter()
        .filter_map(|(number, action)| requests.get(*number).map(|request| ActionRequest { action, ..*request }));
    implying.collect()
}

fn action_requests(requests: &[UserRequest]) -> Vec<ActionRequest<'_>> {
    requests
        .iter()
        .map(|UserRequest { access_request, user }| ActionRequest {
            access_request,
            user,
            action: &access_request.action,
        })
        .collect()
}

#[cfg(test)]
mod tests;
