//! The facts of a subject and of a request that are decided so far, and what follows from them.

use crate::implicit_authorization::Session;
use crate::verdict::wire::{Fact, KnownFact};

/// Facts with their truth. Some facts follow from others: a user has one name, and a session at a seat is a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    known: Vec<KnownFact>,
}

/// The facts that a session decides.
const OF_SESSION: [&str; 4] = ["local", "active", "session", "seat"];

impl Assignment {
    /// Starts with these facts.
    #[must_use]
    pub fn new(known: Vec<KnownFact>) -> Self {
        Self { known }
    }

    /// Returns the decided facts.
    #[must_use]
    pub fn known(&self) -> &[KnownFact] {
        &self.known
    }

    /// Adds a decided fact.
    pub fn decide(&mut self, fact: Fact, is: bool) {
        self.known.push(KnownFact { fact, is });
    }

    /// Returns whether a fact is true: decided, or implied by decided facts.
    #[must_use]
    pub fn get(&self, fact: &Fact) -> Option<bool> {
        let decided = self.known.iter().find(|known| known.fact == *fact);
        decided.map(|known| known.is).or_else(|| self.implied(fact))
    }

    /// Returns whether a fact is true. An open fact is false from then on.
    pub fn ask(&mut self, fact: &Fact) -> Answer {
        match self.get(fact) {
            Some(is) => Answer { is, is_new: false },
            None => {
                self.decide(fact.clone(), false);
                Answer { is: false, is_new: true }
            }
        }
    }

    /// Returns the text that is decided for a kind of fact, such as the name of the user.
    #[must_use]
    pub fn text(&self, kind: &str) -> Option<&str> {
        let of_kind = self.known.iter().filter(|known| known.is && known.fact.kind == kind);
        of_kind.filter_map(|known| known.fact.value.as_deref()).next()
    }

    /// Returns the groups that the subject is in.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let groups = self.known.iter().filter(|known| known.is && known.fact.kind == "group");
        groups.filter_map(|known| known.fact.value.as_deref())
    }

    /// Returns the sessions that agree with the decided facts.
    pub fn sessions(&self) -> impl Iterator<Item = Session> {
        let agrees = |session: &Session| {
            self.known.iter().all(|KnownFact { fact, is }| match (of_session(*session, &fact.kind), &fact.value) {
                (Some(has), None) => has == *is,
                (Some(has), Some(_)) => has || !is,
                (None, _) => true,
            })
        };
        Session::ALL.into_iter().filter(agrees)
    }

    fn implied(&self, fact: &Fact) -> Option<bool> {
        let presence = Fact { kind: fact.kind.clone(), value: None };
        match &fact.value {
            Some(_) if fact.kind == "group" => None,
            // Another text is decided, or there is none.
            Some(_) if self.text(&fact.kind).is_some() || self.get(&presence) == Some(false) => Some(false),
            Some(_) => None,
            None if OF_SESSION.contains(&fact.kind.as_str()) => {
                let mut all = self.sessions().filter_map(|session| of_session(session, &fact.kind));
                let first = all.next()?;
                all.all(|other| other == first).then_some(first)
            }
            None => self.text(&fact.kind).map(|_| true),
        }
    }
}

/// The truth of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether the fact is true.
    pub is: bool,
    /// Whether the fact was open.
    pub is_new: bool,
}

/// Returns what a session says of a fact. The facts with a text have the same kind.
pub(super) fn of_session(session: Session, kind: &str) -> Option<bool> {
    match kind {
        "local" | "seat" => Some(session.is_local()),
        "active" => Some(session.is_active()),
        "session" => Some(session != Session::None),
        _ => None,
    }
}

#[cfg(test)]
#[path = "assignment_tests.rs"]
mod tests;
