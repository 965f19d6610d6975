//! What the rules of a configuration need to know, found once when it is loaded and not for each question: of a thousand rules most are
//! about others.

use std::{collections::BTreeSet, path::PathBuf};

use crate::rules::rule::{Answer, AtMost, Rule};

/// What is looked up and counted for the rules of one configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Whether a rule names a group: a user database elsewhere may take its time to tell.
    pub groups: bool,
    /// The programs that rules name.
    pub exes: BTreeSet<PathBuf>,
    /// Whether a yes may depend on which file the program is: a rule names one, or an approval is for one.
    pub program: bool,
    /// Whether a rule grants only to a user that has no process outside of the unit.
    pub own_user: bool,
    /// The ids of the rules that have a limit in number, and the limits.
    pub limited: Vec<(String, AtMost)>,
}

impl Needs {
    /// What these rules need.
    #[must_use]
    pub fn of(rules: &[Rule]) -> Self {
        Self {
            groups: rules.iter().any(|rule| rule.group.is_some()),
            exes: rules.iter().filter_map(|rule| rule.exe.clone()).collect(),
            program: rules.iter().any(|rule| rule.exe.is_some() || rule.answer == Answer::Ask),
            own_user: rules.iter().any(|rule| rule.own_user),
            limited: rules.iter().filter_map(|rule| Some((rule.id.clone(), rule.at_most?))).collect(),
        }
    }
}
