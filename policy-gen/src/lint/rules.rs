//! Finds mistakes in rules files that compile.

use std::collections::BTreeMap;

use super::read::{Rule, Script};
use super::{File, Finding, codes, sessions};
use crate::implicit_authorization::ImplicitAuthorization;
use crate::target::{JavaScript, Target, UNITS, Version};

const RESULTS: [&str; 7] = ["NO", "YES", "AUTH_SELF", "AUTH_SELF_KEEP", "AUTH_ADMIN", "AUTH_ADMIN_KEEP", "NOT_HANDLED"];
/// The properties of a subject. Other properties of all objects are unlikely to be used by mistake.
const SUBJECT: [&str; 15] = [
    "pid",
    "user",
    "groups",
    "seat",
    "session",
    "local",
    "active",
    "system_unit",
    "no_new_privileges",
    "uid",
    "isInGroup",
    "isInNetGroup",
    "toString",
    "hasOwnProperty",
    "constructor",
];
/// The versions from which on a subject has these properties.
const SINCE: [(&str, Version); 3] = [("system_unit", UNITS), ("no_new_privileges", UNITS), ("uid", Version(127))];
const ACTION: [&str; 5] = ["lookup", "toString", "hasOwnProperty", "isPrototypeOf", "valueOf"];
/// Names that Duktape 2.7 does not have.
const MISSING: [&str; 6] = ["Set", "Map", "WeakMap", "WeakSet", "Promise", "BigInt"];
/// Functions that Duktape does not have, with their objects.
const MISSING_OF: [(&str, &str); 6] = [
    ("Object", "values"),
    ("Object", "entries"),
    ("Object", "fromEntries"),
    ("Array", "from"),
    ("Array", "of"),
    ("String", "raw"),
];
/// Methods that no object of Duktape has.
const MISSING_METHODS: [&str; 9] =
    ["padStart", "padEnd", "replaceAll", "matchAll", "trimStart", "trimEnd", "flatMap", "findIndex", "copyWithin"];

/// Checks one file.
#[must_use]
pub fn lint(file: &File, script: &Script<'_>, target: Target) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = file.source.name().rsplit('/').next().unwrap_or_default();
    if name.split('-').next().is_some_and(|digits| digits.len() > 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    {
        let message = format!("{name} sorts before names with two digits, such as 50-x.rules");
        findings.push(Finding::of_file(&codes::PG020, 0, message));
    }
    for place in 0..script.tokens.len() {
        script.results(place, &mut findings);
        if target.javascript == JavaScript::Duktape {
            script.missing(place, &mut findings);
        }
    }
    for rule in script.rules() {
        script.rule(&rule, target, &mut findings);
        sessions::lint(script, &rule, &mut findings);
    }
    findings
}

impl Script<'_> {
    fn results(&self, place: usize, findings: &mut Vec<Finding>) {
        let named = self.word(place) == "polkit"
            && self.sign(place + 1) == Some(".")
            && self.word(place + 2) == "Result"
            && self.sign(place + 3) == Some(".");
        let own = self.word(place + 2);
        let is_own = self.word(place) == "polkit" && self.sign(place + 1) == Some(".");
        let is_object = place == 0 || self.sign(place - 1) != Some(".");
        if is_own
            && is_object
            && RESULTS.contains(&own)
            && !self.sign(place + 3).is_some_and(|sign| sign.starts_with('='))
        {
            self.find(
                findings,
                &codes::PG012,
                place,
                place + 2,
                format!("polkit has no {own}: use polkit.Result.{own}"),
            );
        }
        let name = self.word(place + 4);
        if named && !name.is_empty() && !RESULTS.contains(&name) {
            self.find(findings, &codes::PG012, place, place + 4, format!("there is no polkit.Result.{name}"));
        }
    }

    fn missing(&self, place: usize, findings: &mut Vec<Finding>) {
        let name = self.word(place);
        let guarded =
            |name: &str| (0..self.tokens.len()).any(|at| self.word(at) == "typeof" && self.word(at + 1) == name);
        let is_property = place > 0 && self.sign(place - 1) == Some(".");
        if MISSING.contains(&name) && place > 0 && self.word(place - 1) == "new" && !guarded(name) {
            self.find(findings, &codes::PG019, place - 1, place, format!("Duktape has no {name}"));
        }
        if self.sign(place + 1) == Some(".")
            && !is_property
            && MISSING_OF.contains(&(name, self.word(place + 2)))
            && self.sign(place + 3) == Some("(")
        {
            self.find(
                findings,
                &codes::PG019,
                place,
                place + 2,
                format!("Duktape has no {name}.{}", self.word(place + 2)),
            );
        }
        if is_property && MISSING_METHODS.contains(&name) && self.sign(place + 1) == Some("(") {
            self.find(findings, &codes::PG019, place, place, format!("Duktape has no method {name}()"));
        }
    }

    fn rule(&self, rule: &Rule, target: Target, findings: &mut Vec<Finding>) {
        let (action, subject) = (rule.parameter(0, "action"), rule.parameter(1, "subject"));
        let lookups: Vec<usize> = rule
            .body
            .clone()
            .filter(|at| self.word(*at) == action && self.sign(at + 1) == Some(".") && self.word(at + 2) == "lookup")
            .collect();
        // The bodies of inner functions are in the order of their starts; the end is that of all before.
        let mut ends: Vec<(usize, usize)> = Vec::new();
        for inner in &rule.inner {
            let last = ends.last().map_or(0, |(_, end)| *end);
            ends.push((inner.start, inner.end.max(last)));
        }
        let is_inner = |at: usize| {
            let before = ends.partition_point(|(start, _)| *start <= at);
            before.checked_sub(1).and_then(|place| ends.get(place)).is_some_and(|(_, end)| at < *end)
        };
        let (mut session_noted, mut is_guarded) = (false, false);
        // Rules for users at the seat are not for services.
        let requires =
            |name: &str| rule.body.clone().any(|at| self.is_property(at, subject, name) && self.is_wanted(at));
        // A rule that also tests the opposite decides for both.
        let decides_both = rule.body.clone().any(|at| self.is_property(at, subject, "local") && !self.is_wanted(at));
        let at_seat = decides_both || requires("local") && requires("active");
        for at in rule.body.clone() {
            if self.word(at) == "return" && !is_inner(at) {
                self.returned(at + 1, subject, findings);
            }
            is_guarded |= self.word(at) == "try";
            let property = self.word(at + 2);
            let is_object = self.sign(at + 1) == Some(".") && (at == 0 || self.sign(at - 1) != Some("."));
            if is_object && self.word(at) == action && self.sign(at + 3) == Some("(") && !ACTION.contains(&property) {
                self.find(findings, &codes::PG014, at, at + 2, format!("{action} has no method {property}()"));
            }
            if is_object && self.word(at) == subject && !property.is_empty() {
                let assigned = self.sign(at + 3) == Some("=");
                if !SUBJECT.contains(&property) && !assigned {
                    self.find(findings, &codes::PG015, at, at + 2, format!("{subject} has no {property}"));
                }
                let since = SINCE.iter().find(|(name, since)| *name == property && target.version < *since);
                if let Some((_, since)) = since {
                    let message = format!("{subject} has no {property} before polkit {since}");
                    self.find(findings, &codes::PG015, at, at + 2, message);
                }
                if matches!(property, "local" | "active") && self.is_wanted(at) && !session_noted && !at_seat {
                    session_noted = true;
                    self.find(
                        findings,
                        &codes::PG018,
                        at,
                        at + 2,
                        format!("{subject}.{property} is false for every service"),
                    );
                }
            }
            let spawns = self.is_property(at, "polkit", "spawn");
            if spawns && !is_guarded {
                self.find(findings, &codes::PG021, at, at + 2, "an exception of polkit.spawn() is not caught");
            }
        }
        let actions: Vec<&str> =
            rule.body.clone().filter_map(|at| self.text(at)).filter(|text| super::effects::is_action(text)).collect();
        // The details that are tested, each with its first test.
        let mut tested: BTreeMap<&str, usize> = BTreeMap::new();
        for at in &lookups {
            let is_used = self.sign(self.closing(at + 3) + 1) == Some(".");
            if let Some(key) = self.text(at + 4).filter(|_| !is_used) {
                tested.entry(key).or_insert(*at);
            }
        }
        for at in &lookups {
            let close = self.closing(at + 3);
            let Some(key) = self.text(at + 4).filter(|_| self.sign(close + 1) == Some(".")) else { continue };
            let with = passed_with(key).and_then(|other| tested.get(other)).is_some_and(|test| test < at);
            let always = !actions.is_empty() && actions.iter().all(|action| always_passed(action, key));
            if !tested.contains_key(key) && !with && !always {
                let message = format!("the detail `{key}` is used without a test that it is present");
                self.find(findings, &codes::PG013, *at, close + 2, message);
            }
        }
        self.asking(rule, !lookups.is_empty(), findings);
    }

    fn asking(&self, rule: &Rule, has_lookup: bool, findings: &mut Vec<Finding>) {
        let api = rule.body.clone().any(|at| self.text(at).is_some_and(|text| text.starts_with("org.libvirt.api.")));
        let manage =
            rule.body.clone().any(|at| self.text(at).is_some_and(|text| text.starts_with("org.libvirt.unix.")));
        for at in rule.body.clone() {
            let is_result = |text: &&str| text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("auth_"));
            let text = self.text(at).filter(|text| ImplicitAuthorization::parse(text).is_some());
            let Some(word) = text.or_else(|| Some(self.word(at))).filter(is_result).map(str::to_lowercase) else {
                continue;
            };
            if has_lookup && matches!(word.as_str(), "auth_self_keep" | "auth_admin_keep") {
                self.find(findings, &codes::PG016, at, at, "this result is kept for the action with any details");
            }
            if api && !manage && ImplicitAuthorization::parse(&word).is_some() {
                self.find(findings, &codes::PG017, at, at, "for org.libvirt.api.* this result is a refusal");
            }
        }
    }

    /// Checks the expression after a `return` of the rule itself.
    fn returned(&self, at: usize, subject: &str, findings: &mut Vec<Finding>) {
        let ends = |place: usize| matches!(self.sign(place), Some(";" | "}"));
        if let Some(text) = self.text(at)
            && ends(at + 1)
            && !text.is_empty()
            && ImplicitAuthorization::parse(text).is_none()
        {
            self.find(findings, &codes::PG011, at, at, format!("`{text}` is not a result"));
        }
        let word = self.word(at);
        let number = word.parse::<u64>().is_ok_and(|number| number > 0);
        let mut wrong =
            |to: usize, what: &str| self.find(findings, &codes::PG010, at, to, format!("{what} is returned"));
        if (word == "true" || number) && ends(at + 1) {
            wrong(at, word);
        } else if word == "new" && !self.word(at + 1).is_empty() {
            wrong(at + 1, "an object");
        } else if matches!(self.sign(at), Some("[" | "{")) && ends(self.closing(at) + 1) {
            wrong(self.closing(at), "an object");
        } else if word == subject && self.sign(at + 1) == Some(".") {
            let property = self.word(at + 2);
            if matches!(property, "local" | "active") && ends(at + 3) {
                wrong(at + 2, "true or false");
            } else if property.starts_with("isIn") && ends(self.closing(at + 3) + 1) {
                wrong(self.closing(at + 3), "true or false");
            }
        }
    }
}

/// Returns the detail that the mechanism passes together with this one: systemd passes unit and verb, or neither.
fn passed_with(key: &str) -> Option<&'static str> {
    match key {
        "unit" => Some("verb"),
        "verb" => Some("unit"),
        _ => None,
    }
}

/// Whether the mechanism passes this detail with each request for the action: libvirt does for objects that have a name.
fn always_passed(action: &str, key: &str) -> bool {
    let of =
        |object: &str, keys: &[&str]| action.starts_with(&format!("org.libvirt.api.{object}.")) && keys.contains(&key);
    action.starts_with("org.libvirt.api.") && key == "connect_driver"
        || of("domain", &["domain_name", "domain_uuid"])
        || of("network", &["network_name", "network_uuid"])
        || of("storage-pool", &["pool_name", "pool_uuid"])
        || of("storage-vol", &["pool_name", "pool_uuid", "vol_name", "vol_key"])
        || of("interface", &["interface_name"])
        || of("node-device", &["node_device_name"])
}
