//! The entry of a mechanism.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use polkit_config::pattern::Glob;
use polkit_config::report::Location;
use regex_lite::Regex;

use super::set::Set;

/// A service that asks polkit, or a program whose refusals look like those of such a service.
#[derive(Debug)]
pub struct Mechanism {
    /// The name for sentences.
    pub name: String,
    /// The packages that contain it.
    pub packages: Vec<String>,
    /// Its actions; `*` matches any characters. Empty for a program that does not ask polkit.
    pub actions: Vec<Glob>,
    /// What it passes, before the changes.
    pub first: Passed,
    /// The changes, in the order of their versions.
    pub changes: Vec<Change>,
    /// The details of its actions. The first entry that covers an action counts.
    pub details: Vec<ActionDetails>,
    /// The texts of its refusals.
    pub texts: Vec<Text>,
    /// The named sets of its actions.
    pub sets: Vec<Set>,
    /// The tests that compare the entry with the real daemon.
    pub proof: Vec<String>,
}

/// What a mechanism passes to polkit besides action and details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The kinds of subjects. There are several if it has several interfaces.
    pub subjects: Vec<SubjectKind>,
    /// When it lets polkit ask an agent.
    pub interaction: Interaction,
    /// The actions for which it asks about root as about other users (the flag `ALWAYS_CHECK`).
    pub checks_root: Vec<Glob>,
}

/// A change of a mechanism.
#[derive(Debug)]
pub struct Change {
    /// The program and its first version with the change, for example `systemd 257`.
    pub since: String,
    /// The new subjects, if they changed.
    pub subjects: Option<Vec<SubjectKind>>,
    /// The new interaction, if it changed.
    pub interaction: Option<Interaction>,
    /// The actions for which root is checked, if they changed.
    pub checks_root: Option<Vec<Glob>>,
    /// The details that are passed from this version on.
    pub details: Vec<String>,
    /// The change, in one sentence.
    pub meaning: String,
}

/// The details of some actions.
#[derive(Debug)]
pub struct ActionDetails {
    /// The actions; `*` matches any characters.
    pub ids: Vec<Glob>,
    /// The keys, each with its meaning.
    pub keys: Vec<(String, String)>,
    /// The keys that identify the object, the most lasting first. A grant for one object needs the first of them that is passed.
    pub identity: Vec<String>,
    /// The keys that a grant for one request leaves out: they describe the object, or say nothing about it.
    pub incidental: Vec<String>,
}

/// The kind of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// A process, by its pid.
    Process,
    /// A process, by its pid and a pidfd.
    Pidfd,
    /// The bus name of the client.
    BusName,
    /// The process at the other end of a Varlink socket, by a pidfd.
    Varlink,
}

/// When a mechanism lets polkit ask an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// Always.
    Always,
    /// If the request of the client allows it.
    Caller,
    /// Never.
    Never,
}

/// A text of a refusal.
#[derive(Debug)]
pub struct Text {
    /// The regular expression. Its groups name a detail (`unit`, `verb`), or the `uid`, `user`, `device`, `action` or part of the
    /// action (`name`).
    pub pattern: String,
    /// The place of the expression.
    pub pattern_at: Location,
    /// What the text says.
    pub error: Kind,
    /// The action. `{name}` stands for the text of the group `name`.
    pub action: Option<String>,
    /// Details that the text implies.
    pub details: BTreeMap<String, String>,
    /// Other actions that the same text can mean.
    pub also: Vec<String>,
    /// Advice for the user.
    pub hint: Option<String>,
    /// The code of the finding, if polkit did not refuse.
    pub code: Option<String>,
    /// The compiled expression, from its first use on.
    pub(super) regex: OnceLock<Option<Regex>>,
}

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// polkit required authentication, but there was no agent.
    NoAgent,
    /// The mechanism refused, after a "no" of polkit or for want of an agent.
    Refused,
    /// A person dismissed the authentication.
    Dismissed,
    /// The cause is not polkit.
    NotPolkit,
}

impl Mechanism {
    /// Whether this is the mechanism of the action.
    #[must_use]
    pub fn has_action(&self, action: &str) -> bool {
        covers(&self.actions, action)
    }

    /// Returns the details of an action, or `None` if they are not known.
    #[must_use]
    pub fn details_of(&self, action: &str) -> Option<&[(String, String)]> {
        self.details.iter().find(|details| covers(&details.ids, action)).map(|details| details.keys.as_slice())
    }

    /// Returns those details of a request that a grant for this request needs: of the keys that identify the object the first one,
    /// and all others that are not incidental. If none of the former is there, the latter are all that tells the object from others,
    /// and stay. Keys of polkit itself are left out.
    #[must_use]
    pub fn narrowing(&self, action: &str, details: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let known = self.details.iter().find(|details| covers(&details.ids, action));
        let (identity, incidental) =
            known.map_or((&[][..], &[][..]), |known| (&known.identity[..], &known.incidental[..]));
        let first = identity.iter().find(|key| details.contains_key(*key));
        let is_unnamed = !identity.is_empty() && first.is_none();
        let is_needed =
            |key: &String| Some(key) == first || !identity.contains(key) && (is_unnamed || !incidental.contains(key));
        let of_mechanism = details.iter().filter(|(key, _)| !key.starts_with("polkit."));
        of_mechanism.filter(|(key, _)| is_needed(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Returns what the latest known version passes.
    #[must_use]
    pub fn latest(&self) -> Passed {
        let mut passed = self.first.clone();
        for change in &self.changes {
            passed.subjects = change.subjects.clone().unwrap_or(passed.subjects);
            passed.interaction = change.interaction.unwrap_or(passed.interaction);
            passed.checks_root = change.checks_root.clone().unwrap_or(passed.checks_root);
        }
        passed
    }

    /// Returns the change since which the mechanism asks about root for an action: an empty text if it always did.
    #[must_use]
    pub fn checks_root_since(&self, action: &str) -> Option<&str> {
        if !covers(&self.latest().checks_root, action) {
            return None;
        }
        let is_of = |change: &&Change| change.checks_root.as_ref().is_some_and(|root| covers(root, action));
        Some(self.changes.iter().find(is_of).map_or("", |change| change.since.as_str()))
    }

    /// Returns since which version the mechanism passes a detail, if this is known.
    #[must_use]
    pub fn detail_since(&self, key: &str) -> Option<&str> {
        let is_of = |change: &&Change| change.details.iter().any(|detail| detail == key);
        self.changes.iter().find(is_of).map(|change| change.since.as_str())
    }

    /// Whether each version passes a process without a pidfd, for which polkit has no `system_unit`.
    #[must_use]
    pub fn is_by_process(&self) -> bool {
        let changed = self.changes.iter().filter_map(|change| change.subjects.as_ref());
        std::iter::once(&self.first.subjects).chain(changed).flatten().all(|subject| *subject == SubjectKind::Process)
    }
}

impl SubjectKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Process, Self::Pidfd, Self::BusName, Self::Varlink];

    /// Returns the word in the files.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Pidfd => "pidfd",
            Self::BusName => "bus-name",
            Self::Varlink => "varlink",
        }
    }

    /// Returns the kind in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Process => "a process by its pid, without its unit",
            Self::Pidfd => "a process by its pid and a pidfd",
            Self::BusName => "the bus name of the client",
            Self::Varlink => "the process of a Varlink client, by a pidfd",
        }
    }
}

impl Interaction {
    /// All values.
    pub const ALL: [Self; 3] = [Self::Always, Self::Caller, Self::Never];

    /// Returns the word in the files.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Caller => "caller",
            Self::Never => "never",
        }
    }
}

impl Kind {
    /// All values.
    pub const ALL: [Self; 4] = [Self::NoAgent, Self::Refused, Self::Dismissed, Self::NotPolkit];

    /// Returns the word in the files.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NoAgent => "no-agent",
            Self::Refused => "refused",
            Self::Dismissed => "dismissed",
            Self::NotPolkit => "not-polkit",
        }
    }
}

impl Text {
    /// Returns the compiled expression. It is invalid only if reading has reported it.
    pub(super) fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| Regex::new(&self.pattern).ok()).as_ref()
    }
}

/// Whether one of the patterns covers the action.
fn covers(patterns: &[Glob], action: &str) -> bool {
    patterns.iter().any(|pattern| pattern.covers(action))
}
