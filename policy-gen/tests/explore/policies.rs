//! Policies and subjects for the tests of exploring.

use std::collections::BTreeSet;
use std::path::Path;

use polkit_config::names::{Names, Tree as Accounts};
use polkit_policy_gen::explore::sample::Samples;
use polkit_policy_gen::explore::{Condition, Exploration, Explorer, Limits};
use polkit_policy_gen::target::{JavaScript, Pkla, Target, Version};
use polkit_policy_gen::tree::Tree;
use polkit_policy_gen::verdict::wire::{Fact, KnownFact};
use polkit_policy_gen::verdict::{AccessRequest, Evaluator};

/// The registered action, with different implicit authorizations.
pub const ACTION: &str = "org.example.run";
const ACTIONS: &str = "<policyconfig><action id='org.example.run'><defaults><allow_any>auth_admin</allow_any>\
    <allow_inactive>no</allow_inactive><allow_active>auth_self</allow_active></defaults></action></policyconfig>";

/// A polkit that reads the given formats.
pub fn target(version: u32) -> Target {
    let pkla = if version < 106 { Pkla::Native } else { Pkla::Compat };
    Target { version: Version(version), pkla, javascript: JavaScript::Duktape }
}

/// A tree with these files.
pub struct Policy {
    tree: tempfile::TempDir,
    actions: Vec<String>,
}

impl Policy {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let policy = Self { tree: tempfile::tempdir().unwrap(), actions: vec![ACTION.to_owned()] };
        policy.write("usr/share/polkit-1/actions/a.policy", ACTIONS);
        files.iter().for_each(|(path, text)| policy.write(path, text));
        policy
    }

    /// A policy with one file, and with the actions that it seems to name.
    pub fn with_actions(path: &str, text: &str) -> Self {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_'));
        let is_action = |word: &&str| {
            word.matches('.').count() >= 2
                && word.split('.').all(|part| !part.is_empty())
                && word.starts_with(|first: char| first.is_ascii_lowercase())
                && !["subject.", "polkit.", "run_away", "action."].iter().any(|other| word.contains(other))
        };
        let named: BTreeSet<&str> = words.filter(is_action).take(30).collect();
        let mut policy = Self::new(&[(path, text)]);
        let written =
            |id: &&str| ACTIONS.replace("<policyconfig>", "").replace("</policyconfig>", "").replace(ACTION, id);
        let all: String = named.iter().filter(|id| **id != ACTION).map(written).collect();
        policy.write("usr/share/polkit-1/actions/b.policy", &format!("<policyconfig>{all}</policyconfig>"));
        policy.actions.extend(named.into_iter().filter(|id| *id != ACTION).map(str::to_owned));
        policy
    }

    /// Returns the registered actions.
    pub fn actions(&self) -> &[String] {
        &self.actions
    }

    /// A policy with a rules file.
    pub fn rules(text: &str) -> Self {
        Self::new(&[("etc/polkit-1/rules.d/10-a.rules", text)])
    }

    /// A policy with one rule, whose body begins in the second line.
    pub fn rule(body: &str) -> Self {
        Self::rules(&format!("polkit.addRule(function (action, subject) {{\n{body}\n}});\n"))
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.tree.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn evaluator(&self, version: u32) -> Evaluator {
        let tree = Tree::open(Some(Path::new(self.tree.path()))).unwrap();
        let names = Names::Root(Accounts::parse("root:x:0:0::/:/bin/sh\n", "root:x:0:\n"));
        Evaluator::open(&tree, names, target(version)).unwrap()
    }

    pub fn explore(&self, version: u32) -> Exploration {
        self.explore_with(version, Limits::default())
    }

    pub fn explore_with(&self, version: u32, limits: Limits) -> Exploration {
        let mut explorer = Explorer::new(self.evaluator(version), Samples::default(), limits);
        explorer.explore(&AccessRequest { action: ACTION.to_owned(), ..AccessRequest::default() }).unwrap()
    }
}

/// Writes a condition: `yes: user alice, not local`.
pub fn written(condition: &Condition) -> String {
    let fact = |KnownFact { fact, is }: &KnownFact| {
        let Fact { kind, value } = fact;
        let value = value.as_ref().map_or_else(String::new, |value| format!(" {value}"));
        format!("{}{kind}{value}", if *is { "" } else { "not " })
    };
    // Root is in every exploration.
    let all = condition
        .all
        .iter()
        .filter(|known| known.is || known.fact.kind != "uid" || known.fact.value.as_deref() != Some("0"));
    let facts: Vec<String> = all.map(fact).collect();
    format!("{}: {}", condition.outcome.text(), facts.join(", "))
}

/// The conditions besides that of root, and the remarks with their lines.
pub fn found(exploration: &Exploration) -> (Vec<String>, Vec<String>) {
    let conditions = exploration.conditions.iter().map(written).filter(|text| !text.ends_with("uid 0"));
    let remarks = exploration.incomplete.iter();
    let remarks = remarks.map(|remark| format!("{}: {}", remark.line.unwrap_or(0), remark.why));
    (conditions.collect(), remarks.collect())
}
