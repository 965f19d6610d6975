//! The narrowest rules that would have allowed the refusals, as TOML. A TOML encoder writes the values.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use polkit_agent_rules::{
    rule::{Answer, Rule},
    unit_pattern::UnitPattern,
};
use polkit_config::names::Names;
use polkit_types::pattern::ActionPattern;

use crate::{
    base::root_control,
    cli::journal_reader::JournalDecision,
    config::{
        is_run_for_users,
        root_equivalent::{NEVER_NARROWED, ROOT_EQUIVALENT},
    },
};

/// Refusals with the same values share one suggestion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RefusalKind {
    action: String,
    reason: String,
    rule: Option<String>,
    uid: u32,
    unit: Option<String>,
    exe: Option<String>,
    details: BTreeMap<String, String>,
    by_hook: bool,
}

/// One suggestion for each kind of refusal that the present rules do not allow, the most frequent first.
#[must_use]
pub fn suggest(decisions: &[JournalDecision], names: &Names, rules: &[Rule]) -> String {
    let mut counted: HashMap<RefusalKind, u64> = HashMap::new();
    for decided in decisions {
        if let Some(kind) = kind(decided).filter(|kind| !is_allowed(kind, rules)) {
            *counted.entry(kind).or_default() += decided.times();
        }
    }
    let mut counted: Vec<(RefusalKind, u64)> = counted.into_iter().collect();
    counted.sort_by(|(a, times), (b, others)| others.cmp(times).then_with(|| key(a).cmp(&key(b))));
    let mut taken: BTreeSet<String> = rules.iter().map(|rule| rule.id.clone()).collect();
    let parts = counted.iter().map(|(kind, times)| one(kind, *times, names, &mut taken));
    parts.collect::<Vec<_>>().join("\n")
}

/// Whether a rule allows such a request now: it was written after the refusal. Only for refusals without a rule: for the others the
/// suggestion is advice. Rules with conditions that a record does not have do not count.
fn is_allowed(kind: &RefusalKind, rules: &[Rule]) -> bool {
    let allows = |rule: &Rule| {
        let Rule { group: None, exe: None, session: None, seat: None, .. } = rule else { return false };
        rule.answer == Answer::Allow
            && rule.when.is_always()
            && rule.actions.iter().any(|pattern| pattern.covers(&kind.action))
            && rule.user.as_ref().is_none_or(|user| user.id == kind.uid)
            && rule.unit.as_ref().is_none_or(|unit| kind.unit.as_ref().is_some_and(|of| unit.covers(of)))
            && rule.details.iter().all(|(key, wanted)| kind.details.get(key).is_some_and(|value| wanted.covers(value)))
    };
    kind.reason == "no-rule" && rules.iter().any(allows)
}

fn key(kind: &RefusalKind) -> (&str, u32, Option<&str>, &str, &BTreeMap<String, String>) {
    (&kind.action, kind.uid, kind.unit.as_deref(), &kind.reason, &kind.details)
}

fn kind(decided: &JournalDecision) -> Option<RefusalKind> {
    let decision = &decided.decision;
    let text = |field: &str| decision.get(field).map(str::to_owned);
    if !matches!(decision.get("VERDICT")?, "deny" | "dismiss") {
        return None;
    }
    Some(RefusalKind {
        action: text("ACTION")?,
        reason: text("REASON")?,
        rule: text("RULE"),
        uid: decision.get("SUBJECT_UID")?.parse().ok()?,
        unit: text("UNIT"),
        exe: text("EXE"),
        // Details that were cut are not exact.
        details: decision.get("DETAILS").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
        by_hook: decision.get("WAY") == Some("hook"),
    })
}

fn one(kind: &RefusalKind, times: u64, names: &Names, taken: &mut BTreeSet<String>) -> String {
    let user = names.user_by_uid(kind.uid).ok().flatten().map(|user| user.name);
    let mut lines = vec![comment(&header(kind, times, user.as_deref()))];
    if let Some(advice) = advice(kind, user.as_deref()) {
        lines.push(comment(&advice));
        return lines.join("\n") + "\n";
    }
    if let Some((_, why)) = ROOT_EQUIVALENT.iter().find(|(action, _)| *action == kind.action) {
        lines.push(comment(&format!("WARNING: root-equivalent: {why}")));
    }
    if kind.by_hook {
        lines.push(comment("The hook did not reply: polkit's other rules decided"));
    }
    let id = id(kind, user.as_deref().unwrap_or_default(), taken);
    let unit = kind.unit.as_deref().filter(|unit| UnitPattern::new(unit).is_some() && !unit.contains('*'));
    // An escaped path is another path.
    let exe =
        kind.exe.as_deref().filter(|exe| !exe.contains(['\\', '…']) && root_control::program(exe.as_ref()).is_ok());
    let keys = [
        ("id", Some(id.as_str())),
        ("action", Some(&kind.action)),
        ("unit", unit),
        ("user", user.as_deref()),
        ("exe", exe),
        ("answer", Some("allow")),
    ];
    lines.push("[[rule]]".to_owned());
    let set = |(key, value): (&str, &str)| format!("{key} = {}", toml::Value::from(value));
    let [id, action, unit, user, exe, answer] = keys.map(|(key, value)| value.map(|value| set((key, value))));
    let details = (!kind.details.is_empty()).then(|| {
        let pair = |(key, value): (&String, &String)| {
            format!("{} = {}", toml::Value::from(key.as_str()), toml::Value::from(value.as_str()))
        };
        format!("details = {{ {} }}", kind.details.iter().map(pair).collect::<Vec<_>>().join(", "))
    });
    lines.extend([id, action, unit, user, exe, details, answer].into_iter().flatten());
    lines.join("\n") + "\n"
}

fn header(kind: &RefusalKind, times: u64, user: Option<&str>) -> String {
    let who = user.map_or_else(|| format!("uid {}", kind.uid), str::to_owned);
    let unit = kind.unit.as_deref().map_or_else(|| "no unit".to_owned(), |unit| format!("in {unit}"));
    let exe = kind.exe.as_deref().map(|exe| format!(", {exe}")).unwrap_or_default();
    let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    format!("Refused {times}: {} for {who}, {unit}{exe}", kind.action)
}

/// The advice if no new rule would help.
fn advice(kind: &RefusalKind, user: Option<&str>) -> Option<String> {
    let rule = kind.rule.as_deref().unwrap_or_default();
    let for_reason = match kind.reason.as_str() {
        "no-rule" => None,
        "rule" => Some(format!("The rule \"{rule}\" refuses it. To allow it, put a rule before this one")),
        "unbound" => Some(format!(
            "The rule \"{rule}\" would allow it, but no [[agent]] rule for the user is installed: add the user to an \
             [[agent]] table of polkit-policy-gen"
        )),
        "other-user" => Some(format!(
            "The rule \"{rule}\" would allow it, but names no `user`, and the session belongs to another user"
        )),
        "limit" => Some(format!("The rule \"{rule}\" would allow it, but its `at_most` was used up")),
        reason => Some(format!("A rule does not help: the reason was \"{reason}\", see polkit-service-agent(8)")),
    };
    let run_for_users = || kind.unit.as_deref().is_some_and(is_run_for_users);
    for_reason
        .or_else(|| user.is_none().then(|| "The uid has no name on this host, and a rule needs one".to_owned()))
        .or_else(|| {
            let is_plain = |text: &String| !text.contains(['*', '\\', '…']);
            let exact = ActionPattern::new(&kind.action).is_ok()
                && is_plain(&kind.action)
                && kind.details.iter().all(|(key, value)| is_plain(key) && is_plain(value));
            (!exact).then(|| "A rule cannot name this action".to_owned())
        })
        .or_else(|| {
            let is_narrow = ["unit", "program"].iter().any(|key| kind.details.contains_key(*key));
            let wide = NEVER_NARROWED.contains(&kind.action.as_str()) && !is_narrow;
            wide.then(|| {
                "A rule would allow this for all programs or all units, which is root-equivalent. Write a policy rule by \
                 [[systemd]] of polkit-policy-gen, or use the hook with `details`"
                    .to_owned()
            })
        })
        .or_else(|| {
            run_for_users().then(|| {
                "Jobs of every user with a crontab are in this unit: run the job as a unit of its own, and grant to that unit".to_owned()
            })
        })
}

/// Formats a comment as one line.
fn comment(text: &str) -> String {
    format!("# {}", text.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>())
}

/// A readable id that no other rule has.
fn id(kind: &RefusalKind, user: &str, taken: &mut BTreeSet<String>) -> String {
    let subject = kind.unit.as_deref().and_then(|unit| unit.split('.').next()).unwrap_or(user);
    let action = kind.action.rsplit('.').take(2).collect::<Vec<_>>();
    let words = [&[subject][..], &action.into_iter().rev().collect::<Vec<_>>()].concat().join("-");
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = words.chars().map(plain).take(96).collect();
    let numbered = (2..).map(|number| format!("{words}-{number}"));
    let free = std::iter::once(words.clone()).chain(numbered).find(|id| !taken.contains(id)).unwrap_or(words);
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests;
