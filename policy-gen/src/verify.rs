//! Queries the running polkitd, to confirm that an installed policy is in force.

mod netgroups;
pub mod probe_process;
mod roles;
mod table;
mod unit_process;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use netgroups::Netgroups;
use polkit_config::names::{Names, User};
use polkit_config::pattern::ActionPattern;
use polkit_config::table::Spanned;
use polkit_dbus::{Authority, AuthorityError, Interaction, SubjectUid};
use probe_process::ProbeProcess;
use unit_process::UnitProcess;

use crate::implicit_authorization::{BySession, ImplicitAuthorization, Session};
use crate::policy::{Detail, Grant, OnFailure, Policy, PolicyRequest};

/// Time limit for polkitd to notice new files.
const RELOAD: Duration = Duration::from_secs(3);
/// Limit of the number of queries. A policy may have thousands of grants.
const QUERIES_MAX: usize = 40;
/// Users that policies rarely name.
const UNNAMED_USERS: [&str; 4] = ["nobody", "daemon", "bin", "games"];

/// A query to polkitd and its result.
#[derive(Debug)]
pub struct Query {
    grant: String,
    action: String,
    details: BTreeMap<String, String>,
    user: Option<User>,
    /// The result that the policy gives; `None` for a user that it does not name.
    expected: Option<BySession<ImplicitAuthorization>>,
    /// The `on_failure` of a `[[hook]]` for the action. The agent then decides, so the result is not compared with the policy.
    hook: Option<OnFailure>,
    /// The unit in which the process of the user is.
    unit: Option<String>,
    /// Whether such a process was there, or could be started.
    has_process: bool,
    /// Whether a transient unit for the query gets `NoNewPrivileges=yes`.
    no_new_privileges: bool,
    seen: String,
    as_expected: bool,
}

/// All results, and the number of queries that were not made.
#[derive(Debug, Default)]
pub struct Comparison {
    rows: Vec<Query>,
    left_out: usize,
}

impl Comparison {
    /// Whether every user that the policy names gets the result of the policy.
    #[must_use]
    pub fn as_expected(&self) -> bool {
        self.rows.iter().all(|row| row.as_expected || row.hook.is_some())
    }

    fn all_as_expected(&self) -> bool {
        self.rows.iter().all(|row| row.as_expected)
    }
}

/// Queries each hook, for a user that policies rarely name, and each grant: for a user that it names, and for a user that no
/// grant of the action names. Results that the agent decides are shown and not compared, because its rules are not known here.
/// Waits until polkitd has read the new files.
///
/// # Errors
/// polkitd or the user database does not answer.
pub async fn compare(policy: &Policy, names: &Names) -> Result<Comparison, String> {
    let connection = polkit_dbus::connect().await.map_err(|error| error.to_string())?;
    let authority = Authority::new(connection);
    let has_patterns = policy.grants.iter().flat_map(|grant| &grant.actions).any(|action| !action.value.is_exact());
    let actions = if has_patterns {
        authority.actions().await.map_err(|error| format!("cannot list the actions of polkitd: {error}"))?
    } else {
        Vec::new()
    };
    let named = policy.grants.iter().flat_map(|grant| &grant.subjects.netgroups);
    let netgroups = Netgroups::of(named.map(|name| name.value.as_str()))?;
    let mut comparison =
        Planner { policy, names, netgroups, actions: actions.into_iter().map(|action| action.id).collect() }
            .queries()?;
    let deadline = Instant::now() + RELOAD;
    loop {
        for row in comparison.rows.iter_mut().filter(|row| row.is_asked()) {
            row.ask(&authority).await?;
        }
        if comparison.all_as_expected() || Instant::now() > deadline {
            return Ok(comparison);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The data for the queries.
struct Planner<'a> {
    policy: &'a Policy,
    names: &'a Names,
    netgroups: Netgroups,
    /// The ids of all registered actions, if the policy has patterns.
    actions: BTreeSet<String>,
}

impl Planner<'_> {
    fn queries(&self) -> Result<Comparison, String> {
        let mut comparison = Comparison::default();
        let hooks = &self.policy.hooks;
        let mut hooked = hooks.iter().flat_map(|hook| hook.actions.iter().map(move |action| (hook, action)));
        for (hook, action) in hooked.by_ref().take(QUERIES_MAX) {
            let user = first_user(self.names, UNNAMED_USERS.map(str::to_owned).to_vec(), |_| Ok(true))?;
            comparison.rows.push(Query::new(&hook.label, &action.value, user, None, Some(hook.on_failure)));
        }
        comparison.left_out = hooked.count();
        for grant in &self.policy.grants {
            for pattern in &grant.actions {
                if comparison.rows.iter().filter(|row| row.user.is_some()).count() >= QUERIES_MAX {
                    comparison.left_out += 2;
                    continue;
                }
                self.add_queries(grant, &pattern.value, &mut comparison)?;
            }
        }
        if let Some(libvirt) = &self.policy.libvirt {
            roles::queries(self, libvirt, &mut comparison)?;
        }
        Ok(comparison)
    }

    /// Adds a query for a user that the grant names, and for a user that no grant of the action names, with matching details.
    fn add_queries(&self, grant: &Grant, pattern: &ActionPattern, comparison: &mut Comparison) -> Result<(), String> {
        let covered = self.actions.iter().find(|action| !pattern.is_exact() && pattern.covers(action));
        let action = covered.map_or(pattern.as_str(), String::as_str);
        let details: BTreeMap<String, String> = grant.details.iter().filter_map(example).collect();
        let hook = self.policy.hook(action).map(|hook| hook.on_failure);
        let mut row = |user: Option<User>, expected: Option<BySession<ImplicitAuthorization>>| {
            let row = Query::new(&grant.label, action, user, expected, hook);
            comparison.rows.push(Query { details: details.clone(), ..row });
        };
        if covered.is_none() && !pattern.is_exact() {
            row(None, None);
            return Ok(());
        }
        let expected = |user: &User| self.expected(action, &details, user, None);
        let unnamed = || UNNAMED_USERS.map(str::to_owned).to_vec();
        let among = if grant.subjects.everybody { unnamed() } else { self.named(grant)? };
        let member = first_user(self.names, among, |_| Ok(true))?;
        if !grant.subjects.has_no_conditions() {
            let rows = self.in_unit(grant, action, &details, member.as_ref())?;
            comparison.rows.extend(rows.into_iter().map(|query| Query {
                grant: grant.label.clone(),
                action: action.to_owned(),
                details: details.clone(),
                hook,
                ..query
            }));
            return Ok(());
        }
        let of_member = member.as_ref().map(expected).transpose()?.flatten();
        row(member, of_member);
        if grant.subjects.everybody {
            return Ok(());
        }
        let strangers = UNNAMED_USERS.map(str::to_owned).to_vec();
        if let Some(stranger) = first_user(self.names, strangers, |user| Ok(expected(user)?.is_none()))? {
            row(Some(stranger), None);
        }
        Ok(())
    }

    /// Returns the results of the policy for a user, in a unit with or without `NoNewPrivileges=yes`.
    fn expected(
        &self,
        action: &str,
        details: &BTreeMap<String, String>,
        user: &User,
        unit: Option<(&str, bool)>,
    ) -> Result<Option<BySession<ImplicitAuthorization>>, String> {
        Ok(self.policy.results(&PolicyRequest {
            action,
            user: &user.name,
            groups: &group_names(self.names, user)?,
            netgroups: &self.netgroups.of_user(&user.name),
            details,
            unit: unit.map(|(unit, _)| unit),
            no_new_privileges: unit.is_some_and(|(_, no_new_privileges)| no_new_privileges),
            session: Session::None,
        }))
    }

    /// Returns the names of all users that a grant names or that are in its groups and netgroups.
    fn named(&self, grant: &Grant) -> Result<Vec<String>, String> {
        let mut named = self.listed(&grant.subjects.users, &grant.subjects.groups)?;
        named.extend(
            grant.subjects.netgroups.iter().flat_map(|name| self.netgroups.named(&name.value)).map(str::to_owned),
        );
        Ok(named)
    }

    /// Returns these users and the listed members of these groups.
    fn listed(&self, users: &[Spanned<String>], groups: &[Spanned<String>]) -> Result<Vec<String>, String> {
        let mut named: Vec<String> = users.iter().map(|user| user.value.clone()).collect();
        for group in groups {
            if let Some(group) = self.names.group(&group.value).map_err(|error| error.to_string())? {
                named.extend(self.names.listed_members(&group).map_err(|error| error.to_string())?);
            }
        }
        Ok(named)
    }
}

/// Returns a value that matches a detail.
fn example(detail: &Detail) -> Option<(String, String)> {
    let value = detail.values.first()?;
    Some((detail.key.value.clone(), value.value.as_str().replace('*', "x")))
}

/// Returns the first user that exists and satisfies `fits`. Skips uid 0, which polkit allows everything without policy.
fn first_user(
    names: &Names,
    among: Vec<String>,
    fits: impl Fn(&User) -> Result<bool, String>,
) -> Result<Option<User>, String> {
    for name in among {
        let user = names.user(&name).map_err(|error| error.to_string())?;
        if let Some(user) = user.filter(|user| user.uid != 0)
            && fits(&user)?
        {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

fn group_names(names: &Names, user: &User) -> Result<BTreeSet<String>, String> {
    let gids = names.groups_of(user).map_err(|error| error.to_string())?;
    let found = gids.into_iter().map(|gid| names.group_by_gid(gid).map_err(|error| error.to_string()));
    let groups = found.collect::<Result<Vec<_>, _>>()?;
    Ok(groups.into_iter().flatten().map(|group| group.name).collect())
}

impl Query {
    fn new(
        label: &str,
        action: &str,
        user: Option<User>,
        by_grants: Option<BySession<ImplicitAuthorization>>,
        hook: Option<OnFailure>,
    ) -> Self {
        let expected =
            if hook == Some(OnFailure::No) { Some(BySession::always(ImplicitAuthorization::No)) } else { by_grants };
        let seen = "not tested: no registered action, or no such user".to_owned();
        Self {
            grant: label.to_owned(),
            action: action.to_owned(),
            details: BTreeMap::new(),
            user,
            expected,
            hook,
            unit: None,
            has_process: false,
            no_new_privileges: false,
            seen,
            as_expected: true,
        }
    }

    /// Whether polkitd is asked. A query about a unit without a process is only shown.
    fn is_asked(&self) -> bool {
        self.user.is_some() && self.unit.is_some() == self.has_process
    }

    async fn ask(&mut self, authority: &Authority) -> Result<(), String> {
        let Some(user) = &self.user else { return Ok(()) };
        let details = self.details.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let (action, interaction) = (&self.action, Interaction::Forbidden);
        let answer = if let Some(unit) = &self.unit {
            let process = match UnitProcess::of(unit, Some(user), None, self.no_new_privileges) {
                Ok(process) => process,
                Err(why) => {
                    self.seen = format!("not tested: {why}");
                    return Ok(());
                }
            };
            let uid = SubjectUid::new(process.uid).map_err(|_| format!("the uid {} is not valid", process.uid))?;
            match process.by_pid().filter(|_| unit == units::PROBE) {
                // Only the session counts, and polkit before 124 does not take a pidfd.
                Some(subject) => authority.check(&subject, action, &details, interaction).await,
                None => authority.check_pidfd(process.pidfd(), uid, action, &details, interaction).await,
            }
        } else {
            authority.check(&ProbeProcess::of(user)?.subject, action, &details, interaction).await
        };
        let outcome = match answer {
            Ok(answer) if answer.authorized => Some(QueryOutcome::Yes),
            Ok(answer) if answer.challenge => Some(QueryOutcome::Challenge),
            Ok(_) => Some(QueryOutcome::No),
            Err(AuthorityError::UnknownAction) => None,
            Err(error) => return Err(format!("cannot ask polkitd about {}: {error}", self.action)),
        };
        self.note(outcome);
        Ok(())
    }

    /// Notes the result of polkitd; `None` if the action is not registered.
    fn note(&mut self, outcome: Option<QueryOutcome>) {
        self.seen = match outcome {
            Some(QueryOutcome::Yes) => "yes".to_owned(),
            Some(QueryOutcome::Challenge) => "must authenticate".to_owned(),
            Some(QueryOutcome::No) => "no".to_owned(),
            None => "the action is not registered (yet)".to_owned(),
        };
        // The process may belong to the session of the caller, so each of the three results is valid.
        self.as_expected = self.expected.is_none_or(|results| {
            let possible = [results.any, results.inactive, results.active].map(QueryOutcome::of);
            outcome.is_none_or(|outcome| possible.contains(&outcome))
        });
        if self.expected.is_none() && outcome == Some(QueryOutcome::Yes) {
            self.seen.push_str(" (by other policy)");
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueryOutcome {
    Yes,
    No,
    Challenge,
}

impl QueryOutcome {
    fn of(answer: ImplicitAuthorization) -> Self {
        match answer {
            ImplicitAuthorization::Yes => Self::Yes,
            ImplicitAuthorization::No => Self::No,
            _ => Self::Challenge,
        }
    }
}

#[cfg(test)]
#[path = "verify/tests.rs"]
mod tests;
