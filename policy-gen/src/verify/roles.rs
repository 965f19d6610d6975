//! Queries about the roles of libvirt's access control: starting a domain of the role, and seeing a domain outside it.

use std::collections::BTreeMap;

use super::{Comparison, Planner, QUERIES_MAX, Query, first_user, group_names};
use crate::implicit_authorization::{BySession, Session};
use crate::policy::{Libvirt, PolicyRequest, Role};

/// A domain name that only the pattern `*` covers in practice.
const OTHERS: &str = "(a domain of others)";

/// Adds the queries about each role, for a user that it names.
///
/// # Errors
/// The user database does not answer.
pub(super) fn queries(planner: &Planner<'_>, libvirt: &Libvirt, comparison: &mut Comparison) -> Result<(), String> {
    for role in &libvirt.roles {
        if comparison.rows.len() >= QUERIES_MAX {
            comparison.left_out += 2;
            continue;
        }
        let own = role.domains.first().map_or(OTHERS, |pattern| pattern.value.as_str()).replace('*', "x");
        for (action, domain) in
            [("org.libvirt.api.domain.start", own.as_str()), ("org.libvirt.api.domain.getattr", OTHERS)]
        {
            comparison.rows.push(row(planner, libvirt, role, action, domain)?);
        }
    }
    Ok(())
}

fn row(planner: &Planner<'_>, libvirt: &Libvirt, role: &Role, action: &str, domain: &str) -> Result<Query, String> {
    let member = first_user(planner.names, planner.listed(&role.users, &role.groups)?, |_| Ok(true))?;
    let details: BTreeMap<String, String> = [("domain_name".to_owned(), domain.to_owned())].into();
    let mut expected = None;
    if let Some(member) = &member {
        let groups = group_names(planner.names, member)?;
        let netgroups = planner.netgroups.of_user(&member.name);
        let user = member.name.as_str();
        let request = PolicyRequest {
            action,
            user,
            groups: &groups,
            netgroups: &netgroups,
            details: &details,
            unit: None,
            no_new_privileges: false,
            session: Session::None,
        };
        let by_role = || libvirt.answer(action, Some(domain), user, &groups).map(BySession::always);
        expected = planner.policy.results(&request).or_else(by_role);
    }
    let hook = planner.policy.hook(action).map(|hook| hook.on_failure);
    Ok(Query { details, ..Query::new(&role.label, action, member, expected, hook) })
}
