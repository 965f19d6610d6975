//! The protocol between the hook and the daemon. Pure, and small: the hook runs for a millisecond.
//!
//! The hook sends its arguments, each with a zero byte at its end, and closes its half of the connection: pid, user and action, then
//! the details as alternating keys and values. The daemon sends `yes`, `no` or nothing, and closes the connection.

use std::{collections::BTreeMap, str};

/// The longest request, in bytes. polkitd's limit is the kernel's limit for arguments. No action has details of that size.
pub const LONGEST: usize = 8192;
/// The time limit of the hook, in milliseconds from its start to its end. polkitd, and with it every other request, waits.
pub const HOOK_WITHIN: u64 = 1800;
/// The daemon's part of that time, in milliseconds.
pub const DAEMON_WITHIN: u64 = 1500;

/// A request of the hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRequest {
    /// The pid of the subject.
    pub pid: u32,
    /// The user of the subject, as polkit names it: a name, or the uid of a user without a name.
    pub user: String,
    /// The action id.
    pub action: String,
    /// The details that the mechanism passed.
    pub details: BTreeMap<String, String>,
}

/// The daemon's reply to the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HookReply {
    /// The action is authorized.
    Yes,
    /// The action is refused.
    No,
    /// polkit's other rules and the implicit authorization decide.
    #[default]
    Nothing,
}

impl HookReply {
    /// The word on the wire, and on the hook's standard output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes\n",
            Self::No => "no\n",
            Self::Nothing => "",
        }
    }

    /// Reads the daemon's word. Any other text is [`HookReply::Nothing`].
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        match bytes {
            b"yes\n" => Self::Yes,
            b"no\n" => Self::No,
            _ => Self::Nothing,
        }
    }
}

/// Reads a request.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<HookRequest> {
    let text = str::from_utf8(bytes).ok()?.strip_suffix('\0')?;
    let mut parts = text.split('\0');
    let pid = parts.next()?.parse().ok()?;
    let (user, action) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut details = BTreeMap::new();
    while let Some(key) = parts.next() {
        details.insert(key.to_owned(), parts.next()?.to_owned());
    }
    (!user.is_empty() && !action.is_empty()).then_some(HookRequest { pid, user, action, details })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_consists_of_the_arguments() {
        let request = parse(b"42\0www-data\0org.example.x\0unit\0nginx.service\0verb\0start\0").unwrap();
        assert_eq!((request.pid, request.user.as_str(), request.action.as_str()), (42, "www-data", "org.example.x"));
        assert_eq!(request.details["unit"], "nginx.service");
        assert_eq!(request.details["verb"], "start");
        assert!(parse(b"42\0www-data\0org.example.x\0").unwrap().details.is_empty());
    }

    #[test]
    fn a_truncated_or_malformed_request_is_refused() {
        for bytes in [
            &b""[..],
            b"42\0www-data\0org.example.x",
            b"42\0www-data\0",
            b"x\0www-data\0org.example.x\0",
            b"42\0\0org.example.x\0",
            b"42\0www-data\0\0",
            b"42\0www-data\0org.example.x\0unit\0",
            b"42\0www-\xff\0org.example.x\0",
        ] {
            assert_eq!(parse(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn only_two_words_are_a_reply() {
        assert_eq!(HookReply::read(b"yes\n"), HookReply::Yes);
        assert_eq!(HookReply::read(b"no\n"), HookReply::No);
        for bytes in [&b""[..], b"yes", b"yes\nyes\n", b"YES\n", b"garbage", b"\0"] {
            assert_eq!(HookReply::read(bytes), HookReply::Nothing, "{bytes:?}");
        }
        assert_eq!(HookReply::read(HookReply::Yes.word().as_bytes()), HookReply::Yes);
    }

    proptest! {
        #[test]
        fn every_request_is_read_as_it_was_written(
            pid in any::<u32>(), user in "[^\0]{1,20}", action in "[^\0]{1,40}",
            details in proptest::collection::btree_map("[^\0]{0,9}", "[^\0]{0,9}", 0..5),
        ) {
            let mut text = format!("{pid}\0{user}\0{action}\0");
            for (key, value) in &details {
                text.push_str(&format!("{key}\0{value}\0"));
            }
            prop_assert_eq!(parse(text.as_bytes()), Some(HookRequest { pid, user, action, details }));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
