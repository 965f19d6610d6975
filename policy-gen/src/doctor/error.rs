//! Finds the first known error in a message or log. Pure.
//!
//! Known errors are texts that are never translated (a quoted action, the path of a socket, messages of polkitd and the bus) and
//! the English texts of libvirt. Of other languages only lines with such a text are recognized.

use std::collections::BTreeSet;

/// Length limit of a kept line, in characters.
const LINE_MAX: usize = 400;

/// The class of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// polkit required authentication, but there was no agent.
    NoAgent,
    /// polkit refused.
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
    /// The action in the line.
    pub action: Option<String>,
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
}

/// The English texts: of libvirt 0.9 to 12, of polkit and of the bus.
const ENGLISH: &[(Class, &str)] = &[
    (Class::NoAgent, "no polkit agent available to authenticate"),
    (Class::NoAgent, "no agent is available to authenticate"),
    (Class::NoAgent, "requires authentication but no agent is available"),
    (Class::NoAgent, "retains_authorization_after_challenge=1"),
    (Class::NoAgent, "Interactive authentication required"),
    (Class::Refused, "access denied by policy"),
    (Class::Dismissed, "user cancelled authentication process"),
    (Class::NotRegistered, "is not registered"),
    (Class::NoPolkit, "org.freedesktop.PolicyKit1 was not provided by any .service files"),
    (Class::NoPolkit, "Could not activate remote peer 'org.freedesktop.PolicyKit1'"),
    (Class::NoPolkit, "Could not activate remote peer: unit failed"),
    (Class::NoPolkit, "Cannot find 'pkcheck'"),
    (Class::NoPolkit, "/usr/bin/pkcheck: No such file"),
    (Class::NoPolkit, "cannot execute binary /usr/bin/pkcheck"),
    (Class::NoPolkit, "Unit polkit.service is masked"),
    (Class::NoSuchProcess, "Cannot determine user of subject"),
    (Class::NoSuchProcess, "Error getting user for unix-process"),
    (Class::RemoteClient, "No UNIX process ID available"),
    (Class::RemoteClient, "denied from <anonymous>"),
    (Class::AclRefused, "driver denied access"),
    (Class::Refused, "Not authorized"),
];

/// The texts of system call errors, with the class for a socket.
const ERRNO: &[(Class, &str)] = &[
    (Class::SocketClosed, "Permission denied"),
    (Class::SocketMissing, "No such file or directory"),
    (Class::SocketRefused, "Connection refused"),
];

/// The ports of libvirt's daemons: without and with TLS.
const PORTS: [&str; 2] = ["16509", "16514"];
/// The reply of libvirt 7 to 12 to a call before authentication.
const UNAUTHENTICATED: &str = "authentication required";

/// PHP functions that only read.
const READING: &[&str] =
    &["libvirt_list_", "libvirt_domain_get_", "libvirt_node_get_", "libvirt_get_", "libvirt_domain_is_"];

/// Returns the first known error of a text, with facts about the later lines.
#[must_use]
pub fn first(text: &str) -> Option<ReportedError> {
    let mut lines = text.lines().enumerate();
    let web = ["PHP ", "[client ", "libvirt-php", "apache", "nginx"].iter().any(|word| text.contains(word));
    let (number, line, class) = lines.find_map(|(number, line)| Some((number, line, classify(line)?)))?;
    let rest: Vec<&str> = lines.map(|(_, line)| line).collect();
    let is_error =
        |line: &&&str| ["Warning", "Error", "error:", "Notice", "Fatal"].iter().any(|word| line.contains(word));
    let calls: BTreeSet<&str> = rest.iter().flat_map(|line| calls(line)).collect();
    let reads = |call: &&str| READING.iter().any(|known| call.starts_with(known));
    let touches = |call: &&&str| call.starts_with("libvirt_") && **call != "libvirt_connect" && !reads(call);
    let reading = calls.iter().any(reads) && !calls.iter().any(|call| touches(&call));
    Some(ReportedError {
        class,
        line: line.trim().chars().take(LINE_MAX).collect(),
        number: number + 1,
        action: action(line),
        socket: socket(line),
        directory: own_directory(line).map(str::to_owned),
        following: rest.iter().filter(is_error).count(),
        only_reads: reading,
        web,
    })
}

fn classify(line: &str) -> Option<Class> {
    if let Some(path) = socket(line) {
        let known = ERRNO.iter().find(|(_, text)| line.contains(text)).map(|(class, _)| *class);
        // A line that only mentions a socket is not an error. In an error the reason follows the quoted path, in any language.
        let has_reason = || {
            let rest = line.rsplit_once(&path).map_or("", |(_, rest)| rest);
            quoted(line).any(|text| text == path) && rest.contains([':', '：'])
        };
        let is_error = || ["Failed to connect", "error", "refus"].iter().any(|word| line.contains(word));
        return known.or_else(|| (is_error() || has_reason()).then_some(Class::Socket));
    }
    for (class, text) in ENGLISH {
        let fits = line.contains(text);
        let of_an_action = !matches!(class, Class::NotRegistered) || line.contains("Action ");
        let whole = !matches!(class, Class::Refused)
            || *text != "Not authorized"
            || line.contains("org.freedesktop.PolicyKit1.Error");
        if fits && of_an_action && whole {
            return Some(*class);
        }
    }
    if own_directory(line).is_some() {
        return Some(Class::OwnDirectory);
    }
    let mut servers = quoted(line).filter_map(|text| text.rsplit_once(':'));
    if servers.any(|(_, port)| PORTS.contains(&port)) {
        return Some(Class::Network);
    }
    // The text of virNetServerProgramDispatchCall. Clients show it with or without a prefix.
    let alone = line.trim().trim_start_matches("error: ").trim_start_matches("RPC error: ") == UNAUTHENTICATED;
    if alone || line.contains("libvirt") && line.trim_end().ends_with(UNAUTHENTICATED) {
        return Some(Class::NoAuthentication);
    }
    if line.contains("access denied") && (line.contains("error:") || line.contains("libvirt")) {
        return Some(Class::AclRefused);
    }
    // Only one of libvirt's messages quotes an action, in every language.
    quoted(line).any(|text| text.starts_with("org.libvirt.") && is_action(text)).then_some(Class::NoAgent)
}

/// Returns the action that a line names in quotes, or after `Action `.
fn action(line: &str) -> Option<String> {
    let after = line.split_once("Action ").and_then(|(_, rest)| rest.split_whitespace().next());
    quoted(line).chain(after).map(|text| text.trim_matches(['\'', '"'])).find(|text| is_action(text)).map(str::to_owned)
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

/// Returns the socket directory of a user's daemon if it could not be created: `/run/user/0/libvirt`, or `.cache/libvirt` of a
/// home directory. The reason follows the path, in any language.
fn own_directory(line: &str) -> Option<&str> {
    let own =
        |path: &&str| path.ends_with("/.cache/libvirt") || path.starts_with("/run/user/") && path.ends_with("/libvirt");
    let path = quoted(line).find(own)?;
    line.rsplit_once(path).filter(|(_, rest)| rest.contains([':', '：'])).map(|_| path)
}

/// Returns the path of a libvirt socket in a line.
fn socket(line: &str) -> Option<String> {
    let is_path = |word: &&str| {
        let name = word.rsplit('/').next().unwrap_or_default();
        word.starts_with('/') && name.contains("-sock") && (name.starts_with("libvirt") || name.starts_with("virt"))
    };
    let words = line.split(|c: char| c.is_whitespace() || "'\"`“”„«»‘’「」:;,()=".contains(c));
    words.filter(|word| word.len() < 200).find(is_path).map(str::to_owned)
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

/// Returns the harmful advice in a text, one sentence each.
#[must_use]
pub fn bad_advice(text: &str) -> Vec<&'static str> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = Vec::new();
    if compact.contains("auth_unix_rw=\"none\"") {
        found.push("the text sets auth_unix_rw = \"none\": if systemd creates the socket, every user may open it, so every local user gets root-equivalent access");
    }
    if compact.contains("Identity=*") || compact.contains("unix-user:*") {
        found.push("the text grants access to every user (the identity `*`)");
    }
    if text.contains("libvirtdconf") {
        found.push("the text edits /etc/libvirt/libvirtdconf, which nothing reads; the file is libvirtd.conf");
    }
    if compact.contains("unix_sock_group=") && !compact.contains("auth_unix_rw=\"none\"") {
        found.push("the text sets unix_sock_group, which has no effect on polkit, and none at all if systemd creates the socket");
    }
    let named = |marker: &str| -> BTreeSet<String> {
        let after = text.split(marker).skip(1);
        after
            .filter_map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')).next())
            .map(str::to_owned)
            .collect()
    };
    let granted = named("unix-group:");
    let joined: BTreeSet<String> =
        ["usermod -a -G ", "usermod -aG ", "usermod -G "].iter().flat_map(|marker| named(marker)).collect();
    if !granted.is_empty() && !joined.is_empty() && granted.is_disjoint(&joined) {
        found.push("the text grants access to one group and adds the user to another");
    }
    found
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
