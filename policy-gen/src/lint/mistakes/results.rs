//! Results that are not returned, and changes of the request.

use super::Mistakes;
use crate::lint::codes;
use crate::lint::syntax::walk::{Names, Use};
use crate::lint::syntax::{Expression, Kind};

/// The properties that polkitd sets.
const OF_REQUEST: [&str; 10] =
    ["id", "user", "groups", "local", "active", "seat", "session", "pid", "system_unit", "uid"];
/// Methods that change a list.
const CHANGING: [&str; 6] = ["push", "pop", "shift", "unshift", "splice", "sort"];

impl Mistakes<'_> {
    /// A result without `return`.
    pub(super) fn unreturned(&mut self, expression: &Expression, used: Use) {
        if used != Use::Unused {
            return;
        }
        match &expression.kind {
            Kind::Assign(_, left, right) if self.scope.is_result(right) => {
                let lost = match &left.kind {
                    Kind::Name(name) => !self.scope.is_read(name),
                    Kind::Member(object, _) => {
                        object.name().is_some_and(|name| matches!(name, "action" | "subject" | "polkit"))
                    }
                    _ => false,
                };
                if lost {
                    self.lost(expression);
                }
            }
            Kind::Call(callee, arguments) => {
                let by_name = self.scope.function(callee).is_some_and(|function| self.scope.returns_result(function));
                let callback = callee
                    .member()
                    .is_some_and(|(_, name)| matches!(name, "forEach" | "map" | "some" | "every" | "filter"));
                let inner = arguments.iter().find_map(|argument| match &argument.kind {
                    Kind::Function(function) => Some(function),
                    _ => None,
                });
                if by_name {
                    self.lost(expression);
                } else if callback && inner.is_some_and(|function| self.scope.returns_result(function)) {
                    let message = "`return` ends the inner function only, and the rule continues";
                    self.find(&codes::PG063, expression, message);
                }
            }
            // The parts of these are seen themselves.
            Kind::Conditional(_) | Kind::And(_) | Kind::Or(_) | Kind::Sequence(_) => {}
            _ if self.scope.is_result(expression) => self.lost(expression),
            _ => {}
        }
    }

    fn lost(&mut self, at: &Expression) {
        let message = format!("the result `{}` is not returned", self.shown(at));
        self.find(&codes::PG063, at, message);
    }

    /// A change of `action` or `subject`.
    pub(super) fn changed(&mut self, expression: &Expression, names: &Names) {
        let of_request = |value: &Expression| {
            value.member().is_some_and(|(object, name)| {
                (names.is_action(object) || names.is_subject(object)) && OF_REQUEST.contains(&name)
            })
        };
        let target = match &expression.kind {
            Kind::Assign(_, left, _) => &**left,
            Kind::Unary("delete" | "++" | "--", operand) => &**operand,
            Kind::Call(..) => {
                let Some((object, name, _)) = expression.method_call() else { return };
                if !CHANGING.contains(&name) {
                    return;
                }
                object
            }
            _ => return,
        };
        let item = match &target.kind {
            Kind::Index(list, _) => of_request(list),
            _ => false,
        };
        if of_request(target) || item {
            let message = format!("`{}` changes the request for all rules that follow", self.shown(expression));
            self.find(&codes::PG073, expression, message);
        }
    }
}
