//! Builds verdicts step by step.

use crate::implicit_authorization::ImplicitAuthorization;
use crate::verdict::{Decider, DeciderKind, Outcome, RuleError, Step, Verdict};

/// Adds the verdict of an implying action. It can only turn a refusal or a required authentication into a yes.
pub(super) fn imply(verdict: &mut Verdict, action: &str, answer: Verdict) {
    if verdict.outcome == Outcome::Result(ImplicitAuthorization::Yes) && verdict.depends_on.is_empty() {
        return;
    }
    match answer.outcome {
        Outcome::Result(ImplicitAuthorization::Yes) => {
            let mut decider = answer.decided_by;
            if let Some(decider) = &mut decider {
                decider.by_action = Some(action.to_owned());
            }
            let (file, line) = decider.as_ref().map_or((None, None), |decider| (decider.file.clone(), decider.line));
            verdict.outcome = Outcome::Result(ImplicitAuthorization::Yes);
            verdict.decided_by = decider;
            verdict.depends_on.clear();
            verdict.rule_error = None;
            verdict.ends_polkitd = None;
            verdict.step(&format!("implied by {action}"), "yes", file, line);
        }
        Outcome::Depends => {
            verdict.depend_on(answer.depends_on.into_iter().map(|what| format!("{what} (for {action})")))
        }
        _ => {
            if verdict.ends_polkitd.is_none() && answer.ends_polkitd.is_some() {
                verdict.ends_polkitd = answer.ends_polkitd;
            }
        }
    }
}

impl Verdict {
    pub(super) fn of(outcome: Outcome, decided_by: Option<Decider>) -> Self {
        Self { outcome, decided_by, depends_on: Vec::new(), steps: Vec::new(), rule_error: None, ends_polkitd: None }
    }

    pub(super) fn decide(
        &mut self,
        word: ImplicitAuthorization,
        kind: DeciderKind,
        file: Option<String>,
        line: Option<usize>,
    ) {
        self.outcome = Outcome::Result(word);
        self.decided_by = Some(Decider { kind, file, line, by_action: None, grant: None });
    }

    /// Records that an error of a rule decides.
    pub(super) fn refuse(&mut self, error: RuleError, file: Option<String>, line: Option<usize>) {
        self.decide(ImplicitAuthorization::No, DeciderKind::Rule, file.clone(), line);
        self.step("rules", &format!("no: {error}"), file, line);
        self.rule_error = Some(error);
    }

    pub(super) fn step(&mut self, by: &str, says: &str, file: Option<String>, line: Option<usize>) {
        self.steps.push(Step { by: by.to_owned(), says: says.to_owned(), file, line });
    }

    pub(super) fn depend_on(&mut self, what: impl IntoIterator<Item = String>) {
        for what in what {
            if !self.depends_on.contains(&what) {
                self.depends_on.push(what);
            }
        }
        if !self.depends_on.is_empty() {
            self.outcome = Outcome::Depends;
            self.decided_by = None;
        }
    }
}
