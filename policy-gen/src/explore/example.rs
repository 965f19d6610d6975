//! A subject and a request with the decided facts, for the evaluator.

use super::assignment::Assignment;
use crate::implicit_authorization::Session;
use crate::verdict::AccessRequest;
use crate::verdict::evaluate::UserFacts;
use crate::verdict::wire::Fact;

/// The uid of a user without a decided uid. No policy contains it.
const UID: u32 = 1_999_999_973;

/// Returns a text for an open fact that no policy contains.
pub(super) fn other(kind: &str) -> String {
    format!("zqx-other-{kind}-xqz")
}

/// A request and its user.
#[derive(Clone, Debug)]
pub(super) struct Example {
    pub(super) request: AccessRequest,
    pub(super) user: UserFacts,
}

impl Example {
    /// Makes a request about the action of `base` with the decided facts. A fact that is not decided is false; the texts and the groups
    /// of the subject are others than those of the policy.
    pub(super) fn of(base: &AccessRequest, facts: &Assignment) -> Self {
        let has = |kind: &str| facts.get(&Fact { kind: kind.to_owned(), value: None }) == Some(true);
        let text = |kind: &str| facts.text(kind).map_or_else(|| other(kind), str::to_owned);
        let mut details = base.details.clone();
        for known in facts.known().iter().filter(|known| known.is) {
            if let Some(key) = known.fact.kind.strip_prefix("detail:") {
                details.insert(key.to_owned(), text(&known.fact.kind));
            }
        }
        let unit = has("system_unit").then(|| text("system_unit"));
        let session = facts.sessions().next().unwrap_or(Session::None);
        let request = AccessRequest {
            session,
            details,
            no_new_privileges: unit.as_ref().map(|_| has("no_new_privileges")),
            system_unit: Some(unit),
            netgroups: Some(Vec::new()),
            session_id: (session != Session::None).then(|| text("session")),
            seat: session.is_local().then(|| text("seat")),
            ..base.clone()
        };
        let name = text("user");
        let mut groups: Vec<String> = facts.groups().map(str::to_owned).collect();
        groups.push(other("group"));
        let uid = facts.text("uid").map_or(Some(UID), |uid| uid.parse().ok());
        let has_name = name.parse::<u32>().is_err();
        Self { request, user: UserFacts { name, groups, uid, has_name } }
    }

    /// Returns the groups of the policy that the user is in.
    pub(super) fn known_groups(&self) -> &[String] {
        self.user.groups.split_last().map_or(&[], |(_, known)| known)
    }
}
