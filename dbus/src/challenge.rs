//! `BeginAuthentication`, decoded.

use std::collections::{BTreeMap, HashMap};

use zbus::Message;

use crate::{
    CallerPid, Cookie, DecodeError, Identity, SubjectPid,
    identity::{WireIdentity, from_wire},
};

/// polkitd asks: may this be done, and who says so?
#[derive(Debug, Clone)]
pub struct Challenge {
    /// The action's id.
    pub action: String,
    /// What a person would be shown. Never decided upon.
    pub message: String,
    /// The details that polkitd sends.
    pub details: Details,
    /// The secret that goes back with the answer.
    pub cookie: Cookie,
    /// Who may authenticate, in polkitd's order.
    pub identities: Vec<Identity>,
}

/// The details of a challenge. polkitd sends two keys and no others (0.105 to 128); those that the mechanism passed to
/// polkitd are not among them. A session subject has neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// `polkit.subject-pid`: whom the question is about.
    pub subject_pid: Option<SubjectPid>,
    /// `polkit.caller-pid`: the mechanism that asks.
    pub caller_pid: Option<CallerPid>,
    /// Whatever else came.
    pub other: BTreeMap<String, String>,
}

/// The arguments of `BeginAuthentication`: action, message, icon, details, cookie, identities.
type Arguments = (String, String, String, HashMap<String, String>, String, Vec<WireIdentity>);

impl Challenge {
    /// Decodes the body of a `BeginAuthentication`.
    ///
    /// # Errors
    /// The [`DecodeError`] names the first field that is not what the interface says.
    pub fn decode(message: &Message) -> Result<Self, DecodeError> {
        let body = message.body();
        let (action, text, _icon, details, cookie, identities): Arguments = body
            .deserialize()
            .map_err(|_| DecodeError::Type { field: "BeginAuthentication", expected: "sssa{ss}sa(sa{sv})" })?;
        if action.is_empty() {
            return Err(DecodeError::Missing { field: "action_id" });
        }
        Ok(Self {
            action,
            message: text,
            details: Details::decode(details)?,
            cookie: Cookie::new(cookie)?,
            identities: identities.iter().map(from_wire).collect::<Result<_, _>>()?,
        })
    }
}

impl Details {
    fn decode(wire: HashMap<String, String>) -> Result<Self, DecodeError> {
        let mut details = Self { other: wire.into_iter().collect(), ..Self::default() };
        if let Some(text) = details.other.remove("polkit.subject-pid") {
            details.subject_pid = Some(SubjectPid::new(pid(&text, "polkit.subject-pid")?)?);
        }
        if let Some(text) = details.other.remove("polkit.caller-pid") {
            // The bus says 0 of a mechanism in a pid namespace that it does not see, in a container for instance.
            let number = pid(&text, "polkit.caller-pid")?;
            details.caller_pid = (number != 0).then(|| CallerPid::new(number)).transpose()?;
        }
        Ok(details)
    }
}

fn pid(text: &str, field: &'static str) -> Result<u32, DecodeError> {
    text.parse().map_err(|_| DecodeError::Type { field, expected: "a decimal number" })
}

/// Decodes the body of a `CancelAuthentication`.
pub(crate) fn decode_cancel(message: &Message) -> Result<Cookie, DecodeError> {
    let body = message.body();
    let cookie: String =
        body.deserialize().map_err(|_| DecodeError::Type { field: "CancelAuthentication", expected: "s" })?;
    Cookie::new(cookie)
}

#[cfg(test)]
mod tests;
