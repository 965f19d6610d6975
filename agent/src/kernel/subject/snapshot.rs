//! From what was read of a subject to the facts that decide. One of the files with effects: it asks the user database, and reads
//! the files of logind and the time.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::SystemTime,
};

use jiff::{Timestamp, tz::TimeZone};
use polkit_config::{
    escape::escape,
    names::{LookupError, Names},
};
use polkit_dbus::{Identity, SubjectUid};

use crate::{
    base::{cgroup, paths},
    rules::{
        facts::{Fact, Facts, LoginUid},
        requirements::Needs,
        schedule::Moment,
        verdict::{Reason, is_bound},
    },
    subject::{
        cgroups::Cgroups,
        logind,
        process::{Held, Seen},
        slow_facts::SlowFacts,
    },
};

/// What is known of a subject when it asks.
#[derive(Debug)]
pub struct Gathered {
    /// What a decision may rest on.
    pub facts: Facts,
    /// What was seen of the process, to be compared before the answer.
    pub seen: Seen,
    /// For the record alone.
    pub described: Described,
}

/// The identities that polkitd offers.
#[derive(Debug, Clone, Copy)]
pub enum Offered<'a> {
    /// With a challenge.
    By(&'a [Identity]),
    /// None, since nobody is asked: `test` takes for granted that polkitd would vouch for the subject.
    TakenForGranted,
}

/// Text about a subject, for people. All of it is escaped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// The name of the real uid.
    pub user: Option<String>,
    /// The unit.
    pub unit: Option<String>,
    /// The program's path, where it is a fact: see `program`.
    pub exe: Option<String>,
    /// The program's path, where the process only claims it.
    pub exe_claimed: Option<String>,
    /// The command line, as the process shows it.
    pub command_line: Option<String>,
}

const LOCALTIME: &str = "/etc/localtime";

/// What the user database says of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// The name of the real uid, escaped.
    name: Option<String>,
    groups: Fact<BTreeSet<u32>>,
}

impl Account {
    /// Looks a uid up, and its groups where rules need them. May take as long as the user database likes.
    #[must_use]
    pub fn look_up(names: &Names, uid: SubjectUid, needs: &Needs) -> Self {
        let user = names.user_by_uid(uid.get());
        let groups = if needs.groups { groups(names, &user, uid) } else { Fact::Unknown };
        Self { name: user.ok().flatten().map(|user| escape(&user.name)), groups }
    }
}

/// What keeps other processes of a subject's user out of its unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fence {
    delegated: Fact<bool>,
    alone: Fact<bool>,
}

impl Fence {
    /// Looks at the unit's cgroup and, where a rule needs it, at all other processes: that takes as long as there are processes.
    #[must_use]
    pub fn look(cgroups: &Cgroups, seen: &Seen, needs: &Needs) -> Self {
        let Fact::Known(path) = &seen.cgroup else { return Self::default() };
        let Some(unit) = cgroup::unit_path(path) else {
            return Self { delegated: Fact::Known(false), alone: Fact::Unknown };
        };
        let alone = || cgroups.has_all_processes_of(seen.uid, unit).into();
        Self {
            delegated: cgroups.is_delegated(unit).into(),
            alone: if needs.own_user { alone() } else { Fact::Unknown },
        }
    }
}

/// Puts together what was read of a subject, and reads its session from the files of logind.
#[must_use]
pub fn gather(
    action: &str,
    seen: Seen,
    offered: Offered<'_>,
    login: Option<LoginUid>,
    account: Account,
    fence: Fence,
    slow: SlowFacts,
) -> Gathered {
    let SlowFacts { program, command_line, named_files } = slow;
    let facts = Facts {
        action: action.to_owned(),
        uid: seen.uid,
        unit: unit_of(&seen),
        groups: account.groups,
        exe: program.exe,
        content: program.content,
        login,
        named_files,
        session: match &seen.cgroup {
            Fact::Known(path) => logind::of(path, Path::new(paths::LOGIND)),
            Fact::Unknown => Fact::Unknown,
        },
        details: Fact::Unknown,
        bound: match offered {
            Offered::By(identities) => is_bound(identities, seen.uid),
            Offered::TakenForGranted => true,
        },
        delegated: fence.delegated,
        alone: fence.alone,
        foreign: false,
        moment: now(),
        spent: BTreeSet::new(),
        approved: BTreeMap::new(),
        queue_full: false,
    };
    let described = Described {
        user: account.name,
        unit: match &facts.unit {
            Fact::Known(unit) => unit.clone(),
            Fact::Unknown => None,
        },
        exe: program.path,
        exe_claimed: program.claimed,
        command_line,
    };
    Gathered { facts, seen, described }
}

/// Looks at a process, at what no process can make slow.
///
/// # Errors
/// The [`Reason`] to refuse for.
pub fn look(held: &Held, cgroup_root: &str) -> Result<Seen, Reason> {
    held.look(cgroup_root).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Reason::Gone,
        _ => Reason::Unreadable,
    })
}

/// The time of this moment.
#[must_use]
pub fn now() -> Fact<Moment> {
    let instant = Timestamp::try_from(SystemTime::now());
    instant.and_then(|instant| Ok(Moment::new(instant, &local_zone()?))).into()
}

/// The host's time zone. localtime(5): without /etc/localtime it is UTC.
///
/// # Errors
/// If it cannot be read.
pub fn local_zone() -> Result<TimeZone, jiff::Error> {
    TimeZone::try_system().or_else(|error| if Path::new(LOCALTIME).exists() { Err(error) } else { Ok(TimeZone::UTC) })
}

fn unit_of(seen: &Seen) -> Fact<Option<String>> {
    match &seen.cgroup {
        Fact::Known(path) => Fact::Known(cgroup::unit(path).map(str::to_owned)),
        Fact::Unknown => Fact::Unknown,
    }
}

/// The gids of a user. One without an entry in the user database has unknown groups, not none.
fn groups(
    names: &Names,
    user: &Result<Option<polkit_config::names::User>, LookupError>,
    uid: SubjectUid,
) -> Fact<BTreeSet<u32>> {
    match user {
        Ok(Some(user)) if user.uid == uid.get() => names.groups_of(user).map(|gids| gids.into_iter().collect()).into(),
        Ok(_) | Err(_) => Fact::Unknown,
    }
}
