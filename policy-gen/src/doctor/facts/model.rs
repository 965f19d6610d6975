//! Facts for tests.

use super::Decision;
use crate::implicit_authorization::Session;
use crate::verdict::{Outcome, Verdict};

/// A decision about an action without a session, which a grant can change.
pub fn decision(action: &str, outcome: Outcome) -> Decision {
    let verdict = Verdict {
        outcome,
        decided_by: None,
        depends_on: Vec::new(),
        steps: Vec::new(),
        rule_error: None,
        ends_polkitd: None,
    };
    Decision {
        action: action.to_owned(),
        session: Session::None,
        verdict,
        real: None,
        groups: Vec::new(),
        sessions: Vec::new(),
        near: Vec::new(),
        naming: Vec::new(),
        grant_comes_first: true,
        no_grant: None,
        depends_on: Vec::new(),
    }
}
