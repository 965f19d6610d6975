//! `polkit-service-agent check`.

mod host;
mod never_asked;

use std::process::ExitCode;

use polkit_agent_rules::rule::{Rule, SessionKey};

use crate::{
    base::terminal,
    config::{Config, ExecPrincipal, Loaded, Origin, Serve, ServeTarget, advisories, load},
};

/// Reads the configuration and shows its problems, its files and its rules.
/// With `quiet` it shows only the problems.
pub async fn run(origin: &Origin, quiet: bool) -> ExitCode {
    let loaded = load(origin);
    terminal::report(&loaded.report);
    let Some(config) = &loaded.config else {
        terminal::error(
            "the configuration has errors: the agent would not start, and a running agent keeps its old configuration",
        );
        return ExitCode::FAILURE;
    };
    if quiet {
        return ExitCode::SUCCESS;
    }
    let of_host = [host::notes(config).await, never_asked::notes(config)].concat();
    terminal::print(&describe(&loaded, config, of_host));
    ExitCode::SUCCESS
}

fn describe(loaded: &Loaded, config: &Config, of_host: Vec<String>) -> String {
    let mut lines = vec!["Files, in the order of their rules:".to_owned()];
    for file in &loaded.files {
        let masked = file.instead_of.as_ref().map(|path| format!(" (instead of {})", path.display()));
        let empty = if file.masks() { " (empty)" } else { "" };
        lines.push(format!("  {}{empty}{}", file.path.display(), masked.unwrap_or_default()));
    }
    lines.push(if config.serve.is_empty() { "Nothing is served." } else { "Served:" }.to_owned());
    lines.extend(config.serve.iter().map(|serve| format!("  {}", line_of_entry(serve))));
    lines.push(match config.rules.as_slice() {
        [] => "There are no rules: every request is refused.".to_owned(),
        _ => "Rules, in their order; the first match wins. A request without a match is refused:".to_owned(),
    });
    lines.extend(config.rules.iter().map(|rule| format!("  {}", line_of(rule))));
    lines.extend(separations(config));
    lines.extend(advisories::of(config).into_iter().chain(of_host).map(|note| format!("note: {note}")));
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

/// An entry with its way, and the users of `exec`.
fn line_of_entry(serve: &Serve) -> String {
    let way = if serve.by_hook { " (hook)" } else { "" };
    let ServeTarget::Exec(principals) = &serve.target else { return format!("{}{way}", serve.target) };
    let name = |principal: &ExecPrincipal| match principal {
        ExecPrincipal::User(user) => user.name.clone(),
        ExecPrincipal::Group(group) => format!("@{}", group.name),
    };
    format!("{} by {}", serve.target, principals.iter().map(name).collect::<Vec<_>>().join(", "))
}

/// A rule with all its conditions, on one line.
fn line_of(rule: &Rule) -> String {
    let actions: Vec<String> = rule.actions.iter().map(ToString::to_string).collect();
    let session = rule.session.as_ref().map(|session| match session {
        SessionKey::None => "none".to_owned(),
        SessionKey::Active => "active".to_owned(),
        SessionKey::Inactive => "inactive".to_owned(),
        SessionKey::Local => "local".to_owned(),
        SessionKey::Remote => "remote".to_owned(),
        SessionKey::Class(class) => class.clone(),
    });
    let conditions = [
        ("unit", rule.unit.as_ref().map(ToString::to_string)),
        ("user", rule.user.as_ref().map(|user| user.name.clone())),
        ("group", rule.group.as_ref().map(|group| group.name.clone())),
        ("exe", rule.exe.as_ref().map(|exe| exe.display().to_string())),
        ("session", session),
        ("seat", rule.seat.as_ref().map(ToString::to_string)),
        ("at_most", rule.at_most.map(|most| format!("{} in {} s", most.times, most.per.as_secs()))),
    ];
    let mut shown: Vec<String> =
        conditions.into_iter().filter_map(|(key, value)| Some(format!("{key} {}", value?))).collect();
    shown.extend(rule.details.iter().map(|(key, value)| format!("detail {key}={value}")));
    shown.extend((!rule.when.is_always()).then(|| "at certain times".to_owned()));
    let shown = if shown.is_empty() { "every subject".to_owned() } else { shown.join(", ") };
    format!("{} \"{}\": {} for {shown} ({})", rule.answer.word(), rule.id, actions.join(", "), rule.origin)
}

#[cfg(test)]
mod tests;
