//! The text output of `explain`.

use polkit_config::escape::escape;

use super::suggest::{Suggestion, in_session, place};
use crate::implicit_authorization::ImplicitAuthorization;
use crate::verdict::{AccessRequest, DeciderKind, Evaluator, Outcome, Verdict};

/// Formats the whole explanation.
pub(super) fn text(
    evaluator: &Evaluator,
    access_request: &AccessRequest,
    verdict: &Verdict,
    suggestions: &[Suggestion],
    mechanism: &[String],
    colour: bool,
) -> String {
    let bold = |text: &str| if colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut out = format!("{}  {}\n", bold(verdict.outcome.text()), meaning(verdict.outcome));
    out.push_str(&format!(
        "  {} for {}{} {}\n",
        escape(&access_request.action),
        escape(&access_request.user),
        access_request
            .system_unit
            .as_ref()
            .and_then(Option::as_ref)
            .map_or_else(String::new, |unit| format!(" of {}", escape(unit))),
        in_session(access_request.session)
    ));
    if let Some(decider) = &verdict.decided_by {
        let what = match decider.kind {
            DeciderKind::Rule => "a rule",
            DeciderKind::Pkla => "a pkla entry",
            DeciderKind::Implicit => "the implicit authorization of the action",
            DeciderKind::Root => "the user is root",
        };
        let by = decider
            .by_action
            .as_ref()
            .map_or_else(String::new, |action| format!(" for {}, which implies it", escape(action)));
        let grant =
            decider.grant.as_ref().map_or_else(String::new, |grant| format!(", the grant \"{}\"", escape(grant)));
        let place = place(decider).map_or_else(String::new, |place| format!(": {place}"));
        out.push_str(&format!("  decided by {what}{grant}{by}{place}\n"));
    }
    if let Some(why) = &verdict.ends_polkitd {
        out.push_str(&format!("  polkitd itself ends, for all users of the host: {}\n", escape(why)));
    }
    let mut part = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            out.push_str(&format!("\n{}\n", bold(title)));
            lines.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
        }
    };
    part("Depends on", verdict.depends_on.iter().map(|what| escape(what)).collect());
    let step = |step: &crate::verdict::Step| {
        let file = step.file.as_ref().map_or_else(String::new, |file| match step.line {
            Some(line) => format!("  {}:{line}", escape(file)),
            None => format!("  {}", escape(file)),
        });
        format!("{:<10}{}{file}", escape(&step.by), escape(&step.says))
    };
    part(&format!("Steps of polkit {}", evaluator.target().version), verdict.steps.iter().map(step).collect());
    part("Mechanism", mechanism.to_vec());
    part("Never reached", evaluator.never_reached(verdict).into_iter().map(escape).collect());
    let skipped = evaluator.skipped().iter().map(|skipped| match skipped.line {
        Some(line) => format!("{}:{line}: {}", escape(&skipped.file), escape(&skipped.why.to_string())),
        None => format!("{}: {}", escape(&skipped.file), escape(&skipped.why.to_string())),
    });
    part("Not read", skipped.collect());
    let suggestion = |suggestion: &Suggestion| {
        let because = suggestion.because.as_ref().map_or_else(String::new, |because| format!(" ({because})"));
        let command = suggestion.command.as_ref().map_or_else(String::new, |command| format!("\n    {command}"));
        format!("{}{because}{command}", suggestion.change)
    };
    let title = if verdict.outcome == Outcome::Unregistered { "Did you mean" } else { "Changes that would allow it" };
    part(title, suggestions.iter().map(suggestion).collect());
    out
}

fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Result(ImplicitAuthorization::Yes) => "allowed",
        Outcome::Result(ImplicitAuthorization::No) => "refused",
        Outcome::Result(ImplicitAuthorization::AuthSelf | ImplicitAuthorization::AuthSelfKeep) => {
            "the user must authenticate; refused without a registered agent, for example for a service"
        }
        Outcome::Result(ImplicitAuthorization::AuthAdmin | ImplicitAuthorization::AuthAdminKeep) => {
            "an administrator must authenticate; refused without a registered agent, for example for a service"
        }
        Outcome::Unregistered => "an error: no .policy file of this polkit defines the action",
        Outcome::Depends => "cannot be predicted",
    }
}
