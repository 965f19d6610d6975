//! Visits all expressions of a tree, with the use of their values and the names of action and subject.

use super::{Expression, Function, Kind, Statement};

/// The use of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lint) enum Use {
    /// Only the truth of the value counts.
    Condition,
    /// The value is the operand of `!`.
    Negated,
    /// The value is discarded.
    Unused,
    /// The value is used.
    Value,
}

impl Use {
    /// Whether only the truth of the value counts.
    pub(in crate::lint) fn is_truth(self) -> bool {
        matches!(self, Self::Condition | Self::Negated)
    }
}

/// The names of the action and the subject in a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::lint) struct Names {
    pub(in crate::lint) action: Option<String>,
    pub(in crate::lint) subject: Option<String>,
}

impl Names {
    /// Whether an expression is the action itself.
    pub(in crate::lint) fn is_action(&self, expression: &Expression) -> bool {
        expression.name().is_some_and(|name| self.action.as_deref() == Some(name))
    }

    /// Whether an expression is the subject itself.
    pub(in crate::lint) fn is_subject(&self, expression: &Expression) -> bool {
        expression.name().is_some_and(|name| self.subject.as_deref() == Some(name))
    }

    fn inside(&self, function: &Function, is_rule: bool) -> Self {
        if is_rule {
            let name = |number: usize, usual: &str| {
                Some(function.parameters.get(number).map_or_else(|| usual.to_owned(), String::clone))
            };
            return Self { action: name(0, "action"), subject: name(1, "subject") };
        }
        let name = |outer: &Option<String>, usual: &str, properties: &[&str]| {
            let shadows = |name: &str| function.parameters.iter().any(|parameter| parameter == name);
            if shadows(usual) {
                return function.reads(usual, properties).then(|| usual.to_owned());
            }
            outer.clone().filter(|name| !shadows(name))
        };
        Self {
            action: name(&self.action, "action", &["id", "lookup"]),
            subject: name(&self.subject, "subject", &["user", "groups", "isInGroup", "local", "active"]),
        }
    }
}

impl Function {
    /// Whether the function reads one of these properties of an object.
    fn reads(&self, object: &str, properties: &[&str]) -> bool {
        struct Reads<'a>(&'a str, &'a [&'a str], bool);
        impl Visitor for Reads<'_> {
            fn expression(&mut self, expression: &Expression, _: Use, _: &Names) {
                if let Kind::Member(object, property) = &expression.kind {
                    self.2 |= object.name() == Some(self.0) && self.1.contains(&property.as_str());
                }
            }
            fn is_rule(&self, _: &Function) -> bool {
                // No function is a rule here, so that this search does not start others.
                true
            }
        }
        let mut reads = Reads(object, properties, false);
        statements(&self.body, &Names::default(), &mut reads);
        reads.2
    }
}

/// Sees the parts of a tree, the outer before the inner.
pub(in crate::lint) trait Visitor {
    /// Sees an expression.
    fn expression(&mut self, expression: &Expression, used: Use, names: &Names);
    /// Sees a statement.
    fn statement(&mut self, _statement: &Statement, _names: &Names) {}
    /// Whether polkit calls this function with action and subject.
    fn is_rule(&self, function: &Function) -> bool;
}

/// Visits statements.
pub(in crate::lint) fn statements(all: &[Statement], names: &Names, visitor: &mut dyn Visitor) {
    all.iter().for_each(|one| statement(one, names, visitor));
}

fn statement(one: &Statement, names: &Names, visitor: &mut dyn Visitor) {
    visitor.statement(one, names);
    match one {
        Statement::Expression(value) => expression(value, Use::Unused, names, visitor),
        Statement::Declaration(declared) => {
            declared.iter().filter_map(|(_, value)| value.as_ref()).for_each(|value| {
                expression(value, Use::Value, names, visitor);
            });
        }
        Statement::Function(function) => self::function(function, false, Use::Value, names, visitor),
        Statement::Return(value) => {
            value.iter().for_each(|value| expression(value, Use::Value, names, visitor));
        }
        Statement::If(branches, otherwise) => {
            for (condition, body) in branches {
                expression(condition, Use::Condition, names, visitor);
                statements(body, names, visitor);
            }
            otherwise.iter().for_each(|body| statements(body, names, visitor));
        }
        Statement::Loop(condition, others, body) => {
            condition.iter().for_each(|condition| expression(condition, Use::Condition, names, visitor));
            others.iter().for_each(|other| expression(other, Use::Value, names, visitor));
            statements(body, names, visitor);
        }
        Statement::Each(heads, object, body) => {
            heads.iter().chain([object]).for_each(|other| expression(other, Use::Value, names, visitor));
            statements(body, names, visitor);
        }
        Statement::Switch(value, cases) => {
            expression(value, Use::Value, names, visitor);
            for (case, body) in cases {
                case.iter().for_each(|case| expression(case, Use::Value, names, visitor));
                statements(body, names, visitor);
            }
        }
        Statement::Throw(value) => expression(value, Use::Value, names, visitor),
        Statement::Try(blocks) => blocks.iter().for_each(|body| statements(body, names, visitor)),
        Statement::Block(body) => statements(body, names, visitor),
        Statement::Other => {}
    }
}

/// Visits a function. `returned` is the use of its value.
fn function(one: &Function, is_rule: bool, returned: Use, names: &Names, visitor: &mut dyn Visitor) {
    let inside = names.inside(one, is_rule || visitor.is_rule(one));
    for statement in &one.body {
        match statement {
            Statement::Return(Some(value)) if returned == Use::Condition => {
                visitor.statement(statement, &inside);
                expression(value, Use::Condition, &inside, visitor);
            }
            _ => self::statement(statement, &inside, visitor),
        }
    }
}

/// Visits an expression.
pub(in crate::lint) fn expression(one: &Expression, used: Use, names: &Names, visitor: &mut dyn Visitor) {
    visitor.expression(one, used, names);
    let mut value = |one: &Expression| expression(one, Use::Value, names, visitor);
    match &one.kind {
        Kind::Name(_) | Kind::Text(_) | Kind::Number | Kind::Regex => {}
        Kind::Array(items) => items.iter().for_each(value),
        Kind::Object(properties) => properties.iter().for_each(|(_, property)| value(property)),
        Kind::Function(inner) => function(inner, false, Use::Value, names, visitor),
        Kind::Member(object, _) | Kind::New(object) => value(object),
        Kind::Index(object, key) => {
            value(object);
            value(key);
        }
        Kind::Call(callee, arguments) => {
            value(callee);
            let is_rule = callee.member().is_some_and(|(_, name)| matches!(name, "addRule" | "addAdminRule"));
            let tests = callee.member().is_some_and(|(_, name)| matches!(name, "some" | "every" | "filter" | "find"));
            let returned = if tests { Use::Condition } else { Use::Value };
            for argument in arguments {
                match &argument.kind {
                    Kind::Function(inner) => {
                        visitor.expression(argument, Use::Value, names);
                        function(inner, is_rule, returned, names, visitor);
                    }
                    _ => expression(argument, Use::Value, names, visitor),
                }
            }
        }
        Kind::Unary("!", operand) => expression(operand, Use::Negated, names, visitor),
        Kind::Unary(_, operand) => value(operand),
        Kind::Binary(operands, _) => operands.iter().for_each(value),
        Kind::And(operands) | Kind::Or(operands) => {
            for (number, operand) in operands.iter().enumerate() {
                let last = if used == Use::Negated { Use::Condition } else { used };
                let used = if number + 1 == operands.len() { last } else { Use::Condition };
                expression(operand, used, names, visitor);
            }
        }
        Kind::Assign(_, left, right) => {
            value(left);
            value(right);
        }
        Kind::Conditional(parts) => {
            let [condition, one, other] = &**parts;
            expression(condition, Use::Condition, names, visitor);
            expression(one, used, names, visitor);
            expression(other, used, names, visitor);
        }
        Kind::Sequence(all) => {
            for (number, one) in all.iter().enumerate() {
                let used = if number + 1 == all.len() { used } else { Use::Unused };
                expression(one, used, names, visitor);
            }
        }
    }
}

impl Expression {
    /// Returns the name, if the expression is one.
    pub(crate) fn name(&self) -> Option<&str> {
        if let Kind::Name(name) = &self.kind { Some(name) } else { None }
    }

    /// Returns the text, if the expression is one.
    pub(in crate::lint) fn text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(text) } else { None }
    }

    /// Returns object and property of `object.property` and `object["property"]`.
    pub(in crate::lint) fn member(&self) -> Option<(&Self, &str)> {
        match &self.kind {
            Kind::Member(object, name) => Some((object, name)),
            Kind::Index(object, key) => Some((object, key.text()?)),
            _ => None,
        }
    }

    /// Returns object, method and arguments of a method call.
    pub(in crate::lint) fn method_call(&self) -> Option<(&Self, &str, &[Self])> {
        let Kind::Call(callee, arguments) = &self.kind else { return None };
        let (object, name) = callee.member()?;
        Some((object, name, arguments))
    }
}
