//! How well a grant to a unit keeps out other processes of the unit's user. Pure: the state of the host is given.
//!
//! A unit separates programs, but does not stop an attacker. A process of the same user can enter a delegated unit by one call
//! (AttachProcessesToUnit), and any other unit by ptrace, by the unit's sockets and by the files that the unit runs.

use polkit_agent_rules::{facts::Fact, rule::Named, unit_pattern::UnitPattern};
use polkit_types::escape::escape;

/// One unit of the system manager.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit {
    /// The name.
    pub name: String,
    /// `User=` as written. `None` for a unit of root.
    pub user: Option<String>,
    /// The uid of the unit, if it runs.
    pub uid: Option<u32>,
    /// `Delegate=`: processes of its user can move into it.
    pub is_delegated: bool,
    /// `PAMName=`: the unit opens a login session for its user, as a getty or user@.service does.
    pub opens_sessions: bool,
}

/// The units and users of the host. A part that could not be read is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// The loaded units, and the units that rules name. `None` if the system manager does not respond.
    pub units: Option<Vec<Unit>>,
    /// Users that can log in, or have a session, a manager or a crontab, each with a description of that.
    pub people: Vec<(String, &'static str)>,
    /// For each unit or pattern of a grant: the uids, except root's, of its processes.
    pub uids: Vec<(String, Vec<u32>)>,
    /// `kernel.yama.ptrace_scope`. `None` on a kernel without Yama.
    pub ptrace_scope: Fact<Option<u8>>,
}

impl Host {
    /// The delegated units that a pattern covers.
    pub fn delegated<'a>(&'a self, pattern: &'a UnitPattern) -> impl Iterator<Item = &'a Unit> {
        let units = self.units.iter().flatten();
        units.filter(move |unit| unit.is_delegated && pattern.covers(&unit.name))
    }

    /// The units that a pattern covers and that open login sessions: their users choose what they run.
    pub fn session_units<'a>(&'a self, pattern: &'a UnitPattern) -> impl Iterator<Item = &'a Unit> {
        let units = self.units.iter().flatten();
        units.filter(move |unit| unit.opens_sessions && pattern.covers(&unit.name))
    }

    /// The other uses of a user, besides the units of a pattern. Each is a short description.
    #[must_use]
    pub fn others(&self, pattern: &UnitPattern, user: &Named) -> Vec<String> {
        let is_of = |unit: &Unit| unit.uid == Some(user.id) || unit.user.as_deref() == Some(user.name.as_str());
        let units = self.units.iter().flatten().filter(|unit| is_of(unit) && !pattern.covers(&unit.name));
        let units = units.map(|unit| escape(&unit.name));
        let people = self.people.iter().filter(|(name, _)| *name == user.name).map(|(_, has)| (*has).to_owned());
        units.chain(people).collect()
    }

    /// The lines of `check` for a grant to a unit.
    #[must_use]
    pub fn describe(&self, pattern: &UnitPattern, user: Option<&Named>) -> Vec<String> {
        let mut lines = vec![match (user, &self.units) {
            (None, _) => "the rule names no user: every user who has a process in the unit is covered".to_owned(),
            (Some(_), None) => {
                "the system manager does not respond: other units of the same user are unknown".to_owned()
            }
            (Some(user), Some(_)) => match self.others(pattern, user).as_slice() {
                [] => format!("no other unit, login or crontab uses {}", escape(&user.name)),
                others => format!("{} is also used by {}", escape(&user.name), others.join(", ")),
            },
        }];
        let delegated: Vec<String> = self.delegated(pattern).map(|unit| escape(&unit.name)).collect();
        if !delegated.is_empty() {
            lines.push(format!("delegated, so any process of its user can move into it: {}", delegated.join(", ")));
        }
        let name = pattern.to_string();
        if let Some((_, uids)) = self.uids.iter().find(|(of, uids)| *of == name && uids.len() > 1) {
            let uids: Vec<String> = uids.iter().map(u32::to_string).collect();
            lines.push(format!("runs programs of several users now (uids {})", uids.join(", ")));
        }
        lines.push(match self.ptrace_scope {
            Fact::Unknown => "whether processes of one user can attach to each other (ptrace) is unknown".to_owned(),
            Fact::Known(None | Some(0)) => {
                "processes of one user can attach to each other (ptrace; no Yama)".to_owned()
            }
            Fact::Known(Some(scope)) => {
                format!("processes of one user cannot attach to each other (kernel.yama.ptrace_scope = {scope})")
            }
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        let unit = |name: &str, user: &str, uid, is_delegated| Unit {
            name: name.into(),
            user: Some(user.into()),
            uid,
            is_delegated,
            opens_sessions: false,
        };
        Host {
            units: Some(vec![
                unit("pool.service", "www-data", Some(33), false),
                unit("apache2.service", "www-data", None, false),
                unit("ci.service", "ci", Some(990), true),
            ]),
            people: vec![("ci".into(), "a crontab")],
            uids: vec![("ci.service".into(), vec![990, 991]), ("pool.service".into(), vec![33])],
            ptrace_scope: Fact::Known(None),
        }
    }

    fn named(name: &str, id: u32) -> Named {
        Named { name: name.into(), id }
    }

    #[test]
    fn other_uses_of_the_user_of_a_unit_are_named() {
        let pool = UnitPattern::new("pool.service").unwrap();
        assert_eq!(host().others(&pool, &named("www-data", 33)), ["apache2.service"]);
        assert_eq!(host().others(&UnitPattern::new("ci.service").unwrap(), &named("ci", 990)), ["a crontab"]);
        assert_eq!(host().others(&pool, &named("alone", 991)), [""; 0]);
        let apache = UnitPattern::new("apache2.service").unwrap();
        assert_eq!(
            host().others(&apache, &named("by-another-name", 33)),
            ["pool.service"],
            "by the uid of the running unit"
        );
    }

    #[test]
    fn a_delegated_unit_is_found_by_its_pattern() {
        let names = |pattern: &str| {
            let pattern = UnitPattern::new(pattern).unwrap();
            host().delegated(&pattern).map(|unit| unit.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names("ci.service"), ["ci.service"]);
        assert_eq!(names("c*.service"), ["ci.service"]);
        assert_eq!(names("pool.service"), [""; 0]);
    }

    #[test]
    fn check_describes_the_separation() {
        let ci = UnitPattern::new("ci.service").unwrap();
        let lines = host().describe(&ci, Some(&named("ci", 990)));
        assert_eq!(
            lines,
            [
                "ci is also used by a crontab",
                "delegated, so any process of its user can move into it: ci.service",
                "runs programs of several users now (uids 990, 991)",
                "processes of one user can attach to each other (ptrace; no Yama)"
            ]
        );
        let pool = UnitPattern::new("pool.service").unwrap();
        let lines = host().describe(&pool, Some(&named("www-data", 33)));
        assert!(!lines.iter().any(|line| line.contains("several users")), "all its programs have one user: {lines:?}");
        let unknown = Host { ptrace_scope: Fact::Known(Some(1)), ..Host::default() };
        let lines = unknown.describe(&ci, Some(&named("ci", 990)));
        assert!(lines.first().is_some_and(|line| line.contains("does not respond")), "{lines:?}");
        assert!(lines.last().is_some_and(|line| line.contains("ptrace_scope = 1")), "{lines:?}");
    }
}
