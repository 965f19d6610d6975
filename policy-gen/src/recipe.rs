//! Recipes: commented policies for common tasks, with keys for the names of the host. Pure.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use polkit_config::near::nearest;
use polkit_config::report::{Report, Source};
use polkit_config::table::{self, Table};

use crate::emit::quote::{comment, toml};
use crate::target::Version;

macro_rules! files {
    ($($name:literal)*) => {
        const FILES: &[(&str, &str)] = &[$((concat!($name, ".toml"), include_str!(concat!("../recipes/", $name, ".toml")))),*];
    };
}

files! {
    "backup-disk" "ci-runner" "dashboard" "deploy" "dynamic-user-panel" "exporter" "kiosk" "libvirt-panel" "remote-desktop"
    "smart-card-service" "wifi-panel"
}

/// A recipe.
#[derive(Debug)]
pub struct Recipe {
    /// The name.
    pub name: String,
    /// What it is for.
    pub summary: String,
    /// The first version of polkit that it works with.
    pub since: Version,
    /// Whether its installation changes the configuration of libvirt's daemons, which must restart.
    pub restarts: bool,
    /// The keys.
    pub keys: Vec<Key>,
    /// The policy file. `{key}` stands for a value in TOML, `<key>` for its text in a comment or a name.
    policy: String,
    /// The configuration of the agent, if it needs one.
    agent: Option<String>,
}

/// A key of a recipe.
#[derive(Debug)]
pub struct Key {
    /// The name.
    pub name: String,
    /// The meaning.
    pub meaning: String,
    /// The value without `KEY=VALUE`. If it is empty, the lines with the key are left out.
    pub default: String,
    /// Whether the value is a list, separated by commas.
    pub is_list: bool,
}

/// The files of a recipe.
#[derive(Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The policy file.
    pub policy: String,
    /// The configuration of the agent, if it needs one.
    pub agent: Option<String>,
}

/// All recipes, by name. A test reads every file.
static ALL: LazyLock<Vec<Recipe>> = LazyLock::new(|| {
    let mut report = Report::new();
    FILES.iter().filter_map(|(name, text)| read(&Source::new(*name, *text), &mut report)).collect()
});

/// Returns all recipes.
#[must_use]
pub fn all() -> &'static [Recipe] {
    &ALL
}

/// Finds a recipe.
///
/// # Errors
/// A sentence with the name that is probably meant.
pub fn find(name: &str) -> Result<&'static Recipe, String> {
    all().iter().find(|recipe| recipe.name == name).ok_or_else(|| {
        let names = all().iter().map(|recipe| recipe.name.as_str());
        format!("there is no recipe `{name}`{}", meant(name, names))
    })
}

/// Returns `: did you mean …?`, or the known words.
fn meant<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone(), |known| 2.max(known.len() / 3)) {
        Some(near) => format!(": did you mean `{near}`?"),
        None => match known.collect::<Vec<_>>().as_slice() {
            [] => " (it has no keys)".to_owned(),
            known => format!(" (known: {})", known.join(", ")),
        },
    }
}

fn read(source: &Source, report: &mut Report) -> Option<Recipe> {
    let mut root = table::parse(source, report);
    let mut text = |key| root.required_string(key, report).map(|text| text.value);
    let (name, summary, since, policy) = (text("name"), text("summary"), text("since"), text("policy"));
    let agent = root.string("agent", report).map(|text| text.value);
    let restarts = root.bool("restarts", report).is_some_and(|restarts| restarts.value);
    let keys = root.tables("key", report).into_iter().filter_map(|table| key(table, report)).collect();
    root.finish(report);
    let since = Version::parse(&since?)?;
    Some(Recipe { name: name?, summary: summary?, since, restarts, keys, policy: policy?, agent })
}

fn key(mut table: Table, report: &mut Report) -> Option<Key> {
    let mut text = |key| table.required_string(key, report).map(|text| text.value);
    let (name, meaning, default) = (text("name"), text("meaning"), text("default"));
    let is_list = table.bool("list", report).is_some_and(|list| list.value);
    table.finish(report);
    Some(Key { name: name?, meaning: meaning?, default: default?, is_list })
}

impl Recipe {
    /// Fills in the values. Keys that are not given have their defaults.
    ///
    /// # Errors
    /// A sentence about each key that the recipe does not have, and each empty value.
    pub fn render(&self, given: &[(String, String)]) -> Result<Rendered, Vec<String>> {
        let mut values: BTreeMap<&str, &str> =
            self.keys.iter().map(|key| (key.name.as_str(), key.default.as_str())).collect();
        let mut problems = Vec::new();
        for (name, value) in given {
            match values.get_mut(name.as_str()) {
                None => {
                    let known = self.keys.iter().map(|key| key.name.as_str());
                    problems.push(format!("the recipe `{}` has no key `{name}`{}", self.name, meant(name, known)));
                }
                Some(_) if value.split(',').any(|part| part.trim().is_empty()) => {
                    problems.push(format!("the value of `{name}` is empty"));
                }
                Some(known) => *known = value,
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let fill = |text: &str| {
            let mut filled = String::new();
            let is_empty = |line: &str, key: &Key| {
                values.get(key.name.as_str()).is_some_and(|value| value.is_empty())
                    && line.contains(&format!("{{{}}}", key.name))
            };
            for line in text.lines().filter(|line| !self.keys.iter().any(|key| is_empty(line, key))) {
                filled.push_str(&self.fill(line, &values));
                filled.push('\n');
            }
            filled
        };
        let agent = self.agent.as_deref().map(fill);
        Ok(Rendered { policy: fill(self.policy.trim_start_matches('\n')), agent })
    }

    /// Fills in one line. A value is never searched for further keys.
    fn fill(&self, line: &str, values: &BTreeMap<&str, &str>) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some(at) = rest.find(['{', '<']) {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let found = self.keys.iter().find_map(|key| {
                let value = values.get(key.name.as_str()).copied().unwrap_or_default();
                let in_toml = from.strip_prefix(&format!("{{{}}}", key.name)).map(|rest| (rest, key.in_toml(value)));
                in_toml.or_else(|| {
                    let rest = from.strip_prefix(&format!("<{}>", key.name))?;
                    Some((rest, plain(value)))
                })
            });
            match found {
                Some((after, text)) => {
                    out.push_str(&text);
                    rest = after;
                }
                None => {
                    let next = from.char_indices().nth(1).map_or(from.len(), |(next, _)| next);
                    let (sign, after) = from.split_at(next);
                    out.push_str(sign);
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// Formats a value for a comment or for a string in quotes.
fn plain(value: &str) -> String {
    comment(value).replace(['"', '\\'], "?")
}

impl Key {
    fn in_toml(&self, value: &str) -> String {
        if self.is_list {
            let values: Vec<String> = value.split(',').map(|part| toml(part.trim())).collect();
            format!("[{}]", values.join(", "))
        } else {
            toml(value)
        }
    }
}

#[cfg(test)]
#[path = "recipe_tests.rs"]
mod tests;
