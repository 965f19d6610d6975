//! Comparisons of values that are never equal, and methods that are not called.

use super::Mistakes;
use crate::lint::codes;
use crate::lint::syntax::walk::{Names, Use};
use crate::lint::syntax::{Expression, Kind};

/// The methods that rules call on actions, subjects and their properties.
const METHODS: [&str; 14] = [
    "isInGroup",
    "isInNetGroup",
    "lookup",
    "indexOf",
    "lastIndexOf",
    "startsWith",
    "endsWith",
    "includes",
    "match",
    "test",
    "search",
    "toString",
    "toLowerCase",
    "toUpperCase",
];

impl Mistakes<'_> {
    /// An object, list or pattern that is compared with a text, or used as one.
    pub(super) fn object_as_text(&mut self, expression: &Expression, names: &Names) {
        match &expression.kind {
            Kind::Binary(operands, signs) => {
                let ([left, right], [sign]) = (&**operands, &**signs) else { return };
                if *sign == "in" {
                    self.membership(expression, left, right, names);
                } else if matches!(*sign, "==" | "===" | "!=" | "!==") {
                    let pair = [(left, right), (right, left)];
                    let found = pair.into_iter().find_map(|(one, other)| self.unlike(one, other, names));
                    if let Some(why) = found {
                        self.find(&codes::PG064, expression, why);
                    }
                }
            }
            Kind::Index(object, key) if self.is_request(key, names) && object.name().is_some() => {
                let message =
                    format!("`{}` is an object, and not the key of `{}`", self.shown(key), self.shown(object));
                self.find(&codes::PG064, key, message);
            }
            Kind::Call(..) => {
                let Some((object, name, arguments)) = expression.method_call() else { return };
                let Some(first) = arguments.first() else { return };
                let in_list = name == "indexOf" && self.is_list(object, names);
                if in_list && self.is_request(first, names) {
                    let message = format!("`{}` is an object, which no list of texts contains", self.shown(first));
                    self.find(&codes::PG064, first, message);
                } else if names.is_subject(object) && name.starts_with("isIn") && self.is_list(first, names) {
                    let message = format!("{name}() takes one name, and not a list");
                    self.find(&codes::PG064, first, message);
                }
            }
            _ => {}
        }
    }

    /// `value in list` tests the indexes of a list.
    fn membership(&mut self, at: &Expression, left: &Expression, right: &Expression, names: &Names) {
        let is_text = left.text().is_some() || self.is_fact(left, names);
        if is_text && self.is_list(right, names) {
            let message = format!("`in` tests the indexes of `{}`, and not its items", self.shown(right));
            self.find(&codes::PG064, at, message);
        } else if self.is_request(left, names) {
            let message = format!("`{}` is an object, and not a key", self.shown(left));
            self.find(&codes::PG064, at, message);
        }
    }

    /// Returns why a value and a text are never equal.
    fn unlike(&self, one: &Expression, other: &Expression, names: &Names) -> Option<String> {
        let text = self.scope.resolve(other).text().is_some();
        let is_text = text || self.is_fact(other, names);
        let shown = self.shown(one);
        if self.is_request(one, names) && is_text {
            return Some(format!("`{shown}` is an object, which equals no text"));
        }
        if self.is_list(one, names) && is_text {
            return Some(format!("`{shown}` is a list, and not a text"));
        }
        if matches!(self.scope.resolve(one).kind, Kind::Regex) && is_text {
            return Some(format!("`{shown}` is a regular expression: call its method test()"));
        }
        let answers =
            one.method_call().is_some_and(|(object, name, _)| names.is_subject(object) && name.starts_with("isIn"));
        let truth = answers
            || one
                .member()
                .is_some_and(|(object, name)| names.is_subject(object) && matches!(name, "local" | "active"));
        (truth && text).then(|| format!("`{shown}` is true or false, and equals no text"))
    }

    fn is_request(&self, expression: &Expression, names: &Names) -> bool {
        let value = self.scope.resolve(expression);
        names.is_action(value) || names.is_subject(value)
    }

    fn is_list(&self, expression: &Expression, names: &Names) -> bool {
        let value = self.scope.resolve(expression);
        matches!(value.kind, Kind::Array(_))
            || value.member().is_some_and(|(object, name)| names.is_subject(object) && name == "groups")
    }

    /// Whether a value is a text of the request: the id, a detail, the user.
    pub(super) fn is_fact(&self, expression: &Expression, names: &Names) -> bool {
        let value = self.scope.resolve(expression);
        if let Some((object, name)) = value.member() {
            return names.is_action(object) && name == "id"
                || names.is_subject(object) && matches!(name, "user" | "seat" | "session" | "system_unit");
        }
        value.method_call().is_some_and(|(object, name, _)| names.is_action(object) && name == "lookup")
    }

    /// A method that is not called.
    pub(super) fn uncalled(&mut self, expression: &Expression, used: Use, names: &Names) {
        match &expression.kind {
            Kind::Binary(operands, _) => {
                for operand in operands {
                    if self.is_method(operand, names) {
                        self.not_called(operand);
                    }
                }
            }
            Kind::Index(object, _) if self.is_method(object, names) => self.not_called(object),
            // `object.method && object.method()` tests whether the method exists.
            Kind::And(operands) => {
                let tests: Vec<&Expression> = operands.iter().filter(|one| self.is_method(one, names)).collect();
                for test in tests {
                    let call = format!("{}(", self.shown(test));
                    if operands.iter().any(|other| self.shown(other).contains(&call)) {
                        self.exempt.insert(test.span.start);
                    }
                }
            }
            Kind::Conditional(parts) => {
                let [condition, one, _] = &**parts;
                if self.shown(one).contains(&format!("{}(", self.shown(condition))) {
                    self.exempt.insert(condition.span.start);
                }
            }
            Kind::Member(..)
                if used.is_truth()
                    && self.is_method(expression, names)
                    && !self.exempt.contains(&expression.span.start) =>
            {
                self.not_called(expression);
            }
            Kind::Name(_) if used.is_truth() && self.scope.function(expression).is_some() => {
                self.not_called(expression);
            }
            _ => {}
        }
    }

    fn not_called(&mut self, at: &Expression) {
        let message = format!("`{}` is a function that is not called", self.shown(at));
        self.find(&codes::PG065, at, message);
    }

    /// Whether an expression is a method of the request, or a function of the file, without a call.
    fn is_method(&self, expression: &Expression, names: &Names) -> bool {
        let Kind::Member(object, name) = &expression.kind else { return false };
        METHODS.contains(&name.as_str()) && (self.is_request(object, names) || self.is_fact(object, names))
    }
}
