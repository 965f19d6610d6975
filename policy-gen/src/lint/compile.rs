//! Why a script most likely does not compile. The engine says no more than where it gave up.

use super::read::Script;
use super::script::Kind;

/// A usual mistake.
#[derive(Debug)]
pub struct Why {
    /// A sentence about it.
    pub message: String,
    /// What to do, where that is something else than what the code says.
    pub help: Option<&'static str>,
}

/// The mistake in or before this line, counted from 1; `None` where it is none of the usual ones.
#[must_use]
pub fn why(source: &str, line: usize) -> Option<Why> {
    let before: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let text = source.get(before..)?.lines().next().unwrap_or_default();
    if text.trim_start().starts_with('#') {
        let message = "`#` begins no comment".to_owned();
        return Some(Why { message, help: Some("begin it with `//`") });
    }
    let script = Script::of(source);
    let of_line = before..before + text.len();
    let is_here = |at: &usize| script.tokens.get(*at).is_some_and(|token| of_line.contains(&token.span.start));
    let here = || (0..script.tokens.len()).filter(is_here);
    if let Some(newer) = here().find_map(|at| newer(&script, at)) {
        return Some(Why { message: format!("{newer} is newer than ECMAScript 5"), help: None });
    }
    let bare = |at: &usize| matches!(script.word(*at), "if" | "while") && script.sign(at + 1) != Some('(');
    if let Some(at) = here().find(bare) {
        let message = format!("the condition of `{}` needs parentheses", script.word(at));
        return Some(Why { message, help: Some("put `(` and `)` around it") });
    }
    brackets(&script, source)
        .map(|message| Why { message, help: Some("add the bracket that is missing, or take away the one too many") })
}

fn newer(script: &Script<'_>, at: usize) -> Option<&'static str> {
    let token = script.tokens.get(at)?;
    let next = script.tokens.get(at + 1);
    match (&token.kind, script.word(at)) {
        (Kind::Sign('='), _)
            if script.sign(at + 1) == Some('>') && next.is_some_and(|next| next.span.start == token.span.end) =>
        {
            Some("an arrow function")
        }
        (Kind::Other, _) if script.source_of(at).starts_with('`') => Some("a template in backquotes"),
        (Kind::Word, "let") if next.is_some_and(|next| next.kind == Kind::Word) => Some("`let`"),
        (Kind::Word, "class") => Some("`class`"),
        (Kind::Word, "async" | "await") => Some("`async`"),
        (Kind::Word, "of") if at.checked_sub(1).is_some_and(|before| !script.word(before).is_empty()) => {
            Some("`for … of`")
        }
        _ => None,
    }
}

/// The first bracket that has no other end, or another one's.
fn brackets(script: &Script<'_>, source: &str) -> Option<String> {
    let line_of = |at: usize| {
        let start = script.tokens.get(at).map_or(0, |token| token.span.start);
        source.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
    };
    let mut open: Vec<(char, usize)> = Vec::new();
    for at in 0..script.tokens.len() {
        let Some(sign) = script.sign(at) else { continue };
        let opens = match sign {
            '(' | '[' | '{' => {
                open.push((sign, at));
                continue;
            }
            ')' => '(',
            ']' => '[',
            '}' => '{',
            _ => continue,
        };
        match open.pop() {
            Some((known, _)) if known == opens => {}
            Some((known, from)) => return Some(format!("the `{known}` of line {} is not closed", line_of(from))),
            None => return Some(format!("the `{sign}` of line {} closes nothing", line_of(at))),
        }
    }
    open.pop().map(|(known, from)| format!("the `{known}` of line {} is not closed", line_of(from)))
}
