//! Queries about grants for a unit or for some sessions: about a process in a unit, and about one of the same user without the unit.

use std::collections::BTreeMap;

use polkit_config::names::User;

use super::unit_process::UnitProcess;
use super::{Planner, Query};
use crate::policy::{Grant, SessionScope};

/// The transient unit for a process without a session.
pub(super) const PROBE: &str = "polkit-policy-gen-probe.service";

impl Planner<'_> {
    /// Returns the queries about a grant with conditions on the subject, without grant, action and details. `member` is a user that
    /// the grant covers.
    ///
    /// # Errors
    /// The user database does not answer.
    pub(super) fn in_unit(
        &self,
        grant: &Grant,
        action: &str,
        details: &BTreeMap<String, String>,
        member: Option<&User>,
    ) -> Result<Vec<Query>, String> {
        let subjects = &grant.subjects;
        let query = |user, expected| Query::new("", "", user, expected, None);
        let not_tested = |why: &str, unit, user: Option<&User>| {
            vec![Query { seen: format!("not tested: {why}"), unit, ..query(user.cloned(), None) }]
        };
        if subjects.session == SessionScope::Local {
            return Ok(not_tested("install has no session at a seat", None, None));
        }
        let example = subjects.units.first().map(|unit| unit.value.as_str().replace('*', "x"));
        let unit = example.unwrap_or_else(|| PROBE.to_owned());
        let user = member.filter(|_| !subjects.everybody);
        let process = match UnitProcess::of(&unit, user, member, subjects.no_new_privileges) {
            Ok(process) => process,
            Err(why) => return Ok(not_tested(&why, Some(unit), member)),
        };
        let found = self.names.user_by_uid(process.uid).map_err(|error| error.to_string())?;
        let Some(user) = found else {
            return Ok(not_tested("the user of the unit has no name", Some(unit), None));
        };
        // A transient unit is started again for each query.
        let no_new_privileges = process.no_new_privileges;
        drop(process);
        let inside = self.expected(action, details, &user, Some((&unit, no_new_privileges)))?;
        let first =
            Query { unit: Some(unit), has_process: true, no_new_privileges, ..query(Some(user.clone()), inside) };
        if subjects.units.is_empty() {
            return Ok(vec![first]);
        }
        let outside = self.expected(action, details, &user, None)?;
        Ok(vec![first, query(Some(user), outside)])
    }
}
