//! `polkit-service-agent decisions`.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::{Timestamp, tz::TimeZone};
use polkit_config::names::Names;
use serde_json::{Value, json};

use crate::{
    base::{clock::local_zone, terminal},
    cli::{
        args::DecisionsOptions,
        journal_reader::{self, DecisionJoiner, JournalDecision, JournalEntry, Span},
        suggest::suggest,
    },
    config::{Origin, load},
};

/// The journal cannot be read.
const CANNOT_READ: u8 = 3;
/// After this time no outcome can come any more: `answer_within` is 60 s at most.
const OUTCOME_WITHIN: Duration = Duration::from_secs(62);

/// Shows decisions.
#[must_use]
pub fn run(shown: &DecisionsOptions) -> ExitCode {
    let own = shown.own.then(|| rustix::process::geteuid().as_raw());
    let span = Span { since: Some(shown.since.clone()), follow: shown.follow, own };
    let ended = if shown.follow { follow(&span, shown) } else { past(&span, shown) };
    match ended {
        Ok(code) => code,
        // The reader of the output ended.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) if error.get_ref().is_some_and(|inner| inner.is::<Unwritten>()) => {
            terminal::error(&error.to_string());
            CANNOT_READ.into()
        }
        Err(error) => {
            terminal::error(&format!("cannot read the journal by journalctl: {error}"));
            CANNOT_READ.into()
        }
    }
}

/// Standard output failed, and not the journal.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
struct Unwritten(io::Error);

/// Marks a failure to write. A reader that ended keeps its kind.
fn written(result: io::Result<()>) -> io::Result<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => error,
        _ => io::Error::other(Unwritten(error)),
    })
}

fn past(span: &Span, shown: &DecisionsOptions) -> io::Result<ExitCode> {
    let (mut child, lines) = journal_reader::read(span)?;
    let mut joined = DecisionJoiner::default();
    let mut decisions: Vec<JournalDecision> =
        journal_reader::entries(lines, span).filter_map(|entry| joined.take(entry)).collect();
    if !child.wait()?.success() {
        return Ok(CANNOT_READ.into());
    }
    decisions.extend(joined.without_outcome(u64::MAX));
    decisions.sort_by_key(|decided| decided.decision.time);
    decisions.retain(|decided| is_shown(decided, shown));
    let skipped = shown.lines.map_or(0, |lines| decisions.len().saturating_sub(lines));
    decisions.drain(..skipped);
    if shown.suggest {
        let rules = load(&Origin::Host).config.map(|config| config.rules).unwrap_or_default();
        written(write!(io::stdout(), "{}", suggest(&decisions, &Names::Host, &rules)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let zone = local_zone().unwrap_or(TimeZone::UTC);
    let mut stdout = io::stdout().lock();
    for decided in &decisions {
        written(writeln!(stdout, "{}", line(decided, shown.json, &zone)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows new decisions. A decision is shown when its outcome came, or can no longer come.
fn follow(span: &Span, shown: &DecisionsOptions) -> io::Result<ExitCode> {
    let (mut child, lines) = journal_reader::read(span)?;
    let (send, entries) = mpsc::channel();
    let mut read = journal_reader::entries(lines, span);
    std::thread::spawn(move || read.try_for_each(|entry| send.send(entry)));
    let zone = local_zone().unwrap_or(TimeZone::UTC);
    let mut joined = DecisionJoiner::default();
    loop {
        let mut ready = Vec::new();
        match entries.recv_timeout(Duration::from_secs(1)) {
            Ok(entry) => ready.extend(joined.take(entry)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let old = since_1970.saturating_sub(OUTCOME_WITHIN).as_micros();
        ready.extend(joined.without_outcome(u64::try_from(old).unwrap_or(u64::MAX)));
        let mut stdout = io::stdout().lock();
        for decided in ready.iter().filter(|decided| is_shown(decided, shown)) {
            written(writeln!(stdout, "{}", line(decided, shown.json, &zone)))?;
        }
        stdout.flush()?;
    }
    Ok(if child.wait()?.success() { ExitCode::SUCCESS } else { CANNOT_READ.into() })
}

/// Whether the options select a decision.
fn is_shown(decided: &JournalDecision, shown: &DecisionsOptions) -> bool {
    let is = |field: &str, wanted: &Option<String>| {
        wanted.as_ref().is_none_or(|wanted| decided.decision.get(field) == Some(wanted.as_str()))
    };
    let is_allowed = decided.decision.get("VERDICT") == Some("allow") && decided.outcome_word() == "sent";
    is("UNIT", &shown.unit)
        && (is("USER", &shown.user) || is("SUBJECT_UID", &shown.user))
        && is("ACTION", &shown.action)
        && !(shown.denied && is_allowed)
}

fn line(decided: &JournalDecision, json: bool, zone: &TimeZone) -> String {
    if json { to_json(decided).to_string() } else { to_text(decided, zone) }
}

fn to_json(decided: &JournalDecision) -> Value {
    let decision = &decided.decision;
    let ended = decided.outcome.as_ref();
    json!({
        "id": decision.get("RECORD"),
        "time": seconds(decision.time),
        "way": decision.get("WAY"),
        "action": decision.get("ACTION"),
        "details": details(decision),
        "verdict": decision.get("VERDICT"),
        "rule": decision.get("RULE"),
        "reason": decision.get("REASON"),
        "pid": decision.number("SUBJECT_PID"),
        "uid": decision.number("SUBJECT_UID"),
        "user": decision.get("USER"),
        "unit": decision.get("UNIT"),
        "session": decision.get("SESSION"),
        "exe": decision.get("EXE"),
        "exe_claimed": decision.get("EXE_CLAIMED"),
        "command_line": decision.get("COMMAND_LINE"),
        "identity": decision.get("IDENTITY"),
        "approver": decision.get("APPROVER"),
        "outcome": decided.outcome_word(),
        "error": ended.and_then(|outcome| outcome.get("ERROR")),
        "microseconds": ended.and_then(|outcome| outcome.number("MICROSECONDS")),
        "times": decided.times(),
    })
}

/// The details of the action. The values are escaped. Details that are too long for a record are cut, and then a text.
fn details(decision: &JournalEntry) -> Value {
    let Some(text) = decision.get("DETAILS") else { return json!({}) };
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// Converts microseconds since 1970 to seconds.
#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e6
}

/// Formats a decision as one line. The values in records are escaped.
fn to_text(decided: &JournalDecision, zone: &TimeZone) -> String {
    let decision = &decided.decision;
    let time = i64::try_from(decision.time).ok().and_then(|time| Timestamp::from_microsecond(time).ok());
    let time = time.map_or_else(|| "-".to_owned(), |time| zone.to_datetime(time).strftime("%F %T").to_string());
    let get = |field| decision.get(field).unwrap_or("-");
    let by = decision.get("RULE").map_or_else(
        || get("REASON").to_owned(),
        |rule| match get("REASON") {
            "rule" => format!("rule \"{rule}\""),
            reason => format!("rule \"{rule}\", {reason}"),
        },
    );
    let details: String = match details(decision) {
        Value::Object(details) => {
            details.iter().map(|(key, value)| format!(" {key}={}", value.as_str().unwrap_or_default())).collect()
        }
        cut => format!(" {}", cut.as_str().unwrap_or_default()),
    };
    let user = decision.get("USER").unwrap_or_else(|| get("SUBJECT_UID"));
    let place = decision.get("UNIT").or_else(|| decision.get("SESSION")).unwrap_or("-");
    let approver = decision.get("APPROVER").map_or_else(String::new, |approver| format!(", approved by {approver}"));
    // The hook printed nothing, and the other rules of polkit decided.
    let verdict = if decided.outcome_word() == "passed" { "pass" } else { get("VERDICT") };
    let times = if decided.times() > 1 { format!(", {} times", decided.times()) } else { String::new() };
    format!(
        "{time} {verdict:<7} {}{details} {user} {place} pid {} ({by}{approver}; {}{times})",
        get("ACTION"),
        get("SUBJECT_PID"),
        decided.outcome_word()
    )
}

#[cfg(test)]
mod tests;
