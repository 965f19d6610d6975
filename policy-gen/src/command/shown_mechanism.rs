//! What `actions` and `explain` show about the mechanism of an action.

use polkit_config::escape::escape;
use serde_json::{Value, json};

use crate::implicit_authorization::{BySession, ImplicitAuthorization};
use crate::mechanisms::{Mechanism, class, of_action};

/// Returns the mechanism of an action as JSON, or null if the table does not have it. `implicit` is the implicit authorization that
/// applies.
pub(super) fn json(action: &str, implicit: Option<ImplicitAuthorization>) -> Value {
    let Some(mechanism) = of_action(action) else { return Value::Null };
    let latest = mechanism.latest();
    let subjects: Vec<&str> = latest.subjects.iter().map(|kind| kind.text()).collect();
    let details = mechanism.details_of(action).map(|keys| {
        keys.iter().map(|(key, meaning)| json!({ "key": key, "meaning": meaning })).collect::<Vec<Value>>()
    });
    let changes = mechanism.changes.iter().map(|change| json!({ "since": change.since, "meaning": change.meaning }));
    json!({
        "name": mechanism.name,
        "packages": mechanism.packages,
        "subject": subjects,
        "interaction": latest.interaction.text(),
        "asks": class::asks(mechanism, implicit),
        "checks_root": mechanism.checks_root_since(action).is_some(),
        "details": details,
        "changes": changes.collect::<Vec<Value>>(),
        "proved": !mechanism.proof.is_empty(),
    })
}

/// Returns implicit authorizations as JSON.
pub(super) fn implicit_json(implicit: Option<BySession<ImplicitAuthorization>>) -> Value {
    implicit.map_or(Value::Null, |BySession { any, inactive, active }| {
        json!({ "any": any.text(), "inactive": inactive.text(), "active": active.text() })
    })
}

/// Returns the mechanism of an action in words, one line each; nothing if the table does not have it.
pub(super) fn lines(action: &str, implicit: Option<ImplicitAuthorization>) -> Vec<String> {
    of_action(action).map_or_else(Vec::new, |mechanism| of_mechanism(mechanism, action, implicit))
}

fn of_mechanism(mechanism: &Mechanism, action: &str, implicit: Option<ImplicitAuthorization>) -> Vec<String> {
    let name = escape(&mechanism.name);
    let packages = match mechanism.packages.as_slice() {
        [] => String::new(),
        [one] => format!(" (package {})", escape(one)),
        several => format!(" (packages {})", escape(&several.join(", "))),
    };
    let mut lines = vec![format!("{name}{packages} passes {}", class::subject(mechanism))];
    lines.extend(class::asks(mechanism, implicit).iter().map(|text| escape(text)));
    match mechanism.checks_root_since(action) {
        None => {}
        Some("") => lines.push(format!("{name} asks about root as about other users")),
        Some(since) => lines.push(format!("{name} asks about root as about other users ({} and later)", escape(since))),
    }
    match mechanism.details_of(action) {
        None => lines.push("details: not known".to_owned()),
        Some([]) => lines.push("details: none".to_owned()),
        Some(keys) => {
            let shown = |(key, meaning): &(String, String)| format!("detail {}: {}", escape(key), escape(meaning));
            lines.extend(keys.iter().map(shown));
        }
    }
    let changes = mechanism.changes.iter();
    lines.extend(changes.map(|change| format!("since {}: {}", escape(&change.since), escape(&change.meaning))));
    lines
}
