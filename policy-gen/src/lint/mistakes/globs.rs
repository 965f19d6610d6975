//! `*` where JavaScript compares texts as they are.

use super::Mistakes;
use crate::lint::codes;
use crate::lint::syntax::walk::Names;
use crate::lint::syntax::{Expression, Kind};

impl Mistakes<'_> {
    /// A pattern in a comparison, in a list, as a key or as an argument of a method that compares texts.
    pub(super) fn glob(&mut self, expression: &Expression, names: &Names) {
        match &expression.kind {
            Kind::Binary(operands, signs) => {
                let ([left, right], [sign]) = (&**operands, &**signs) else { return };
                if !matches!(*sign, "==" | "===" | "!=" | "!==") {
                    return;
                }
                for (text, fact) in [(left, right), (right, left)] {
                    if self.is_fact(fact, names) {
                        self.literal(text);
                    }
                }
            }
            Kind::Index(object, key) if self.is_fact(key, names) => {
                if let Kind::Object(properties) = &self.scope.resolve(object).kind {
                    let wild = properties.iter().find(|(key, _)| is_glob(key));
                    if let Some((key, _)) = wild {
                        let message = format!("the key `{key}` is compared as it is: `*` has no special meaning");
                        self.find(&codes::PG066, expression, message);
                    }
                }
            }
            Kind::Call(..) => {
                let Some((object, name, arguments)) = expression.method_call() else { return };
                let Some(first) = arguments.first() else { return };
                if name == "indexOf" && self.is_fact(first, names) {
                    if let Kind::Array(items) = &self.scope.resolve(object).kind {
                        items.iter().for_each(|item| self.literal(item));
                    }
                } else if names.is_subject(object) && name.starts_with("isIn")
                    || matches!(name, "indexOf" | "startsWith" | "endsWith" | "includes") && self.is_fact(object, names)
                {
                    self.literal(first);
                }
            }
            _ => {}
        }
    }

    /// Reports a text with a pattern.
    fn literal(&mut self, text: &Expression) {
        if self.scope.resolve(text).text().is_some_and(is_glob) {
            let message = format!("{} is compared as it is: `*` has no special meaning", self.shown(text));
            self.find(&codes::PG066, text, message);
        }
    }

    /// Checks `switch (value)`: its cases are comparisons with the value.
    pub(super) fn switched(&mut self, value: &Expression, cases: &[&Expression], names: &Names) {
        if names.is_action(value) || names.is_subject(value) {
            let message = format!("`{}` is an object, which equals no text", self.shown(value));
            self.find(&codes::PG064, value, message);
        } else if self.is_fact(value, names) {
            cases.iter().for_each(|case| self.literal(case));
        }
    }
}

/// Whether a text is a pattern. Ids, users, groups and units contain no `*`.
fn is_glob(text: &str) -> bool {
    text.contains('*')
}
