//! The policy of the system bus: whether it refuses method calls of a user to a service. Pure.
//!
//! Only clear cases count: the calls to a name are refused as a whole, and no rule with another form could allow them.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// A `policy` element's context. A later context overrides an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// All users.
    Default,
    /// The members of a group, by name or gid.
    Group(String),
    /// A user, by name or uid.
    User(String),
    /// A context that this program does not evaluate.
    Other,
    /// All users, after all other contexts.
    Mandatory,
}

/// A rule about sending method calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The context.
    pub context: Context,
    /// Whether it allows.
    pub allows: bool,
    /// `send_destination`; `None` for a rule about all destinations, or about a prefix.
    pub destination: Option<String>,
    /// Whether the rule is about all calls to the destination.
    pub is_whole: bool,
}

/// The user and the groups of a client of the bus, by name and by number.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Name and uid.
    pub user: Vec<String>,
    /// Names and gids.
    pub groups: Vec<String>,
}

/// A refusal by the policy of the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The bus name.
    pub destination: String,
    /// The place of the rule, as `FILE:LINE`.
    pub place: String,
    /// The users that may call the name, if the rule allows them and no others.
    pub only: Option<String>,
}

/// Returns the rules of a file about sending method calls. Nothing follows from a file that is not valid XML.
#[must_use]
pub fn parse(file: &str, text: &str) -> Vec<Rule> {
    let mut reader = Reader::from_str(text);
    let (mut rules, mut context) = (Vec::new(), None);
    loop {
        let before = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start)) => match start.name().as_ref() {
                "policy" => context = Some(context_of(&start)),
                name @ ("allow" | "deny") => {
                    let line = text.get(..before).unwrap_or_default().matches('\n').count() + 1;
                    let rule = context.clone().and_then(|context| rule(&start, name == "allow", context));
                    rules.extend(rule.map(|rule| Rule { file: file.to_owned(), line, ..rule }));
                }
                _ => {}
            },
            Ok(Event::End(end)) if end.name().as_ref() == "policy" => context = None,
            Ok(Event::Eof) => return rules,
            Ok(_) => {}
            Err(_) => return Vec::new(),
        }
    }
}

fn attributes(start: &BytesStart<'_>) -> Vec<(String, String)> {
    let attributes = start.attributes().filter_map(Result::ok);
    let text =
        |value: &str| quick_xml::escape::unescape(value).map_or_else(|_| value.to_owned(), |text| text.into_owned());
    attributes.map(|attribute| (attribute.key.as_ref().to_owned(), text(&attribute.value))).collect()
}

fn context_of(start: &BytesStart<'_>) -> Context {
    match attributes(start).as_slice() {
        [(key, value)] => match (key.as_str(), value.as_str()) {
            ("context", "default") => Context::Default,
            ("context", "mandatory") => Context::Mandatory,
            ("user", user) => Context::User(user.to_owned()),
            ("group", group) => Context::Group(group.to_owned()),
            _ => Context::Other,
        },
        _ => Context::Other,
    }
}

/// Returns the rule if it is about sending method calls.
fn rule(start: &BytesStart<'_>, allows: bool, context: Context) -> Option<Rule> {
    let mut rule = Rule { file: String::new(), line: 0, context, allows, destination: None, is_whole: true };
    let mut sends = false;
    for (key, value) in attributes(start) {
        match (key.as_str(), value.as_str()) {
            ("send_destination", "*") => sends = true,
            ("send_destination", _) => {
                sends = true;
                rule.destination = Some(value);
            }
            ("send_type", "method_call" | "*") => sends = true,
            ("send_type", _) | ("send_broadcast", "true") | ("eavesdrop", "true") => return None,
            (key, _) if key.starts_with("send_") => {
                sends = true;
                rule.is_whole = false;
            }
            _ => {}
        }
    }
    sends.then_some(rule)
}

/// Returns the refusal of calls to the service of an action, if it is clear. A service has the name with which the ids of its actions
/// begin. `rules` are those of all files, in the order of the bus.
#[must_use]
pub fn denial(rules: &[Rule], action: &str, client: &Client) -> Option<Denial> {
    let action = action.to_ascii_lowercase();
    let is_service = |name: &&String| {
        name.matches('.').count() >= 2 && action.starts_with(&format!("{}.", name.to_ascii_lowercase()))
    };
    let destination = rules.iter().filter_map(|rule| rule.destination.as_ref()).find(is_service)?;
    let applies = |rule: &&Rule| match &rule.context {
        Context::Default | Context::Mandatory | Context::Other => true,
        Context::User(user) => user == "*" || client.user.contains(user),
        Context::Group(group) => group == "*" || client.groups.contains(group),
    };
    // A rule without this destination may also allow the calls.
    let is_wide = |rule: &Rule| rule.allows && rule.destination.is_none();
    let about: Vec<&Rule> = rules.iter().filter(|rule| rule.destination.as_ref() == Some(destination)).collect();
    if rules.iter().filter(applies).any(is_wide) {
        return None;
    }
    let mut own: Vec<&&Rule> = about.iter().filter(|rule| applies(rule)).collect();
    // Within a context the order of the files remains.
    own.sort_by_key(|rule| match rule.context {
        Context::Default => 0,
        Context::Group(_) => 1,
        Context::User(_) => 2,
        Context::Other => 3,
        Context::Mandatory => 4,
    });
    let denied = own.iter().rposition(|rule| !rule.allows && rule.is_whole);
    let is_allowed_later = own.iter().skip(denied.map_or(0, |place| place + 1)).any(|rule| rule.allows);
    if is_allowed_later {
        return None;
    }
    let place = |rule: &Rule| format!("{}:{}", rule.file, rule.line);
    if let Some(rule) = denied.and_then(|place| own.get(place)) {
        return Some(Denial { destination: destination.clone(), place: place(rule), only: None });
    }
    // The bus refuses method calls by default.
    let allows = about.iter().find(|rule| rule.allows && rule.is_whole)?;
    let mut only: Vec<String> =
        about.iter().filter(|rule| rule.allows).filter_map(|rule| name(&rule.context)).collect();
    only.dedup();
    Some(Denial { destination: destination.clone(), place: place(allows), only: Some(only.join(" and ")) })
}

fn name(context: &Context) -> Option<String> {
    match context {
        Context::User(user) => Some(format!("the user {user}")),
        Context::Group(group) => Some(format!("the group {group}")),
        _ => None,
    }
}

#[cfg(test)]
#[path = "bus_policy_tests.rs"]
mod tests;
