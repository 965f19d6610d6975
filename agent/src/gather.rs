//! From a challenge to the facts that decide it. One of the files with effects: it reads the process, its user and the
//! files that rules name.

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
    cgroup,
    decision::{Reason, is_bound},
    facts::{Fact, Facts},
    needs::Needs,
    paths,
    process::{Held, Seen},
    program, root_control, session,
    when::Moment,
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
    /// The program's path, where it is a fact: see [`program::of`].
    pub exe: Option<String>,
    /// The program's path, where the process only claims it.
    pub exe_claimed: Option<String>,
    /// The command line, as the process shows it.
    pub command_line: Option<String>,
}

const LOCALTIME: &str = "/etc/localtime";

/// Reads everything. May take as long as the user database or the process likes: the caller sets the limit.
///
/// # Errors
/// The [`Reason`] to refuse for.
pub fn gather(
    action: &str,
    held: &Held,
    offered: Offered<'_>,
    needs: &Needs,
    cgroup_root: &str,
    names: &Names,
) -> Result<Gathered, Reason> {
    let seen = held.look(cgroup_root).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Reason::Gone,
        _ => Reason::Unreadable,
    })?;
    let user = names.user_by_uid(seen.uid.get());
    let program = program::of(held, &seen.exe);
    let facts = Facts {
        action: action.to_owned(),
        uid: seen.uid,
        unit: unit_of(&seen),
        groups: if needs.groups { groups(names, &user, seen.uid) } else { Fact::Unknown },
        exe: seen.exe.clone(),
        content: program.content,
        login: held.login_uid(),
        named_files: needs.exes.iter().map(|path| on_disk(path)).collect(),
        session: match &seen.cgroup {
            Fact::Known(path) => session::of(path, Path::new(paths::LOGIND)),
            Fact::Unknown => Fact::Unknown,
        },
        details: Fact::Unknown,
        bound: match offered {
            Offered::By(identities) => is_bound(identities, seen.uid),
            Offered::TakenForGranted => true,
        },
        foreign: false,
        moment: now(),
        spent: BTreeSet::new(),
        approved: BTreeMap::new(),
        queue_full: false,
    };
    let described = Described {
        user: user.ok().flatten().map(|user| escape(&user.name)),
        unit: match &facts.unit {
            Fact::Known(unit) => unit.clone(),
            Fact::Unknown => None,
        },
        exe: program.path,
        exe_claimed: program.claimed,
        command_line: held.command_line(),
    };
    Ok(Gathered { facts, seen, described })
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

fn on_disk(path: &Path) -> (std::path::PathBuf, Fact<crate::facts::FileId>) {
    (path.to_owned(), root_control::program(path).into())
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
