//! From the replies of a file to findings.

use std::collections::{BTreeMap, BTreeSet};

use polkit_config::escape::escape;

use super::matrix::{INVENTED, Probe, Who};
use super::{Registered, Replies, result};
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::lint::codes::{self, Code};
use crate::lint::{File, Finding, line_span};
use crate::verdict::wire::{End, EngineReply};

/// Limit of the names in a message.
const NAMES_MAX: usize = 4;

/// The replies of a file, with what a message needs.
pub(super) struct Observed<'a> {
    pub(super) file: &'a File,
    pub(super) probes: Replies,
    /// The names of the files that polkitd runs later.
    pub(super) later: &'a [&'a str],
    pub(super) registered: &'a Registered,
}

impl Observed<'_> {
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = self.exceptions();
        findings.extend(self.ends());
        let everything = self.everything();
        let decides_all = !everything.is_empty();
        findings.extend(everything);
        if !decides_all {
            findings.extend(self.of_accounts());
            findings.extend(self.of_actions());
            findings.extend(self.nothing());
        }
        findings
    }

    fn all(&self) -> impl Iterator<Item = &(Probe, EngineReply)> {
        self.probes.probes.iter()
    }

    /// The replies to the invented action for a user that the file does not name, by session.
    fn unnamed(&self) -> Vec<(Session, &EngineReply)> {
        let unnamed = self.all().filter(|(probe, _)| probe.who == Who::Stranger && probe.request.action == INVENTED);
        unnamed.map(|(probe, reply)| (probe.session, reply)).collect()
    }

    fn at(&self, code: &'static Code, reply: &EngineReply, message: String) -> Finding {
        let line = reply.rule.and_then(|rule| self.probes.lines.get(rule)).copied().filter(|line| *line > 0);
        match line {
            Some(line) => Finding::at(code, line_span(&self.file.source, line), message),
            None => Finding::of_file(code, 0, message),
        }
    }

    /// The rules of later files that are never run.
    fn unreached(&self) -> String {
        match self.later {
            [] => String::new(),
            later => format!("; the rules of {} are never run", list(later.iter().copied(), "")),
        }
    }

    /// Findings about a file that decides actions and users that it does not name.
    fn everything(&self) -> Vec<Finding> {
        let unnamed = self.unnamed();
        let with = |wanted: ImplicitAuthorization| {
            unnamed.iter().filter(move |(_, reply)| result(reply) == Some(wanted)).collect::<Vec<_>>()
        };
        let granted = with(ImplicitAuthorization::Yes);
        if let Some((_, reply)) = granted.first() {
            let sessions: Vec<Session> = granted.iter().map(|(session, _)| *session).collect();
            let message = format!("every user is granted every action{}{}", in_sessions(&sessions), self.unreached());
            return vec![self.at(&codes::PG080, reply, message)];
        }
        let decided = unnamed.iter().all(|(_, reply)| result(reply).is_some()) && unnamed.len() == Session::ALL.len();
        let Some((_, reply)) = unnamed.first().filter(|_| decided) else { return Vec::new() };
        if with(ImplicitAuthorization::No).len() == unnamed.len() {
            let message = format!("every user is refused every action that the file does not name{}", self.unreached());
            return vec![self.at(&codes::PG084, reply, message)];
        }
        let result = result(reply).map_or("", ImplicitAuthorization::text);
        let message = format!("every action that the file does not name is decided ({result}){}", self.unreached());
        vec![self.at(&codes::PG085, reply, message)]
    }

    /// Users and groups that are granted every action.
    fn of_accounts(&self) -> Vec<Finding> {
        let mut found: BTreeMap<Option<usize>, (&EngineReply, Vec<String>)> = BTreeMap::new();
        for (probe, reply) in self.all().filter(|(probe, _)| probe.request.action == INVENTED) {
            if result(reply) != Some(ImplicitAuthorization::Yes) {
                continue;
            }
            let name = match &probe.who {
                Who::User(name) => format!("the user `{}`", escape(name)),
                Who::Group(name) => format!("the group `{}`", escape(name)),
                Who::Several if found.is_empty() => "a user with several of the conditions of the file".to_owned(),
                _ => continue,
            };
            let (_, names) = found.entry(reply.rule).or_insert((reply, Vec::new()));
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let finding = |(reply, names): (&EngineReply, Vec<String>)| {
            let verb = if names.len() == 1 { "is" } else { "are" };
            let message = format!("{} {verb} granted every action", list(names.iter().map(String::as_str), ""));
            self.at(&codes::PG081, reply, message)
        };
        found.into_values().map(finding).collect()
    }

    /// Actions that are granted to every user, also to services.
    fn of_actions(&self) -> Vec<Finding> {
        let mut found: BTreeMap<Option<usize>, (&EngineReply, BTreeSet<&str>)> = BTreeMap::new();
        for (probe, reply) in self.all() {
            let action = probe.request.action.as_str();
            let is_unneeded = self.registered.get(action) == Some(&ImplicitAuthorization::Yes);
            let is_every_user = probe.who == Who::Stranger && probe.session == Session::None;
            if is_every_user && !is_unneeded && result(reply) == Some(ImplicitAuthorization::Yes) {
                found.entry(reply.rule).or_insert((reply, BTreeSet::new())).1.insert(action);
            }
        }
        let finding = |(reply, actions): (&EngineReply, BTreeSet<&str>)| {
            let verb = if actions.len() == 1 { "is" } else { "are" };
            let message = format!("{} {verb} granted to every user, also to services", list(actions.into_iter(), "`"));
            self.at(&codes::PG083, reply, message)
        };
        found.into_values().map(finding).collect()
    }

    /// A file whose rules have no result for any request.
    fn nothing(&self) -> Option<Finding> {
        let decides = self.all().any(|(_, reply)| reply.end != End::Nothing || !reply.unknown.is_empty());
        let message = "the rules have no result for any action and any subject that the file names";
        (self.probes.is_complete && !decides).then(|| Finding::of_file(&codes::PG086, 0, message))
    }

    /// A rule that returns another value than a string.
    fn ends(&self) -> Option<Finding> {
        let ends = self.all().find_map(|(_, reply)| match &reply.end {
            End::Kills(message) if reply.unknown.is_empty() => Some(message),
            _ => None,
        });
        ends.map(|message| Finding::of_file(&codes::PG010, 0, format!("a rule ends polkitd: {}", escape(message))))
    }

    /// Exceptions, by line and message.
    fn exceptions(&self) -> Vec<Finding> {
        let mut found: BTreeMap<(usize, &str), (usize, BTreeSet<String>)> = BTreeMap::new();
        let lines = self.file.source.text().lines().count();
        for (probe, reply) in self.all() {
            let End::Threw(message, line) = &reply.end else { continue };
            // A request without details is not one of a mechanism that passes them.
            let is_named = probe.request.action != INVENTED && self.looks_up();
            if !reply.unknown.is_empty() || (is_named && probe.request.details.is_empty()) {
                continue;
            }
            let line = line.and_then(|line| usize::try_from(line).ok()).filter(|line| (1..=lines).contains(line));
            let rule = reply.rule.and_then(|rule| self.probes.lines.get(rule)).copied();
            let place = line.or(rule).unwrap_or(0);
            let (count, subjects) = found.entry((place, message)).or_default();
            *count += 1;
            subjects.insert(match &probe.who {
                Who::Stranger => "every user".to_owned(),
                Who::User(name) => format!("the user `{}`", escape(name)),
                Who::Group(name) => format!("the group `{}`", escape(name)),
                Who::Several => "users with several of the conditions of the file".to_owned(),
            });
        }
        let finding = |((line, message), (_, subjects)): ((usize, &str), (usize, BTreeSet<String>))| {
            let who = if subjects.contains("every user") {
                "every user".to_owned()
            } else {
                list(subjects.iter().map(String::as_str), "")
            };
            let message = format!("the rule throws an exception for {who}: {}", escape(message));
            match line {
                0 => Finding::of_file(&codes::PG082, 0, message),
                line => Finding::at(&codes::PG082, line_span(&self.file.source, line), message),
            }
        };
        found.into_iter().map(finding).take(NAMES_MAX).collect()
    }

    fn looks_up(&self) -> bool {
        self.file.source.text().contains("lookup")
    }
}

/// Describes the sessions, unless they are all.
fn in_sessions(sessions: &[Session]) -> String {
    if sessions.len() == Session::ALL.len() {
        return ", also services and remote users".to_owned();
    }
    let name = |session: &Session| match session {
        Session::None => "without a session",
        Session::Remote => "in a remote session",
        Session::Inactive => "in a background session at a seat",
        Session::Active => "in the active session at a seat",
    };
    format!(" {}", list(sessions.iter().map(name), ""))
}

/// Joins names, of which at most [`NAMES_MAX`] are listed.
fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>, quote: &str) -> String {
    let count = names.len();
    let shown: Vec<String> = names.take(NAMES_MAX).map(|name| format!("{quote}{}{quote}", escape(name))).collect();
    match (shown.split_last(), count - shown.len()) {
        (_, more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        (Some((last, [])), _) => last.clone(),
        (Some((last, rest)), _) => format!("{} and {last}", rest.join(", ")),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
