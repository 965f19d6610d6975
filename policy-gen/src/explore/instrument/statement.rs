//! The expressions of statements and of other expressions, in their roles.

use crate::lint::syntax::{Expression, Function, Kind, Statement};

/// An expression in its surroundings.
pub(super) struct Part<'a> {
    pub(super) role: Role,
    pub(super) expression: &'a Expression,
    /// The declared functions around the expression, the outer first.
    pub(super) inside: Vec<&'a Function>,
}

/// The role of an expression in its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Its value is used.
    Value,
    /// The function of a call, or the operand of `delete` or `typeof`.
    Callee,
    /// It is written to.
    Target,
    /// The value of `return`.
    Returned,
    /// The value of the `switch` with this number.
    Switch(usize),
    /// A case of the `switch` with this number.
    Case(usize),
    /// The object of `for (… in object)`.
    Enumerated,
    /// The same, if the names are assigned to something that is not declared there.
    EnumeratedInto,
    /// It is in the head of a loop.
    Head,
}

/// Returns the parts of an expression that are copied with their surroundings.
pub(super) fn children<'a>(kind: &'a Kind, parts: &mut Vec<Part<'a>>) {
    let part = |role, expression| Part { role, expression, inside: Vec::new() };
    let mut all = |list: &'a [Expression]| parts.extend(list.iter().map(|one| part(Role::Value, one)));
    match kind {
        Kind::Array(items) | Kind::And(items) | Kind::Or(items) | Kind::Sequence(items) => all(items),
        Kind::Object(properties) => parts.extend(properties.iter().map(|(_, value)| part(Role::Value, value))),
        Kind::Member(object, _) => parts.push(part(Role::Value, object)),
        Kind::Call(callee, arguments) => {
            all(arguments);
            parts.push(part(Role::Callee, callee));
        }
        Kind::New(class) => match &class.kind {
            Kind::Call(callee, arguments) if !class.grouped => {
                all(arguments);
                parts.push(part(Role::Callee, callee));
            }
            _ => parts.push(part(Role::Callee, class)),
        },
        Kind::Unary("typeof" | "delete", operand) => parts.push(part(Role::Callee, operand)),
        Kind::Unary(_, operand) => parts.push(part(Role::Value, operand)),
        Kind::Conditional(three) => all(&**three),
        _ => {}
    }
}

/// Returns the expressions of statements, without those inside of expressions.
pub(super) fn parts(all: &[Statement]) -> Vec<Part<'_>> {
    let mut finder = Finder { parts: Vec::new(), inside: Vec::new() };
    finder.statements(all);
    finder.parts
}

struct Finder<'a> {
    parts: Vec<Part<'a>>,
    inside: Vec<&'a Function>,
}

impl<'a> Finder<'a> {
    fn add(&mut self, role: Role, expression: &'a Expression) {
        self.parts.push(Part { role, expression, inside: self.inside.clone() });
    }

    fn statements(&mut self, all: &'a [Statement]) {
        all.iter().for_each(|one| self.statement(one));
    }

    fn statement(&mut self, one: &'a Statement) {
        match one {
            Statement::Expression(value) | Statement::Throw(value) => self.add(Role::Value, value),
            Statement::Declaration(declared) => {
                declared.iter().filter_map(|(_, value)| value.as_ref()).for_each(|value| self.add(Role::Value, value));
            }
            Statement::Function(function) => {
                self.inside.push(function);
                self.statements(&function.body);
                self.inside.pop();
            }
            Statement::Return(value) => value.iter().for_each(|value| self.add(Role::Returned, value)),
            Statement::If(branches, otherwise) => {
                for (condition, body) in branches {
                    self.add(Role::Value, condition);
                    self.statements(body);
                }
                otherwise.iter().for_each(|body| self.statements(body));
            }
            Statement::Loop(condition, others, body) => {
                condition.iter().chain(others).for_each(|one| self.add(Role::Head, one));
                self.statements(body);
            }
            Statement::Each(heads, object, body) => {
                self.add(if heads.is_empty() { Role::Enumerated } else { Role::EnumeratedInto }, object);
                self.statements(body);
            }
            Statement::Switch(value, cases) => {
                let number = value.span.start;
                self.add(Role::Switch(number), value);
                for (case, body) in cases {
                    case.iter().for_each(|case| self.add(Role::Case(number), case));
                    self.statements(body);
                }
            }
            Statement::Try(blocks) => blocks.iter().for_each(|body| self.statements(body)),
            Statement::Block(body) => self.statements(body),
            Statement::Other => {}
        }
    }
}
