//! Finds conditions on requests that do not exist: actions that no .policy file defines, details that no mechanism passes, properties
//! that the subject does not have, and groups that are root-equivalent.

use std::collections::BTreeSet;
use std::ops::Range;

use super::effects::{Registered, is_action};
use super::read::Script;
use super::syntax::walk::{Names, Use, Visitor, expression as walk, statements};
use super::syntax::{Expression, Function, Kind, Statement};
use super::{Finding, codes};
use crate::check::details::is_passed;
use crate::check::known_actions::KnownActions;
use crate::check::root::ROOT_GROUPS;
use crate::mechanisms::{self, is_by_process};

/// Checks one rules file.
#[must_use]
pub fn lint(script: &Script<'_>, known: &KnownActions) -> Vec<Finding> {
    let Ok(tree) = &script.tree else { return Vec::new() };
    let mut requests = Requests { known, prefixes: BTreeSet::new(), findings: Vec::new() };
    statements(tree, &Names::default(), &mut requests);
    requests.findings
}

/// Returns the known actions.
pub(super) fn known(registered: &Registered) -> KnownActions {
    KnownActions::new(registered.keys().map(String::as_str))
}

struct Requests<'a> {
    known: &'a KnownActions,
    /// The places of texts that are the start of an id, or no id.
    prefixes: BTreeSet<usize>,
    findings: Vec<Finding>,
}

impl Visitor for Requests<'_> {
    fn expression(&mut self, expression: &Expression, _: Use, names: &Names) {
        match &expression.kind {
            Kind::Call(callee, arguments) => {
                let name = callee.member().map(|(_, name)| name).or_else(|| callee.name()).unwrap_or_default();
                let is_list = callee.member().is_some_and(|(object, _)| matches!(object.kind, Kind::Array(_)));
                match name {
                    "addRule" => arguments.iter().for_each(|rule| self.rule(rule, names)),
                    "log" | "lookup" | "spawn" | "match" | "test" | "RegExp" | "replace" | "split" | "isInGroup" => {
                        self.prefixes.extend(arguments.iter().map(|argument| argument.span.start));
                    }
                    "indexOf" | "startsWith" | "search" | "includes" if !is_list => {
                        for argument in arguments {
                            self.prefixes.insert(argument.span.start);
                            self.start(argument);
                        }
                    }
                    _ => {}
                }
            }
            Kind::Text(text) if is_action(text) && !self.prefixes.contains(&expression.span.start) => {
                self.action(text, expression.span.clone());
            }
            _ => {}
        }
    }

    fn is_rule(&self, _: &Function) -> bool {
        false
    }
}

impl Requests<'_> {
    fn action(&mut self, id: &str, span: Range<usize>) {
        // A text that ends with a dot is compared with the start of an id somewhere.
        if id.ends_with('.') || !self.known.is_unknown(id) {
            return;
        }
        let (message, help) = self.known.describe(id);
        let message = help.map_or_else(|| message.clone(), |help| format!("{message}: {help}"));
        self.findings.push(Finding::at(&codes::PG068, span, message));
    }

    /// Checks the start of an id: some action of its program must begin with it.
    fn start(&mut self, argument: &Expression) {
        let Some(text) = argument.text().filter(|text| is_action(text) && text.contains('.')) else { return };
        let whole = text.trim_end_matches('.');
        if !self.known.begins(text) && self.known.is_unknown(&format!("{whole}.x")) {
            let message = format!("no .policy file defines an action that begins with {text}");
            self.findings.push(Finding::at(&codes::PG068, argument.span.clone(), message));
        }
    }

    /// Checks a rule: its details, unit and groups depend on the actions that it names.
    fn rule(&mut self, rule: &Expression, names: &Names) {
        let mut uses = Uses::default();
        walk(rule, Use::Value, names, &mut uses);
        if uses.actions.is_empty() || uses.has_pattern {
            return;
        }
        for (key, span) in &uses.details {
            let lacks = |action: &String| mechanisms::details(action).is_some_and(|keys| !is_passed(&keys, key));
            if uses.actions.iter().all(lacks) {
                let of = uses.actions.first().map_or("", String::as_str);
                let keys = mechanisms::details(of).unwrap_or_default();
                let known = if keys.is_empty() { "no details".to_owned() } else { keys.join(", ") };
                let message = format!("the mechanism of {of} does not pass `{key}` (known: {known})");
                self.findings.push(Finding::at(&codes::PG069, span.clone(), message));
            }
        }
        for span in &uses.units {
            if uses.actions.iter().all(|action| is_by_process(action)) {
                let of = uses.actions.first().map_or("", String::as_str);
                let message = format!("subject.system_unit is null for {of}: its mechanism passes a process");
                self.findings.push(Finding::at(&codes::PG070, span.clone(), message));
            }
        }
        for (group, span) in &uses.groups {
            // A rule of libvirt's group for libvirt's actions is what makes the group root-equivalent.
            let own =
                group.starts_with("libvirt") && uses.actions.iter().all(|action| action.starts_with("org.libvirt."));
            if let Some((_, why)) = ROOT_GROUPS.iter().find(|(known, _)| known == group).filter(|_| !own) {
                let message = format!("the group `{group}` is root-equivalent: {why}");
                self.findings.push(Finding::at(&codes::PG071, span.clone(), message));
            }
        }
    }
}

/// The parts of a rule.
#[derive(Default)]
struct Uses {
    actions: Vec<String>,
    details: Vec<(String, Range<usize>)>,
    units: Vec<Range<usize>>,
    groups: Vec<(String, Range<usize>)>,
    /// Whether the actions are also matched by a pattern or another file's table.
    has_pattern: bool,
}

impl Visitor for Uses {
    fn expression(&mut self, expression: &Expression, _: Use, _: &Names) {
        match &expression.kind {
            Kind::Text(text) if is_action(text) => self.actions.push(text.clone()),
            Kind::Regex => self.has_pattern = true,
            Kind::Member(_, name) if name == "system_unit" => self.units.push(expression.span.clone()),
            Kind::Object(properties) => {
                self.actions.extend(properties.iter().map(|(key, _)| key).filter(|key| is_action(key)).cloned());
            }
            Kind::Call(..) => {
                let Some((_, name, [first])) = expression.method_call() else { return };
                let Some(text) = first.text() else { return };
                match name {
                    "lookup" => self.details.push((text.to_owned(), first.span.clone())),
                    "isInGroup" => self.groups.push((text.to_owned(), first.span.clone())),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn statement(&mut self, _: &Statement, _: &Names) {}

    fn is_rule(&self, _: &Function) -> bool {
        false
    }
}
