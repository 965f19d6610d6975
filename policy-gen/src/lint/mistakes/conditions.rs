//! Conditions that do not test what they seem to test.

use std::collections::BTreeSet;

use super::Mistakes;
use crate::lint::codes;
use crate::lint::syntax::walk::{Names, Use, Visitor, expression as walk};
use crate::lint::syntax::{Expression, Function, Kind};

const EQUAL: [&str; 2] = ["==", "==="];
const UNEQUAL: [&str; 2] = ["!=", "!=="];

impl Mistakes<'_> {
    /// `=` where a comparison is meant.
    pub(super) fn assignment(&mut self, expression: &Expression, used: Use, names: &Names) {
        let Kind::Assign("=", left, right) = &expression.kind else { return };
        let target = left.member().map(|(object, _)| object);
        let of_request = target.is_some_and(|object| names.is_action(object) || names.is_subject(object));
        let deliberate = expression.grouped && matches!(right.kind, Kind::Call(..) | Kind::New(_));
        if let Kind::And(operands) | Kind::Or(operands) = &right.kind {
            // The first operand is what the value should have been compared with.
            self.exempt.extend(operands.first().map(|first| first.span.start));
        }
        if used.is_truth() && !deliberate || used == Use::Value && of_request {
            let message = format!("`{}` assigns, and does not compare", self.shown(expression));
            self.find(&codes::PG060, expression, message);
        }
    }

    /// An operand or a condition that is always true, such as a string.
    pub(super) fn constant(&mut self, expression: &Expression, used: Use) {
        if let Kind::Or(operands) = &expression.kind {
            let tests = operands.iter().any(|operand| self.is_test(operand));
            // The other operands are conditions themselves.
            if let Some(last) = operands.last().filter(|last| tests && used == Use::Value && self.is_text(last)) {
                self.always_true(last);
            }
        }
        if used.is_truth() && self.is_constant(expression) && !self.exempt.contains(&expression.span.start) {
            self.always_true(expression);
        }
    }

    fn always_true(&mut self, operand: &Expression) {
        let message = format!("`{}` is always true: nothing is compared with it", self.shown(operand));
        self.find(&codes::PG061, operand, message);
    }

    fn is_text(&self, expression: &Expression) -> bool {
        expression.text().is_some_and(|text| !text.is_empty())
    }

    fn is_constant(&self, expression: &Expression) -> bool {
        match &expression.kind {
            Kind::Text(_) => self.is_text(expression),
            Kind::Array(_) | Kind::Object(_) | Kind::Regex | Kind::Function(_) => true,
            Kind::Member(..) => self.scope.is_result(expression) && !self.shown(expression).ends_with("NOT_HANDLED"),
            Kind::Name(_) => matches!(self.scope.resolve(expression).kind, Kind::Array(_) | Kind::Regex),
            _ => false,
        }
    }

    /// Whether the value is true or false by a comparison.
    fn is_test(&self, expression: &Expression) -> bool {
        match &expression.kind {
            Kind::Binary(_, signs) => signs.iter().any(|sign| EQUAL.contains(sign) || UNEQUAL.contains(sign)),
            Kind::Unary("!", _) => true,
            Kind::And(operands) | Kind::Or(operands) => operands.iter().any(|operand| self.is_test(operand)),
            Kind::Call(..) => expression.method_call().is_some_and(|(_, name, _)| name.starts_with("isIn")),
            _ => false,
        }
    }

    /// Comparisons of one value with different texts that are together always true or never true, and chained comparisons.
    pub(super) fn contradiction(&mut self, expression: &Expression) {
        let (operands, signs, never) = match &expression.kind {
            Kind::Or(operands) => (operands, UNEQUAL, "true"),
            Kind::And(operands) => (operands, EQUAL, "false"),
            Kind::Binary(_, signs) => {
                let chained = signs.iter().filter(|sign| EQUAL.contains(sign) || UNEQUAL.contains(sign)).count() > 1;
                if chained {
                    let message = format!("`{}` compares the result of a comparison", self.shown(expression));
                    self.find(&codes::PG061, expression, message);
                }
                return;
            }
            _ => return,
        };
        let compared = operands.iter().filter_map(|operand| {
            let Kind::Binary(sides, between) = &operand.kind else { return None };
            let ([left, right], [sign]) = (&**sides, &**between) else { return None };
            let (value, text) = right.text().map(|text| (left, text)).or_else(|| Some((right, left.text()?)))?;
            signs.contains(sign).then(|| (self.shown(value), text))
        });
        let mut seen: BTreeSet<(String, &str)> = BTreeSet::new();
        for (value, text) in compared {
            let other = seen.iter().any(|(known, with)| *known == value && *with != text);
            if other {
                let message = format!("`{}` is always {never}: `{value}` has one value", self.shown(expression));
                self.find(&codes::PG061, expression, message);
                return;
            }
            // One comparison of each value suffices.
            if !seen.iter().any(|(known, _)| *known == value) {
                seen.insert((value, text));
            }
        }
    }

    /// The position of `indexOf()` as a truth value.
    pub(super) fn position(&mut self, expression: &Expression, used: Use, names: &Names) {
        match &expression.kind {
            Kind::Unary("!", operand) => {
                let (operand, twice) = match &operand.kind {
                    Kind::Unary("!", inner) => (&**inner, true),
                    _ => (&**operand, false),
                };
                // `!text.indexOf(start)` is right: the text begins with `start`.
                let found = self.scope.resolve(operand);
                if self.is_position(found) && (twice || self.is_in_list(found, names)) {
                    self.not_a_truth(operand);
                }
            }
            Kind::Binary(operands, signs) => {
                let ([left, right], [sign]) = (&**operands, &**signs) else { return };
                let (call, other, turned) =
                    if self.is_position(left) { (left, right, false) } else { (right, left, true) };
                if !self.is_position(call) {
                    return;
                }
                let truth = other.name().is_some_and(|name| matches!(name, "true" | "false"));
                let above = if turned { "<" } else { ">" };
                let zero = matches!(other.kind, Kind::Number) && self.shown(other) == "0";
                let first = self.is_in_list(call, names) || is_start(call);
                if truth || (zero && *sign == above && first) {
                    self.not_a_truth(expression);
                }
            }
            Kind::Call(callee, arguments) if callee.name() == Some("Boolean") => {
                let found = arguments.first().is_some_and(|one| self.is_position(self.scope.resolve(one)));
                if found {
                    self.not_a_truth(expression);
                }
            }
            // The operand of `!` is seen with its operator.
            Kind::Call(..) | Kind::Name(_)
                if used == Use::Condition && self.is_position(self.scope.resolve(expression)) =>
            {
                self.not_a_truth(expression);
            }
            _ => {}
        }
    }

    fn not_a_truth(&mut self, at: &Expression) {
        let message = format!("`{}` is a position: 0 (false) at the start, -1 (true) if there is none", self.shown(at));
        self.find(&codes::PG062, at, message);
    }

    fn is_position(&self, expression: &Expression) -> bool {
        expression.method_call().is_some_and(|(_, name, _)| matches!(name, "indexOf" | "lastIndexOf" | "search"))
    }

    /// Whether `indexOf()` is called on a list.
    fn is_in_list(&self, call: &Expression, names: &Names) -> bool {
        call.method_call().is_some_and(|(object, _, _)| {
            matches!(self.scope.resolve(object).kind, Kind::Array(_))
                || object.member().is_some_and(|(subject, name)| names.is_subject(subject) && name == "groups")
        })
    }

    /// `&&` and `||` without parentheses, where only some alternatives test both the action and the subject.
    pub(super) fn mixed(&mut self, expression: &Expression, names: &Names) {
        let Kind::Or(operands) = &expression.kind else { return };
        let tested: Vec<(bool, bool)> = operands.iter().map(|operand| tested(operand, names)).collect();
        let is_bare = |operand: &Expression| matches!(operand.kind, Kind::And(_)) && !operand.grouped;
        let both = operands.iter().zip(&tested).any(|(operand, tested)| is_bare(operand) && *tested == (true, true));
        let one = tested.iter().position(|tested| matches!(tested, (true, false) | (false, true)));
        if let (true, Some(alternative)) = (both, one.and_then(|place| operands.get(place))) {
            let message = format!(
                "`&&` binds more tightly than `||`: `{}` alone makes the condition true",
                self.shown(alternative)
            );
            self.find(&codes::PG067, expression, message);
        }
    }
}

/// Whether the searched text begins like an action id, which is at the start of an id.
fn is_start(call: &Expression) -> bool {
    call.method_call().is_some_and(|(object, name, arguments)| {
        let of_id = object.member().is_some_and(|(_, property)| property == "id");
        let text = arguments.first().and_then(Expression::text);
        name == "indexOf"
            && of_id
            && text.is_some_and(|text| ["org.", "com.", "net.", "io."].iter().any(|top| text.starts_with(top)))
    })
}

/// Whether an expression tests the id of the action, and whether it tests the subject.
fn tested(expression: &Expression, names: &Names) -> (bool, bool) {
    struct Tested(bool, bool);
    impl Visitor for Tested {
        fn expression(&mut self, expression: &Expression, _: Use, names: &Names) {
            if let Some((object, name)) = expression.member() {
                self.0 |= names.is_action(object) && name == "id";
                self.1 |= names.is_subject(object);
            }
        }
        fn is_rule(&self, _: &Function) -> bool {
            false
        }
    }
    let mut found = Tested(false, false);
    walk(expression, Use::Condition, names, &mut found);
    (found.0, found.1)
}
