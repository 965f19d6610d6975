//! Searches the one condition that keeps a rule or a pkla entry from allowing the request: evaluates the request with each condition
//! changed.

use polkit_config::report::Source;

use super::files::names_action;
use crate::doctor::facts::{NearCondition, NearMiss};
use crate::failure::Failure;
use crate::implicit_authorization::ImplicitAuthorization;
use crate::lint::read::Script;
use crate::lint::switches::{self, Condition};
use crate::tree::Tree;
use crate::verdict::{AccessRequest, Evaluator, Outcome};

/// Limit of the evaluated conditions, and of the pkla entries.
const CONDITIONS_MAX: usize = 200;
/// Limit of the conditions that are reported.
const FOUND_MAX: usize = 3;
/// The path of the file that reads the switches: its name is before all others.
const FIRST: &str = "etc/polkit-1/rules.d/!switches.rules";
/// Length limit of a condition in a message, in characters.
const TEXT_MAX: usize = 100;

/// Finds the conditions for a request that is not allowed; `outcome` is its outcome.
pub(super) fn find(
    evaluator: &mut Evaluator,
    tree: &Tree,
    request: &AccessRequest,
    outcome: &Outcome,
) -> Result<Vec<NearMiss>, Failure> {
    let mut found = in_rules(evaluator, tree, request, outcome)?;
    let entries = evaluator.near_entries(request, CONDITIONS_MAX)?.into_iter();
    found.extend(entries.map(|entry| NearMiss {
        place: format!("{}:{}", entry.file, entry.line),
        condition: NearCondition::Entry(entry.obstacle),
    }));
    found.truncate(FOUND_MAX);
    Ok(found)
}

fn in_rules(
    evaluator: &Evaluator,
    tree: &Tree,
    request: &AccessRequest,
    outcome: &Outcome,
) -> Result<Vec<NearMiss>, Failure> {
    let read = |path: &&str| {
        let text = tree.read_text(path.trim_start_matches('/')).ok()?;
        Some(Source::new(*path, text))
    };
    let mut sources: Vec<Source> = evaluator.rules_files().iter().filter_map(read).collect();
    // Files that name the action count before the limit is reached.
    sources.sort_by_key(|source| !names_action(source.text(), &request.action));
    let mut changed = vec![(FIRST.to_owned(), switches::FILE.to_owned())];
    let mut all: Vec<(&Source, Condition)> = Vec::new();
    for source in &sources {
        let conditions = switches::conditions(&Script::of(source.text()), CONDITIONS_MAX - all.len());
        if !conditions.is_empty() {
            let text = switches::switched(source.text(), &conditions, all.len());
            changed.push((source.name().trim_start_matches('/').to_owned(), text));
            all.extend(conditions.into_iter().map(|condition| (source, condition)));
        }
    }
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let mut switched = evaluator.with_changes(tree, &changed, &[]);
    // A file that notices the change has no conclusive conditions.
    if switched.verdict(request)?.outcome != *outcome {
        return Ok(Vec::new());
    }
    let with = |number: usize| {
        let mut request = request.clone();
        request.details.insert(switches::DETAIL.to_owned(), number.to_string());
        request
    };
    let verdicts = switched.verdicts(&(0..all.len()).map(with).collect::<Vec<_>>())?;
    let yes = Outcome::Result(ImplicitAuthorization::Yes);
    let near = all.into_iter().zip(verdicts).filter(|(_, verdict)| verdict.outcome == yes);
    Ok(near.map(|((source, condition), _)| miss(source, condition)).collect())
}

fn miss(source: &Source, condition: Condition) -> NearMiss {
    let text = source.text().get(condition.span.clone()).unwrap_or_default();
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > TEXT_MAX {
        text = text.chars().take(TEXT_MAX - 1).chain(['…']).collect();
    }
    NearMiss {
        place: format!("{}:{}", source.name(), source.position(condition.span.start).0),
        condition: NearCondition::Rule { text, wanted: condition.wanted, reads: condition.reads.into_iter().collect() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::switches::Reading;

    #[test]
    fn a_condition_is_shown_on_one_line_with_its_place() {
        let text = "first\n  a &&\n  b;\n";
        let source = Source::new("/etc/x.rules", text);
        let reads = [Reading::Group("vm".to_owned())];
        let condition = Condition { span: 8..16, wanted: true, reads: reads.clone().into() };
        let found = miss(&source, condition);
        assert_eq!(found.place, "/etc/x.rules:2");
        let expected = NearCondition::Rule { text: "a && b".to_owned(), wanted: true, reads: reads.to_vec() };
        assert_eq!(found.condition, expected);
    }

    #[test]
    fn a_long_condition_is_shortened() {
        for (length, expected) in [(100, "x".repeat(100)), (101, format!("{}…", "x".repeat(99)))] {
            let source = Source::new("x", "x".repeat(length));
            let condition = Condition { span: 0..length, wanted: false, reads: [].into() };
            let expected = NearCondition::Rule { text: expected, wanted: false, reads: Vec::new() };
            assert_eq!(miss(&source, condition).condition, expected, "{length}");
        }
    }
}
