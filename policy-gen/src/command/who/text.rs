//! The text output of `who`, in lines of at most 80 columns.

use polkit_config::escape::escape;

use super::people::People;
use super::{Found, is_of_root, words};
use crate::explore::Condition;
use crate::implicit_authorization::ImplicitAuthorization;
use crate::verdict::wire::KnownFact;
use crate::verdict::{Decider, DeciderKind, Outcome};

/// The columns of a line.
const WIDTH: usize = 80;
/// The lines that are shown for one result of one rule.
const LINES_MAX: usize = 20;
/// The conditions of one result that are simplified; more are shown as they are.
const SIMPLE_MAX: usize = 200;
/// The names that are shown in a line.
const NAMES_MAX: usize = 12;
const REMAINDER: &str = "everybody else, also services and remote sessions";

/// Formats an action.
pub(super) fn text(found: &Found, people: &People, host: bool) -> String {
    let mut out = wrapped(&escape(&found.action), "");
    if let Some(how) = found.way_to_root() {
        out.push_str(&wrapped(&format!("root-equivalent: {how}"), "  "));
    }
    let groups = groups(&found.exploration.conditions);
    for (place, (condition, facts)) in groups.iter().enumerate() {
        let is_rest = place > 0;
        let mut lines: Vec<String> = Vec::new();
        // What no other line describes, in several kinds of sessions.
        let is_remainder = is_rest && place + 1 == groups.len() && is_implicit(condition) && facts.len() > 1;
        if is_remainder {
            lines.push(REMAINDER.to_owned());
        }
        for facts in facts.iter().filter(|_| !is_remainder) {
            let one = Condition { all: facts.clone(), ..(*condition).clone() };
            let names = people.of_condition(&one, host);
            let line = words::facts(facts, is_rest, &listed(&names));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let ends = if condition.ends_polkitd.is_some() { ": polkitd itself ends" } else { "" };
        let result = words::result(condition.outcome);
        let by =
            condition.decided_by.as_ref().and_then(decided_by).map_or_else(String::new, |by| format!(" \u{2013} {by}"));
        for line in lines.iter().take(LINES_MAX) {
            out.push_str(&wrapped(&format!("{result}{ends}: {line}{by}"), "  "));
        }
        if lines.len() > LINES_MAX {
            let more = format!("{result}: {} more conditions, which --json lists{by}", lines.len() - LINES_MAX);
            out.push_str(&wrapped(&more, "  "));
        }
    }
    for remark in &found.exploration.incomplete {
        let place = match (&remark.file, remark.line) {
            (Some(file), Some(line)) => format!(" \u{2013} {}:{line}", name(file)),
            (Some(file), None) => format!(" \u{2013} {}", name(file)),
            _ => String::new(),
        };
        out.push_str(&wrapped(&format!("incomplete: {}{place}", escape(&remark.why)), "  "));
    }
    out
}

/// Groups conditions by result and decider, in the order of a reader: yes first, and the implicit authorizations last.
fn groups(conditions: &[Condition]) -> Vec<(&Condition, Vec<Vec<KnownFact>>)> {
    let mut groups: Vec<(&Condition, Vec<&Condition>)> = Vec::new();
    // That root is allowed everything is so of every action.
    for condition in conditions.iter().filter(|condition| !is_of_root(condition) || is_decided_for_root(condition)) {
        let same = |(known, _): &&mut (&Condition, Vec<&Condition>)| {
            (known.outcome, &known.decided_by, known.ends_polkitd.is_some())
                == (condition.outcome, &condition.decided_by, condition.ends_polkitd.is_some())
        };
        match groups.iter_mut().find(same) {
            Some((_, all)) => all.push(condition),
            None => groups.push((condition, vec![condition])),
        }
    }
    groups.sort_by_key(|(condition, _)| (is_implicit(condition), order(condition.outcome)));
    let of_group = |(first, all): (_, Vec<&Condition>)| {
        let facts = if is_implicit(first) { rest(&all) } else { simplest(&all) };
        (first, facts)
    };
    groups.into_iter().map(of_group).collect()
}

fn is_implicit(condition: &Condition) -> bool {
    condition.decided_by.as_ref().is_some_and(|decider| decider.kind == DeciderKind::Implicit)
}

fn is_decided_for_root(condition: &Condition) -> bool {
    condition.decided_by.as_ref().is_some_and(|decider| decider.kind != DeciderKind::Root)
}

fn order(outcome: Outcome) -> usize {
    let all = ImplicitAuthorization::ALL.map(Outcome::Result);
    all.iter().position(|known| *known == outcome).unwrap_or(all.len())
}

/// Of the implicit authorizations, only the session matters: they apply to all subjects that no rule decides about.
fn rest(all: &[&Condition]) -> Vec<Vec<KnownFact>> {
    let is_of_session = |known: &&KnownFact| {
        known.fact.value.is_none() && matches!(known.fact.kind.as_str(), "local" | "active" | "session" | "seat")
    };
    let mut facts: Vec<Vec<KnownFact>> =
        all.iter().map(|condition| condition.all.iter().filter(is_of_session).cloned().collect()).collect();
    facts.sort_by_key(Vec::len);
    let mut kept: Vec<Vec<KnownFact>> = Vec::new();
    for facts in facts {
        if !kept.iter().any(|known| known.iter().all(|fact| facts.contains(fact))) {
            kept.push(facts);
        }
    }
    kept
}

/// Leaves out what only keeps conditions of one result apart from each other: `members of a` and `members of b, not in a` become
/// `members of a` and `members of b`.
fn simplest(all: &[&Condition]) -> Vec<Vec<KnownFact>> {
    if all.len() > SIMPLE_MAX {
        return all.iter().map(|condition| condition.all.clone()).collect();
    }
    let known: Vec<&Vec<KnownFact>> = all.iter().map(|condition| &condition.all).collect();
    let shorter = |facts: &Vec<KnownFact>| {
        let mut facts = facts.clone();
        let mut place = 0;
        while let Some(fact) = facts.get(place).cloned() {
            let mut other = facts.clone();
            if let Some(fact) = other.get_mut(place) {
                fact.is = !fact.is;
            }
            let is_covered = !fact.is && known.iter().any(|one| one.iter().all(|fact| other.contains(fact)));
            if is_covered {
                facts.remove(place);
            } else {
                place += 1;
            }
        }
        facts
    };
    known.iter().map(|facts| shorter(facts)).collect()
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = names.iter().take(NAMES_MAX).map(|name| escape(name)).collect();
    let more = names.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(" ({}{more})", shown.join(", "))
}

fn decided_by(decider: &Decider) -> Option<String> {
    let by = decider.by_action.as_ref().map_or_else(String::new, |action| format!(", for {}", escape(action)));
    let file = decider.file.as_deref()?;
    Some(match decider.line {
        Some(line) => format!("{}:{line}{by}", name(file)),
        None => format!("{}{by}", name(file)),
    })
}

/// Returns the name of a file.
fn name(file: &str) -> String {
    escape(file.rsplit('/').next().unwrap_or(file))
}

/// Wraps a line, and indents what follows by two columns more.
fn wrapped(line: &str, indent: &str) -> String {
    let next = format!("{indent}    ");
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(indent)
        .subsequent_indent(&next)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    format!("{}\n", textwrap::wrap(line, options).join("\n"))
}
