//! Rewrites a rules file so that the engine notices each operation that can tell one text from another.
//!
//! An operator such as `a == b` becomes a call such as `$pg_eq(0, a, b)`, which has the same value. `explore.js` of polkit-policy-gen-js
//! defines these functions. Lines stay where they are. The file that decides is never a rewritten one: the verdict about each condition
//! comes from the evaluator, which runs the original files.

mod scopes;
mod statement;

use std::collections::BTreeSet;
use std::ops::Range;

use super::remark::Remark;
use crate::lint::syntax::{self, Expression, Function, Kind, Lexeme};
use scopes::Scopes;
use statement::{Part, Role};

/// Names with which a file can escape the rewriting, each with what it does.
const ESCAPES: [(&str, &str); 12] = [
    ("eval", "runs a text as a program"),
    ("Function", "runs a text as a program"),
    ("Proxy", "observes how objects are used"),
    ("Reflect", "observes how objects are used"),
    ("Symbol", "observes how objects are used"),
    ("Duktape", "observes the engine"),
    ("defineProperty", "defines properties with functions of its own"),
    ("defineProperties", "defines properties with functions of its own"),
    ("setPrototypeOf", "changes what objects inherit"),
    ("__proto__", "changes what objects inherit"),
    ("__defineGetter__", "defines properties with functions of its own"),
    ("__defineSetter__", "defines properties with functions of its own"),
];
/// Objects of the engine whose prototypes a file must not change.
const OWN: [&str; 8] = ["String", "Number", "Boolean", "Object", "Array", "RegExp", "Function", "Error"];

/// A rewritten file.
#[derive(Debug)]
pub(super) struct Instrumented {
    pub(super) text: String,
    /// All string literals.
    pub(super) literals: BTreeSet<String>,
    /// What the rewriting cannot observe.
    pub(super) remarks: Vec<Remark>,
}

/// Rewrites a file. `path` is for remarks.
///
/// # Errors
/// The line at which the file stops being ECMAScript 5.
pub(super) fn instrument(path: &str, source: &str) -> Result<Instrumented, usize> {
    let (tree, lexemes) = syntax::parse(source);
    let line = |at: usize| 1 + source.get(..at).unwrap_or_default().matches('\n').count();
    let tree = tree.map_err(|unexpected| line(unexpected.span.start))?;
    let mut remarks = Vec::new();
    let mut literals = BTreeSet::new();
    for placed in &lexemes {
        match &placed.lexeme {
            Lexeme::Word(word) => {
                if let Some((name, does)) = ESCAPES.iter().find(|(name, _)| name == word) {
                    let at = Some(line(placed.span.start));
                    remarks.push(Remark::new(format!("`{name}` {does}"), Some(path.to_owned()), at));
                }
            }
            Lexeme::Text(text) => {
                literals.insert(text.clone().into_owned());
                if text.contains("_detail_") {
                    let at = Some(line(placed.span.start));
                    remarks.push(Remark::new("reads details without action.lookup()", Some(path.to_owned()), at));
                }
            }
            _ => {}
        }
    }
    let mut writer = Writer { source, scopes: Scopes::default(), in_head: false, changed: Vec::new() };
    let text = writer.copied(0..source.len(), statement::parts(&tree));
    for (at, name) in writer.changed {
        let why = format!("changes what every {name} of the engine inherits");
        remarks.push(Remark::new(why, Some(path.to_owned()), Some(line(at))));
    }
    Ok(Instrumented { text, literals, remarks })
}

/// The functions for operators besides those that compare for equality, and `in`, `instanceof` and `+`.
const OPERATORS: [(&str, &str); 16] = [
    ("<", "lt"),
    (">", "gt"),
    ("<=", "le"),
    (">=", "ge"),
    ("-", "minus"),
    ("*", "times"),
    ("/", "over"),
    ("%", "rest"),
    ("**", "power"),
    ("<<", "left"),
    (">>", "right"),
    (">>>", "shift"),
    ("|", "or"),
    ("^", "xor"),
    ("&", "and"),
    ("+", "plus"),
];

struct Writer<'a> {
    source: &'a str,
    scopes: Scopes,
    /// Whether the expression is in the head of a loop.
    in_head: bool,
    /// The assignments to prototypes of the engine.
    changed: Vec<(usize, &'static str)>,
}

impl Writer<'_> {
    /// Copies bytes of the source, with these parts rewritten.
    fn copied(&mut self, span: Range<usize>, mut parts: Vec<Part<'_>>) -> String {
        parts.sort_by_key(|part| part.expression.span.start);
        let (mut out, mut at) = (String::new(), span.start);
        for part in parts {
            let span = part.expression.span.clone();
            out.push_str(self.source.get(at..span.start).unwrap_or_default());
            part.inside.iter().for_each(|function| self.scopes.enter(function));
            out.push_str(&self.part(part.role, part.expression));
            part.inside.iter().for_each(|_| self.scopes.leave());
            at = span.end;
        }
        out.push_str(self.source.get(at..span.end).unwrap_or_default());
        out
    }

    fn part(&mut self, role: Role, part: &Expression) -> String {
        match role {
            // The value is computed before the call, so that a call in it keeps the frame of its function.
            Role::Returned => format!("$pg_r({})", self.operand(part)),
            Role::Switch(number) => format!("$pg_switch({number}, {})", self.operand(part)),
            Role::Case(number) => format!("$pg_case({number}, {})", self.operand(part)),
            Role::Enumerated => format!("$pg_each({})", self.operand(part)),
            Role::EnumeratedInto => format!("$pg_set($pg_each({}))", self.operand(part)),
            Role::Head => {
                let outside = std::mem::replace(&mut self.in_head, true);
                let text = self.expression(Role::Value, part);
                self.in_head = outside;
                text
            }
            _ => self.expression(role, part),
        }
    }

    /// Rewrites an operand for a list of arguments.
    fn operand(&mut self, expression: &Expression) -> String {
        format!("({})", self.expression(Role::Value, expression))
    }

    fn expression(&mut self, role: Role, expression: &Expression) -> String {
        let written = match &expression.kind {
            Kind::Binary(operands, signs) => self.binary(operands, signs),
            Kind::Index(object, key) => self.index(role, object, key),
            Kind::Member(object, name) if name == "length" && role == Role::Value => {
                let function = if self.in_head { "length" } else { "count" };
                format!("$pg_{function}({})", self.operand(object))
            }
            Kind::Assign(sign, target, value) => self.assignment(expression, sign, target, value),
            // The space keeps two signs apart.
            Kind::Unary(sign @ ("-" | "+" | "~"), operand) => format!(" {sign}$pg_number({})", self.operand(operand)),
            Kind::Unary("delete", operand) => {
                let text = self.expression(Role::Callee, operand);
                if operand.grouped { format!("$pg_set(delete ({text}))") } else { format!("$pg_set(delete {text})") }
            }
            Kind::Unary("++" | "--", operand) => self.counted(expression, operand),
            Kind::Function(function) => self.function(expression, function),
            kind => {
                let mut parts = Vec::new();
                statement::children(kind, &mut parts);
                self.with_calls(kind, expression, parts)
            }
        };
        // Lines stay where they are.
        let newlines = |text: &str| text.matches('\n').count();
        let missing = newlines(self.source.get(expression.span.clone()).unwrap_or_default());
        let missing = "\n".repeat(missing.saturating_sub(newlines(&written)));
        match written.strip_suffix(')') {
            Some(open) if !missing.is_empty() => format!("{open}{missing})"),
            _ => format!("{written}{missing}"),
        }
    }

    /// Copies an expression. A function that is called where the file is loaded runs only then.
    fn with_calls(&mut self, kind: &Kind, expression: &Expression, parts: Vec<Part<'_>>) -> String {
        let is_called = matches!(kind, Kind::Call(callee, _) if matches!(callee.kind, Kind::Function(_)));
        let before = self.scopes.calls_next(is_called);
        let text = self.copied(expression.span.clone(), parts);
        self.scopes.restore(before);
        text
    }

    fn function(&mut self, expression: &Expression, function: &Function) -> String {
        self.scopes.enter(function);
        let text = self.copied(expression.span.clone(), statement::parts(&function.body));
        self.scopes.leave();
        text
    }

    fn binary(&mut self, operands: &[Expression], signs: &[&'static str]) -> String {
        let mut all = operands.iter();
        let Some(first) = all.next() else { return String::new() };
        let mut text = self.operand(first);
        let mut before = first;
        for (place, (sign, next)) in signs.iter().zip(all).enumerate() {
            let right = self.operand(next);
            let is_plain = cannot_be_text(next) || (place == 0 && cannot_be_text(before));
            text = match *sign {
                "===" | "!==" if is_plain => format!("({text} {sign} {right})"),
                "==" | "!=" | "===" | "!==" => {
                    let number = ["==", "!=", "===", "!=="].iter().position(|known| known == sign).unwrap_or(0);
                    format!("$pg_eq({number}, {text}, {right})")
                }
                "in" => format!("$pg_in({text}, {right})"),
                "instanceof" => format!("({text} instanceof {right})"),
                _ => format!("$pg_{}({text}, {right})", function_of(sign)),
            };
            before = next;
        }
        text
    }

    fn index(&mut self, role: Role, object: &Expression, key: &Expression) -> String {
        let (text, of) = (self.operand(key), self.expression(Role::Value, object));
        let of = if object.grouped { format!("({of})") } else { of };
        match role {
            Role::Value => format!("$pg_get(({of}), {text})"),
            _ => format!("{of}[$pg_key({text})]"),
        }
    }

    fn assignment(&mut self, whole: &Expression, sign: &str, target: &Expression, value: &Expression) -> String {
        if let Some(name) = prototype(target) {
            self.changed.push((whole.span.start, name));
        }
        let place = self.expression(Role::Target, target);
        let place = if target.grouped { format!("({place})") } else { place };
        let value = self.operand(value);
        let outlives = target.name().is_some_and(|name| self.scopes.outlives_request(name));
        let value = match target.name() {
            Some(_) if outlives => format!("$pg_outer({value})"),
            None if sign == "=" => format!("$pg_set({value})"),
            _ => value,
        };
        match sign {
            "=" => format!("{place} = {value}"),
            _ if target.name().is_some() => {
                let function = function_of(sign.strip_suffix('=').unwrap_or(sign));
                format!("{place} = $pg_{function}({place}, {value})")
            }
            _ => format!("{place} {sign} $pg_assigned({value})"),
        }
    }

    /// `++` and `--`, before or after their operand.
    fn counted(&mut self, whole: &Expression, operand: &Expression) -> String {
        let text = self.expression(Role::Target, operand);
        let span = operand.span.clone();
        let before = self.source.get(whole.span.start..span.start).unwrap_or_default();
        let after = self.source.get(span.end..whole.span.end).unwrap_or_default();
        let counted = format!("{before}{text}{after}");
        let Some(name) = operand.name() else { return format!("$pg_set({counted})") };
        let outer = if self.scopes.outlives_request(name) { "$pg_outer" } else { "" };
        format!("($pg_number({name}), {outer}({counted}))")
    }
}

/// Returns the name of the function for an operator.
fn function_of(sign: &str) -> &'static str {
    OPERATORS.iter().find(|(known, _)| *known == sign).map_or("plus", |(_, name)| name)
}

/// Whether an expression cannot be a text, so that a strict comparison with it tells nothing about a text.
fn cannot_be_text(expression: &Expression) -> bool {
    match &expression.kind {
        Kind::Name(name) => matches!(name.as_str(), "null" | "undefined" | "true" | "false"),
        Kind::Unary(sign, _) => matches!(*sign, "typeof" | "!"),
        Kind::Regex | Kind::Array(_) | Kind::Object(_) | Kind::Function(_) => true,
        _ => false,
    }
}

/// Returns the object of the engine whose prototype is written to.
fn prototype(target: &Expression) -> Option<&'static str> {
    let (Kind::Member(object, _) | Kind::Index(object, _)) = &target.kind else { return None };
    let Kind::Member(class, name) = &object.kind else { return None };
    let of = if name == "prototype" { class.name() } else { None };
    OWN.into_iter().find(|own| Some(*own) == of)
}

#[cfg(test)]
#[path = "instrument/tests.rs"]
mod tests;
