//! When polkit asks an agent about a request, in words.

use super::entry::{Interaction, Mechanism, SubjectKind};
use crate::implicit_authorization::ImplicitAuthorization;

/// Returns when polkit asks an agent about a request of this mechanism: one or two sentences without a full stop. `implicit` is the
/// implicit authorization that applies, if it is known.
#[must_use]
pub fn asks(mechanism: &Mechanism, implicit: Option<ImplicitAuthorization>) -> Vec<String> {
    let name = &mechanism.name;
    let by_mechanism = match mechanism.latest().interaction {
        Interaction::Always => format!("{name} always lets polkit ask an agent"),
        Interaction::Caller => format!(
            "{name} lets polkit ask an agent only if the client allows interaction: its own command does, a service that \
             calls D-Bus itself mostly does not"
        ),
        Interaction::Never => {
            return vec![format!("{name} never lets polkit ask an agent: only a policy rule can allow the request")];
        }
    };
    let by_action = match implicit {
        Some(ImplicitAuthorization::No) => Some(
            "the implicit authorization is \"no\": polkit asks an agent only after a policy rule says auth_self ([[agent]])",
        ),
        Some(ImplicitAuthorization::Yes) => Some("the implicit authorization is \"yes\": polkit asks no agent"),
        _ => None,
    };
    std::iter::once(by_mechanism).chain(by_action.map(str::to_owned)).collect()
}

/// Returns what polkit knows of the subject, for a sentence.
#[must_use]
pub fn subject(mechanism: &Mechanism) -> String {
    let subjects: Vec<&str> = mechanism.latest().subjects.iter().map(|kind| kind.words()).collect();
    subjects.join(", or ")
}

/// Whether the mechanism passes the bus name of the client, so that polkit asks the bus for the process. Newer versions can have other
/// interfaces as well.
#[must_use]
pub fn asks_by_bus_name(mechanism: &Mechanism) -> bool {
    mechanism.first.subjects.iter().all(|kind| *kind == SubjectKind::BusName)
}

/// Whether each version passes only the bus name of the client.
#[must_use]
pub fn asks_only_by_bus_name(mechanism: &Mechanism) -> bool {
    asks_by_bus_name(mechanism) && mechanism.latest().subjects.iter().all(|kind| *kind == SubjectKind::BusName)
}
