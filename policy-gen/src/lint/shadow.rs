//! Finds rules that are never run, because an earlier rule always decides.

use std::collections::BTreeMap;
use std::ops::Range;

use super::read::{Rule, Script};
use super::{Finding, RulesFile, codes};
use crate::implicit_authorization::ImplicitAuthorization;

/// Checks all rules files, which are in the order in which polkitd runs them.
#[must_use]
pub fn lint(files: &[RulesFile<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The actions that are always decided, with the deciding file and line.
    let mut answered: BTreeMap<String, String> = BTreeMap::new();
    for RulesFile { number, file, script } in files {
        for rule in script.rules() {
            let action = rule.parameter(0, "action");
            for at in rule.body.clone() {
                let Some((id, end)) = script.compared(at, action, "id") else { continue };
                if let Some(by) = answered.get(id) {
                    let mut found = Vec::new();
                    script.find(&mut found, &codes::PG022, at, end, format!("{by} always decides {id}"));
                    findings.extend(found.into_iter().map(|finding| Finding { file: *number, ..finding }));
                }
            }
            for (id, at) in script.always(&rule) {
                let start = script.tokens.get(at).map_or(0, |token| token.span.start);
                let by = format!("{}:{}", file.source.name(), file.source.position(start).0);
                answered.entry(id).or_insert(by);
            }
        }
    }
    findings
}

impl Script<'_> {
    /// Returns the actions that a rule always decides, with their places. Reads up to the first statement that might end the rule
    /// in another way.
    fn always(&self, rule: &Rule) -> Vec<(String, usize)> {
        let action = rule.parameter(0, "action");
        let mut found = Vec::new();
        let mut at = rule.body.start;
        while at < rule.body.end {
            let answer = self.condition(at).and_then(|condition| {
                let ids = self.only_ids(condition.clone(), action)?;
                Some((ids, self.answers(condition.end + 1)?))
            });
            match answer {
                Some((ids, end)) => {
                    found.extend(ids.into_iter().map(|id| (id, at)));
                    at = end;
                }
                // Variable declarations and log calls.
                None if self.word(at) == "var" || self.word(at) == "polkit" && self.word(at + 2) == "log" => {
                    let end = (at..rule.body.end).find(|place| self.sign(*place) == Some(";"));
                    let plain = |place: usize| {
                        self.sign(place) != Some("(")
                            || self.word(place - 1) == "lookup"
                            || self.word(place - 1) == "log"
                    };
                    match end {
                        Some(end) if (at..end).all(plain) => at = end + 1,
                        _ => break,
                    }
                }
                None => break,
            }
        }
        found
    }

    /// Returns the ids if the condition is true exactly for these actions.
    fn only_ids(&self, condition: Range<usize>, action: &str) -> Option<Vec<String>> {
        let (mut ids, mut at) = (Vec::new(), condition.start);
        loop {
            let (id, end) = self.compared(at, action, "id")?;
            ids.push(id.to_owned());
            if end + 1 == condition.end {
                return Some(ids);
            }
            if self.sign(end + 1) != Some("||") {
                return None;
            }
            at = end + 2;
        }
    }

    /// Returns the end of a statement that only returns a result.
    fn answers(&self, start: usize) -> Option<usize> {
        let braced = self.sign(start) == Some("{");
        let at = start + usize::from(braced);
        if self.word(at) != "return" {
            return None;
        }
        let named = self.word(at + 1) == "polkit" && self.word(at + 3) == "Result";
        let end = match self.text(at + 1) {
            Some(text) => ImplicitAuthorization::parse(text).map(|_| at + 2),
            None => {
                (named && ImplicitAuthorization::parse(&self.word(at + 5).to_lowercase()).is_some()).then_some(at + 6)
            }
        }?;
        let end = end + usize::from(self.sign(end) == Some(";"));
        match braced {
            true => (self.sign(end) == Some("}")).then_some(end + 1),
            false => Some(end),
        }
    }
}
