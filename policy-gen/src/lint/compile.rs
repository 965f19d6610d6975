//! Finds the likely reason why a script does not compile. The engine reports only the place.

use super::read::Script;
use super::script::TokenKind;

/// A common mistake.
#[derive(Debug)]
pub struct CompileError {
    /// The mistake, as a sentence.
    pub message: String,
    /// The remedy, if it differs from that of the code.
    pub help: Option<&'static str>,
}

/// Returns the mistake in or before a line, counted from 1; `None` if it is not a common one.
#[must_use]
pub fn why(source: &str, line: usize) -> Option<CompileError> {
    let before: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let text = source.get(before..)?.lines().next().unwrap_or_default();
    if text.trim_start().starts_with('#') {
        let message = "`#` does not start a comment".to_owned();
        return Some(CompileError { message, help: Some("start comments with `//`") });
    }
    let script = Script::of(source);
    let of_line = before..before + text.len();
    let is_here = |at: &usize| script.tokens.get(*at).is_some_and(|token| of_line.contains(&token.span.start));
    let here = || (0..script.tokens.len()).filter(is_here);
    if let Some(newer) = here().find_map(|at| newer(&script, at)) {
        return Some(CompileError { message: format!("{newer} is newer than ECMAScript 5"), help: None });
    }
    let bare = |at: &usize| matches!(script.word(*at), "if" | "while") && script.sign(at + 1) != Some('(');
    if let Some(at) = here().find(bare) {
        let message = format!("the condition of `{}` needs parentheses", script.word(at));
        return Some(CompileError { message, help: Some("put `(` and `)` around it") });
    }
    brackets(&script, source)
        .map(|message| CompileError { message, help: Some("add the missing bracket, or remove the extra one") })
}

fn newer(script: &Script<'_>, at: usize) -> Option<&'static str> {
    let token = script.tokens.get(at)?;
    let next = script.tokens.get(at + 1);
    match (&token.kind, script.word(at)) {
        (TokenKind::Sign('='), _)
            if script.sign(at + 1) == Some('>') && next.is_some_and(|next| next.span.start == token.span.end) =>
        {
            Some("an arrow function")
        }
        (TokenKind::Other, _) if script.source_of(at).starts_with('`') => Some("a template literal"),
        (TokenKind::Word, "let") if next.is_some_and(|next| next.kind == TokenKind::Word) => Some("`let`"),
        (TokenKind::Word, "class") => Some("`class`"),
        (TokenKind::Word, "async" | "await") => Some("`async`"),
        (TokenKind::Word, "of") if at.checked_sub(1).is_some_and(|before| !script.word(before).is_empty()) => {
            Some("`for … of`")
        }
        _ => None,
    }
}

/// Returns the first bracket that is not closed, or that closes nothing.
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
            Some((known, from)) => return Some(format!("the `{known}` in line {} is not closed", line_of(from))),
            None => return Some(format!("the `{sign}` in line {} closes nothing", line_of(at))),
        }
    }
    open.pop().map(|(known, from)| format!("the `{known}` in line {} is not closed", line_of(from)))
}
