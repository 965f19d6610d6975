//! A request to polkitd, with its subject and the result.

use std::collections::BTreeMap;

use polkit_dbus::Authorization;

/// A request that polkitd received.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// The subject.
    pub subject: Subject,
    /// The action id.
    pub action: String,
    /// The details, without those that a grant leaves out.
    pub details: BTreeMap<String, String>,
}

/// The subject of a request, as far as policy can name it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The uid.
    pub uid: Option<u32>,
    /// The user; the uid for a user without a name.
    pub user: String,
    /// The system service of the process.
    pub unit: Option<String>,
    /// Whether polkit knows the unit, so that a policy rule can name it.
    pub is_unit_known: bool,
    /// The program of the process.
    pub program: Option<String>,
    /// Why policy must not name the subject.
    pub unnamed: Option<Unnamed>,
}

/// Why policy must not name a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unnamed {
    /// The process ended before its unit was read.
    Ended,
    /// The process that asked polkit is no mechanism: it may have made up the subject.
    NoMechanism,
    /// The subject is a session.
    Session,
}

impl Unnamed {
    /// Returns the reason, for a sentence.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Ended => "the process ended before its unit could be read: repeat the request",
            Self::NoMechanism => {
                "neither root nor an owner of the action asked polkit (for example pkcheck): any user can make up such a request"
            }
            Self::Session => "the request is about a session, not about a process",
        }
    }
}

/// polkitd's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// The request is allowed.
    Allowed,
    /// The request is refused.
    Refused,
    /// Authentication would allow the request, and no agent was asked.
    NeedsAuthentication,
    /// A person dismissed the authentication.
    Dismissed,
    /// polkitd reported an error, for example about an action that is not registered.
    Failed,
}

impl Reply {
    /// Reads a reply of polkitd.
    #[must_use]
    pub fn of(result: &Result<Authorization, String>) -> Self {
        match result {
            Ok(reply) if reply.authorized => Self::Allowed,
            Ok(reply) if reply.dismissed() => Self::Dismissed,
            Ok(reply) if reply.challenge => Self::NeedsAuthentication,
            Ok(_) => Self::Refused,
            Err(_) => Self::Failed,
        }
    }

    /// Whether policy could have allowed the request.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Refused | Self::NeedsAuthentication | Self::Dismissed)
    }

    /// Returns the word of the output.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::NeedsAuthentication => "no-agent",
            Self::Dismissed => "dismissed",
            Self::Failed => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn only_what_policy_could_have_allowed_is_a_refusal() {
        let reply = |authorized, challenge, dismissed: bool| {
            let details = dismissed.then(|| ("polkit.dismissed".to_owned(), "true".to_owned()));
            Reply::of(&Ok(Authorization { authorized, challenge, details: HashMap::from_iter(details) }))
        };
        for (reply, word, is_refusal) in [
            (reply(true, false, false), "allowed", false),
            (reply(true, true, true), "allowed", false),
            (reply(false, false, false), "refused", true),
            (reply(false, true, false), "no-agent", true),
            (reply(false, true, true), "dismissed", true),
            (Reply::of(&Err("no such action".to_owned())), "error", false),
        ] {
            assert_eq!((reply.text(), reply.is_refusal()), (word, is_refusal));
        }
    }
}
