//! The narrowest grants that allow refused requests, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::request::{Request, Subject, Unnamed};
use crate::doctor::fixes::EXEC;
use crate::emit::quote::shell;
use crate::mechanisms::table;
use crate::policy::SYSTEMD_ACTION;
use crate::target::{Format, UNITS, Version};

/// A grant. It covers each of its actions with each combination of its details.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The user; `None` for a unit with `DynamicUser=`, whose user exists only while the unit runs.
    pub user: Option<String>,
    /// The unit.
    pub unit: Option<String>,
    /// The actions.
    pub actions: BTreeSet<String>,
    /// The details with their values.
    pub details: BTreeMap<String, BTreeSet<String>>,
}

/// A refused request that no grant covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The request.
    pub request: Request,
    /// Why not.
    pub why: String,
    /// The command that allows it in another way.
    pub instead: Option<String>,
}

/// The grants for refused requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowest {
    /// The grants.
    pub grants: Vec<Grant>,
    /// The requests that they are for. Which program asked makes no difference for policy, so none is named.
    pub granted: Vec<Request>,
    /// The requests that cannot be granted alone.
    pub left_out: Vec<LeftOut>,
}

/// The polkit for which the grants are.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The version.
    pub version: Version,
    /// The format of its policy.
    pub format: Format,
}

/// Returns the grants for refused requests. `dynamic` has the units with `DynamicUser=`.
#[must_use]
pub fn narrowest<'a>(
    refused: impl Iterator<Item = &'a Request>,
    limits: Limits,
    dynamic: &BTreeSet<String>,
) -> Narrowest {
    let without_program = |request: &Request| {
        let subject = Subject { program: None, ..request.subject.clone() };
        Request { subject, ..request.clone() }
    };
    let refused: BTreeSet<Request> = refused.map(without_program).collect();
    let mut found = Narrowest::default();
    for request in refused {
        match obstacle(&request, limits) {
            None => found.granted.push(request),
            Some((why, instead)) => found.left_out.push(LeftOut { request, why, instead }),
        }
    }
    // The same request, repeated so that its process could be read.
    let same = |one: &Request, other: &Request| (&one.action, &one.details) == (&other.action, &other.details);
    let named: Vec<&Request> = found.left_out.iter().map(|left_out| &left_out.request).collect();
    let named: Vec<Request> =
        named.into_iter().chain(&found.granted).filter(|request| request.subject.unnamed.is_none()).cloned().collect();
    found.left_out.retain(|LeftOut { request, .. }| {
        request.subject.unnamed != Some(Unnamed::Ended) || !named.iter().any(|other| same(other, request))
    });
    found.grants = merge(found.granted.iter().map(|request| single(request, dynamic)).collect());
    found
}

/// Why a request cannot be granted alone, and the command that allows it in another way.
fn obstacle(request: &Request, limits: Limits) -> Option<(String, Option<String>)> {
    let subject = &request.subject;
    let by_hand = |why: &str| Some((why.to_owned(), None));
    if let Some(unnamed) = subject.unnamed {
        return by_hand(unnamed.text());
    }
    if subject.uid == Some(0) {
        return by_hand("it is a request of root, and its mechanism asks about root as about other users");
    }
    if let Some(detail) = request.details.iter().find(|(key, value)| !is_expressible(key, value)) {
        return Some((format!("a policy file cannot name the value of the detail `{}` alone", detail.0), None));
    }
    if let Some(key) = missing_object(request) {
        return Some((
            format!("it has no detail `{key}`: a grant would cover each {key} and be root-equivalent"),
            None,
        ));
    }
    if limits.format == Format::Pkla && !request.details.is_empty() {
        return by_hand("a pkla file cannot compare details: a grant would cover the action with all details");
    }
    let unit = subject.unit.as_ref().filter(|_| !(subject.is_unit_known && limits.version >= UNITS))?;
    let why =
        format!("polkit does not know the unit of the process: a grant would be for every process of {}", subject.user);
    Some((why, Some(enable(unit, request))))
}

/// The detail without which a grant of the action is root-equivalent, if the request does not have it.
fn missing_object(request: &Request) -> Option<&'static str> {
    let key = match request.action.as_str() {
        SYSTEMD_ACTION => "unit",
        EXEC => "program",
        _ => return None,
    };
    (!request.details.contains_key(key)).then_some(key)
}

/// Whether a policy file can name exactly this value: `*` is a pattern there, and for Duktape a character beyond U+FFFF differs from
/// the same character in a detail.
fn is_expressible(key: &str, value: &str) -> bool {
    let fits = |c: char| !c.is_control() && u32::from(c) <= 0xffff;
    !key.is_empty() && key.chars().chain(value.chars()).all(fits) && !value.contains('*')
}

/// The command by which the agent allows the request to the unit.
fn enable(unit: &str, request: &Request) -> String {
    let mut words = vec!["polkit-service-agent".to_owned(), "enable".to_owned(), shell(unit)];
    words.extend(["--user".to_owned(), shell(&request.subject.user), "--action".to_owned(), shell(&request.action)]);
    for (key, value) in &request.details {
        words.extend(["--detail".to_owned(), shell(&format!("{key}={value}"))]);
    }
    words.join(" ")
}

fn single(request: &Request, dynamic: &BTreeSet<String>) -> Grant {
    let unit = request.subject.unit.clone();
    let is_dynamic = unit.as_ref().is_some_and(|unit| dynamic.contains(unit));
    Grant {
        user: (!is_dynamic).then(|| request.subject.user.clone()),
        unit,
        actions: BTreeSet::from([request.action.clone()]),
        details: request.details.iter().map(|(key, value)| (key.clone(), BTreeSet::from([value.clone()]))).collect(),
    }
}

/// Merges grants that differ in the values of one detail, or in the actions of one mechanism. The result covers the same requests.
fn merge(grants: BTreeSet<Grant>) -> Vec<Grant> {
    let keys: BTreeSet<String> = grants.iter().flat_map(|grant| grant.details.keys().cloned()).collect();
    let mut grants = grants;
    for key in keys {
        let mut merged: BTreeMap<Grant, BTreeSet<String>> = BTreeMap::new();
        for mut grant in grants {
            let values = grant.details.get_mut(&key).map(std::mem::take).unwrap_or_default();
            merged.entry(grant).or_default().extend(values);
        }
        grants = merged.into_iter().map(|(grant, values)| with_values(grant, &key, values)).collect();
    }
    let mut merged: BTreeMap<(Grant, Option<&str>), BTreeSet<String>> = BTreeMap::new();
    for mut grant in grants {
        let actions = std::mem::take(&mut grant.actions);
        let mechanism =
            actions.first().and_then(|action| table::of_action(action)).map(|mechanism| mechanism.name.as_str());
        merged.entry((grant, mechanism)).or_default().extend(actions);
    }
    merged.into_iter().map(|((grant, _), actions)| Grant { actions, ..grant }).collect()
}

fn with_values(mut grant: Grant, key: &str, values: BTreeSet<String>) -> Grant {
    if let Some(place) = grant.details.get_mut(key) {
        *place = values;
    }
    grant
}

#[cfg(test)]
#[path = "grants_tests.rs"]
mod tests;
