//! Decoding of `BeginAuthentication`.

use std::collections::{BTreeMap, HashMap};

use zbus::Message;

use crate::{
    CallerPid, Cookie, DecodeError, Identity, SubjectPid,
    identity::{WireIdentity, from_wire},
};

/// A challenge: polkitd asks the agent to authenticate one of the identities for an action.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// The action id.
    pub action: String,
    /// The message for a user. Not used for decisions.
    pub message: String,
    /// The details that polkitd sends.
    pub details: Details,
    /// The secret that identifies the challenge in the answer.
    pub cookie: Cookie,
    /// The identities that may authenticate, in polkitd's order.
    pub identities: Vec<Identity>,
}

/// The details of a challenge. polkitd sends only two keys (0.105 to 128); it does not forward the details of the mechanism.
/// A challenge about a session has neither key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// `polkit.subject-pid`: the subject process.
    pub subject_pid: Option<SubjectPid>,
    /// `polkit.caller-pid`: the mechanism.
    pub caller_pid: Option<CallerPid>,
    /// All other keys.
    pub other: BTreeMap<String, String>,
}

/// The arguments of `BeginAuthentication`: action, message, icon, details, cookie, identities.
type Arguments = (String, String, String, HashMap<String, String>, String, Vec<WireIdentity>);

impl Challenge {
    /// Decodes the body of a `BeginAuthentication`.
    ///
    /// # Errors
    /// A [`DecodeError`] that names the first field with a wrong type or value.
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
            // The bus reports pid 0 for a mechanism in another pid namespace, for example in a container.
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
