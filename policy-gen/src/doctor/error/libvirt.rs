//! The texts of libvirt, of polkit and of the bus. Pure.
//!
//! Known errors are texts that are never translated (a quoted action, the path of a socket, messages of polkitd and the bus) and
//! the English texts of libvirt. Of other languages only lines with such a text are recognized.

use super::{Class, is_action, quoted};
use crate::mechanisms::Phrases;

/// The English texts: of libvirt 0.9 to 12, of polkit and of the bus.
const ENGLISH: &[(Class, &str)] = &[
    (Class::NoAgent, "no polkit agent available to authenticate"),
    (Class::NoAgent, "no agent is available to authenticate"),
    (Class::NoAgent, "requires authentication but no agent is available"),
    (Class::NoAgent, "retains_authorization_after_challenge=1"),
    (Class::NoAgent, "nteractive authentication required"),
    (Class::NoAgent, "requested operation requires interactive authentication"),
    (Class::NoAgent, "InteractiveAuthorizationRequired"),
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
];

/// The texts of system call errors in lower case, with the class for a socket. Go writes them in lower case.
const ERRNO: &[(Class, &str)] = &[
    (Class::SocketClosed, "permission denied"),
    (Class::SocketMissing, "no such file or directory"),
    (Class::SocketRefused, "connection refused"),
];

/// The ports of libvirt's daemons: without and with TLS.
const PORTS: [&str; 2] = ["16509", "16514"];
/// The reply of libvirt 7 to 12 to a call before authentication.
const UNAUTHENTICATED: &str = "authentication required";
/// Words that only texts about libvirt have.
const WORDS: [&str; 7] = ["libvirt", "virsh", "virt-manager", "virt-install", "virtqemud", "hypervisor", "qemu:///"];

/// A line without any of these has no class: the texts of [`ENGLISH`], and what else [`classify`] looks for.
static SIGNS: Phrases = Phrases::new(&[
    "no polkit agent available",
    "no agent is available",
    "retains_authorization_after_challenge=1",
    "nteractive authentication required",
    "requires interactive authentication",
    "InteractiveAuthorizationRequired",
    "access denied",
    "user cancelled authentication process",
    "is not registered",
    "Could not activate remote peer",
    "pkcheck",
    "Unit polkit.service is masked",
    "Cannot determine user of subject",
    "Error getting user for unix-process",
    "No UNIX process ID available",
    "denied from <anonymous>",
    "driver denied access",
    "org.freedesktop.PolicyKit1",
    "-sock",
    "libvirt",
    "16509",
    "16514",
    UNAUTHENTICATED,
]);

/// Whether a text speaks of libvirt.
#[must_use]
pub fn speaks_of_libvirt(text: &str) -> bool {
    let text = text.to_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}

/// Whether a line has a text that only libvirt writes, although it does not name libvirt.
pub(super) fn is_own(line: &str) -> bool {
    ["access denied by policy", "user cancelled authentication process", "retains_authorization_after_challenge"]
        .iter()
        .any(|text| line.contains(text))
}

/// Returns the class of a line, if it has a known text.
pub(super) fn classify(line: &str) -> Option<Class> {
    if !SIGNS.is_in(line) {
        return None;
    }
    if let Some(path) = socket(line) {
        let small = line.to_lowercase();
        let known = ERRNO.iter().find(|(_, text)| small.contains(text)).map(|(class, _)| *class);
        // A line that only mentions a socket is not an error. In an error the reason follows the quoted path, in any language.
        let has_reason = || {
            let rest = line.rsplit_once(&path).map_or("", |(_, rest)| rest);
            quoted(line).any(|text| text == path) && rest.contains([':', '：'])
        };
        let is_error = || ["Failed to connect", "error", "refus"].iter().any(|word| line.contains(word));
        return known.or_else(|| (is_error() || has_reason()).then_some(Class::Socket));
    }
    for (class, text) in ENGLISH {
        let of_an_action = !matches!(class, Class::NotRegistered) || line.contains("Action ");
        if line.contains(text) && of_an_action {
            return Some(*class);
        }
    }
    if line.contains("Not authorized") && line.contains("org.freedesktop.PolicyKit1.Error") {
        return Some(Class::Refused);
    }
    if own_directory(line).is_some() {
        return Some(Class::OwnDirectory);
    }
    let has_port = PORTS.iter().any(|port| line.contains(port));
    let mut servers = quoted(line).filter_map(|text| text.rsplit_once(':'));
    if has_port && servers.any(|(_, port)| PORTS.contains(&port)) {
        return Some(Class::Network);
    }
    if is_unauthenticated(line) {
        return Some(Class::NoAuthentication);
    }
    if line.contains("access denied") && (line.contains("error:") || line.contains("libvirt")) {
        return Some(Class::AclRefused);
    }
    // Only one of libvirt's messages quotes an action, in every language.
    let is_quoted = || quoted(line).any(|text| text.starts_with("org.libvirt.") && is_action(text));
    (line.contains("org.libvirt.") && is_quoted()).then_some(Class::NoAgent)
}

/// Whether a line is the text of virNetServerProgramDispatchCall. Clients show it with or without a prefix, Go's after the time.
fn is_unauthenticated(line: &str) -> bool {
    let Some(before) = line.trim_end().strip_suffix(UNAUTHENTICATED) else { return false };
    let without_time = before.trim_start_matches(|c: char| c.is_ascii_digit() || " /:.-+TZ".contains(c));
    let alone = without_time.trim_start_matches("error: ").trim_start_matches("RPC error: ").trim().is_empty();
    alone || line.contains("libvirt")
}

/// Returns the socket directory of a user's daemon if it could not be created: `/run/user/0/libvirt`, or `.cache/libvirt` of a
/// home directory. The reason follows the path, in any language.
pub(super) fn own_directory(line: &str) -> Option<&str> {
    let own =
        |path: &&str| path.ends_with("/.cache/libvirt") || path.starts_with("/run/user/") && path.ends_with("/libvirt");
    let path = line.contains("/libvirt").then(|| quoted(line).find(own))??;
    line.rsplit_once(path).filter(|(_, rest)| rest.contains([':', '：'])).map(|_| path)
}

/// Returns the path of a libvirt socket in a line.
pub(super) fn socket(line: &str) -> Option<String> {
    // Most lines of a log end here: splitting a line is slow.
    if !line.contains("-sock") {
        return None;
    }
    let is_path = |word: &&str| {
        let name = word.rsplit('/').next().unwrap_or_default();
        word.starts_with('/') && name.contains("-sock") && (name.starts_with("libvirt") || name.starts_with("virt"))
    };
    let words = line.split(|c: char| c.is_whitespace() || "'\"`“”„«»‘’「」:;,()=".contains(c));
    words.filter(|word| word.len() < 200).find(is_path).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_a_sign() {
        for (_, text) in ENGLISH {
            assert!(SIGNS.is_in(text), "{text}");
        }
        for line in ["authentication required", "error: access denied", "'127.0.0.1:16514'", "'/run/user/0/libvirt'"] {
            assert!(SIGNS.is_in(line), "{line}");
        }
        assert!(!SIGNS.is_in("192.0.2.7 - alice \"GET /index.php HTTP/1.1\" 200 17"));
    }
}
