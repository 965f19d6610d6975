//! The findings, for a person and as JSON. Everything in them may come from a process, a log or a pasted text, and is made
//! harmless here.

use polkit_config::escape::escape;
use serde_json::{Value, json};

use super::diagnose::Finding;
use super::facts::{Facts, Polkitd};
use super::fixes::Fix;

/// With everything hostile written out; a backslash stays single.
#[must_use]
pub fn safe(text: &str) -> String {
    escape(text).replace("\\\\", "\\")
}

/// The same for a text of several lines.
#[must_use]
pub fn safe_lines(text: &str) -> String {
    text.lines().map(safe).collect::<Vec<_>>().join("\n")
}

fn list(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| safe_lines(text)).collect()
}

/// As one object.
#[must_use]
pub fn json(findings: &[Finding], facts: &Facts) -> Value {
    let fix = |fix: &Fix| {
        json!({
            "id": fix.id, "manual": fix.manual, "root_equivalent": fix.root_equivalent, "commands": list(&fix.commands),
            "grants": safe(&fix.grants), "undo": list(&fix.undo),
        })
    };
    let finding = |finding: &Finding| {
        json!({
            "code": finding.code, "cause": safe(&finding.cause), "evidence": list(&finding.evidence),
            "fixes": finding.fixes.iter().map(fix).collect::<Vec<_>>(),
        })
    };
    json!({ "findings": findings.iter().map(finding).collect::<Vec<_>>(), "unseen": list(&facts.unseen) })
}

/// As text.
#[must_use]
pub fn text(findings: &[Finding], facts: &Facts, colour: bool) -> String {
    let bold = |text: &str| if colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut out = String::new();
    if findings.is_empty() {
        out.push_str(&format!("{}{}\n", bold("nothing wrong"), content(facts)));
    }
    for (number, finding) in findings.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        out.push_str(&format!("{}  {}\n", bold(finding.code), safe(&finding.cause)));
        finding.evidence.iter().for_each(|line| out.push_str(&format!("  - {}\n", safe(line))));
        for fix in &finding.fixes {
            let manual = if fix.manual { ", by hand" } else { "" };
            let root = if fix.root_equivalent { "; as good as root" } else { "" };
            out.push_str(&format!("\n  {}{manual}: grants {}{root}\n", bold(fix.id), safe(&fix.grants)));
            indented(&mut out, "    ", &fix.commands);
            if !fix.undo.is_empty() {
                out.push_str("    to undo it:\n");
                indented(&mut out, "      ", &fix.undo);
            }
        }
    }
    if findings.iter().any(|finding| finding.fixes.iter().any(|fix| !fix.manual)) {
        out.push_str("\n--fix ID carries one of these out (the first of that name), and looks again.\n");
    }
    if !facts.unseen.is_empty() {
        out.push_str(&format!("\n{}\n", bold("Not seen")));
        facts.unseen.iter().for_each(|what| out.push_str(&format!("  {}\n", safe(what))));
    }
    out
}

fn indented(out: &mut String, blanks: &str, texts: &[String]) {
    for line in texts.iter().flat_map(|text| text.lines()) {
        out.push_str(&format!("{blanks}{}\n", safe(line)));
    }
}

/// What is well.
fn content(facts: &Facts) -> String {
    let mut text = String::new();
    if let Polkitd::Answers { version, .. } = &facts.polkitd {
        text.push_str(&format!("; polkit {} answers", safe(version)));
    }
    if let Some(daemon) = facts.daemon().filter(|daemon| daemon.sockets.iter().any(|socket| socket.listened)) {
        text.push_str(&format!("; {} listens", daemon.name));
    }
    if let (Some(subject), Some(answer)) = (&facts.subject, &facts.answer) {
        if answer.is_yes() {
            text.push_str(&format!("; {} may do {} now", safe(&subject.user), safe(&answer.action)));
        } else if facts.agent.verdict.as_deref() == Some("allow") {
            text.push_str(&format!("; polkit-service-agent allows {} {}", safe(&subject.user), safe(&answer.action)));
        }
    }
    if facts.reported.is_some() {
        text.push_str("; the error is of before, or about somebody else (--user, --unit, --pid)");
    }
    text
}
