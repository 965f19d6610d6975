//! Splits JavaScript into lexemes on demand. The parser says whether a slash starts a regular expression.

use std::borrow::Cow;
use std::ops::Range;

/// The kind of a lexeme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lexeme<'a> {
    /// A name or a keyword.
    Word(&'a str),
    /// A number.
    Number,
    /// A string, with its text.
    Text(Cow<'a, str>),
    /// A regular expression.
    Regex,
    /// Punctuation: the longest operator of ECMAScript 5.
    Sign(&'static str),
    /// A character or literal that ECMAScript 5 does not have.
    Foreign,
    /// The end of the file.
    End,
}

/// A lexeme and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed<'a> {
    pub(crate) lexeme: Lexeme<'a>,
    pub(crate) span: Range<usize>,
    /// Whether a line break precedes the lexeme.
    pub(super) on_new_line: bool,
}

/// The operators, the longest first.
const SIGNS: [&str; 50] = [
    ">>>=", "===", "!==", ">>>", "<<=", ">>=", "...", "**=", "=>", "==", "!=", "<=", ">=", "&&", "||", "++", "--",
    "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>", "**", "{", "}", "(", ")", "[", "]", ".", ";", ",", "<",
    ">", "+", "-", "*", "%", "&", "|", "^", "!", "~", "?", ":",
];

/// Reads the lexeme at or after `from`. `value_expected` says whether a slash starts a regular expression.
pub(super) fn next(source: &str, from: usize, value_expected: bool) -> Placed<'_> {
    let mut at = from;
    let mut on_new_line = false;
    loop {
        let rest = source.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else {
            return Placed { lexeme: Lexeme::End, span: source.len()..source.len(), on_new_line };
        };
        if first.is_whitespace() || first == '\u{feff}' {
            on_new_line |= first == '\n';
            at += first.len_utf8();
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            let length = rest.find("*/").map_or(rest.len(), |end| end + 2);
            on_new_line |= rest.get(..length).is_some_and(|comment| comment.contains('\n'));
            at += length;
        } else {
            let (lexeme, length) = lexeme(rest, first, value_expected);
            return Placed { lexeme, span: at..at + length, on_new_line };
        }
    }
}

fn lexeme(rest: &str, first: char, value_expected: bool) -> (Lexeme<'_>, usize) {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let second_is_digit = rest.chars().nth(1).is_some_and(|second| second.is_ascii_digit());
    if first.is_ascii_digit() || (first == '.' && second_is_digit) {
        let mut before = ' ';
        let end = rest.find(|c: char| {
            let inside = is_part(c) || c == '.' || (matches!(c, '+' | '-') && matches!(before, 'e' | 'E'));
            before = c;
            !inside
        });
        return (Lexeme::Number, end.unwrap_or(rest.len()));
    }
    if is_part(first) {
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        return (Lexeme::Word(rest.get(..length).unwrap_or_default()), length);
    }
    match first {
        '"' | '\'' => text(rest, first),
        '`' => template(rest),
        '/' if value_expected => regex(rest),
        '/' if rest.starts_with("/=") => (Lexeme::Sign("/="), 2),
        '/' => (Lexeme::Sign("/"), 1),
        '=' if !rest.starts_with("==") && !rest.starts_with("=>") => (Lexeme::Sign("="), 1),
        _ => match SIGNS.iter().find(|sign| sign.starts_with(first) && rest.starts_with(**sign)) {
            Some(sign) => (Lexeme::Sign(sign), sign.len()),
            None => (Lexeme::Foreign, first.len_utf8()),
        },
    }
}

/// Reads a string. A string that its line does not close is foreign.
fn text(rest: &str, quote: char) -> (Lexeme<'_>, usize) {
    let content = rest.get(1..).unwrap_or_default();
    if let Some(end) =
        content.find([quote, '\\', '\n']).filter(|end| content.get(*end..).is_some_and(|end| end.starts_with(quote)))
    {
        return (Lexeme::Text(Cow::Borrowed(content.get(..end).unwrap_or_default())), end + 2);
    }
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
            '\n' => return (Lexeme::Foreign, at),
            _ if character == quote => return (Lexeme::Text(Cow::Owned(text)), at + 1),
            _ => text.push(character),
        }
    }
    (Lexeme::Foreign, rest.len())
}

/// Reads a template literal, which is foreign.
fn template(rest: &str) -> (Lexeme<'_>, usize) {
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '`' => return (Lexeme::Foreign, at + 1),
            _ => {}
        }
    }
    (Lexeme::Foreign, rest.len())
}

fn regex(rest: &str) -> (Lexeme<'_>, usize) {
    let mut in_class = false;
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '\n' => return (Lexeme::Foreign, at),
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => {
                let flags = rest.get(at + 1..).unwrap_or_default();
                let length = flags.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(flags.len());
                return (Lexeme::Regex, at + 1 + length);
            }
            _ => {}
        }
    }
    (Lexeme::Foreign, rest.len())
}
