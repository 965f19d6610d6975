//! Leaves out the rules that never concern an action: alone they decide nothing for any subject, and change nothing that another rule
//! reads. Otherwise each group that such a rule asks for would double the paths.

use super::super::assignment::Assignment;
use super::Explorer;
use super::run::request;
use crate::failure::Failure;
use crate::verdict::AccessRequest;
use crate::verdict::wire::{End, EngineReply, EngineRequest, Fact, KnownFact};

/// Limit of the paths of a rule alone. A rule with more is kept.
const ALONE_MAX: usize = 64;
/// A file with this name can change the list of rules, so that their numbers are not certain.
const LIST: &[u8] = b"_ruleFuncs";

impl Explorer {
    /// Finds the rules that concern an action and the actions that imply it.
    pub(super) fn sift(&mut self, base: &AccessRequest, given: &Assignment) -> Result<(), Failure> {
        self.only.clear();
        let names_list = |bytes: &[u8]| bytes.windows(LIST.len()).any(|word| word == LIST);
        if self.evaluator.rules().iter().any(|rules| names_list(&rules.bytes)) {
            return Ok(());
        }
        let implying = self.evaluator.implying(&base.action).to_vec();
        for action in std::iter::once(base.action.clone()).chain(implying) {
            if let Some(rules) = self.concerned(base, given, &action)? {
                self.only.insert(action, rules);
            }
        }
        Ok(())
    }

    /// Returns the numbers of the rules that concern an action; none if they cannot be found.
    fn concerned(
        &mut self,
        base: &AccessRequest,
        given: &Assignment,
        action: &str,
    ) -> Result<Option<Vec<usize>>, Failure> {
        let mut start = given.clone();
        if self.evaluator.exempts_root(base, action) {
            start.decide(Fact { kind: "uid".to_owned(), value: Some("0".to_owned()) }, false);
        }
        let Some(engine) = &mut self.engine else { return Ok(None) };
        let all = request(&self.evaluator, base, action, &start);
        let numbers = engine.put([EngineRequest { sifts: true, ..all }]);
        let replies = engine.answers(numbers).map_err(Failure::Unreachable)?;
        let Some(Ok(EngineReply { end: End::Text(text), .. })) = replies.first() else { return Ok(None) };
        let mut rules: Vec<usize> = text.split(',').filter_map(|number| number.parse().ok()).collect();
        // The rules that ask for facts, and do nothing so far.
        let mut idle = rules.clone();
        let mut open: Vec<(usize, Assignment)> = rules.iter().map(|rule| (*rule, start.clone())).collect();
        let mut paths = 0;
        while !open.is_empty() {
            paths += open.len();
            if paths > ALONE_MAX * rules.len() {
                idle.retain(|rule| !open.iter().any(|(other, _)| other == rule));
                break;
            }
            let requests = open.iter().map(|(rule, facts)| EngineRequest {
                only: Some(vec![*rule]),
                ..request(&self.evaluator, base, action, facts)
            });
            let numbers = engine.put(requests.collect::<Vec<_>>());
            let replies = engine.answers(numbers).map_err(Failure::Unreachable)?;
            let mut next = Vec::new();
            for ((rule, facts), reply) in open.into_iter().zip(replies) {
                match reply {
                    Ok(reply) if is_idle(&reply) => {
                        next.extend(children(&facts, &reply.read).into_iter().map(|facts| (rule, facts)));
                    }
                    _ => idle.retain(|known| *known != rule),
                }
            }
            next.retain(|(rule, _)| idle.contains(rule));
            open = next;
        }
        rules.retain(|rule| !idle.contains(rule));
        Ok(Some(rules))
    }
}

/// Whether a run decided nothing, changed nothing, and is known to do so for every subject with its facts.
fn is_idle(reply: &EngineReply) -> bool {
    reply.end == End::Nothing && reply.notes.is_empty() && !reply.changes && !reply.lists_groups
}

/// Returns the facts up to each one that was read, with this one true.
fn children(facts: &Assignment, read: &[Fact]) -> Vec<Assignment> {
    let child = |place: usize| {
        let mut known = facts.known().to_vec();
        let before = read.iter().take(place).map(|fact| KnownFact { fact: fact.clone(), is: false });
        known.extend(before);
        known.extend(read.get(place).map(|fact| KnownFact { fact: fact.clone(), is: true }));
        Assignment::new(known)
    };
    (0..read.len()).map(child).collect()
}
