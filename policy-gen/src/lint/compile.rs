//! Finds the likely reason why a script does not compile. The engine reports only a place.

use std::ops::Range;

use super::read::Script;
use super::syntax::{Context, Lexeme, Unexpected};

/// A common mistake.
#[derive(Debug)]
pub struct CompileError {
    /// The mistake, as a sentence.
    pub message: String,
    /// The remedy, if it differs from that of the code.
    pub help: Option<&'static str>,
    /// The bytes of the mistake, if they are not in the line that the engine reports.
    pub span: Option<Range<usize>>,
}

const CLOSE: &str = "add the missing bracket, or remove the extra one";
const SEPARATE: &str = "put a `,` between the two";

/// Returns the mistake in or before a line, counted from 1; `None` if it is not a common one.
#[must_use]
pub fn why(script: &Script<'_>, line: usize) -> Option<CompileError> {
    let Script { source, tree, .. } = script;
    let unexpected = tree.as_ref().err();
    let before: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let of_line =
        |from: usize| from..from + source.get(from..).unwrap_or_default().lines().next().unwrap_or_default().len();
    let mut lines = vec![of_line(before)];
    if let Some(found) = unexpected {
        let start = source.get(..found.span.start).unwrap_or_default().rfind('\n').map_or(0, |at| at + 1);
        lines.insert(0, of_line(start));
    }
    for line in &lines {
        let text = source.get(line.clone()).unwrap_or_default();
        if text.trim_start().starts_with('#') {
            let at = line.start + text.len() - text.trim_start().len();
            let message = "`#` does not start a comment".to_owned();
            return Some(CompileError { message, help: Some("start comments with `//`"), span: Some(at..line.end) });
        }
        let first = script.tokens.partition_point(|token| token.span.start < line.start);
        let end = script.tokens.partition_point(|token| token.span.start < line.end);
        if let Some((at, what)) = (first..end).find_map(|at| Some((at, newer(script, at)?))) {
            let message = format!("{what} is newer than ECMAScript 5");
            let span = script.tokens.get(at).map(|token| token.span.clone());
            return Some(CompileError { message, help: None, span });
        }
    }
    let unexpected = unexpected?;
    let (message, help) = mistake(script, source, unexpected)?;
    let span = match unexpected.context {
        // The place of the missing comma.
        Context::List(_, _, end) if help == SEPARATE => end.saturating_sub(1)..end,
        _ => unexpected.span.clone(),
    };
    Some(CompileError { message, help: Some(help), span: Some(span) })
}

/// Describes an unexpected place.
fn mistake(script: &Script<'_>, source: &str, unexpected: &Unexpected) -> Option<(String, &'static str)> {
    let Unexpected { span, context } = unexpected;
    let found = source.get(span.clone()).unwrap_or_default();
    let before = source.get(..span.start).unwrap_or_default();
    let line_of = |at: usize| source.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let open = |bracket: char, at: usize| (format!("the `{bracket}` in line {} is not closed", line_of(at)), CLOSE);
    if let Some(known) = foreign_word(found).or_else(|| foreign_word(last_word(before))).or_else(|| first_word(before))
    {
        return Some(known);
    }
    if let Some(first) = found.chars().next().filter(|_| *context != Context::Depth)
        && let Some(known) = foreign_character(first, found)
    {
        return Some(known);
    }
    let starts_item =
        found.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '"' | '\'' | '{' | '['));
    match *context {
        Context::ConditionStart => {
            let message = format!("the condition of `{}` needs parentheses", last_word(before));
            Some((message, "put `(` and `)` around it"))
        }
        Context::AfterCondition(_) if found.is_empty() => Some(("a statement is missing at the end".to_owned(), CLOSE)),
        Context::AfterCondition(_) => {
            let message = format!("one `)` too many: the condition ends before `{found}`");
            Some((message, "remove the `)`, or put the whole condition in parentheses"))
        }
        Context::ConditionEnd(at) if matches!(found, "{" | ";" | "}" | "") => Some(open('(', at)),
        Context::List('{', ..) | Context::List('[', ..) if found == ";" => {
            Some(("a list is separated by `,`, and not by `;`".to_owned(), "replace the `;`"))
        }
        Context::List('{', _, end) if starts_item => {
            Some((format!("a `,` is missing after the property in line {}", line_of(end.saturating_sub(1))), SEPARATE))
        }
        Context::List('[', _, end) if starts_item => {
            Some((format!("a `,` is missing after the item in line {}", line_of(end.saturating_sub(1))), SEPARATE))
        }
        Context::List('(', at, _) if found == "{" || !starts_item => Some(open('(', at)),
        Context::List('(', ..) | Context::ConditionEnd(_) => {
            Some((format!("an operator or a `,` is missing before `{found}`"), "join the two values"))
        }
        Context::List(bracket, at, _) => Some(open(bracket, at)),
        Context::BlockEnd(at) => Some(open('{', at)),
        Context::Value if found == "else" => Some((
            "`else` does not follow the statement of an `if`".to_owned(),
            "close the braces of the `if` before `else`",
        )),
        Context::Value | Context::StatementEnd if matches!(found, ")" | "]" | "}" | "") => brackets(script, source)
            .map(|message| (message, CLOSE))
            .or_else(|| Some((format!("a value is missing before `{found}`"), "complete the expression"))),
        Context::Value => Some((format!("a value is missing before `{found}`"), "complete the expression")),
        Context::StatementEnd => {
            Some((format!("an operator or `;` is missing before `{found}`"), "complete or end the statement before it"))
        }
        Context::Name => Some((format!("a name is missing before `{found}`"), "add the name")),
        Context::Sign(sign) => Some((format!("`{sign}` is missing before `{found}`"), "add it")),
        Context::Depth => None,
    }
}

/// Explains a word of another language.
fn foreign_word(word: &str) -> Option<(String, &'static str)> {
    let (what, help) = match word {
        "and" => ("an operator", "`&&` is meant"),
        "or" => ("an operator", "`||` is meant"),
        "not" => ("an operator", "`!` is meant"),
        "is" => ("an operator", "`==` is meant"),
        "then" | "endif" | "end" | "fi" | "begin" => ("a keyword", "put statements between `{` and `}`"),
        "elif" | "elsif" | "elseif" => ("a keyword", "`else if` is meant"),
        "def" | "fn" | "func" => ("a keyword", "`function` is meant"),
        _ => return None,
    };
    Some((format!("`{word}` is not {what}: {help}"), help))
}

/// Returns the last word of a text, if it ends with one.
fn last_word(text: &str) -> &str {
    let text = text.trim_end();
    let start = text.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}

/// Explains `elif (…)`, which looks like a call, at the start of the line.
fn first_word(before: &str) -> Option<(String, &'static str)> {
    let line = before.rsplit('\n').next().unwrap_or_default().trim_start_matches([' ', '\t', '}']);
    let word = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    foreign_word(word).filter(|_| matches!(word, "elif" | "elsif" | "elseif" | "def" | "fn" | "func"))
}

/// Explains a character that JavaScript does not have, and a string that is not closed.
fn foreign_character(first: char, found: &str) -> Option<(String, &'static str)> {
    match first {
        '"' | '\'' if found.len() == 1 || !found.ends_with(first) => {
            Some(("the string is not closed in its line".to_owned(), "add the quotation mark"))
        }
        '“' | '”' | '„' | '‘' | '’' | '«' | '»' => {
            Some((format!("`{first}` is not a quotation mark of JavaScript"), "use `\"`"))
        }
        '#' => Some(("`#` does not start a comment".to_owned(), "start comments with `//`")),
        '@' | '\\' => Some((format!("the character `{first}` has no meaning here"), "remove it")),
        _ => None,
    }
}

fn newer(script: &Script<'_>, at: usize) -> Option<&'static str> {
    let token = script.tokens.get(at)?;
    let is_word = |place: usize| !script.word(place).is_empty();
    match token.lexeme {
        Lexeme::Sign("=>") => Some("an arrow function"),
        Lexeme::Foreign if script.source_of(at).starts_with('`') => Some("a template literal"),
        Lexeme::Word("let") if is_word(at + 1) => Some("`let`"),
        Lexeme::Word("class") => Some("`class`"),
        Lexeme::Word("async" | "await") => Some("`async`"),
        Lexeme::Word("of") if at.checked_sub(1).is_some_and(is_word) => Some("`for … of`"),
        _ => None,
    }
}

/// Returns the first bracket that is not closed, or that closes nothing.
fn brackets(script: &Script<'_>, source: &str) -> Option<String> {
    let line_of = |at: usize| {
        let start = script.tokens.get(at).map_or(0, |token| token.span.start);
        source.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
    };
    let mut open: Vec<(&str, usize)> = Vec::new();
    for at in 0..script.tokens.len() {
        let Some(sign) = script.sign(at) else { continue };
        let opens = match sign {
            "(" | "[" | "{" => {
                open.push((sign, at));
                continue;
            }
            ")" => "(",
            "]" => "[",
            "}" => "{",
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
