//! The declared names of a file, and what their values are.

use std::collections::{BTreeMap, BTreeSet};

use crate::implicit_authorization::ImplicitAuthorization;
use crate::lint::syntax::walk::{Names, Use, Visitor, statements};
use crate::lint::syntax::{Expression, Function, Kind, Statement};

/// Limit of the levels in which a value is searched: a name can occur in its own value.
pub(super) const LEVELS_MAX: usize = 8;

/// The names of a file.
#[derive(Default)]
pub(super) struct Scope<'a> {
    /// The values of names that are set exactly once, by their declaration.
    values: BTreeMap<&'a str, &'a Expression>,
    functions: BTreeMap<&'a str, &'a Function>,
    /// Names that are declared or assigned more than once.
    several: BTreeSet<String>,
    /// Functions that are passed to addRule by name.
    rules: BTreeSet<String>,
    rule_functions: BTreeSet<*const Function>,
    /// Names whose values are read.
    read: BTreeSet<String>,
}

impl<'a> Scope<'a> {
    pub(super) fn of(tree: &'a [Statement]) -> Self {
        let mut scope = Self::default();
        scope.declare(tree);
        let mut reads = Reads { scope: &mut scope };
        statements(tree, &Names::default(), &mut reads);
        let by_name = scope.rules.iter().filter_map(|name| scope.functions.get(name.as_str()));
        scope.rule_functions = by_name.map(|function| std::ptr::from_ref(*function)).collect();
        scope
    }

    fn declare(&mut self, all: &'a [Statement]) {
        for statement in all {
            match statement {
                Statement::Declaration(declared) => {
                    for (name, value) in declared {
                        if self.values.contains_key(name.as_str()) || self.functions.contains_key(name.as_str()) {
                            self.several.insert(name.clone());
                        }
                        match value {
                            Some(Expression { kind: Kind::Function(function), .. }) => {
                                self.functions.insert(name, function);
                                self.declare(&function.body);
                            }
                            Some(value) => {
                                self.values.insert(name, value);
                                self.inside(value);
                            }
                            None => {
                                self.several.insert(name.clone());
                            }
                        }
                    }
                }
                Statement::Function(function) => {
                    if let Some(name) = &function.name {
                        self.functions.insert(name, function);
                    }
                    self.several.extend(function.parameters.iter().cloned());
                    self.declare(&function.body);
                }
                Statement::Expression(value) | Statement::Return(Some(value)) => self.inside(value),
                Statement::If(branches, otherwise) => {
                    for (condition, body) in branches {
                        self.inside(condition);
                        self.declare(body);
                    }
                    otherwise.iter().for_each(|body| self.declare(body));
                }
                Statement::Loop(_, _, body) | Statement::Each(_, _, body) | Statement::Block(body) => {
                    self.declare(body)
                }
                Statement::Switch(_, cases) => cases.iter().for_each(|(_, body)| self.declare(body)),
                Statement::Try(blocks) => blocks.iter().for_each(|body| self.declare(body)),
                Statement::Return(None) | Statement::Throw(_) | Statement::Other => {}
            }
        }
    }

    /// Declares the names in functions inside an expression.
    fn inside(&mut self, value: &'a Expression) {
        match &value.kind {
            Kind::Function(function) => {
                self.several.extend(function.parameters.iter().cloned());
                self.declare(&function.body);
            }
            Kind::Call(callee, arguments) => {
                self.inside(callee);
                arguments.iter().for_each(|argument| self.inside(argument));
            }
            Kind::Member(object, _) | Kind::New(object) | Kind::Unary(_, object) => self.inside(object),
            Kind::Array(all) | Kind::Sequence(all) | Kind::And(all) | Kind::Or(all) => {
                all.iter().for_each(|one| self.inside(one));
            }
            Kind::Object(properties) => properties.iter().for_each(|(_, property)| self.inside(property)),
            Kind::Assign(_, _, right) => self.inside(right),
            _ => {}
        }
    }

    /// Returns the value of a name that is set once, and the returned value of a function of one statement.
    pub(super) fn resolve<'b>(&self, expression: &'b Expression) -> &'b Expression
    where
        'a: 'b,
    {
        let found = match &expression.kind {
            Kind::Name(name) => self.values.get(name.as_str()).copied().filter(|_| !self.several.contains(name)),
            Kind::Call(callee, _) => callee.name().and_then(|name| self.functions.get(name)).and_then(|function| {
                if let [Statement::Return(Some(value))] = function.body.as_slice() { Some(value) } else { None }
            }),
            _ => None,
        };
        found.unwrap_or(expression)
    }

    /// Returns the function that a name stands for.
    pub(super) fn function(&self, expression: &Expression) -> Option<&'a Function> {
        let name = expression.name().filter(|name| !self.several.contains(*name))?;
        self.functions.get(name).copied()
    }

    /// Whether a function is passed to addRule by its name.
    pub(super) fn is_rule(&self, function: &Function) -> bool {
        self.rule_functions.contains(&std::ptr::from_ref(function))
    }

    /// Whether the value of a name is read anywhere.
    pub(super) fn is_read(&self, name: &str) -> bool {
        self.read.contains(name)
    }

    /// Whether a value is one of polkit's results.
    pub(super) fn is_result(&self, expression: &Expression) -> bool {
        self.is_result_within(expression, LEVELS_MAX)
    }

    /// Searches at most `left` levels.
    fn is_result_within(&self, expression: &Expression, left: usize) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        let value = self.resolve(expression);
        match &value.kind {
            Kind::Text(text) => ImplicitAuthorization::parse(text).is_some(),
            Kind::Member(object, _) => {
                object.member().is_some_and(|(polkit, name)| name == "Result" && polkit.name() == Some("polkit"))
            }
            Kind::Conditional(parts) => {
                let [_, one, other] = &**parts;
                self.is_result_within(one, left) || self.is_result_within(other, left)
            }
            Kind::And(operands) | Kind::Or(operands) => {
                operands.last().is_some_and(|last| self.is_result_within(last, left))
            }
            _ => false,
        }
    }

    /// Whether a function returns one of polkit's results.
    pub(super) fn returns_result(&self, function: &Function) -> bool {
        self.returns(&function.body)
    }

    fn returns(&self, all: &[Statement]) -> bool {
        all.iter().any(|statement| match statement {
            Statement::Return(Some(value)) => self.is_result(value),
            Statement::If(branches, otherwise) => {
                branches.iter().any(|(_, body)| self.returns(body))
                    || otherwise.as_ref().is_some_and(|body| self.returns(body))
            }
            Statement::Loop(_, _, body) | Statement::Each(_, _, body) | Statement::Block(body) => self.returns(body),
            Statement::Switch(_, cases) => cases.iter().any(|(_, body)| self.returns(body)),
            Statement::Try(blocks) => blocks.iter().any(|body| self.returns(body)),
            _ => false,
        })
    }
}

/// Records assigned and read names.
struct Reads<'a, 'b> {
    scope: &'b mut Scope<'a>,
}

impl Visitor for Reads<'_, '_> {
    fn expression(&mut self, expression: &Expression, used: Use, _: &Names) {
        match &expression.kind {
            Kind::Assign(_, left, right) => {
                if let Some(name) = left.name() {
                    self.scope.several.insert(name.to_owned());
                }
                self.note(right);
            }
            Kind::Unary("++" | "--", operand) => {
                self.scope.several.extend(operand.name().map(str::to_owned));
            }
            Kind::Call(callee, arguments) => {
                if callee.member().is_some_and(|(_, name)| name == "addRule") {
                    self.scope.rules.extend(arguments.first().and_then(Expression::name).map(str::to_owned));
                }
                self.note(callee);
                arguments.iter().for_each(|argument| self.note(argument));
            }
            Kind::Member(object, _) | Kind::Unary(_, object) | Kind::New(object) => self.note(object),
            Kind::Index(object, key) => {
                self.note(object);
                self.note(key);
            }
            Kind::Array(all) | Kind::And(all) | Kind::Or(all) | Kind::Sequence(all) | Kind::Binary(all, _) => {
                all.iter().for_each(|one| self.note(one));
            }
            Kind::Object(properties) => properties.iter().for_each(|(_, value)| self.note(value)),
            Kind::Conditional(parts) => parts.iter().for_each(|part| self.note(part)),
            Kind::Name(_) if used == Use::Condition => self.note(expression),
            _ => {}
        }
    }

    fn statement(&mut self, statement: &Statement, _: &Names) {
        match statement {
            Statement::Return(Some(value)) | Statement::Throw(value) | Statement::Switch(value, _) => self.note(value),
            Statement::Declaration(declared) => {
                declared.iter().filter_map(|(_, value)| value.as_ref()).for_each(|value| self.note(value));
            }
            Statement::Loop(_, others, _) => others.iter().for_each(|other| self.note(other)),
            Statement::Each(heads, object, _) => heads.iter().chain([object]).for_each(|other| self.note(other)),
            _ => {}
        }
    }

    fn is_rule(&self, _: &Function) -> bool {
        false
    }
}

impl Reads<'_, '_> {
    fn note(&mut self, expression: &Expression) {
        self.scope.read.extend(expression.name().map(str::to_owned));
    }
}
