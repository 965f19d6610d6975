//! Which polkit answers.

use std::fmt;

use crate::{AgentUid, SubjectUid};

/// `BackendVersion` of the authority: "0.105", "122", "126", …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendVersion {
    text: String,
    major: u32,
}

impl BackendVersion {
    /// Reads the text that polkitd gives. What is no number counts as 0, the old numbering: "0.105" is 0.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        Self { text: text.to_owned(), major: digits.parse().unwrap_or(0) }
    }

    /// The number before the first dot: 0 for 0.105 to 0.120, then 121 and up.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The uids that `AuthenticationAgentResponse2` may want, the likelier one first: the registering uid up to 124, the
    /// subject's from 125 (polkitbackendinteractiveauthority.c, `creator_uid`). polkitd answers "No session for cookie"
    /// to the other, and that spoils nothing.
    #[must_use]
    pub fn agent_uids(&self, registering: AgentUid, subject: SubjectUid) -> [AgentUid; 2] {
        // Both come from types that hold the same range.
        let of_subject = AgentUid::new(subject.get()).unwrap_or(registering);
        if self.major >= 125 { [of_subject, registering] } else { [registering, of_subject] }
    }

    /// Whether registrations of processes that were reaped before their connection closed leak a descriptor in polkitd:
    /// 124 to 127.
    #[must_use]
    pub fn leaks_reaped_subjects(&self) -> bool {
        (124..=127).contains(&self.major)
    }
}

impl fmt::Display for BackendVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_numbering_is_major_zero() {
        assert_eq!(BackendVersion::new("0.105").major(), 0);
        assert_eq!(BackendVersion::new("126").major(), 126);
        assert_eq!(BackendVersion::new("").major(), 0);
    }

    #[test]
    fn the_agent_uid_changes_sides_at_125() {
        let root = AgentUid::new(0).unwrap();
        let www = SubjectUid::new(33).unwrap();
        let first = |v: &str| BackendVersion::new(v).agent_uids(root, www).map(AgentUid::get);
        assert_eq!(first("124"), [0, 33]);
        assert_eq!(first("125"), [33, 0]);
    }
}
