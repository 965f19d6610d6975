//! `polkit-service-agent check`.

use std::process::ExitCode;

use polkit_agent_rules::rule::Rule;

use crate::{
    base::terminal,
    config::{Config, Loaded, Origin, advisories, load},
};

/// Reads the configuration and shows its problems, its files and its rules.
#[must_use]
pub fn run(origin: &Origin) -> ExitCode {
    let loaded = load(origin);
    terminal::report(&loaded.report);
    let Some(config) = &loaded.config else {
        terminal::error(
            "the configuration has errors: the agent would not start, and a running agent keeps its old configuration",
        );
        return ExitCode::FAILURE;
    };
    terminal::print(&describe(&loaded, config));
    ExitCode::SUCCESS
}

fn describe(loaded: &Loaded, config: &Config) -> String {
    let mut lines = vec!["Files, in the order of their rules:".to_owned()];
    for file in &loaded.files {
        let masked = file.instead_of.as_ref().map(|path| format!(" (instead of {})", path.display()));
        let empty = if file.masks() { " (empty)" } else { "" };
        lines.push(format!("  {}{empty}{}", file.path.display(), masked.unwrap_or_default()));
    }
    lines.push("Served:".to_owned());
    lines.extend(config.serve.iter().map(|serve| format!("  {}", serve.target)));
    lines.push("Rules, in their order; the first match wins. A request without a match is refused:".to_owned());
    lines.extend(config.rules.iter().map(|rule| format!("  {}", line_of(rule))));
    lines.extend(separations(config));
    lines.extend(advisories::of(config).into_iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

/// How well each grant to a unit keeps out other processes of its user.
fn separations(config: &Config) -> Vec<String> {
    let grants = config.rules.iter().filter(|rule| rule.answer.grants());
    let mut lines: Vec<String> = grants
        .filter_map(|rule| Some((rule, rule.unit.as_ref()?)))
        .flat_map(|(rule, unit)| {
            let facts = config.host.describe(unit, rule.user.as_ref());
            let named = std::iter::once(format!("  \"{}\", {unit}:", rule.id));
            named.chain(facts.into_iter().map(|fact| format!("    {fact}"))).collect::<Vec<_>>()
        })
        .collect();
    if !lines.is_empty() {
        let head = "A unit separates programs, but does not stop an attacker: code that runs as the unit's user can enter the unit.";
        lines.insert(0, head.to_owned());
    }
    lines
}

fn line_of(rule: &Rule) -> String {
    let actions: Vec<String> = rule.actions.iter().map(ToString::to_string).collect();
    format!("{} \"{}\": {} ({})", rule.answer.word(), rule.id, actions.join(", "), rule.origin)
}
