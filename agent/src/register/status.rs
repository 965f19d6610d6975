//! The status of the agent: collected by the daemon, sent as JSON, printed as text by `status`. Pure.

use std::fmt::Write;

use polkit_types::escape::escape;
use serde_json::{Value, json};

use crate::register::health::PolkitdHealth;

/// The state of the agent at one time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The time of this status, in Unix seconds.
    pub time: u64,
    /// The version of polkitd. `None` while polkitd does not run.
    pub polkit: Option<String>,
    /// The health of polkitd.
    pub health: PolkitdHealth,
    /// The error of the bus when it could not start polkitd.
    pub polkit_error: Option<String>,
    /// Seconds since the agent started.
    pub uptime: u64,
    /// The files of the configuration in force.
    pub files: Vec<String>,
    /// The time before they were read, in microseconds since 1970.
    pub read_at: u64,
    /// The number of registrations.
    pub registrations: usize,
    /// The number of registrations whose descriptors polkitd may have leaked.
    pub leaked: u64,
    /// Whether an entry exhausted its leak budget, so that the agent registers nothing more for it.
    pub strained: bool,
    /// The number of reads of processes and pid files that did not return in time.
    pub unfinished: u64,
    /// The subject of the last such read.
    pub last_unfinished: Option<String>,
    /// The number of hook requests about subjects that no entry covers.
    pub not_served: u64,
    /// The entries of `[[serve]]`.
    pub served: Vec<ServedEntry>,
    /// The duration of the last full scan, in microseconds.
    pub scan_microseconds: u128,
    /// The last warning.
    pub last_error: Option<String>,
}

/// The status of one `[[serve]]` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedEntry {
    /// The unit, user, pid file, sessions or `exec` that the entry serves. The key `what` in JSON.
    pub target: String,
    /// How the agent finds the processes.
    pub way: Way,
    /// When the entry came into force, in Unix seconds: the start of the agent, or the reload that added the entry.
    pub since: u64,
    /// The number of registered processes or sessions. 0 for an entry that is served by the hook.
    pub processes: usize,
    /// The number of registrations of this entry whose descriptors polkitd may have leaked.
    pub leaked: u64,
    /// The number of further processes or sessions, which exceed the quota of the entry.
    pub over_limit: usize,
}

/// How the agent finds the processes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The kernel reports forks.
    Events,
    /// The agent scans ten times a second.
    Rescan,
    /// A pid file, or the process itself, names the process.
    Fixed,
    /// A policy rule runs the hook; the agent registers nothing.
    Hook,
}

impl Way {
    /// The word in `status`.
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
    /// The JSON form. It is stable: existing keys keep their meaning, and new keys can be added.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let served: Vec<Value> = self.served.iter().map(ServedEntry::to_json).collect();
        json!({
            "time": self.time,
            "polkit": { "version": self.polkit, "health": self.health.word(), "error": self.polkit_error },
            "uptime": self.uptime,
            "configuration": { "files": self.files, "read_microseconds": self.read_at },
            "registrations": self.registrations,
            "pending": 0,
            "leaked": self.leaked,
            "strained": self.strained,
            "over_limit": self.served.iter().map(|served| served.over_limit).sum::<usize>(),
            "unfinished_reads": { "count": self.unfinished, "last": self.last_unfinished },
            "not_served": self.not_served,
            "served": served,
            "scan_microseconds": u64::try_from(self.scan_microseconds).unwrap_or(u64::MAX),
            "last_error": self.last_error,
        })
    }
}

impl ServedEntry {
    fn to_json(&self) -> Value {
        json!({
            "what": self.target,
            "way": self.way.word(),
            "processes": self.processes,
            "leaked": self.leaked,
            "over_limit": self.over_limit,
            "since": self.since,
        })
    }
}

/// Formats the JSON form as text.
#[must_use]
pub fn to_text(status: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), escape);
    let field = |key: &str| status.get(key).map_or_else(|| "?".into(), text);
    let polkit = status.pointer("/polkit/version").filter(|version| version.is_string());
    let health = status.pointer("/polkit/health").and_then(Value::as_str);
    let mut out = match polkit {
        Some(version) if health == Some("slow") => format!("polkitd {} does not respond\n", text(version)),
        Some(version) => format!("polkitd {}\n", text(version)),
        None => "polkitd is not running: the agent cannot serve\n".to_owned(),
    };
    if let Some(error) = status.pointer("/polkit/error").filter(|error| error.is_string()) {
        let _ = writeln!(out, "the bus reports: {}", text(error));
    }
    let counted = |count: &str, one: &str, more: &str| format!("{count} {}", if count == "1" { one } else { more });
    let registrations = counted(&field("registrations"), "registration", "registrations");
    let _ = writeln!(out, "{registrations}, up {} s", field("uptime"));
    if status.pointer("/configuration/changed_on_disk") == Some(&Value::Bool(true)) {
        out.push_str(
            "the configuration on disk is newer than the one in force: systemctl reload polkit-service-agent\n",
        );
    }
    let seconds = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64);
    match field("pending").as_str() {
        "0" | "?" => {}
        pending => {
            let waiting = counted(pending, "request waits", "requests wait");
            let _ = writeln!(out, "{waiting} for approval: polkit-service-agent pending");
        }
    }
    for served in status.get("served").and_then(Value::as_array).into_iter().flatten() {
        let field = |key: &str| served.get(key).map_or_else(|| "?".into(), text);
        let over = match field("over_limit").as_str() {
            "0" => String::new(),
            over => format!(", {over} over limit"),
        };
        let what = field("what");
        let is_session = what.starts_with("session_user ") || what == "session own";
        let kind = match (is_session, field("processes").as_str()) {
            (true, "1") => "session",
            (true, _) => "sessions",
            (false, "1") => "process",
            (false, _) => "processes",
        };
        let age = seconds(status, "time").zip(seconds(served, "since")).map(|(now, then)| now.saturating_sub(then));
        let age = age.map(|age| format!(", since {age} s")).unwrap_or_default();
        let _ = writeln!(out, "  {what} ({}): {} {kind}{over}{age}", field("way"), field("processes"));
    }
    let _ = writeln!(out, "last full scan: {} µs", field("scan_microseconds"));
    if let Some(count) = status.pointer("/unfinished_reads/count").and_then(Value::as_u64).filter(|count| *count > 0) {
        let last = status.pointer("/unfinished_reads/last").map(text).unwrap_or_default();
        let reads = counted(&count.to_string(), "read", "reads");
        let _ = writeln!(out, "{reads} did not return; the last read {last}");
    }
    if let Some(count) = status.get("not_served").and_then(Value::as_u64).filter(|count| *count > 0) {
        let requests = counted(&count.to_string(), "hook request was", "hook requests were");
        let _ = writeln!(out, "{requests} about processes that no entry serves");
    }
    if field("leaked") != "0" {
        let leaked = counted(&field("leaked"), "registration", "registrations");
        let _ = writeln!(out, "polkitd may have leaked the descriptors of {leaked}");
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
        let entry = |target: &str, way, processes, over_limit| ServedEntry {
            target: target.into(),
            way,
            since: 40,
            processes,
            leaked: 0,
            over_limit,
        };
        Status {
            time: 100,
            polkit: Some("126".into()),
            health: PolkitdHealth::Well,
            polkit_error: None,
            uptime: 60,
            files: vec!["/etc/polkit-service-agent/agent.toml".into()],
            read_at: 7,
            registrations: 12,
            leaked: 3,
            strained: false,
            unfinished: 2,
            last_unfinished: Some("process 7 of uid 33".into()),
            not_served: 18,
            served: vec![
                entry("apache2.service", Way::Events, 12, 138),
                entry("php*-fpm.service", Way::Hook, 0, 0),
                entry("session_user kiosk", Way::Rescan, 1, 0),
            ],
            scan_microseconds: 450,
            last_error: Some("evil\u{1b}[2J".into()),
        }
    }

    #[test]
    fn the_json_form_has_the_documented_keys() {
        let json = status().to_json();
        assert_eq!(json.pointer("/polkit/version"), Some(&json!("126")));
        for (key, value) in [("registrations", 12), ("pending", 0), ("leaked", 3), ("over_limit", 138)] {
            assert_eq!(json.get(key), Some(&json!(value)), "{key}");
        }
        assert_eq!(json.pointer("/configuration/read_microseconds"), Some(&json!(7)));
        assert_eq!(json.pointer("/configuration/files/0"), Some(&json!("/etc/polkit-service-agent/agent.toml")));
        assert_eq!(json.pointer("/served/0/way"), Some(&json!("events")));
        assert_eq!(json.pointer("/served/1/processes"), Some(&json!(0)));
        assert_eq!(json.pointer("/served/0/since"), Some(&json!(40)));
    }

    #[test]
    fn the_text_escapes_control_characters() {
        let expected = "polkitd 126\n12 registrations, up 60 s\n  \
            apache2.service (events): 12 processes, 138 over limit, since 60 s\n  \
            php*-fpm.service (hook): 0 processes, since 60 s\n  \
            session_user kiosk (rescan): 1 session, since 60 s\nlast full scan: 450 µs\n\
            2 reads did not return; the last read process 7 of uid 33\n\
            18 hook requests were about processes that no entry serves\n\
            polkitd may have leaked the descriptors of 3 registrations\nlast warning: evil\\x1b[2J";
        assert_eq!(to_text(&status().to_json()), expected);
    }

    #[test]
    fn a_malformed_status_is_shown_without_a_panic() {
        assert!(to_text(&json!({})).contains("polkitd is not running"));
        assert!(to_text(&json!({"served": [1, {}], "polkit": 7})).contains("? (?)"));
    }

    #[test]
    fn counts_of_zero_are_not_shown() {
        let quiet =
            Status { leaked: 0, unfinished: 0, not_served: 0, last_error: None, served: Vec::new(), ..status() };
        let expected = "polkitd 126\n12 registrations, up 60 s\nlast full scan: 450 µs";
        assert_eq!(to_text(&quiet.to_json()), expected);
        let mut waiting = quiet.to_json();
        waiting["pending"] = json!(2);
        assert!(to_text(&waiting).contains("2 requests wait for approval"), "{}", to_text(&waiting));
    }

    #[test]
    fn a_polkitd_that_is_slow_or_absent_is_named_first() {
        let first = |status: Status| to_text(&status.to_json()).lines().take(2).collect::<Vec<_>>().join("|");
        let slow = Status { health: PolkitdHealth::Slow, ..status() };
        assert_eq!(first(slow), "polkitd 126 does not respond|12 registrations, up 60 s");
        let absent = Status { polkit: None, polkit_error: Some("x".into()), health: PolkitdHealth::Absent, ..status() };
        assert_eq!(first(absent), "polkitd is not running: the agent cannot serve|the bus reports: x");
    }

    #[test]
    fn one_process_and_several_sessions_have_their_own_words() {
        let shown = |target: &str, processes| {
            let served = vec![ServedEntry { target: target.into(), processes, ..status().served.remove(2) }];
            to_text(&Status { served, ..status() }.to_json()).lines().nth(2).unwrap().trim().to_owned()
        };
        assert_eq!(shown("a.service", 1), "a.service (rescan): 1 process, since 60 s");
        assert_eq!(shown("session own", 1), "session own (rescan): 1 session, since 60 s");
        assert_eq!(shown("session_user x", 0), "session_user x (rescan): 0 sessions, since 60 s");
    }
}
