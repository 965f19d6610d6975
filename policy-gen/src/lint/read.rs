//! A rules file for the checks: its tree, its lexemes, the functions that are passed to addRule, and their comparisons.

use std::ops::Range;

use super::Finding;
use super::codes::Code;
use super::syntax::{self, Lexeme, Placed, Statement, Unexpected};

/// A file that was parsed.
#[derive(Debug)]
pub struct Script<'a> {
    pub(super) source: &'a str,
    /// The tree, or the place at which the file stops being ECMAScript 5.
    pub(super) tree: Result<Vec<Statement>, Unexpected>,
    pub(super) tokens: Vec<Placed<'a>>,
}

/// A function that is passed to addRule: its lexemes, and those of functions inside it.
pub(super) struct Rule {
    pub(super) body: Range<usize>,
    pub(super) inner: Vec<Range<usize>>,
    parameters: Vec<String>,
}

impl Rule {
    /// Returns the name of a parameter, or its usual name.
    pub(super) fn parameter<'a>(&'a self, number: usize, usual: &'a str) -> &'a str {
        self.parameters.get(number).map_or(usual, String::as_str)
    }
}

impl<'a> Script<'a> {
    /// Parses a file.
    #[must_use]
    pub fn of(source: &'a str) -> Self {
        let (tree, tokens) = syntax::parse(source);
        Self { source, tree, tokens }
    }

    /// Returns the bytes of each lexeme.
    pub fn spans(&self) -> impl Iterator<Item = Range<usize>> {
        self.tokens.iter().map(|token| token.span.clone())
    }

    /// Returns a name, a keyword or a number.
    pub(super) fn word(&self, place: usize) -> &'a str {
        match self.tokens.get(place).map(|token| &token.lexeme) {
            Some(Lexeme::Word(word)) => word,
            Some(Lexeme::Number) => self.source_of(place),
            _ => "",
        }
    }

    pub(super) fn source_of(&self, place: usize) -> &'a str {
        let span = self.tokens.get(place).map(|token| token.span.clone());
        span.and_then(|span| self.source.get(span)).unwrap_or_default()
    }

    pub(super) fn sign(&self, place: usize) -> Option<&'static str> {
        match self.tokens.get(place)?.lexeme {
            Lexeme::Sign(sign) => Some(sign),
            _ => None,
        }
    }

    pub(super) fn text(&self, place: usize) -> Option<&str> {
        match &self.tokens.get(place)?.lexeme {
            Lexeme::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn find(
        &self,
        findings: &mut Vec<Finding>,
        code: &'static Code,
        from: usize,
        to: usize,
        message: impl Into<String>,
    ) {
        let start = self.tokens.get(from).map_or(0, |token| token.span.start);
        let end = self.tokens.get(to).map_or(self.source.len(), |token| token.span.end);
        findings.push(Finding::at(code, start..end.max(start), message));
    }

    /// Returns the index of the bracket that closes the one at `place`.
    pub(super) fn closing(&self, place: usize) -> usize {
        let mut depth = 0_usize;
        for at in place..self.tokens.len() {
            match self.sign(at) {
                Some("(" | "[" | "{") => depth += 1,
                Some(")" | "]" | "}") => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return at;
            }
        }
        self.tokens.len()
    }

    /// Returns parameters and body of the function whose keyword is at `place`.
    fn function(&self, place: usize) -> Option<(Range<usize>, Range<usize>)> {
        let open = (place + 1..place + 3).find(|at| self.sign(*at) == Some("("))?;
        let close = self.closing(open);
        (self.sign(close + 1) == Some("{")).then(|| (open + 1..close, close + 2..self.closing(close + 1)))
    }

    pub(super) fn rules(&self) -> Vec<Rule> {
        let begins = |place: &usize| {
            self.word(*place) == "addRule" && self.sign(place + 1) == Some("(") && self.word(place + 2) == "function"
        };
        let rule = |place: usize| {
            let (parameters, body) = self.function(place + 2)?;
            let functions = body.clone().filter(|at| self.word(*at) == "function");
            let inner = functions.filter_map(|at| self.function(at)).map(|(_, body)| body).collect();
            let parameters = parameters.map(|at| self.word(at).to_owned()).filter(|name| !name.is_empty()).collect();
            Some(Rule { body, inner, parameters })
        };
        (0..self.tokens.len()).filter(begins).filter_map(rule).collect()
    }

    /// Whether there is `object.property` at `at`.
    pub(super) fn is_property(&self, at: usize, object: &str, property: &str) -> bool {
        self.word(at) == object && self.sign(at + 1) == Some(".") && self.word(at + 2) == property
    }

    /// Whether the property at `at` is required to be true.
    pub(super) fn is_wanted(&self, at: usize) -> bool {
        let denied = at > 0 && self.sign(at - 1) == Some("!");
        let is_false = self.word(at + 4) == "false";
        let unwanted = match self.sign(at + 3) {
            Some("==" | "===") => is_false,
            Some("!=" | "!==") => !is_false,
            _ => false,
        };
        !denied && !unwanted
    }

    /// Returns the tokens between the parentheses of an `if` at `at`.
    pub(super) fn condition(&self, at: usize) -> Option<Range<usize>> {
        (self.word(at) == "if" && self.sign(at + 1) == Some("(")).then(|| at + 2..self.closing(at + 1))
    }

    /// Returns the string to which `object.property` at `at` is compared for equality, and the end of the comparison.
    pub(super) fn compared(&self, at: usize, object: &str, property: &str) -> Option<(&str, usize)> {
        let is_equality = matches!(self.sign(at + 3), Some("==" | "==="));
        (is_equality && self.is_property(at, object, property)).then(|| Some((self.text(at + 4)?, at + 4))).flatten()
    }
}
