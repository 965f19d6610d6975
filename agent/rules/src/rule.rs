//! One `[[rule]]`: its keys, and when it matches a request.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use polkit_types::pattern::{ActionPattern, Glob};

use crate::{
    facts::{Fact, Facts, Session, Truth},
    schedule::When,
    unit_pattern::UnitPattern,
};

/// The key `answer` of a rule: what a request gets that the rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Authorize.
    Allow,
    /// Refuse; the client sees "access denied by policy".
    Deny,
    /// Refuse; the client sees that the authentication was cancelled.
    Dismiss,
    /// Refuse as [`Answer::Dismiss`] does, and let a person decide about the next equal request. A hook request gets no reply.
    Ask,
    /// Let polkit's helper authenticate the agent's own user: for an agent that is not root. A hook request gets no reply.
    Authenticate,
}

impl Answer {
    /// The words of the configuration, of the records and of the command line.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("allow", Self::Allow),
        ("deny", Self::Deny),
        ("dismiss", Self::Dismiss),
        ("ask", Self::Ask),
        ("authenticate", Self::Authenticate),
    ];

    /// Whether this can authorize a request, if only after a person or PAM agreed.
    #[must_use]
    pub fn grants(self) -> bool {
        match self {
            Self::Allow | Self::Ask | Self::Authenticate => true,
            Self::Deny | Self::Dismiss => false,
        }
    }

    /// Whether the agent authorizes the request itself, without a person.
    #[must_use]
    pub fn is_yes(self) -> bool {
        matches!(self, Self::Allow | Self::Authenticate)
    }

    /// The word of the configuration and of the records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Dismiss => "dismiss",
            Self::Ask => "ask",
            Self::Authenticate => "authenticate",
        }
    }
}

/// A user or group of the host: the name in the configuration, and the number that is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Named {
    /// The name, as written.
    pub name: String,
    /// The uid or gid, looked up when the configuration was loaded.
    pub id: u32,
}

/// The key `session` of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionKey {
    /// The subject is in no session.
    None,
    /// The subject's session is in the foreground of its seat, as for polkit's `allow_active`.
    Active,
    /// The subject's session has a seat and is not in its foreground, as for polkit's `allow_inactive`.
    Inactive,
    /// The subject's session has a seat.
    Local,
    /// The user logged in from another host.
    Remote,
    /// The subject's session has this class.
    Class(String),
}

/// The key `at_most` of a rule: how often the rule may grant to one user in any period of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtMost {
    /// The number of grants.
    pub times: u32,
    /// The length of the period.
    pub per: Duration,
}

/// A rule as configured. A key that is not set is `None`, empty or false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The id, which the records name.
    pub id: String,
    /// `file:line`, for people.
    pub origin: String,
    /// The actions. One of them must cover the requested action.
    pub actions: Vec<ActionPattern>,
    /// The subject's unit.
    pub unit: Option<UnitPattern>,
    /// The subject's real user.
    pub user: Option<Named>,
    /// A group of the subject's user, by the user database.
    pub group: Option<Named>,
    /// The subject's program.
    pub exe: Option<PathBuf>,
    /// The subject's session.
    pub session: Option<SessionKey>,
    /// The seat of the subject's session.
    pub seat: Option<Glob>,
    /// The details of the action. Each of them must be present and covered.
    pub details: BTreeMap<String, Glob>,
    /// Grant although polkitd does not vouch for the subject: see [`Facts::vouched_for`].
    pub unbound: bool,
    /// Grant to a unit although other processes of its user can move into it: see [`Facts::delegated`].
    pub delegated: bool,
    /// Grant only while all processes of the subject's user are in the unit: see [`Facts::exclusive_user`].
    pub own_user: bool,
    /// The times at which the rule applies.
    pub when: When,
    /// How often the rule may grant.
    pub at_most: Option<AtMost>,
    /// The answer.
    pub answer: Answer,
    /// With [`Answer::Ask`]: how long a challenge stays open for a person before the agent refuses it.
    pub hold: Option<Duration>,
    /// With [`Answer::Authenticate`]: the credentials for PAM's prompts, in the order of the prompts.
    pub credentials: Vec<String>,
}

impl Rule {
    /// Whether the rule decides about a request. A rule that allows matches if every key is true. Any other rule matches unless a
    /// key is false. So a request with an unknown fact does not get past a rule that refuses, asks or authenticates to a later rule
    /// that allows.
    #[must_use]
    pub fn matches(&self, facts: &Facts) -> bool {
        match self.truth(facts) {
            Truth::True => true,
            Truth::Unknown => self.answer != Answer::Allow,
            Truth::False => false,
        }
    }

    /// The least truth of all keys. A key that is not set is true. After a false key no further key is evaluated.
    #[must_use]
    pub fn truth(&self, facts: &Facts) -> Truth {
        let action = || known(self.actions.iter().any(|pattern| pattern.covers(&facts.action)));
        let unit = |unit: &UnitPattern| facts.unit.is(|of| of.as_ref().is_some_and(|of| unit.covers(of)));
        let user = |user: &Named| known(user.id == facts.uid.get());
        let group = |group: &Named| facts.groups.is(|gids| gids.contains(&group.id));
        let exe = |path: &PathBuf| match facts.named_files.get(path) {
            Some(Fact::Known(named)) => facts.exe.is(|exe| exe == named),
            Some(Fact::Unknown) | None => Truth::Unknown,
        };
        let session = |session: &SessionKey| facts.session.is(|of| session.covers(of));
        let seat = |wanted: &Glob| {
            facts.session.is(|of| matches!(of, Session::Of { seat: Some(seat), .. } if wanted.covers(seat)))
        };
        let detail = |(key, wanted): (&String, &Glob)| {
            facts.details.is(|details| details.get(key).is_some_and(|value| wanted.covers(value)))
        };
        let when =
            || if self.when.is_always() { Truth::True } else { facts.moment.is(|moment| self.when.holds(moment)) };
        // The cheapest keys come first: of a thousand rules most are about other subjects.
        let keys: [&dyn Fn() -> Truth; 9] = [
            &|| self.user.as_ref().map_or(Truth::True, user),
            &|| self.unit.as_ref().map_or(Truth::True, unit),
            &action,
            &when,
            &|| self.group.as_ref().map_or(Truth::True, group),
            &|| self.exe.as_ref().map_or(Truth::True, exe),
            &|| self.session.as_ref().map_or(Truth::True, session),
            &|| self.seat.as_ref().map_or(Truth::True, seat),
            &|| self.details.iter().map(detail).min().unwrap_or(Truth::True),
        ];
        let mut least = Truth::True;
        for key in keys {
            least = least.min(key());
            if least == Truth::False {
                break;
            }
        }
        least
    }
}

fn known(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}

impl SessionKey {
    /// Reads the word of the configuration. Every other word is a class: logind may add classes.
    #[must_use]
    pub fn new(word: &str) -> Self {
        match word {
            "none" => Self::None,
            "active" => Self::Active,
            "inactive" => Self::Inactive,
            "local" => Self::Local,
            "remote" => Self::Remote,
            class => Self::Class(class.to_owned()),
        }
    }

    /// Whether this covers every session that `other` covers.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        self == other || (*self == Self::Local && matches!(other, Self::Active | Self::Inactive))
    }

    fn covers(&self, session: &Session) -> bool {
        match (self, session) {
            (Self::None, Session::None) => true,
            (Self::Active, Session::Of { active, .. }) => *active,
            (Self::Inactive, Session::Of { active, seat, .. }) => seat.is_some() && !active,
            (Self::Local, Session::Of { seat, .. }) => seat.is_some(),
            (Self::Remote, Session::Of { remote, .. }) => *remote,
            (Self::Class(wanted), Session::Of { class, .. }) => wanted == class,
            (Self::None, Session::Of { .. }) | (_, Session::None) => false,
        }
    }
}

#[cfg(test)]
mod tests;
