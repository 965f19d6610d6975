//! Conditions: conjunctions of facts with a verdict. The conditions of an action exclude each other.

mod cube;

use std::collections::{BTreeMap, BTreeSet};

use crate::verdict::wire::{Fact, KnownFact};
use crate::verdict::{Decider, Outcome, Verdict};
use cube::Cube;

/// All subjects and requests with these facts get this verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The decision.
    pub outcome: Outcome,
    /// The deciding rule, entry or action.
    pub decided_by: Option<Decider>,
    /// The message with which a rule ends polkitd.
    pub ends_polkitd: Option<String>,
    /// The facts, sorted. Without facts the condition covers every subject.
    pub all: Vec<KnownFact>,
}

impl Condition {
    /// Makes the condition of one path.
    #[must_use]
    pub fn of(verdict: &Verdict, mut all: Vec<KnownFact>) -> Self {
        all.sort();
        Self {
            outcome: verdict.outcome,
            decided_by: verdict.decided_by.clone(),
            ends_polkitd: verdict.ends_polkitd.clone(),
            all,
        }
    }

    /// Whether a subject fulfils the condition. `has` says whether a fact is true of it.
    pub fn covers(&self, mut has: impl FnMut(&Fact) -> bool) -> bool {
        self.all.iter().all(|known| has(&known.fact) == known.is)
    }
}

/// Merges conditions with the same verdict, until no two can be merged. They still exclude each other, and cover the same subjects.
#[must_use]
pub fn merged(conditions: Vec<Condition>) -> Vec<Condition> {
    let mut groups: BTreeMap<String, (Condition, BTreeSet<Cube>)> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for condition in conditions {
        let key = format!("{:?}", (condition.outcome, &condition.decided_by, &condition.ends_polkitd));
        let cube = Cube::of(&condition.all);
        let (_, cubes) = groups.entry(key.clone()).or_insert_with(|| {
            order.push(key);
            (condition, BTreeSet::new())
        });
        cubes.insert(cube);
    }
    let mut merged = Vec::new();
    for key in order {
        let Some((condition, cubes)) = groups.remove(&key) else { continue };
        let mut all: Vec<Vec<KnownFact>> = cube::merged(cubes).iter().map(Cube::facts).collect();
        // Those with fewer facts, and of these those with more positive facts, come first.
        all.sort_by_key(|all| (all.len(), all.iter().filter(|known| !known.is).count()));
        merged.extend(all.into_iter().map(|all| Condition { all, ..condition.clone() }));
    }
    merged
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
