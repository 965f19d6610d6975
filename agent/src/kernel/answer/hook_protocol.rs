//! What the hook and the daemon say to each other. Pure, and without anything that a program of a millisecond should not
//! carry.
//!
//! The hook sends its arguments, each ended by a zero byte, and ends its half of the connection: pid, user and action, and
//! then the details as keys and values in turn. The daemon sends `yes`, `no` or nothing, and ends the connection.

use std::{collections::BTreeMap, str};

/// The longest question. polkitd's own limit is the kernel's for arguments; no action has details of that size.
pub const LONGEST: usize = 8192;
/// How long the hook may take, in milliseconds, from its start to its end: polkitd waits, and with it everybody.
pub const HOOK_WITHIN: u64 = 1800;
/// How long the daemon may take of that.
pub const DAEMON_WITHIN: u64 = 1500;

/// A question by the hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The subject's pid.
    pub pid: u32,
    /// The subject's user as polkit names it: a name, or the number of one who has none.
    pub user: String,
    /// The action's id.
    pub action: String,
    /// What the mechanism said of the action.
    pub details: BTreeMap<String, String>,
}

/// What the daemon says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answer {
    /// The action is authorized.
    Yes,
    /// It is refused.
    No,
    /// Others are to decide: other rules, or the action's own default.
    #[default]
    Nothing,
}

impl Answer {
    /// The word on the wire, and on the hook's standard output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes\n",
            Self::No => "no\n",
            Self::Nothing => "",
        }
    }

    /// Reads the daemon's word. Anything else says nothing.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        match bytes {
            b"yes\n" => Self::Yes,
            b"no\n" => Self::No,
            _ => Self::Nothing,
        }
    }
}

/// Reads a question.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Question> {
    let text = str::from_utf8(bytes).ok()?.strip_suffix('\0')?;
    let mut parts = text.split('\0');
    let pid = parts.next()?.parse().ok()?;
    let (user, action) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut details = BTreeMap::new();
    while let Some(key) = parts.next() {
        details.insert(key.to_owned(), parts.next()?.to_owned());
    }
    (!user.is_empty() && !action.is_empty()).then_some(Question { pid, user, action, details })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_question_is_its_arguments() {
        let question = parse(b"42\0www-data\0org.example.x\0unit\0nginx.service\0verb\0start\0").unwrap();
        assert_eq!((question.pid, question.user.as_str(), question.action.as_str()), (42, "www-data", "org.example.x"));
        assert_eq!(question.details["unit"], "nginx.service");
        assert_eq!(question.details["verb"], "start");
        assert!(parse(b"42\0www-data\0org.example.x\0").unwrap().details.is_empty());
    }

    #[test]
    fn what_is_cut_short_or_malformed_is_no_question() {
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
    fn only_the_two_words_say_something() {
        assert_eq!(Answer::read(b"yes\n"), Answer::Yes);
        assert_eq!(Answer::read(b"no\n"), Answer::No);
        for bytes in [&b""[..], b"yes", b"yes\nyes\n", b"YES\n", b"garbage", b"\0"] {
            assert_eq!(Answer::read(bytes), Answer::Nothing, "{bytes:?}");
        }
        assert_eq!(Answer::read(Answer::Yes.word().as_bytes()), Answer::Yes);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
