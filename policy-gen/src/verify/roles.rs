//! Queries about the roles of libvirt's access control: starting a domain of the role, and seeing a domain outside it.

use std::collections::BTreeMap;

use super::{Answers, Asked, QUESTIONS_MAX, Row, first_user, group_names};
use crate::implicit_authorization::BySession;
use crate::policy::{Libvirt, Question, Role};

/// A domain name that only the pattern `*` covers in practice.
const OTHERS: &str = "(a domain of others)";

/// Adds the queries about each role, for a user whom it names.
///
/// # Errors
/// The user database does not answer.
pub(super) fn questions(asked: &Asked<'_>, libvirt: &Libvirt, answers: &mut Answers) -> Result<(), String> {
    for role in &libvirt.roles {
        if answers.rows.len() >= QUESTIONS_MAX {
            answers.left_out += 2;
            continue;
        }
        let own = role.domains.first().map_or(OTHERS, |pattern| pattern.value.as_str()).replace('*', "x");
        for (action, domain) in
            [("org.libvirt.api.domain.start", own.as_str()), ("org.libvirt.api.domain.getattr", OTHERS)]
        {
            answers.rows.push(row(asked, libvirt, role, action, domain)?);
        }
    }
    Ok(())
}

fn row(asked: &Asked<'_>, libvirt: &Libvirt, role: &Role, action: &str, domain: &str) -> Result<Row, String> {
    let member = first_user(asked.names, asked.listed(&role.users, &role.groups)?, |_| Ok(true))?;
    let details: BTreeMap<String, String> = [("domain_name".to_owned(), domain.to_owned())].into();
    let mut expected = None;
    if let Some(member) = &member {
        let groups = group_names(asked.names, member)?;
        let netgroups = asked.netgroups.of_user(&member.name);
        let user = member.name.as_str();
        let question = Question { action, user, groups: &groups, netgroups: &netgroups, details: &details };
        let by_role = || libvirt.answer(action, Some(domain), user, &groups).map(BySession::always);
        expected = asked.policy.results(&question).or_else(by_role);
    }
    let asked_first = asked.policy.hook(action).map(|hook| hook.on_failure);
    Ok(Row { details, ..Row::new(&role.label, action, member, expected, asked_first) })
}
