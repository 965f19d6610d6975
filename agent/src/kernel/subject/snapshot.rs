//! The facts of a subject at one moment, put together from what was read. One of the files with effects: it asks the user database,
//! and reads the files of logind and the time.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use polkit_agent_rules::{
    facts::{Fact, Facts, LoginUid, ProcessState, SubjectInfo},
    requirements::Requirements,
};
use polkit_config::names::{LookupError, Names, User};
use polkit_types::{SubjectUid, escape::escape};

use crate::{
    base::{accounts, cgroup, clock, paths},
    kernel::subject::{isolation::Isolation, logind, slow_facts::SlowFacts},
};

/// A subject, as it was when its request came.
#[derive(Debug)]
pub struct Subject {
    /// What the verdict depends on.
    pub facts: Facts,
    /// The state of the process, to be compared before the reply.
    pub state: ProcessState,
    /// Text for people.
    pub info: SubjectInfo,
}

/// What the user database says about a subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// The name of the real uid, escaped.
    name: Option<String>,
    groups: Fact<BTreeSet<u32>>,
}

impl Account {
    /// Looks up a uid, and its groups if a rule needs them. Can take as long as the user database takes.
    #[must_use]
    pub fn look_up(names: &Names, uid: SubjectUid, requirements: &Requirements) -> Self {
        let user = names.user_by_uid(uid.get());
        let groups = if requirements.groups { groups(names, &user, uid) } else { Fact::Unknown };
        let name = user.ok().flatten().map(|user| user.name).or_else(|| accounts::dynamic_name(uid.get()));
        Self { name: name.map(|name| escape(&name)), groups }
    }
}

/// The gids of a user. The groups of a user without an entry in the user database are unknown.
fn groups(names: &Names, user: &Result<Option<User>, LookupError>, uid: SubjectUid) -> Fact<BTreeSet<u32>> {
    match user {
        Ok(Some(user)) if user.uid == uid.get() => names.groups_of(user).map(|gids| gids.into_iter().collect()).into(),
        Ok(_) | Err(_) => Fact::Unknown,
    }
}

/// What a request says about itself.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The requested action.
    pub action: String,
    /// See [`Facts::details`].
    pub details: Fact<BTreeMap<String, String>>,
    /// See [`Facts::vouched_for`].
    pub vouched_for: bool,
    /// The id and the user of the session that the agent is registered for, if it is registered for one.
    pub session: Option<(String, SubjectUid)>,
}

/// Everything that was read about a subject.
#[derive(Debug)]
pub struct Readings {
    /// The state of the process.
    pub state: ProcessState,
    /// The login uid.
    pub login: Option<LoginUid>,
    /// The user database.
    pub account: Account,
    /// The unit's cgroup.
    pub isolation: Isolation,
    /// The program and the command line.
    pub slow: SlowFacts,
}

impl Subject {
    /// Puts a request and the readings together, and reads the session and the time.
    #[must_use]
    pub fn new(claim: Claim, Readings { state, login, account, isolation, slow }: Readings) -> Self {
        let unit = match &state.cgroup {
            Fact::Known(path) => Fact::Known(cgroup::unit(path).map(str::to_owned)),
            Fact::Unknown => Fact::Unknown,
        };
        let session = match &state.cgroup {
            Fact::Known(path) => logind::of(path, Path::new(paths::LOGIND)),
            Fact::Unknown => Fact::Unknown,
        };
        let info = SubjectInfo {
            user: account.name,
            unit: if let Fact::Known(unit) = &unit { unit.clone() } else { None },
            exe: slow.program.path,
            exe_claimed: slow.program.claimed,
            command_line: slow.command_line,
        };
        let facts = Facts {
            action: claim.action,
            uid: state.uid,
            unit,
            groups: account.groups,
            exe: slow.program.exe,
            content: slow.program.content,
            login,
            named_files: slow.named_files,
            session,
            other_user: claim.session.as_ref().is_some_and(|(_, uid)| *uid != state.uid),
            served_session: claim.session.map(|(id, _)| id),
            details: claim.details,
            vouched_for: claim.vouched_for,
            delegated: isolation.delegated,
            exclusive_user: isolation.exclusive_user,
            moment: clock::now(),
        };
        Self { facts, state, info }
    }
}

#[cfg(test)]
mod tests {
    use polkit_agent_rules::{
        facts::Session,
        model,
        rule::{Answer, Named, Rule},
    };
    use polkit_config::names::Tree;

    use super::*;

    impl Subject {
        /// A subject with these facts, whose state is unknown.
        pub(crate) fn of(facts: Facts) -> Self {
            let state = ProcessState { uid: facts.uid, cgroup: Fact::Unknown, program: Fact::Unknown };
            let info = SubjectInfo { exe: Some("/usr/bin/php".into()), ..SubjectInfo::default() };
            Self { facts, state, info }
        }
    }

    fn uid(number: u32) -> SubjectUid {
        SubjectUid::new(number).unwrap()
    }

    /// A subject with this cgroup, and with all other readings missing.
    fn subject(cgroup: Fact<String>, session: Option<(String, SubjectUid)>) -> Subject {
        let claim = Claim { action: "org.example.x".into(), details: Fact::Unknown, vouched_for: false, session };
        let state = ProcessState { uid: uid(33), cgroup, program: Fact::Unknown };
        let (account, isolation, slow) = (Account::default(), Isolation::default(), SlowFacts::default());
        Subject::new(claim, Readings { state, login: None, account, isolation, slow })
    }

    #[test]
    fn a_cgroup_that_cannot_be_read_leaves_unit_and_session_unknown() {
        let Subject { facts, info, .. } = subject(Fact::Unknown, None);
        assert_eq!((facts.unit, facts.session, info.unit), (Fact::Unknown, Fact::Unknown, None));
        let Subject { facts, info, .. } = subject(Fact::Known("/system.slice/apache2.service".into()), None);
        assert_eq!(facts.unit, Fact::Known(Some("apache2.service".into())));
        assert_eq!((facts.session, info.unit.as_deref()), (Fact::Known(Session::None), Some("apache2.service")));
        assert_eq!(subject(Fact::Known("/".into()), None).facts.unit, Fact::Known(None));
    }

    #[test]
    fn readings_that_are_missing_are_unknown_facts() {
        let facts = subject(Fact::Unknown, None).facts;
        assert_eq!((&facts.groups, &facts.exe, &facts.content), (&Fact::Unknown, &Fact::Unknown, &Fact::Unknown));
        assert_eq!(
            (&facts.delegated, &facts.exclusive_user, &facts.details),
            (&Fact::Unknown, &Fact::Unknown, &Fact::Unknown)
        );
        assert!(!facts.vouched_for && facts.login.is_none() && facts.named_files.is_empty());
    }

    #[test]
    fn a_process_of_another_user_than_the_session_is_told_apart() {
        let of = |session: Option<u32>| {
            let facts = subject(Fact::Unknown, session.map(|owner| ("7".to_owned(), uid(owner)))).facts;
            (facts.other_user, facts.served_session)
        };
        assert_eq!(of(Some(33)), (false, Some("7".into())));
        assert_eq!(of(Some(34)), (true, Some("7".into())));
        assert_eq!(of(None), (false, None));
    }

    #[test]
    fn groups_are_unknown_unless_the_user_database_has_the_user() {
        let names = Names::Root(Tree::parse("www-data:x:33:33::/:/bin/sh\n", "www-data:x:33:\nvm:x:100:www-data\n"));
        let of = |found: Result<Option<User>, LookupError>| groups(&names, &found, uid(33));
        assert_eq!(of(names.user_by_uid(33)), Fact::Known([33, 100].into()));
        assert_eq!(of(Ok(None)), Fact::Unknown);
        let another = User { name: "www-data".into(), uid: 34, gid: 33 };
        assert_eq!(of(Ok(Some(another))), Fact::Unknown);
        let error = Names::of_root(Path::new("/nonexistent")).unwrap_err();
        assert_eq!(of(Err(error)), Fact::Unknown);
    }

    #[test]
    fn groups_are_looked_up_only_if_a_rule_needs_them() {
        let names = Names::Root(Tree::parse("www-data:x:33:33::/:/bin/sh\n", "www-data:x:33:\n"));
        let rule = Rule { group: Some(Named { name: "vm".into(), id: 100 }), ..model::rule(Answer::Allow) };
        let of = |rules: &[Rule], number| Account::look_up(&names, uid(number), &Requirements::of(rules));
        let known = Account { name: Some("www-data".into()), groups: Fact::Known([33].into()) };
        assert_eq!(of(std::slice::from_ref(&rule), 33), known);
        assert_eq!(of(&[], 33), Account { groups: Fact::Unknown, ..known });
        assert_eq!(of(&[rule], 34), Account { name: None, groups: Fact::Unknown });
    }
}
