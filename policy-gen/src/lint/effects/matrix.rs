//! The requests for a rules file: subjects times actions.

use super::Registered;
use super::named::Named;
use crate::implicit_authorization::Session;
use crate::lint::read::Script;
use crate::target::{Target, UNITS, Version};
use crate::verdict::wire::EngineRequest;

/// A user and an action that no file names.
const STRANGER: &str = "a-user-that-no-file-names";
pub(super) const INVENTED: &str = "org.example.an-action-that-no-file-names";
/// Limits of the names of a file, and of the combinations of values of details.
const ACCOUNTS_MAX: usize = 24;
const ACTIONS_MAX: usize = 300;
const DETAILS_MAX: usize = 24;

/// A subject of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// A user that the file does not name.
    Stranger,
    /// A user that the file may name.
    User(String),
    /// A stranger in a group that the file may name.
    Group(String),
    /// A user of the file, or a stranger, in all groups of the file, and in its units.
    Several,
}

/// A request, and its meaning.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    pub(super) who: Who,
    pub(super) session: Session,
    pub(super) request: EngineRequest,
}

/// The requests for a file.
pub(super) struct Matrix {
    pub(super) probes: Vec<Probe>,
    /// Whether the file names no more than the requests contain, and no patterns.
    pub(super) is_complete: bool,
}

impl Matrix {
    /// Makes at most `limit` requests, the most important first.
    pub(super) fn of(script: &Script<'_>, target: Target, registered: &Registered, limit: usize) -> Self {
        let named = Named::of(script);
        let accounts: Vec<&String> = named.accounts.iter().take(ACCOUNTS_MAX).collect();
        let all: Vec<String> = accounts.iter().map(|name| (*name).clone()).collect();
        let mut subjects = vec![(Who::Stranger, STRANGER.to_owned(), Vec::new())];
        for account in &accounts {
            subjects.push((Who::Group((*account).clone()), STRANGER.to_owned(), vec![(*account).clone()]));
            subjects.push((Who::User((*account).clone()), (*account).clone(), Vec::new()));
        }
        subjects.push((Who::Several, STRANGER.to_owned(), all.clone()));
        subjects.extend(accounts.iter().map(|account| (Who::Several, (*account).clone(), all.clone())));
        let units = std::iter::once(None).chain(named.units.iter().take(4).map(Some));
        let units: Vec<Option<&String>> = units.collect();
        let combinations = combinations(&named);
        let mut probes = Vec::new();
        let mut add = |action: &str, with_details: bool, sessions: &[Session]| {
            let plain = [Vec::new()];
            let details = if with_details { combinations.as_slice() } else { plain.as_slice() };
            for (who, user, groups) in &subjects {
                for session in sessions {
                    for unit in &units {
                        if unit.is_some() && *who != Who::Several {
                            continue;
                        }
                        let request = |details: &Vec<(String, String)>| EngineRequest {
                            action: action.to_owned(),
                            details: details.clone(),
                            user: user.clone(),
                            groups: groups.clone(),
                            in_session: *session != Session::None,
                            local: session.is_local(),
                            active: session.is_active(),
                            has_uid: target.version >= Version(127),
                            uid: Some(60_000),
                            has_unit: target.version >= UNITS,
                            unit: Some(unit.cloned()),
                            ..EngineRequest::default()
                        };
                        let probe = |details| Probe { who: who.clone(), session: *session, request: request(details) };
                        if probes.len() < limit.saturating_mul(2) {
                            probes.extend(details.iter().map(probe));
                        }
                    }
                }
            }
        };
        add(INVENTED, false, &Session::ALL);
        let names = named.actions.iter().take(ACTIONS_MAX);
        names.clone().for_each(|action| add(action, true, &Session::ALL));
        let is_whole = probes.len() <= limit;
        let add_registered = |probes: &mut Vec<Probe>| {
            for action in registered.keys().filter(|action| !named.actions.contains(*action)).take(ACTIONS_MAX) {
                let request = |session: Session| EngineRequest {
                    action: action.clone(),
                    user: STRANGER.to_owned(),
                    in_session: session != Session::None,
                    local: session.is_local(),
                    active: session.is_active(),
                    has_unit: target.version >= UNITS,
                    unit: Some(None),
                    ..EngineRequest::default()
                };
                let sessions = [Session::None, Session::Active];
                probes.extend(sessions.map(|session| Probe { who: Who::Stranger, session, request: request(session) }));
            }
        };
        add_registered(&mut probes);
        probes.truncate(limit);
        let is_within = named.accounts.len() <= ACCOUNTS_MAX
            && named.actions.len() <= ACTIONS_MAX
            && named.units.len() <= 4
            && combinations.len() < DETAILS_MAX;
        Self { probes, is_complete: is_whole && is_within && named.is_plain && named.has_result }
    }
}

/// Returns the combinations of details: none, and each combination of the values that the file compares with.
fn combinations(named: &Named) -> Vec<Vec<(String, String)>> {
    let mut all: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for (key, values) in &named.details {
        let other = ["x".to_owned()];
        let values: Vec<&String> = if values.is_empty() { other.iter().collect() } else { values.iter().collect() };
        let mut next = Vec::new();
        for before in &all {
            for value in &values {
                next.push([before.clone(), vec![(key.clone(), (*value).clone())]].concat());
            }
        }
        next.truncate(DETAILS_MAX);
        all = next;
    }
    if !named.details.is_empty() {
        all.insert(0, Vec::new());
        all.truncate(DETAILS_MAX);
    }
    all
}
