//! Splits JavaScript into tokens: enough to find a call or a return.

use std::ops::Range;

/// The kind of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A name, a keyword or a number.
    Word,
    /// A string, with its text.
    Text(String),
    /// A regular expression or a template.
    Other,
    /// One character of punctuation.
    Sign(char),
}

/// A token and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The kind.
    pub kind: TokenKind,
    /// The bytes.
    pub span: Range<usize>,
}

/// Splits a script into tokens. Invalid JavaScript also gives tokens; the engine reports syntax errors.
#[must_use]
pub fn tokens(source: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = source;
    // After a value a slash is a division, otherwise it starts a regular expression.
    let mut after_value = false;
    while let Some(first) = rest.chars().next() {
        let start = source.len() - rest.len();
        let skip = |count: usize| rest.get(count..).unwrap_or_default();
        let (kind, length) = if first.is_whitespace() || first == '\u{feff}' {
            rest = skip(first.len_utf8());
            continue;
        } else if rest.starts_with("//") {
            rest = skip(rest.find('\n').unwrap_or(rest.len()));
            continue;
        } else if rest.starts_with("/*") {
            rest = skip(rest.find("*/").map_or(rest.len(), |end| end + 2));
            continue;
        } else if is_letter(first) {
            (TokenKind::Word, rest.find(|c| !is_letter(c)).unwrap_or(rest.len()))
        } else if matches!(first, '"' | '\'') {
            let (text, length) = text(rest, first);
            (TokenKind::Text(text), length)
        } else if first == '`' {
            (TokenKind::Other, closed_by(rest, '`', false))
        } else if first == '/' && !after_value {
            (TokenKind::Other, closed_by(rest, '/', true))
        } else {
            (TokenKind::Sign(first), first.len_utf8())
        };
        let word = rest.get(..length).unwrap_or_default();
        after_value = match &kind {
            TokenKind::Word => {
                !matches!(word, "return" | "typeof" | "case" | "in" | "of" | "delete" | "void" | "throw" | "new")
            }
            TokenKind::Text(_) | TokenKind::Other => true,
            TokenKind::Sign(sign) => matches!(sign, ')' | ']' | '}'),
        };
        rest = skip(length);
        tokens.push(Token { kind, span: start..start + length });
    }
    tokens
}

fn is_letter(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

/// Returns the text of a string and its length with quotes in bytes. An escape sequence becomes the escaped character.
fn text(source: &str, quote: char) -> (String, usize) {
    let mut text = String::new();
    let mut characters = source.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
            '\n' => return (text, at),
            _ if character == quote => return (text, at + 1),
            _ => text.push(character),
        }
    }
    (text, source.len())
}

/// Returns the length in bytes up to the closing character, which a backslash escapes.
fn closed_by(source: &str, sign: char, on_one_line: bool) -> usize {
    let mut in_class = false;
    let mut characters = source.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '\n' if on_one_line => return at,
            '[' => in_class = on_one_line,
            ']' => in_class = false,
            _ if character == sign && !in_class => return at + 1,
            _ => {}
        }
    }
    source.len()
}
