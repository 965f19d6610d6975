//! Formats findings as text and as JSON. All texts may come from a process, a log or the caller, and are escaped here.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use polkit_config::escape::escape;
use serde_json::{Value, json};

use super::diagnose::{Finding, Level};
use super::facts::{Facts, Polkitd};
use super::fixes::Fix;

/// Escapes a text; a backslash stays single.
#[must_use]
pub fn safe(text: &str) -> String {
    escape(text).replace("\\\\", "\\")
}

/// Escapes a text of several lines.
#[must_use]
pub fn safe_lines(text: &str) -> String {
    text.lines().map(safe).collect::<Vec<_>>().join("\n")
}

fn list(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| safe_lines(text)).collect()
}

/// Formats the findings as a JSON object.
#[must_use]
pub fn json(findings: &[Finding], facts: &Facts) -> Value {
    let fix = |fix: &Fix| {
        json!({
            "id": fix.id, "manual": fix.manual, "root_equivalent": fix.root_equivalent, "commands": list(&fix.commands),
            "grants": safe(&fix.grants), "undo": list(&fix.undo), "expected": fix.expected.as_deref().map(safe),
        })
    };
    let finding = |finding: &Finding| {
        json!({
            "code": finding.code, "level": finding.level.text(), "cause": safe(&finding.cause), "evidence": list(&finding.evidence),
            "fixes": finding.fixes.iter().map(fix).collect::<Vec<_>>(),
        })
    };
    let recognized = facts.reported.as_ref().and_then(|reported| reported.recognized.as_ref());
    let mechanism = facts.mechanism.map(|known| known.name.as_str()).or(recognized.map(|known| known.mechanism));
    let details: BTreeMap<String, String> = facts.details.iter().map(|(key, value)| (safe(key), safe(value))).collect();
    let request = json!({
        "action": facts.action.as_deref().map(safe),
        "also": recognized.map(|known| list(known.also)).unwrap_or_default(),
        "details": details,
        "mechanism": mechanism,
        "user": facts.subject.as_ref().map(|subject| safe(&subject.user)),
        "unit": facts.subject.as_ref().and_then(|subject| subject.unit.as_deref()).map(safe),
    });
    json!({ "request": request, "findings": findings.iter().map(finding).collect::<Vec<_>>(), "unseen": list(&facts.unseen) })
}

/// How text is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Whether to use bold.
    pub colour: bool,
    /// The width of the terminal, in columns. Without a terminal no line is wrapped, so that each can be searched.
    pub width: Option<usize>,
}

impl Style {
    /// The style for standard output.
    #[must_use]
    pub fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        if !stdout.is_terminal() {
            return Self::default();
        }
        let size = rustix::termios::tcgetwinsize(&stdout).map(|size| usize::from(size.ws_col)).unwrap_or_default();
        let width = if size < NARROWEST { WIDTH } else { size };
        Self { colour: std::env::var_os("NO_COLOR").is_none(), width: Some(width) }
    }

    /// Wraps a paragraph whose first line begins with `start`; the other lines begin with `blanks`.
    fn wrap(self, start: &str, blanks: &str, text: &str) -> String {
        let Some(width) = self.width else { return format!("{start}{text}\n") };
        // A path or a command is never split, not even at its hyphens.
        let options = textwrap::Options::new(width)
            .initial_indent(start)
            .subsequent_indent(blanks)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        format!("{}\n", textwrap::wrap(text, options).join("\n"))
    }
}

/// The width of a terminal that does not tell it.
const WIDTH: usize = 80;
/// A terminal that says less is not believed.
const NARROWEST: usize = 40;

/// Formats the findings as text.
#[must_use]
pub fn text(findings: &[Finding], facts: &Facts, style: Style) -> String {
    let colour = style.colour;
    let bold = |text: &str| if colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut out = String::new();
    if findings.is_empty() && facts.lacks_rights() {
        out.push_str(&format!("{}: run this as root\n", bold("could not look everywhere")));
    } else if findings.is_empty() {
        out.push_str(&format!("{}{}\n", bold("no problem found"), content(facts)));
    }
    for (number, finding) in findings.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        let note = if finding.level == Level::Note { " (note)" } else { "" };
        let cause = format!("{}{note}  {}", bold(finding.code), safe(&finding.cause));
        out.push_str(&style.wrap("", "  ", &cause));
        finding.evidence.iter().for_each(|line| out.push_str(&style.wrap("  - ", "    ", &safe(line))));
        for fix in &finding.fixes {
            let manual = if fix.manual { ", by hand" } else { "" };
            let root = if fix.root_equivalent { "; root-equivalent" } else { "" };
            let grants = format!("{}{manual}: grants {}{root}", bold(fix.id), safe(&fix.grants));
            out.push_str(&format!("\n{}", style.wrap("  ", "    ", &grants)));
            if let Some(expected) = &fix.expected {
                out.push_str(&style.wrap(
                    "    ",
                    "    ",
                    &format!("With it, polkit's decision is {}.", safe(expected)),
                ));
            }
            indented(&mut out, "    ", &fix.commands);
            if !fix.undo.is_empty() {
                out.push_str("    to undo:\n");
                indented(&mut out, "      ", &fix.undo);
            }
        }
    }
    if findings.iter().any(|finding| finding.fixes.iter().any(|fix| !fix.manual)) {
        let how =
            "To apply a fix, repeat the command with --fix ID. You are asked first; afterwards the check is repeated.";
        out.push_str(&format!("\n{}", style.wrap("", "", how)));
    }
    if !facts.unseen.is_empty() {
        out.push_str(&format!("\n{}\n", bold("Not checked")));
        facts.unseen.iter().for_each(|what| out.push_str(&style.wrap("  ", "    ", &safe(what))));
    }
    out
}

fn indented(out: &mut String, blanks: &str, texts: &[String]) {
    for line in texts.iter().flat_map(|text| text.lines()) {
        out.push_str(&format!("{blanks}{}\n", safe(line)));
    }
}

/// Summarizes the state without findings.
fn content(facts: &Facts) -> String {
    let mut text = String::new();
    if let Polkitd::Answers { version, .. } = &facts.polkitd {
        text.push_str(&format!("; polkit {} answers", safe(version)));
    }
    if let Some(daemon) = facts.daemon().filter(|daemon| daemon.sockets.iter().any(|socket| socket.listened)) {
        text.push_str(&format!("; {} is listening", daemon.name));
    }
    if let (Some(subject), Some(answer)) = (&facts.subject, &facts.answer) {
        if answer.is_yes() {
            text.push_str(&format!("; {} may perform {}", safe(&subject.user), safe(&answer.action)));
        } else if facts.agent.verdict.as_deref() == Some("allow") {
            text.push_str(&format!("; polkit-service-agent allows {} {}", safe(&subject.user), safe(&answer.action)));
        }
    }
    if facts.reported.is_some() {
        text.push_str("; the error is older or concerns another subject (see --user, --unit, --pid)");
    }
    text
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
