//! One rule with tables, for many grants.
//!
//! The grants are a table: for each action and each name, it has the number of the first grant with this name. polkitd looks up the
//! user and each of the user's groups, so a check takes the same time with ten grants or ten thousand. The lowest number found is
//! the first applicable grant. Action patterns are found by their prefix; there are only few prefix lengths. If grants have details
//! or other conditions, a name has a list of numbers, and the first applicable one counts. Grants for every user have such a list of
//! their own. Netgroups of an action are checked one by one, as long as they
//! can give an earlier grant.
//!
//! Keys start with `$`, so that no name equals a property of every object (`__proto__`, `toString`). They are looked up as own
//! properties, so additions of other rules files to `Object.prototype` are not found.

use std::collections::{BTreeMap, BTreeSet};

use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::table::Spanned;

use super::action_pattern::{beginning, expression};
use super::quote::{comment, javascript};
use super::script::{DECIDE, FIND};
use crate::policy::{Detail, Grant, SessionScope};

/// Limit of names and values in one function: Duktape allows 65,535 constants in a function and drops the whole file if there are
/// more.
const PART: usize = 10_000;

/// The grants of a name: those with conditions, up to the first without.
#[derive(Default)]
struct Numbers {
    list: Vec<usize>,
    is_complete: bool,
}

impl Numbers {
    fn add(&mut self, number: usize, grant: &Grant) {
        // A grant may list a name twice.
        if !self.is_complete && self.list.last() != Some(&number) {
            self.list.push(number);
            self.is_complete = grant.has_no_conditions();
        }
    }

    fn to_javascript(&self) -> String {
        match self.list.as_slice() {
            [one] if self.is_complete => one.to_string(),
            several => format!("[{}]", several.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// The users, groups and netgroups in the grants of an action or action pattern, and the grants for every user.
struct Names<'a> {
    pattern: &'a ActionPattern,
    tables: [BTreeMap<&'a str, Numbers>; 3],
    everybody: Numbers,
}

/// A line of a table: its weight in constants, its text, and a comment.
pub(crate) struct Line {
    pub(crate) weight: usize,
    pub(crate) text: String,
    pub(crate) comment: Option<String>,
}

/// Generates the functions, the tables and the rule. The same grants give the same bytes.
#[must_use]
pub(super) fn emit(grants: &[&Grant]) -> String {
    let mut names: BTreeMap<&str, Names<'_>> = BTreeMap::new();
    for (number, grant) in grants.iter().enumerate() {
        for action in &grant.actions {
            let pattern = &action.value;
            let new = || Names { pattern, tables: Default::default(), everybody: Numbers::default() };
            let of_action = names.entry(pattern.as_str()).or_insert_with(new);
            let subjects = &grant.subjects;
            let named = [&subjects.users, &subjects.groups, &subjects.netgroups];
            for (table, named) in of_action.tables.iter_mut().zip(named) {
                for name in named {
                    table.entry(&name.value).or_default().add(number, grant);
                }
            }
            if subjects.everybody {
                of_action.everybody.add(number, grant);
            }
        }
    }
    let mut out = FIND.to_owned();
    add(&mut out, "addGrants", grants.iter().enumerate().map(|(number, grant)| grant_line(number, grant)));
    add(&mut out, "addNames", names.iter().flat_map(|(action, names)| name_lines(action, names)));
    let patterns: Vec<&ActionPattern> = names.values().map(|names| names.pattern).filter(|p| !p.is_exact()).collect();
    add(&mut out, "addPatterns", patterns.iter().map(|pattern| pattern_line(pattern)));
    let lengths: BTreeSet<usize> = patterns.iter().map(|pattern| beginning(pattern).len()).collect();
    let lengths: Vec<String> = lengths.iter().map(usize::to_string).collect();
    out.push_str(&format!("    lengths = [{}];\n{DECIDE}", lengths.join(", ")));
    out
}

/// Adds calls of `function` with these lines, split so that no call exceeds the limit of the engine.
pub(crate) fn add(out: &mut String, function: &str, lines: impl Iterator<Item = Line>) {
    let mut lines = lines.peekable();
    while lines.peek().is_some() {
        out.push_str(&format!("    {function}((function () {{\n        return ["));
        let mut room = PART;
        let mut first = true;
        while let Some(line) = lines.next_if(|line| first || line.weight <= room) {
            room = room.saturating_sub(line.weight);
            first = false;
            let follows = lines.peek().is_some_and(|next| next.weight <= room);
            let comma = if follows { "," } else { "" };
            let comment = line.comment.map_or_else(String::new, |comment| format!(" // {comment}"));
            out.push_str(&format!("\n            {}{comma}{comment}", line.text));
        }
        out.push_str("\n        ];\n    }()));\n");
    }
}

fn grant_line(number: usize, grant: &Grant) -> Line {
    let [any, inactive, active] = grant.results.all().map(|answer| javascript(answer.text()));
    let mut text = format!("{{any: {any}, inactive: {inactive}, active: {active}");
    if !grant.details.is_empty() {
        let details: Vec<String> = grant.details.iter().map(detail).collect();
        text.push_str(&format!(", details: [{}]", details.join(", ")));
    }
    let subjects = &grant.subjects;
    if !subjects.units.is_empty() {
        text.push_str(&format!(", units: {{{}}}", values(&subjects.units)));
    }
    if subjects.no_new_privileges {
        text.push_str(", noNewPrivileges: true");
    }
    if subjects.session != SessionScope::Any {
        text.push_str(&format!(", session: {}", javascript(subjects.session.text())));
    }
    text.push('}');
    let values: usize = grant.details.iter().map(|detail| detail.values.len()).sum();
    Line {
        weight: 1 + values + subjects.units.len(),
        text,
        comment: Some(format!("{number}: {}", comment(&grant.label))),
    }
}

fn detail(detail: &Detail) -> String {
    format!("{{key: {}, {}}}", javascript(&detail.key.value), values(&detail.values))
}

/// Formats exact values, and patterns split at their stars.
fn values(known: &[Spanned<Glob>]) -> String {
    let (exact, patterns): (Vec<_>, Vec<_>) = known.iter().map(|value| &value.value).partition(|v| v.is_exact());
    let exact: BTreeSet<&str> = exact.into_iter().map(Glob::as_str).collect();
    let patterns: BTreeSet<&str> = patterns.into_iter().map(Glob::as_str).collect();
    let exact: Vec<String> = exact.into_iter().map(|value| format!("{}: true", key(value))).collect();
    let cut = |pattern: &str| format!("[{}]", pattern.split('*').map(javascript).collect::<Vec<_>>().join(", "));
    let patterns: Vec<String> = patterns.into_iter().map(cut).collect();
    format!("exact: {{{}}}, patterns: [{}]", exact.join(", "), patterns.join(", "))
}

/// Formats the names of an action, split into lines within the limit.
fn name_lines(action: &str, names: &Names<'_>) -> Vec<Line> {
    let tables = names.tables.iter().enumerate();
    let all: Vec<(usize, &str, &Numbers)> =
        tables.flat_map(|(kind, table)| table.iter().map(move |(name, numbers)| (kind, *name, numbers))).collect();
    let everybody = if names.everybody.list.is_empty() {
        String::new()
    } else {
        format!(",\n                everybody: {}", names.everybody.to_javascript())
    };
    let line = |part: &[(usize, &str, &Numbers)]| {
        let table = |wanted: usize| {
            let own = part.iter().filter(|(kind, ..)| *kind == wanted);
            let pairs: Vec<String> =
                own.map(|(_, name, numbers)| format!("{}: {}", key(name), numbers.to_javascript())).collect();
            format!("{{{}}}", pairs.join(", "))
        };
        let (users, groups, netgroups) = (table(0), table(1), table(2));
        let text = format!(
            "{{\n                action: {},\n                users: {users},\n                groups: {groups},\n                \
             netgroups: {netgroups}{everybody}\n            }}",
            javascript(action)
        );
        Line { weight: part.len() + names.everybody.list.len(), text, comment: None }
    };
    if all.is_empty() { vec![line(&[])] } else { all.chunks(PART).map(line).collect() }
}

/// Formats a pattern with its prefix, and with a regular expression if the prefix does not suffice.
fn pattern_line(pattern: &ActionPattern) -> Line {
    let (text, begins) = (pattern.as_str(), beginning(pattern));
    let expression = if text.strip_suffix('*') == Some(begins) { "null".to_owned() } else { expression(text) };
    let text = format!("{{begins: {}, pattern: {}, expression: {expression}}}", javascript(begins), javascript(text));
    Line { weight: 3, text, comment: None }
}

pub(crate) fn key(name: &str) -> String {
    javascript(&format!("${name}"))
}
