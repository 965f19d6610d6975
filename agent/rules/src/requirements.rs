//! Which facts the rules of a configuration need. Computed once, when the configuration is loaded.

use std::{collections::BTreeSet, path::PathBuf};

use crate::rule::{Answer, AtMost, Rule};

/// What is looked up and counted for the rules of one configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requirements {
    /// A rule names a group. A user database on the network can be slow to tell the groups.
    pub groups: bool,
    /// The programs that rules name.
    pub exes: BTreeSet<PathBuf>,
    /// A yes may depend on the file of the program: a rule names a program, or an approval is for one.
    pub program: bool,
    /// A rule grants only while all processes of the user are in the unit.
    pub exclusive_user: bool,
    /// The ids of the rules with `at_most`, and the limits.
    pub limited: Vec<(String, AtMost)>,
}

impl Requirements {
    /// Computes what these rules need.
    #[must_use]
    pub fn of(rules: &[Rule]) -> Self {
        Self {
            groups: rules.iter().any(|rule| rule.group.is_some()),
            exes: rules.iter().filter_map(|rule| rule.exe.clone()).collect(),
            program: rules.iter().any(|rule| rule.exe.is_some() || rule.answer == Answer::Ask),
            exclusive_user: rules.iter().any(|rule| rule.own_user),
            limited: rules.iter().filter_map(|rule| Some((rule.id.clone(), rule.at_most?))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::rule, rule::Named};

    #[test]
    fn the_requirements_are_those_of_the_rules() {
        let of = |rules: &[Rule]| Requirements::of(rules);
        assert_eq!(of(&[rule(Answer::Allow)]), Requirements::default());
        assert!(of(&[rule(Answer::Allow), rule(Answer::Ask)]).program, "an approval is for one program");
        let with_exe = Rule { exe: Some("/usr/bin/x".into()), ..rule(Answer::Allow) };
        let needs = of(std::slice::from_ref(&with_exe));
        assert!(needs.program && needs.exes.len() == 1 && !needs.groups && !needs.exclusive_user);
        assert!(of(&[Rule { own_user: true, ..rule(Answer::Allow) }]).exclusive_user);
        assert!(of(&[Rule { group: Some(Named { name: "kvm".into(), id: 9 }), ..rule(Answer::Deny) }]).groups);
    }
}
