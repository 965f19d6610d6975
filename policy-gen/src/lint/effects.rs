//! Finds what rules files do, by running them: each file alone, for the subjects and actions that it names, for a user that it does not
//! name, and for an action that no file names.
//!
//! The number of requests is limited, and smaller for files with many rules, so that the cost grows linearly with the files.

mod matrix;
mod named;
mod report;

use std::collections::BTreeMap;

use super::{File, Finding, RulesFile};
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::target::Target;
use crate::verdict::engine::Engine;
use crate::verdict::evaluate::{added_in, beginning};
use crate::verdict::files::Rules;
use crate::verdict::wire::{End, EngineReply};
use matrix::{Matrix, Probe};
pub(super) use named::is_action;
use report::Observed;

/// Limit of the calls of rules for one file: requests times rules.
const CALLS_MAX: usize = 120_000;
/// The length of a short rule.
const RULE_BYTES: usize = 100;
/// Limits of the requests for one file.
const REQUESTS_MIN: usize = 12;
const REQUESTS_MAX: usize = 6_000;

/// The registered actions, with their results without a session.
pub type Registered = BTreeMap<String, ImplicitAuthorization>;

/// Checks all rules files, which are in polkitd's order. `engine` has loaded them all.
#[must_use]
pub fn lint(rules: &[RulesFile<'_>], target: Target, registered: &Registered, engine: Engine) -> Vec<Finding> {
    let mut findings = Vec::new();
    // An engine that has loaded only this file can run it.
    let mut engine = Some(engine).filter(|_| rules.len() == 1);
    for (place, RulesFile { number, file, .. }) in rules.iter().enumerate() {
        let alone = engine.take().or_else(|| Engine::start(&[of_file(file)]).ok());
        let probes = alone.and_then(|engine| observe(engine, rules, place, target, registered));
        let Some(probes) = probes else { continue };
        let later: Vec<&str> =
            rules.iter().skip(place + 1).filter_map(|later| later.file.source.name().rsplit('/').next()).collect();
        let found = Observed { file, probes, later: &later, registered }.findings();
        findings.extend(found.into_iter().map(|finding| Finding { file: *number, ..finding }));
    }
    findings
}

/// The replies of a file to its requests.
struct Replies {
    probes: Vec<(Probe, EngineReply)>,
    /// The line of each rule.
    lines: Vec<usize>,
    /// Whether the requests cover every value that the file names.
    is_complete: bool,
}

/// Runs one file in an engine that has loaded only this file. Returns `None` if it cannot be judged: it does not load alone, or depends on an unknown fact when it loads.
fn observe(
    mut engine: Engine,
    rules: &[RulesFile<'_>],
    place: usize,
    target: Target,
    registered: &Registered,
) -> Option<Replies> {
    let RulesFile { file, script, .. } = rules.get(place)?;
    let loaded = engine.loaded().first()?.clone();
    if loaded.error.is_some() || !loaded.unknown.is_empty() || loaded.lines.is_empty() || engine.cut().next().is_some()
    {
        return None;
    }
    // A long rule costs as much as several short ones.
    let rules_count = loaded.lines.len().max(file.bytes.len() / RULE_BYTES);
    let limit = (CALLS_MAX / rules_count.max(1)).clamp(REQUESTS_MIN, REQUESTS_MAX);
    let matrix = Matrix::of(script, target, registered, limit);
    let numbers = engine.put(matrix.probes.iter().map(|probe| probe.request.clone()));
    let (replies, is_whole) = engine.replies_until_failure(&numbers);
    // The first requests are those of a user that the file does not name, in each session.
    let kills = replies.iter().any(|reply| matches!(reply.end, End::Kills(_)));
    if replies.len() < Session::ALL.len() && !kills {
        return None;
    }
    let mut probes: Vec<(Probe, EngineReply)> = matrix.probes.into_iter().zip(replies).collect();
    if rules.len() > 1 && probes.iter().any(|(_, reply)| matches!(reply.end, End::Threw(..))) {
        with_the_files_before(&mut probes, rules, place);
    }
    let added_in = added_in(&file.bytes);
    let line = |line: &u32| beginning(&added_in, usize::try_from(*line).unwrap_or(0));
    Some(Replies {
        probes,
        lines: loaded.lines.iter().map(line).collect(),
        is_complete: matrix.is_complete && is_whole,
    })
}

/// Removes exceptions that do not occur when the other files are loaded, too: a file may use the variables of another file.
fn with_the_files_before(probes: &mut Vec<(Probe, EngineReply)>, rules: &[RulesFile<'_>], place: usize) {
    let all: Vec<Rules> = rules.iter().map(|rules| of_file(rules.file)).collect();
    let Ok(mut engine) = Engine::start(&all) else { return };
    let own = |engine: &Engine| {
        let count = |loaded: &crate::verdict::wire::LoadReply| loaded.lines.len();
        let first: usize = engine.loaded().iter().take(place).map(count).sum();
        first..first + engine.loaded().get(place).map_or(0, count)
    };
    let own = own(&engine);
    let threw: Vec<usize> = (0..probes.len())
        .filter(|at| probes.get(*at).is_some_and(|(_, reply)| matches!(reply.end, End::Threw(..))))
        .collect();
    let requests: Vec<_> =
        threw.iter().filter_map(|at| probes.get(*at)).map(|(probe, _)| probe.request.clone()).collect();
    let numbers = engine.put(requests);
    let (replies, _) = engine.replies_until_failure(&numbers);
    let remains =
        |reply: &EngineReply| matches!(reply.end, End::Threw(..)) && reply.rule.is_none_or(|rule| own.contains(&rule));
    let gone: Vec<usize> = threw.iter().zip(replies).filter(|(_, reply)| !remains(reply)).map(|(at, _)| *at).collect();
    for at in gone.into_iter().rev() {
        probes.remove(at);
    }
}

/// Returns a file for the engine.
pub(super) fn of_file(file: &File) -> Rules {
    Rules { path: file.source.name().to_owned(), bytes: file.bytes.clone() }
}

/// Returns the result of a reply, if it depends on no unknown fact.
fn result(reply: &EngineReply) -> Option<ImplicitAuthorization> {
    match &reply.end {
        End::Text(text) if reply.unknown.is_empty() => ImplicitAuthorization::parse(text),
        _ => None,
    }
}

#[cfg(test)]
#[path = "effects/tests.rs"]
mod tests;
