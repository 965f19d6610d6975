//! Finds the first known error in a message or log: in the table of [`mechanisms`], in the texts of libvirt, and else by a
//! registered action that a line names. Pure.

mod advice;
mod libvirt;

use std::collections::{BTreeMap, BTreeSet};

pub use advice::bad_advice;
pub use libvirt::speaks_of_libvirt;

use crate::mechanisms::{self, Kind, Recognized};

/// Length limit of a kept line, in characters.
const LINE_MAX: usize = 400;
/// The number of lines that are compared with the table of mechanisms.
pub const CANDIDATES_MAX: usize = 400;

/// The class of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// polkit required authentication, but there was no agent.
    NoAgent,
    /// polkit or the mechanism refused.
    Refused,
    /// The user dismissed the authentication.
    Dismissed,
    /// The client may not open the socket.
    SocketClosed,
    /// The socket does not exist.
    SocketMissing,
    /// No process listens on the socket.
    SocketRefused,
    /// The socket could not be opened for an unknown reason.
    Socket,
    /// The action is not registered.
    NotRegistered,
    /// polkitd is unavailable.
    NoPolkit,
    /// polkitd could not find the subject process.
    NoSuchProcess,
    /// libvirt's access control refused.
    AclRefused,
    /// The client connected over the network and has no local identity.
    RemoteClient,
    /// The client tried to connect over the network and failed.
    Network,
    /// The client tried to start a daemon of its user, but the directory for it is unavailable.
    OwnDirectory,
    /// The client did not authenticate.
    NoAuthentication,
    /// The cause is not polkit. The table of mechanisms has the explanation.
    NotPolkit,
    /// The text names a registered action and no known error.
    Mentioned,
}

/// An error and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedError {
    /// The class.
    pub class: Class,
    /// The line, shortened.
    pub line: String,
    /// The line number, from 1.
    pub number: usize,
    /// The action of the line.
    pub action: Option<String>,
    /// The details of the request that the line names.
    pub details: BTreeMap<String, String>,
    /// The text of the table of mechanisms that the line has.
    pub recognized: Option<Recognized>,
    /// The socket in the line.
    pub socket: Option<String>,
    /// The user's directory in the line.
    pub directory: Option<String>,
    /// The number of later error lines. This error probably caused them.
    pub following: usize,
    /// Whether the calls in the later lines only read.
    pub only_reads: bool,
    /// Whether the text is the log of a web server.
    pub web: bool,
    /// Whether the line is about libvirt.
    pub of_libvirt: bool,
}

/// How many lines after the one about its own agent a command prints the refusal.
const OWN_AGENT_LINES: usize = 5;
/// PHP functions that only read.
const READING: &[&str] =
    &["libvirt_list_", "libvirt_domain_get_", "libvirt_node_get_", "libvirt_get_", "libvirt_domain_is_"];
/// Marks of a log of a web server. The name of a server alone can be that of a unit.
const WEB: [&str; 7] = ["PHP ", "[client ", "libvirt-php", "apache2[", "httpd[", "nginx[", "nginx: "];
/// Words of refusals.
const REFUSALS: [&str; 9] =
    ["uthori", "denied", "refus", "ermission", "not allowed", "rivilege", "uthentica", "forbidden", "FAILED"];

/// Returns the first known error of a text, with facts about the later lines. `is_registered` knows the ids of registered actions.
#[must_use]
pub fn first(text: &str, is_registered: &dyn Fn(&str) -> bool) -> Option<ReportedError> {
    let mut candidates = 0;
    let mut all_known = text.lines().enumerate().filter_map(|(number, line)| {
        candidates += usize::from(mechanisms::is_candidate(line));
        let line_error = if candidates <= CANDIDATES_MAX { by_mechanism(line, is_registered) } else { None };
        line_error.or_else(|| of_libvirt(line, is_registered)).map(|error| (number, line, error))
    });
    let known = all_known.next().map(|first| {
        if first.2.is_about_own_agent() {
            let (number, own) = (first.0, first.2.mechanism());
            let of_another = |(at, _, error): &(usize, &str, LineError)| {
                at - number <= OWN_AGENT_LINES && error.action.is_some() && error.mechanism() != own
            };
            all_known.next().filter(of_another).unwrap_or(first)
        } else {
            first
        }
    });
    let mentioned = || {
        text.lines().enumerate().find_map(|(number, line)| {
            let action = registered(line, is_registered)?;
            let class = if REFUSALS.iter().any(|word| line.contains(word)) { Class::Refused } else { Class::Mentioned };
            Some((number, line, LineError { class, action: Some(action), recognized: None }))
        })
    };
    let (number, line, LineError { class, action, recognized }) = known.or_else(mentioned)?;
    let later: Vec<&str> = text.lines().skip(number + 1).collect();
    let is_error =
        |line: &&&str| ["Warning", "Error", "error:", "Notice", "Fatal"].iter().any(|word| line.contains(word));
    Some(ReportedError {
        class,
        line: line.trim().chars().take(LINE_MAX).collect(),
        number: number + 1,
        of_libvirt: recognized.is_none()
            && (action.as_ref().is_some_and(|action| action.starts_with("org.libvirt."))
                || is_libvirts(class)
                || libvirt::is_own(line)
                || speaks_of_libvirt(text)),
        action,
        details: recognized.as_ref().map(|recognized| recognized.details.clone()).unwrap_or_default(),
        recognized,
        socket: libvirt::socket(line),
        directory: libvirt::own_directory(line).map(str::to_owned),
        following: later.iter().filter(is_error).count(),
        only_reads: only_reads(&later),
        web: WEB.iter().any(|mark| text.contains(mark)),
    })
}

/// Whether a line has a known error, in the table of mechanisms (`with_table`) or of libvirt.
#[must_use]
pub fn is_known(line: &str, with_table: bool) -> bool {
    let none = |_: &str| false;
    with_table && by_mechanism(line, &none).is_some() || of_libvirt(line, &none).is_some()
}

/// Whether a line may name an action.
#[must_use]
pub fn names_an_action(line: &str) -> bool {
    ["org.", "com.", "io.", "net."].iter().any(|start| line.contains(start))
        && line.split(|c: char| !(c.is_ascii_alphanumeric() || ".-_".contains(c))).any(is_action)
}

/// What one line says.
struct LineError {
    class: Class,
    action: Option<String>,
    recognized: Option<Recognized>,
}

impl LineError {
    /// Whether the line says that a command could not start an agent of its own. The refusal by its mechanism follows.
    fn is_about_own_agent(&self) -> bool {
        self.recognized.as_ref().is_some_and(|recognized| recognized.code == Some("agent-without-terminal"))
    }

    fn mechanism(&self) -> Option<&'static str> {
        self.recognized.as_ref().map(|recognized| recognized.mechanism)
    }
}

fn by_mechanism(line: &str, is_registered: &dyn Fn(&str) -> bool) -> Option<LineError> {
    let recognized = mechanisms::recognize(line)?;
    let class = match recognized.kind {
        Kind::NoAgent => Class::NoAgent,
        Kind::Refused => Class::Refused,
        Kind::Dismissed => Class::Dismissed,
        Kind::NotPolkit => Class::NotPolkit,
    };
    // A registered action in the line is more exact than the table.
    let action = registered(line, is_registered).or_else(|| recognized.action.clone());
    let action = action.filter(|_| class != Class::NotPolkit);
    Some(LineError { class, action, recognized: Some(recognized) })
}

fn of_libvirt(line: &str, is_registered: &dyn Fn(&str) -> bool) -> Option<LineError> {
    let class = libvirt::classify(line)?;
    Some(LineError { class, action: named(line).or_else(|| registered(line, is_registered)), recognized: None })
}

/// Whether only libvirt's texts have this class.
fn is_libvirts(class: Class) -> bool {
    matches!(
        class,
        Class::SocketClosed
            | Class::SocketMissing
            | Class::SocketRefused
            | Class::Socket
            | Class::AclRefused
            | Class::RemoteClient
            | Class::Network
            | Class::OwnDirectory
            | Class::NoAuthentication
    )
}

/// Whether the PHP calls of these lines only read.
fn only_reads(lines: &[&str]) -> bool {
    let calls: BTreeSet<&str> = lines.iter().flat_map(|line| calls(line)).collect();
    let reads = |call: &&str| READING.iter().any(|known| call.starts_with(known));
    let touches = |call: &&&str| call.starts_with("libvirt_") && **call != "libvirt_connect" && !reads(call);
    calls.iter().any(reads) && !calls.iter().any(|call| touches(&call))
}

/// Returns the action that a line names in quotes, or after `Action `.
fn named(line: &str) -> Option<String> {
    let after = line.split_once("Action ").and_then(|(_, rest)| rest.split_whitespace().next());
    quoted(line).chain(after).map(|text| text.trim_matches(['\'', '"'])).find(|text| is_action(text)).map(str::to_owned)
}

/// Returns the first registered action that a line names, quoted or not.
fn registered(line: &str, is_registered: &dyn Fn(&str) -> bool) -> Option<String> {
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || ".-_".contains(c)));
    words.map(|word| word.trim_matches('.')).find(|word| is_action(word) && is_registered(word)).map(str::to_owned)
}

/// Splits a line at quotation marks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split(['\'', '"', '`', '“', '”', '„', '«', '»', '‘', '’', '「', '」']).map(str::trim)
}

/// Whether a text has the form of an action id: at least three parts of letters, digits and hyphens.
#[must_use]
pub fn is_action(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let of_domain = ["org.", "com.", "net.", "io.", "de."].iter().any(|start| text.starts_with(start));
    text.len() < 256
        && text.split('.').count() >= 3
        && text.split('.').all(part)
        && of_domain
        && !text.ends_with(".service")
}

/// Returns the names of PHP functions of libvirt in a line: `libvirt_connect():`.
fn calls(line: &str) -> Vec<&str> {
    let ends = line.match_indices("()").map(|(at, _)| at);
    let name = |end: usize| {
        let before = line.get(..end)?;
        let start = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
        before.get(start..).filter(|name| name.starts_with("libvirt_"))
    };
    ends.filter_map(name).collect()
}

#[cfg(test)]
mod tests;
