//! One `[[rule]]`, and when it applies.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::rules::{
    facts::{Fact, Facts, Session, Truth},
    root_equivalent::ActionPattern,
    schedule::When,
    unit_pattern::{Glob, UnitPattern},
};

/// What a rule says to a question that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Authorize.
    Allow,
    /// Refuse; the client sees "access denied by policy".
    Deny,
    /// Refuse; the client sees that the authentication was cancelled.
    Dismiss,
    /// Refuse as [`Answer::Dismiss`] does, and let a person say whether the next one is authorized. By the hook nothing is said.
    Ask,
    /// Have polkit's helper authenticate the agent's own user: for an agent that is not root. By the hook nothing is said.
    Authenticate,
}

impl Answer {
    /// The words of the configuration, the record and the command line.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("allow", Self::Allow),
        ("deny", Self::Deny),
        ("dismiss", Self::Dismiss),
        ("ask", Self::Ask),
        ("authenticate", Self::Authenticate),
    ];

    /// Whether this gives something away, if only after a person or PAM has agreed.
    #[must_use]
    pub fn grants(self) -> bool {
        match self {
            Self::Allow | Self::Ask | Self::Authenticate => true,
            Self::Deny | Self::Dismiss => false,
        }
    }

    /// Whether the agent itself says yes, without a person.
    #[must_use]
    pub fn is_yes(self) -> bool {
        matches!(self, Self::Allow | Self::Authenticate)
    }

    /// The word for it.
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

/// A user or group of the host, by the name that the configuration gives and the number that counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Named {
    /// As written.
    pub name: String,
    /// uid or gid, looked up when the configuration was loaded.
    pub id: u32,
}

/// What `session` may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionKey {
    /// In no session.
    None,
    /// In a session in the foreground of its seat: what polkit's `allow_active` asks for.
    Active,
    /// In a session at a seat whose foreground another session has: what polkit's `allow_inactive` asks for.
    Inactive,
    /// In a session at a seat, in the foreground or not.
    Local,
    /// In a session of somebody who logged in from another host.
    Remote,
    /// In a session of that class.
    Class(String),
}

/// How often a rule may grant to one user within any such length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtMost {
    /// So many times.
    pub times: u32,
    /// The length of time.
    pub per: Duration,
}

/// A rule as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What the record names.
    pub id: String,
    /// `file:line`, for people.
    pub origin: String,
    /// The actions; one of them must cover the one asked for.
    pub actions: Vec<ActionPattern>,
    /// The subject's unit.
    pub unit: Option<UnitPattern>,
    /// The subject's real user.
    pub user: Option<Named>,
    /// A group that the user database gives the subject's user.
    pub group: Option<Named>,
    /// The subject's program.
    pub exe: Option<PathBuf>,
    /// The subject's session.
    pub session: Option<SessionKey>,
    /// The seat of the subject's session.
    pub seat: Option<Glob>,
    /// The action's details, each of which must be there and be covered.
    pub details: BTreeMap<String, Glob>,
    /// Grant although polkitd may be asking about a process that is gone: see [`Facts::bound`].
    pub unbound: bool,
    /// Grant to a unit although processes of its user can have themselves put into it: see [`Facts::delegated`].
    pub delegated: bool,
    /// Grant only while no other unit, session or crontab has a process of the subject's user.
    pub own_user: bool,
    /// When it applies.
    pub when: When,
    /// How often it may grant.
    pub at_most: Option<AtMost>,
    /// What is said.
    pub answer: Answer,
    /// With [`Answer::Ask`]: how long a challenge is held open for a person, before it is refused.
    pub hold: Option<Duration>,
    /// With [`Answer::Authenticate`]: the credentials that PAM's prompts are answered with, in their order.
    pub credentials: Vec<String>,
}

impl Rule {
    /// A rule that allows needs every key to be true; any other applies unless a key is known to be false. So what a rule that
    /// asks or authenticates cannot be sure of does not pass on to a later rule that allows.
    #[must_use]
    pub fn matches(&self, facts: &Facts) -> bool {
        match self.truth(facts) {
            Truth::True => true,
            Truth::Unknown => self.answer != Answer::Allow,
            Truth::False => false,
        }
    }

    /// The least of its keys. One that is not there is true; after one that is false no other is looked at.
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
        let session = |session: &SessionKey| facts.session.is(|of| session.fits(of));
        let seat = |wanted: &Glob| {
            facts.session.is(|of| matches!(of, Session::Of { seat: Some(seat), .. } if wanted.covers(seat)))
        };
        let detail = |(key, wanted): (&String, &Glob)| {
            facts.details.is(|details| details.get(key).is_some_and(|value| wanted.covers(value)))
        };
        let when =
            || if self.when.is_always() { Truth::True } else { facts.moment.is(|moment| self.when.holds(moment)) };
        // What costs least comes first: of a thousand rules most are about others.
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
    /// The word of the configuration. Every word but five is a class: logind may learn new ones.
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

    /// Whether every session that `other` covers is covered.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        self == other || (*self == Self::Local && matches!(other, Self::Active | Self::Inactive))
    }

    fn fits(&self, session: &Session) -> bool {
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
