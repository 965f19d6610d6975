//! The syntax tree of a rules file: ECMAScript 5 and `const`, as Duktape compiles it.
//!
//! The engine decides whether a file compiles. The tree serves to find mistakes in files that compile, and to name the mistake in a
//! file that does not. A file that is nested more deeply than [`DEPTH_MAX`] has no tree.

mod expressions;
mod lexer;
mod statements;
pub(super) mod walk;

use std::ops::Range;

pub(crate) use lexer::{Lexeme, Placed};

/// Limit of nested brackets and calls. Larger files are not parsed, so that the stack suffices.
const DEPTH_MAX: usize = 80;

/// An expression.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) kind: Kind,
    /// The bytes, without parentheses around the expression.
    pub(crate) span: Range<usize>,
    /// Whether the expression is in parentheses.
    pub(crate) grouped: bool,
}

/// The kind of an expression.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A name, `this`, `true`, `false` or `null`.
    Name(String),
    Text(String),
    Number,
    Regex,
    Array(Vec<Expression>),
    /// The keys and the values.
    Object(Vec<(String, Expression)>),
    Function(Function),
    /// `object.name`
    Member(Box<Expression>, String),
    /// `object[key]`
    Index(Box<Expression>, Box<Expression>),
    Call(Box<Expression>, Vec<Expression>),
    New(Box<Expression>),
    /// A prefix operator, and `++` and `--`.
    Unary(&'static str, Box<Expression>),
    /// Operands and the operators between them, which have the same precedence; not `&&` and `||`.
    Binary(Vec<Expression>, Vec<&'static str>),
    /// Operands joined by `&&`.
    And(Vec<Expression>),
    /// Operands joined by `||`.
    Or(Vec<Expression>),
    Assign(&'static str, Box<Expression>, Box<Expression>),
    /// `condition ? one : other`
    Conditional(Box<[Expression; 3]>),
    Sequence(Vec<Expression>),
}

/// A function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: Option<String>,
    pub(crate) parameters: Vec<String>,
    pub(crate) body: Vec<Statement>,
    /// The names that the body declares, without those of functions inside it.
    pub(crate) declared: Vec<String>,
}

/// A statement.
#[derive(Debug)]
pub(crate) enum Statement {
    Expression(Expression),
    /// The declared names and their values.
    Declaration(Vec<(String, Option<Expression>)>),
    Function(Function),
    Return(Option<Expression>),
    /// The branches of `if … else if …`, and the statements after the last `else`.
    If(Vec<(Expression, Vec<Self>)>, Option<Vec<Self>>),
    /// A loop: its condition, further expressions, and its body.
    Loop(Option<Expression>, Vec<Expression>, Vec<Self>),
    /// `for (… in object)`: the expressions before `in`, the object, and the body.
    Each(Vec<Expression>, Expression, Vec<Self>),
    /// `switch`: the value, and the cases; `default` has no value.
    Switch(Expression, Vec<(Option<Expression>, Vec<Self>)>),
    Throw(Expression),
    /// `try`, `catch` and `finally`.
    Try(Vec<Vec<Self>>),
    Block(Vec<Self>),
    /// `break`, `continue` and `debugger`.
    Other,
}

/// The place at which a file stops being ECMAScript 5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unexpected {
    /// The unexpected bytes.
    pub(crate) span: Range<usize>,
    /// The parser's situation at this place.
    pub(crate) context: Context,
}

/// The situation of the parser at an unexpected place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// A value is missing, for example after an operator.
    Value,
    /// The end of a statement is missing.
    StatementEnd,
    /// The `(` before a condition is missing.
    ConditionStart,
    /// The `)` after a condition is missing; the value is the place of `(`.
    ConditionEnd(usize),
    /// A statement is missing after the condition, which ends at this place.
    AfterCondition(usize),
    /// A `,` or the closing bracket is missing in a list; the values are the opening bracket, its place, and the end of the
    /// item before.
    List(char, usize, usize),
    /// The `}` of a block is missing; the value is the place of `{`.
    BlockEnd(usize),
    /// A name is missing.
    Name,
    /// Another sign is missing.
    Sign(&'static str),
    /// The nesting exceeds [`DEPTH_MAX`].
    Depth,
}

type Parsed<T> = Result<T, Unexpected>;

/// Parses a file. Returns its tree, or the place at which it stops being ECMAScript 5, and in both cases all its lexemes.
pub(crate) fn parse(source: &str) -> (Parsed<Vec<Statement>>, Vec<Placed<'_>>) {
    let ahead = lexer::next(source, 0, true);
    let (taken, declared) = (Vec::new(), Vec::new());
    let mut parser = Parser { source, ahead, taken, end: 0, depth: 0, no_in: false, declared };
    let tree = parser.statements();
    parser.rest();
    (tree, parser.taken)
}

struct Parser<'a> {
    source: &'a str,
    /// The next lexeme.
    ahead: Placed<'a>,
    /// The lexemes before it.
    taken: Vec<Placed<'a>>,
    /// The end of the last lexeme.
    end: usize,
    depth: usize,
    /// Whether `in` is not an operator: in the head of `for`.
    no_in: bool,
    /// The names that the innermost function has declared so far.
    declared: Vec<String>,
}

impl Parser<'_> {
    fn statements(&mut self) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        while self.ahead.lexeme != Lexeme::End {
            statements.push(self.statement()?);
        }
        Ok(statements)
    }

    /// Takes the lexemes after an unexpected place. Where no value ends, a slash starts a regular expression.
    fn rest(&mut self) {
        while self.ahead.lexeme != Lexeme::End {
            let ends_value = match &self.ahead.lexeme {
                Lexeme::Word(word) => {
                    !matches!(*word, "return" | "typeof" | "case" | "in" | "of" | "delete" | "void" | "throw" | "new")
                }
                Lexeme::Sign(sign) => matches!(*sign, ")" | "]" | "}"),
                _ => true,
            };
            self.advance(!ends_value);
        }
    }

    /// Takes the next lexeme and returns its start. A slash after it starts a regular expression if a value is expected there.
    fn advance(&mut self, value_expected: bool) -> usize {
        self.end = self.ahead.span.end;
        let next = lexer::next(self.source, self.end, value_expected);
        let taken = std::mem::replace(&mut self.ahead, next);
        let start = taken.span.start;
        self.taken.push(taken);
        start
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.ahead.lexeme, Lexeme::Sign(found) if found == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.ahead.lexeme, Lexeme::Word(found) if found == word)
    }

    fn unexpected<T>(&self, context: Context) -> Parsed<T> {
        Err(Unexpected { span: self.ahead.span.clone(), context })
    }

    /// Takes a sign after which a value or a statement may start.
    fn take(&mut self, sign: &'static str, context: Context) -> Parsed<usize> {
        if !self.is_sign(sign) {
            return self.unexpected(context);
        }
        Ok(self.advance(true))
    }

    fn take_if(&mut self, sign: &str) -> bool {
        let is_there = self.is_sign(sign);
        if is_there {
            self.advance(true);
        }
        is_there
    }

    /// Takes a name that is not a keyword.
    fn name(&mut self) -> Parsed<String> {
        match self.ahead.lexeme {
            Lexeme::Word(word) if !is_keyword(word) => {
                self.advance(false);
                Ok(word.to_owned())
            }
            _ => self.unexpected(Context::Name),
        }
    }

    /// Runs a nested parser, with a limit of the depth.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH_MAX {
            return self.unexpected(Context::Depth);
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }
}

fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "break"
            | "case"
            | "catch"
            | "class"
            | "const"
            | "continue"
            | "debugger"
            | "default"
            | "delete"
            | "do"
            | "else"
            | "enum"
            | "export"
            | "extends"
            | "false"
            | "finally"
            | "for"
            | "function"
            | "if"
            | "import"
            | "in"
            | "instanceof"
            | "new"
            | "null"
            | "return"
            | "super"
            | "switch"
            | "this"
            | "throw"
            | "true"
            | "try"
            | "typeof"
            | "var"
            | "void"
            | "while"
            | "with"
    )
}

#[cfg(test)]
#[path = "syntax/tests.rs"]
mod tests;
