//! What `status` tells: gathered by the daemon, sent as JSON, shown as text. Pure.

use std::fmt::Write;

use polkit_types::escape::escape;
use serde_json::{Value, json};

use crate::register::health::Polkitd;

/// The state of the agent at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The moment, in Unix seconds.
    pub time: u64,
    /// polkitd's version; none while there is no polkitd.
    pub polkit: Option<String>,
    /// How polkitd is.
    pub health: Polkitd,
    /// Why there is none, where the bus said why.
    pub polkit_error: Option<String>,
    /// Seconds since the agent started.
    pub uptime: u64,
    /// Registrations in all.
    pub registrations: usize,
    /// Registrations that polkitd may have lost descriptors by.
    pub leaked: u64,
    /// polkitd may have lost so many that nothing more is registered of some entry.
    pub strained: bool,
    /// Reads of processes and pid files that did not end.
    pub unfinished: u64,
    /// What the last of them was about.
    pub last_unfinished: Option<String>,
    /// Hook requests about subjects that no entry names.
    pub strangers: u64,
    /// What is served.
    pub served: Vec<Served>,
    /// How long the last look at everything took, in microseconds.
    pub scan_microseconds: u128,
    /// The last warning.
    pub last_error: Option<String>,
}

/// One entry of `[[serve]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// A unit, a user, a pid file, sessions, or `exec`.
    pub what: String,
    /// How its processes are known.
    pub way: Way,
    /// When the entry came into force, in Unix seconds: at the agent's start, or at the reload that brought it.
    pub since: u64,
    /// How many processes or sessions are registered; by the hook none needs to be.
    pub processes: usize,
    /// Registrations of this entry that polkitd may have lost descriptors by.
    pub leaked: u64,
    /// How many there are besides, for which there is no room.
    pub over_limit: usize,
}

/// How the processes of an entry are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The kernel tells of forks.
    Events,
    /// By looking again and again.
    Rescan,
    /// The process is given: by a pid file, or by asking itself.
    Fixed,
    /// Not at all: a rule asks.
    Hook,
}

impl Way {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Rescan => "rescan",
            Self::Fixed => "fixed",
            Self::Hook => "hook",
        }
    }
}

impl Status {
    /// The stable form. No key changes its meaning; more may be added.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let served: Vec<Value> = self.served.iter().map(Served::to_json).collect();
        json!({
            "time": self.time,
            "polkit": { "version": self.polkit, "health": self.health.word(), "error": self.polkit_error },
            "uptime": self.uptime,
            "registrations": self.registrations,
            "pending": 0,
            "leaked": self.leaked,
            "strained": self.strained,
            "over_limit": self.served.iter().map(|served| served.over_limit).sum::<usize>(),
            "unfinished_reads": { "count": self.unfinished, "last": self.last_unfinished },
            "not_served": self.strangers,
            "served": served,
            "scan_microseconds": u64::try_from(self.scan_microseconds).unwrap_or(u64::MAX),
            "last_error": self.last_error,
        })
    }
}

impl Served {
    fn to_json(&self) -> Value {
        json!({
            "what": self.what,
            "way": self.way.word(),
            "processes": self.processes,
            "leaked": self.leaked,
            "over_limit": self.over_limit,
            "since": self.since,
        })
    }
}

/// The stable form, for a person.
#[must_use]
pub fn to_text(status: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), escape);
    let field = |key: &str| status.get(key).map_or_else(|| "?".into(), text);
    let polkit = status.pointer("/polkit/version").filter(|version| version.is_string());
    let health = status.pointer("/polkit/health").and_then(Value::as_str);
    let mut out = match polkit {
        Some(version) if health == Some("slow") => format!("polkitd {} does not answer just now\n", text(version)),
        Some(version) => format!("polkitd {}\n", text(version)),
        None => "polkitd is not there: nobody is served\n".to_owned(),
    };
    if let Some(error) = status.pointer("/polkit/error").filter(|error| error.is_string()) {
        let _ = writeln!(out, "the bus says of it: {}", text(error));
    }
    let _ = writeln!(out, "{} registrations, for {} s now", field("registrations"), field("uptime"));
    let seconds = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64);
    match field("pending").as_str() {
        "0" | "?" => {}
        pending => drop(writeln!(out, "{pending} questions wait for a person: polkit-service-agent pending")),
    }
    for served in status.get("served").and_then(Value::as_array).into_iter().flatten() {
        let field = |key: &str| served.get(key).map_or_else(|| "?".into(), text);
        let over = match field("over_limit").as_str() {
            "0" => String::new(),
            over => format!(", {over} more have no place"),
        };
        let what = field("what");
        let kind = if what.starts_with("session_user ") || what == "session own" { "sessions" } else { "processes" };
        let age = seconds(status, "time").zip(seconds(served, "since")).map(|(now, then)| now.saturating_sub(then));
        let age = age.map(|age| format!(", for {age} s now")).unwrap_or_default();
        let _ = writeln!(out, "  {what} ({}): {} {kind}{over}{age}", field("way"), field("processes"));
    }
    let _ = writeln!(out, "the last look at everything took {} µs", field("scan_microseconds"));
    if let Some(count) = status.pointer("/unfinished_reads/count").and_then(Value::as_u64).filter(|count| *count > 0) {
        let last = status.pointer("/unfinished_reads/last").map(text).unwrap_or_default();
        let _ = writeln!(out, "{count} reads did not end; the last was of {last}");
    }
    if let Some(count) = status.get("not_served").and_then(Value::as_u64).filter(|count| *count > 0) {
        let _ = writeln!(out, "{count} hook requests were about processes that no entry names");
    }
    if field("leaked") != "0" {
        let _ = writeln!(out, "polkitd may have lost the descriptors of {} registrations", field("leaked"));
    }
    if let Some(error) = status.get("last_error").filter(|error| error.is_string()) {
        let _ = writeln!(out, "last warning: {}", text(error));
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        let served = |what: &str, way, processes, over_limit| Served {
            what: what.into(),
            way,
            since: 40,
            processes,
            leaked: 0,
            over_limit,
        };
        Status {
            time: 100,
            polkit: Some("126".into()),
            health: Polkitd::Well,
            polkit_error: None,
            uptime: 60,
            registrations: 12,
            leaked: 3,
            strained: false,
            unfinished: 2,
            last_unfinished: Some("process 7 of uid 33".into()),
            strangers: 18,
            served: vec![
                served("apache2.service", Way::Events, 12, 138),
                served("php*-fpm.service", Way::Hook, 0, 0),
                served("session_user kiosk", Way::Rescan, 1, 0),
            ],
            scan_microseconds: 450,
            last_error: Some("evil\u{1b}[2J".into()),
        }
    }

    #[test]
    fn the_stable_form_has_the_documented_keys() {
        let json = status().to_json();
        assert_eq!(json.pointer("/polkit/version"), Some(&json!("126")));
        for (key, value) in [("registrations", 12), ("pending", 0), ("leaked", 3), ("over_limit", 138)] {
            assert_eq!(json.get(key), Some(&json!(value)), "{key}");
        }
        assert_eq!(json.pointer("/served/0/way"), Some(&json!("events")));
        assert_eq!(json.pointer("/served/1/processes"), Some(&json!(0)));
        assert_eq!(json.pointer("/served/0/since"), Some(&json!(40)));
    }

    #[test]
    fn a_person_sees_the_same_without_escapes() {
        let expected = "polkitd 126\n12 registrations, for 60 s now\n  \
            apache2.service (events): 12 processes, 138 more have no place, for 60 s now\n  \
            php*-fpm.service (hook): 0 processes, for 60 s now\n  \
            session_user kiosk (rescan): 1 sessions, for 60 s now\nthe last look at everything took 450 µs\n\
            2 reads did not end; the last was of process 7 of uid 33\n\
            18 hook requests were about processes that no entry names\n\
            polkitd may have lost the descriptors of 3 registrations\nlast warning: evil\\x1b[2J";
        assert_eq!(to_text(&status().to_json()), expected);
    }

    #[test]
    fn what_is_no_status_is_shown_without_a_panic() {
        assert!(to_text(&json!({})).contains("polkitd is not there"));
        assert!(to_text(&json!({"served": [1, {}], "polkit": 7})).contains("? (?)"));
    }
}
