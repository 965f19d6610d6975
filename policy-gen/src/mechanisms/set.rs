//! Named sets of actions: everything that one purpose needs, and nothing more.

use polkit_config::pattern::Glob;
use polkit_config::report::{Location, Problem, Report};
use polkit_config::table::{Spanned, Table};

use crate::implicit_authorization::ImplicitAuthorization;

/// Keys of `[[allow]]` that no set can use for a parameter or an option.
const RESERVED: [&str; 11] = [
    "what",
    "name",
    "users",
    "groups",
    "netgroups",
    "unit",
    "no_new_privileges",
    "everybody",
    "session",
    "result",
    "details",
];

/// A named set of actions of a mechanism.
#[derive(Debug)]
pub struct Set {
    /// The name, as in `what = "reboot"`.
    pub name: String,
    /// What it is for: one sentence without a full stop.
    pub summary: String,
    /// The exact ids of its actions.
    pub actions: Vec<String>,
    /// What else is to be known.
    pub note: Option<String>,
    /// Why the set is equivalent to root access, if it is.
    pub root_equivalent: Option<String>,
    /// The result without the key `result`.
    pub result: ImplicitAuthorization,
    /// Details that each request must have: keys and values.
    pub details: Vec<(String, Vec<String>)>,
    /// Whether at least one of the parameters must be given.
    pub needs_parameter: bool,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The options, which add actions.
    pub options: Vec<SetOption>,
}

/// A parameter of a set: the values of a detail.
#[derive(Debug)]
pub struct Parameter {
    /// The key in `[[allow]]`.
    pub key: String,
    /// The detail.
    pub detail: String,
    /// The meaning.
    pub meaning: String,
    /// The actions that carry the detail; all if empty.
    pub actions: Vec<String>,
    /// The values without the key; empty if the detail is then not required.
    pub default: Vec<String>,
}

/// An option of a set: `KEY = true` adds actions.
#[derive(Debug)]
pub struct SetOption {
    /// The key in `[[allow]]`.
    pub key: String,
    /// The meaning.
    pub meaning: String,
    /// The added actions.
    pub actions: Vec<String>,
}

impl Set {
    /// Returns all actions, with those of the options.
    pub fn all_actions(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().chain(self.options.iter().flat_map(|option| &option.actions)).map(String::as_str)
    }
}

/// Reads a `[[set]]` table. `covers` are the actions of the mechanism, and `keys` the details of an action, if they are known.
pub(super) fn read(
    mut table: Table,
    covers: &[Glob],
    keys: &dyn Fn(&str) -> Option<Vec<String>>,
    report: &mut Report,
) -> Option<Set> {
    let at = table.at().clone();
    let (name, summary) = (table.required_string("name", report), table.required_string("summary", report));
    let actions = table.required_strings("actions", report);
    let note = table.string("note", report).map(|text| text.value);
    let root_equivalent = table.string("root_equivalent", report).map(|text| text.value);
    let result = table.string("result", report);
    let needs_parameter = table.bool("needs_parameter", report).is_some_and(|needs| needs.value);
    let details = table.has("details").then(|| table.table("details", report)).flatten();
    let details = details.map(|details| details.lists_by_key(report)).unwrap_or_default();
    let parameters: Vec<Parameter> =
        table.tables("parameter", report).into_iter().filter_map(|table| parameter(table, report)).collect();
    let options: Vec<SetOption> =
        table.tables("option", report).into_iter().filter_map(|table| option(table, covers, report)).collect();
    table.finish(report);
    let (name, actions) = (name?, actions?);
    check_name(&name, report);
    check_actions(&actions, covers, report);
    let result = match result {
        None => ImplicitAuthorization::Yes,
        Some(word) => {
            let found = ImplicitAuthorization::parse(&word.value);
            if found.is_none() {
                let problem = Problem::error(word.at, format!("`{}` is not a result of polkit", word.value));
                report.push(problem.help("use yes or no"));
            }
            found?
        }
    };
    let details = details
        .into_iter()
        .map(|(key, values)| (key.value, values.into_iter().map(|value| value.value).collect()))
        .collect();
    let set = Set {
        name: name.value,
        summary: summary?.value,
        actions: actions.into_iter().map(|action| action.value).collect(),
        note,
        root_equivalent,
        result,
        details,
        needs_parameter,
        parameters,
        options,
    };
    check_details(&set, keys, &at, report);
    Some(set)
}

fn check_name(name: &Spanned<String>, report: &mut Report) {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.value.is_empty() || !name.value.chars().all(fits) {
        let problem = Problem::error(name.at.clone(), format!("`{}` is not a name of a set", name.value));
        report.push(problem.help("use lower-case letters, digits and hyphens: `mount-disk`"));
    }
}

fn check_actions(actions: &[Spanned<String>], covers: &[Glob], report: &mut Report) {
    for action in actions {
        if action.value.contains('*') || !covers.iter().any(|pattern| pattern.covers(&action.value)) {
            let message = format!("`{}` is not the id of an action of this mechanism", action.value);
            report.push(
                Problem::error(action.at.clone(), message).help("use exact ids that `actions` of this file covers"),
            );
        }
    }
}

fn check_key(key: &Spanned<String>, report: &mut Report) {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if key.value.is_empty() || !key.value.chars().all(fits) || RESERVED.contains(&key.value.as_str()) {
        let problem = Problem::error(key.at.clone(), format!("`{}` cannot be a key of a set", key.value));
        report.push(problem.help("use lower-case letters, digits and `_`, and no key of [[allow]]"));
    }
}

fn parameter(mut table: Table, report: &mut Report) -> Option<Parameter> {
    let (key, detail) = (table.required_string("key", report), table.required_string("detail", report));
    let meaning = table.required_string("meaning", report);
    let mut values = |key| table.strings(key, report).unwrap_or_default().into_iter().map(|text| text.value).collect();
    let (actions, default) = (values("actions"), values("default"));
    table.finish(report);
    let key = key?;
    check_key(&key, report);
    Some(Parameter { key: key.value, detail: detail?.value, meaning: meaning?.value, actions, default })
}

fn option(mut table: Table, covers: &[Glob], report: &mut Report) -> Option<SetOption> {
    let (key, meaning) = (table.required_string("key", report), table.required_string("meaning", report));
    let actions = table.required_strings("actions", report);
    table.finish(report);
    let (key, actions) = (key?, actions?);
    check_key(&key, report);
    check_actions(&actions, covers, report);
    let actions = actions.into_iter().map(|action| action.value).collect();
    Some(SetOption { key: key.value, meaning: meaning?.value, actions })
}

/// Refuses details that an action of the set is known not to carry: the grant would never apply to it.
fn check_details(set: &Set, keys: &dyn Fn(&str) -> Option<Vec<String>>, at: &Location, report: &mut Report) {
    let fixed = set.details.iter().map(|(detail, _)| (detail, &[] as &[String]));
    let given = set.parameters.iter().map(|parameter| (&parameter.detail, parameter.actions.as_slice()));
    for (detail, actions) in fixed.chain(given) {
        let is_of = |action: &&str| actions.is_empty() || actions.iter().any(|known| known == action);
        for action in set.all_actions().filter(is_of) {
            if keys(action).is_some_and(|keys| !keys.contains(detail)) {
                let message =
                    format!("the set `{}` needs the detail `{detail}`, which {action} does not carry", set.name);
                report.push(
                    Problem::error(at.clone(), message)
                        .help("list the actions that carry it as `actions` of the parameter"),
                );
            }
        }
    }
}
