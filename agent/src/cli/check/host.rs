//! What `check` finds on the host: units that systemd does not know, actions that polkitd does not know, and users whose own
//! authentication polkit does not request. One of the files with effects: it asks systemd and polkitd, and reads polkit's rules.

use std::{path::Path, time::Duration};

use polkit_agent_rules::rule::Rule;
use polkit_config::{bounded, escape::escape, names::Names, near::nearest};
use polkit_dbus::{Authority, Implicit, RegisteredAction};

use crate::config::{Config, Serve, ServeTarget, host_units};

/// The folders of rules and of pkla files in which an `[[agent]]` table or another rule can be.
const RULES: [&str; 6] = [
    "/etc/polkit-1/rules.d",
    "/run/polkit-1/rules.d",
    "/usr/local/share/polkit-1/rules.d",
    "/usr/share/polkit-1/rules.d",
    "/etc/polkit-1/localauthority/45-polkit-policy-gen.d",
    "/var/lib/polkit-1/localauthority/45-polkit-policy-gen.d",
];
/// The largest rules file, in bytes.
const LARGEST: u64 = 4 << 20;
/// The time limit of the bus and polkitd.
const WITHIN: Duration = Duration::from_secs(2);
/// The largest edit distance of a mistyped name.
const MISTYPED: usize = 3;

/// Looks at the host. What cannot be read or does not respond gives no note.
pub(super) async fn notes(config: &Config) -> Vec<String> {
    let units = exact_units(config);
    let names: Vec<String> = units.iter().map(|(name, _)| name.clone()).collect();
    let mut notes = of_units(config, &units, &host_units::known_as(&names));
    let actions = async { Authority::new(polkit_dbus::connect().await?).actions().await };
    if let Ok(Ok(actions)) = tokio::time::timeout(WITHIN, actions).await {
        notes.extend(of_actions(config, &actions));
        if let Some(rules) = rules() {
            notes.extend(not_offered(config, &actions, &rules, groups_of));
        }
    }
    notes
}

/// The units that entries and rules name, without patterns, and where they are named.
fn exact_units(config: &Config) -> Vec<(String, String)> {
    let of_entries = config.serve.iter().filter_map(|serve| match &serve.target {
        ServeTarget::Unit(unit) => Some((unit.to_string(), "a [[serve]] entry".to_owned())),
        _ => None,
    });
    let of_rules = config.rules.iter().filter_map(|rule| Some((rule.unit.as_ref()?.to_string(), place(rule))));
    let mut units: Vec<(String, String)> = Vec::new();
    for (name, place) in of_entries.chain(of_rules) {
        if !name.contains('*') && !units.iter().any(|(known, _)| *known == name) {
            units.push((name, place));
        }
    }
    units
}

pub(super) fn place(rule: &Rule) -> String {
    format!("rule \"{}\" ({})", rule.id, rule.origin)
}

fn of_units(config: &Config, named: &[(String, String)], known_as: &[(String, Option<String>)]) -> Vec<String> {
    let is_unknown = |name: &str| known_as.iter().any(|(of, known)| of == name && known.is_none());
    let loaded = || config.host.units.iter().flatten().map(|unit| unit.name.as_str()).filter(|name| !is_unknown(name));
    let note = |(name, place): &(String, String)| {
        let (_, known) = known_as.iter().find(|(of, _)| of == name)?;
        match known {
            Some(id) if id == name => None,
            Some(id) => Some(format!(
                "{place} names {}, which is another name of {}: processes are in {}, so name that",
                escape(name),
                escape(id),
                escape(id)
            )),
            None => {
                let meant = nearest(name, loaded(), |_| MISTYPED);
                let meant = meant.map_or_else(String::new, |meant| format!(". Did you mean {}?", escape(meant)));
                Some(format!("{place} names {}, which systemd does not know{meant}", escape(name)))
            }
        }
    };
    named.iter().filter_map(note).collect()
}

/// One line for each action of a rule that polkitd does not know, and each pattern that covers no action.
fn of_actions(config: &Config, actions: &[RegisteredAction]) -> Vec<String> {
    let unknown = config.rules.iter().flat_map(|rule| {
        let patterns = rule.actions.iter().filter(|pattern| !actions.iter().any(|action| pattern.covers(&action.id)));
        patterns.map(move |pattern| (rule, pattern))
    });
    let note = |(rule, pattern): (&Rule, &polkit_types::pattern::ActionPattern)| {
        let meant = nearest(pattern.as_str(), actions.iter().map(|action| action.id.as_str()), |_| MISTYPED);
        let meant = meant.map_or_else(String::new, |meant| format!(". Did you mean {}?", escape(meant)));
        format!("{} names {}, and polkitd knows no such action{meant}", place(rule), escape(pattern.as_str()))
    };
    unknown.map(note).collect()
}

/// One line for each grant, by registration, to a user whose own authentication polkit does not request for the action. The agent refuses
/// such a challenge as `unbound`.
fn not_offered(
    config: &Config,
    actions: &[RegisteredAction],
    rules: &[String],
    groups_of: impl Fn(&str) -> Vec<String> + Copy,
) -> Vec<String> {
    let grants =
        config.rules.iter().filter(|rule| rule.answer.grants() && !rule.unbound && is_registered(config, rule));
    let notes = grants.flat_map(|rule| {
        let named = rule.actions.iter().filter_map(|pattern| actions.iter().find(|it| it.id == pattern.as_str()));
        named.filter_map(move |action| {
            let user = user_of(config, rule)?;
            let implicit = match action.without_session {
                Implicit::Administrator => "requests an administrator",
                Implicit::Refused => "refuses every user",
                Implicit::User | Implicit::Allowed => return None,
            };
            let names = [vec![user.clone()], groups_of(&user)].concat();
            let offered = rules.iter().any(|text| offers(text, &action.id, &names));
            (!offered).then(|| {
                let (id, user) = (escape(&action.id), escape(&user));
                format!(
                    "{} grants {id} to {user}, but polkit {implicit} for it, and no rule of polkit seems to change this: the agent \
                     cannot grant it. Add {user} to an [[agent]] table in /etc/polkit-policy-gen/policy.toml and run \
                     `polkit-policy-gen install`. `polkit-policy-gen explain --user {user} --action {id}` shows what polkit does",
                    place(rule)
                )
            })
        })
    });
    notes.collect()
}

/// Whether the agent registers processes that the rule can cover.
pub(super) fn is_registered(config: &Config, rule: &Rule) -> bool {
    let serves = |serve: &Serve| match (&serve.target, &rule.unit) {
        (ServeTarget::Unit(served), Some(unit)) => served.covers(&unit.to_string()) || unit.covers(&served.to_string()),
        (ServeTarget::Unit(_), None) | (ServeTarget::PidFile(_) | ServeTarget::User(_), _) => true,
        _ => false,
    };
    config.serve.iter().any(|serve| !serve.by_hook && serves(serve))
}

/// The user of the rule, or `User=` of its unit. `None` if unknown, and for root.
fn user_of(config: &Config, rule: &Rule) -> Option<String> {
    let of_unit = || {
        let unit = rule.unit.as_ref()?.to_string();
        config.host.units.iter().flatten().find(|known| known.name == unit)?.user.clone()
    };
    rule.user.as_ref().map(|user| user.name.clone()).or_else(of_unit).filter(|user| user != "root")
}

/// Whether a rules file can make polkit request the user's own authentication for the action, or allow it. `names` are the user and the
/// user's groups. This compares words: a rule without a condition about the subject counts, too.
fn offers(text: &str, action: &str, names: &[String]) -> bool {
    let prefixes = || action.match_indices('.').filter_map(|(at, _)| action.get(..at));
    let is_prefix = |prefix: &str| ["\"", "'", "*"].iter().any(|end| text.contains(&format!("{prefix}.{end}")));
    let is_expression = |prefix: &str| prefix.contains('.') && text.contains(&prefix.replace('.', "\\."));
    let names_action = text.contains(action) || prefixes().any(|prefix| is_prefix(prefix) || is_expression(prefix));
    let is_quoted = |name: &String| {
        [format!("\"{name}\""), format!("'{name}'"), format!(":{name}")].iter().any(|it| text.contains(it))
    };
    let has_condition = ["subject.user", "isInGroup", "isInNetGroup", "unix-"].iter().any(|word| text.contains(word));
    let names_user = !has_condition || names.iter().any(is_quoted);
    let results = text.to_ascii_lowercase();
    names_action && names_user && (results.contains("auth_self") || results.contains("yes"))
}

/// The names of the user's groups, by the user database.
fn groups_of(user: &str) -> Vec<String> {
    let user = Names::Host.user(user).ok().flatten();
    let gids = user.and_then(|user| Names::Host.groups_of(&user).ok()).unwrap_or_default();
    gids.into_iter().filter_map(|gid| Some(Names::Host.group_by_gid(gid).ok()??.name)).collect()
}

/// The texts of polkit's rules. `None` if a folder exists that may not be read.
fn rules() -> Option<Vec<String>> {
    let mut texts = Vec::new();
    for folder in RULES.map(Path::new) {
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(_) => return None,
        };
        for entry in entries.flatten() {
            if let Ok(bytes) = bounded::read_regular(&entry.path(), LARGEST) {
                texts.push(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    Some(texts)
}

#[cfg(test)]
mod tests;
