//! The keys `between`, `days`, `until` and `at_most` of a rule.

use std::str::FromStr;

use polkit_agent_rules::{
    facts::Truth,
    rule::{AtMost, Rule},
    schedule::{DAYS, Until, When},
};
use polkit_config::{
    report::{Problem, Report},
    table::{Spanned, Table},
};

use crate::base::clock::now;

/// Reads the four keys of one rule.
pub(super) fn read(table: &mut Table, report: &mut Report) -> (When, Option<AtMost>) {
    let between = table.string("between", report).and_then(|text| parsed("between", text, report));
    let days = table.strings("days", report).unwrap_or_default();
    let days = days.into_iter().filter_map(|word| day(word, report)).collect();
    let until = table.date("until", report).and_then(|text| {
        let at = text.at.clone();
        let until: Until = parsed("until", text, report)?;
        if now().is(|now| until.is_past(now)) == Truth::True {
            let problem = Problem::warning(at, format!("`until` expired on {until}: the rule never applies"));
            report.push(problem.help("remove the rule, or set a later end"));
        }
        Some(until)
    });
    let at_most = table.string("at_most", report).and_then(|text| parsed("at_most", text, report));
    (When { between, days, until }, at_most)
}

fn parsed<T: FromStr<Err = &'static str>>(key: &str, text: Spanned<String>, report: &mut Report) -> Option<T> {
    match text.value.parse() {
        Ok(value) => Some(value),
        Err(help) => {
            report.push(Problem::error(text.at, format!("`{key}` cannot be `{}`", text.value)).help(help));
            None
        }
    }
}

fn day(word: Spanned<String>, report: &mut Report) -> Option<jiff::civil::Weekday> {
    let known = DAYS.into_iter().find(|(name, _)| *name == word.value);
    if known.is_none() {
        let help = format!("the days are {}", DAYS.map(|(name, _)| name).join(", "));
        report.push(Problem::error(word.at, format!("unknown day `{}`", word.value)).help(help));
    }
    known.map(|(_, day)| day)
}

/// Warns about limits without effect.
pub(super) fn warn(rule: &Rule, at: &polkit_config::report::Location, report: &mut Report) {
    if !rule.answer.grants() {
        if rule.at_most.is_some() {
            let problem = Problem::warning(at.clone(), "`at_most` has no effect on a rule that refuses");
            report.push(problem.help("remove it: a rule that refuses has no limit"));
        }
        return;
    }
    if rule.unbound && !(rule.when.is_always() && rule.at_most.is_none()) {
        let message = format!("a grant of `{}` may outlive its limits", rule.id);
        let help = "without an [[agent]] of polkit-policy-gen, polkit keeps an authorization for up to 5 minutes if the implicit \
                    authorization is auth_…_keep, and does not challenge the agent in that time";
        report.push(Problem::warning(at.clone(), message).help(help));
    }
}
