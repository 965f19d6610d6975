//! The version of polkitd.

use std::fmt;

use crate::{AgentUid, SubjectUid};

/// The property `BackendVersion` of the authority: "0.105", "122", "126", …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendVersion {
    text: String,
    major: u32,
}

impl BackendVersion {
    /// Parses polkitd's version text. Text without a leading number counts as major version 0, as does "0.105".
    #[must_use]
    pub fn new(text: &str) -> Self {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        Self { text: text.to_owned(), major: digits.parse().unwrap_or(0) }
    }

    /// Returns the number before the first dot: 0 for 0.105 to 0.120, then 121 and up.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Returns the two uids that `AuthenticationAgentResponse2` may require, the likelier one first: the uid of the agent up
    /// to 124, the uid of the subject from 125 (polkitbackendinteractiveauthority.c, `creator_uid`). For the other uid polkitd
    /// replies "No session for cookie", and the challenge stays open.
    #[must_use]
    pub fn agent_uids(&self, registering: AgentUid, subject: SubjectUid) -> [AgentUid; 2] {
        // Both types have the same range, so this cannot fail.
        let of_subject = AgentUid::new(subject.get()).unwrap_or(registering);
        if self.major >= 125 { [of_subject, registering] } else { [registering, of_subject] }
    }

    /// Whether polkitd leaks a file descriptor for a registered process that is reaped before the agent's connection closes:
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
    fn old_version_numbers_have_major_zero() {
        assert_eq!(BackendVersion::new("0.105").major(), 0);
        assert_eq!(BackendVersion::new("126").major(), 126);
        assert_eq!(BackendVersion::new("").major(), 0);
    }

    #[test]
    fn the_agent_uid_is_the_subjects_from_125() {
        let root = AgentUid::new(0).unwrap();
        let www = SubjectUid::new(33).unwrap();
        let first = |v: &str| BackendVersion::new(v).agent_uids(root, www).map(AgentUid::get);
        assert_eq!(first("124"), [0, 33]);
        assert_eq!(first("125"), [33, 0]);
    }

    #[test]
    fn versions_124_to_127_leak_reaped_subjects() {
        let leaks = |version: &str| BackendVersion::new(version).leaks_reaped_subjects();
        assert_eq!(["124", "125", "126", "127"].map(leaks), [true; 4]);
        assert_eq!(["0.105", "121", "123", "128", ""].map(leaks), [false; 5]);
    }
}
