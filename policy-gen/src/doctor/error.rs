//! The first real error in a pasted message or log. Pure.
//!
//! Known are what is never translated (a quoted action, the path of a socket, what polkitd and the bus say) and the English
//! texts; others through the host's message catalogues, as [`Wording`]s.

use std::collections::BTreeSet;

/// As many characters of a line are kept.
const LINE_MAX: usize = 400;

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// polkit wanted somebody to authenticate, and there was no agent.
    NoAgent,
    /// polkit said no.
    Refused,
    /// Somebody did not authenticate, or went away.
    Dismissed,
    /// The socket may not be opened.
    SocketClosed,
    /// There is no such socket.
    SocketMissing,
    /// Nobody listens on the socket.
    SocketRefused,
    /// A socket could not be opened, in words that are not known.
    Socket,
    /// The action is not registered.
    NotRegistered,
    /// There is no polkitd to ask.
    NoPolkit,
    /// polkitd could not find the process that it was asked about.
    NoSuchProcess,
    /// libvirt's own access control refused.
    AclRefused,
    /// The client came over the network, and has no local identity.
    RemoteClient,
    /// The client wanted to go over the network, and did not get there.
    Network,
    /// The client wanted a daemon of its own user, and has no directory for that.
    OwnDirectory,
    /// The client did not authenticate in any way before it asked.
    NoAuthentication,
}

/// The error, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Which one.
    pub class: Class,
    /// The line, cut to a length that can be shown.
    pub line: String,
    /// Its number, from 1.
    pub number: usize,
    /// The action that it names.
    pub action: Option<String>,
    /// The socket that it names.
    pub socket: Option<String>,
    /// The directory of the client's user that it names.
    pub directory: Option<String>,
    /// How many lines follow that are errors, too: most likely because of this one.
    pub following: usize,
    /// The calls of the lines that follow need no more than to read.
    pub only_reads: bool,
    /// Whether it is a web server's log.
    pub web: bool,
}

/// A text of a message catalogue of the host that means a class; it is looked for in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// What it means.
    pub class: Class,
    /// The longest part of the translation between placeholders.
    pub text: String,
}

/// The English texts, which are also the keys of the catalogues: of libvirt 0.9 to 12, of polkit, of the bus.
pub const ENGLISH: &[(Class, &str)] = &[
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

/// What a system call says, and the class of a socket that it is about.
pub const ERRNO: &[(Class, &str)] = &[
    (Class::SocketClosed, "Permission denied"),
    (Class::SocketMissing, "No such file or directory"),
    (Class::SocketRefused, "Connection refused"),
];

/// The ports of libvirt's daemons: plain, and with TLS.
const PORTS: [&str; 2] = ["16509", "16514"];
/// What libvirt 7 to 12 tell a client that calls before it has authenticated.
const UNAUTHENTICATED: &str = "authentication required";

/// Calls of PHP's and of virsh that look and do not touch.
const READING: &[&str] =
    &["libvirt_list_", "libvirt_domain_get_", "libvirt_node_get_", "libvirt_get_", "libvirt_domain_is_"];

/// The first real error of a text, and what follows it.
#[must_use]
pub fn first(text: &str, wordings: &[Wording]) -> Option<Reported> {
    let mut lines = text.lines().enumerate();
    let web = ["PHP ", "[client ", "libvirt-php", "apache", "nginx"].iter().any(|word| text.contains(word));
    let (number, line, class) = lines.find_map(|(number, line)| Some((number, line, classify(line, wordings)?)))?;
    let rest: Vec<&str> = lines.map(|(_, line)| line).collect();
    let is_error =
        |line: &&&str| ["Warning", "Error", "error:", "Notice", "Fatal"].iter().any(|word| line.contains(word));
    let calls: BTreeSet<&str> = rest.iter().flat_map(|line| calls(line)).collect();
    let reads = |call: &&str| READING.iter().any(|known| call.starts_with(known));
    let touches = |call: &&&str| call.starts_with("libvirt_") && **call != "libvirt_connect" && !reads(call);
    let reading = calls.iter().any(reads) && !calls.iter().any(|call| touches(&call));
    Some(Reported {
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

fn classify(line: &str, wordings: &[Wording]) -> Option<Class> {
    if socket(line).is_some() {
        let known = ERRNO.iter().find(|(_, text)| line.contains(text)).map(|(class, _)| *class);
        let translated = || wordings.iter().find(|wording| line.contains(&wording.text)).map(|wording| wording.class);
        // A line that only talks of a socket is no error.
        let says_so = line.contains("Failed to connect") || line.contains("error") || line.contains("refus");
        return known.or_else(translated).or(says_so.then_some(Class::Socket));
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
    // As virNetServerProgramDispatchCall says it; a client shows it with or without its own words before.
    let alone = line.trim().trim_start_matches("error: ").trim_start_matches("RPC error: ") == UNAUTHENTICATED;
    if alone || line.contains("libvirt") && line.trim_end().ends_with(UNAUTHENTICATED) {
        return Some(Class::NoAuthentication);
    }
    if line.contains("access denied") && (line.contains("error:") || line.contains("libvirt")) {
        return Some(Class::AclRefused);
    }
    if let Some(wording) =
        wordings.iter().find(|wording| is_about_polkit(wording.class) && line.contains(&wording.text))
    {
        return Some(wording.class);
    }
    // Of libvirt's messages only one quotes an action, in whatever language.
    quoted(line).any(|text| text.starts_with("org.libvirt.") && is_action(text)).then_some(Class::NoAgent)
}

fn is_about_polkit(class: Class) -> bool {
    !matches!(class, Class::SocketClosed | Class::SocketMissing | Class::SocketRefused)
}

/// The action that a line names in quotes, or after `Action `.
fn action(line: &str) -> Option<String> {
    let after = line.split_once("Action ").and_then(|(_, rest)| rest.split_whitespace().next());
    quoted(line).chain(after).map(|text| text.trim_matches(['\'', '"'])).find(|text| is_action(text)).map(str::to_owned)
}

/// Texts in quotation marks of any kind.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split(['\'', '"', '`', '“', '”', '„', '«', '»', '‘', '’', '「', '」']).map(str::trim)
}

/// Whether it looks like the id of an action: at least three parts of letters, digits and hyphens.
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

/// The directory in which a client of a user's own daemon keeps its socket, if it could not be made: `/run/user/0/libvirt`, or
/// `.cache/libvirt` of a home directory. The reason follows it, in whatever language.
fn own_directory(line: &str) -> Option<&str> {
    let own =
        |path: &&str| path.ends_with("/.cache/libvirt") || path.starts_with("/run/user/") && path.ends_with("/libvirt");
    let path = quoted(line).find(own)?;
    line.rsplit_once(path).filter(|(_, rest)| rest.contains([':', '：'])).map(|_| path)
}

/// The path of a socket of libvirt's.
fn socket(line: &str) -> Option<String> {
    let is_path = |word: &&str| {
        let name = word.rsplit('/').next().unwrap_or_default();
        word.starts_with('/') && name.contains("-sock") && (name.starts_with("libvirt") || name.starts_with("virt"))
    };
    let words = line.split(|c: char| c.is_whitespace() || "'\"`“”„«»‘’「」:;,()=".contains(c));
    words.filter(|word| word.len() < 200).find(is_path).map(str::to_owned)
}

/// Names of functions that are called, as PHP's messages have them: `libvirt_connect():`.
fn calls(line: &str) -> Vec<&str> {
    let ends = line.match_indices("()").map(|(at, _)| at);
    let name = |end: usize| {
        let before = line.get(..end)?;
        let start = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
        before.get(start..).filter(|name| name.starts_with("libvirt_"))
    };
    ends.filter_map(name).collect()
}

/// Advice in a text that is not to be followed, each as a sentence.
#[must_use]
pub fn bad_advice(text: &str) -> Vec<&'static str> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = Vec::new();
    if compact.contains("auth_unix_rw=\"none\"") {
        found.push("the text sets auth_unix_rw = \"none\": where systemd makes the socket it is open to everybody then, and every local user is root");
    }
    if compact.contains("Identity=*") || compact.contains("unix-user:*") {
        found.push("the text grants to everybody (an identity of `*`)");
    }
    if text.contains("libvirtdconf") {
        found.push("the text edits /etc/libvirt/libvirtdconf, which nothing reads: it is libvirtd.conf");
    }
    if compact.contains("unix_sock_group=") && !compact.contains("auth_unix_rw=\"none\"") {
        found.push("the text sets unix_sock_group, which does nothing about polkit, and nothing at all where systemd makes the socket");
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
        found.push("the text grants to one group and puts the user into another");
    }
    found
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
