//! Diagnostics of both programs: `tracing` events, one line each on stderr. Only events of this project are shown. The level and the
//! target can change while a program runs.

use std::{
    fmt::{self, Write as _},
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

use polkit_types::escape::escape;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::{LookupSpan, Registry},
};

/// The name of the program, at the start of each line, except in the journal.
static PROGRAM: OnceLock<&str> = OnceLock::new();

/// The levels, with their names of syslog(3) first, and the priorities of sd-daemon(3).
const LEVELS: [(&str, Level, u8); 5] = [
    ("err", Level::ERROR, 3),
    ("warning", Level::WARN, 4),
    ("notice", Level::INFO, 5),
    ("debug", Level::DEBUG, 7),
    ("trace", Level::TRACE, 7),
];

/// The position in [`LEVELS`] of the level in force.
static LEVEL: AtomicU8 = AtomicU8::new(2);
/// The target in force, as a number.
static TARGET: AtomicU8 = AtomicU8::new(Target::Auto as u8);

/// Where diagnostics go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Target {
    /// Stderr, with priorities if it is the journal.
    Auto,
    /// Stderr, without priorities.
    Console,
    /// No diagnostics.
    Null,
}

impl Target {
    const ALL: [Self; 3] = [Self::Auto, Self::Console, Self::Null];

    /// The name in org.freedesktop.LogControl1.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Console => "console",
            Self::Null => "null",
        }
    }
}

/// Starts the diagnostics of a program. `variable` is the environment variable with the first level. A wrong level is reported and
/// ignored.
pub fn start(program: &'static str, variable: &str) {
    PROGRAM.get_or_init(|| program);
    // Fails only if there is a subscriber already.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(Stderr));
    if let Ok(name) = std::env::var(variable)
        && !set_level(&name)
    {
        tracing::warn!("unknown level `{name}` in {variable}: expected {}", level_names());
    }
}

/// The name of the level in force.
#[must_use]
pub fn level() -> &'static str {
    current().0
}

/// The names of all levels.
#[must_use]
pub fn level_names() -> String {
    LEVELS.map(|(name, _, _)| name).join(", ")
}

/// Puts a level in force, by a name of syslog(3) or of `tracing`. Returns whether the name is known.
pub fn set_level(name: &str) -> bool {
    let name = match name {
        "emerg" | "alert" | "crit" | "error" => "err",
        "warn" => "warning",
        "info" => "notice",
        other => other,
    };
    let Some(position) = LEVELS.iter().position(|(known, _, _)| *known == name) else { return false };
    LEVEL.store(u8::try_from(position).unwrap_or(0), Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
    true
}

/// The target in force.
#[must_use]
pub fn target() -> Target {
    let number = TARGET.load(Ordering::Relaxed);
    Target::ALL.into_iter().find(|target| *target as u8 == number).unwrap_or(Target::Auto)
}

/// Puts a target in force, by its name. Returns whether the name is known.
pub fn set_target(name: &str) -> bool {
    let Some(target) = Target::ALL.into_iter().find(|target| target.name() == name) else { return false };
    TARGET.store(target as u8, Ordering::Relaxed);
    true
}

fn current() -> (&'static str, Level, u8) {
    LEVELS.get(usize::from(LEVEL.load(Ordering::Relaxed))).copied().unwrap_or(("notice", Level::INFO, 5))
}

/// Writes events to stderr.
struct Stderr;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("polkit") && *metadata.level() <= current().1
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(current().1))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Line::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Line::default();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Line { fields, .. }) = span.extensions().get() {
                line.fields.push_str(fields);
            }
        }
        event.record(&mut line);
        let level = LEVELS.iter().find(|(_, level, _)| level == event.metadata().level());
        write(level.map_or(5, |(_, _, priority)| *priority), &line.to_string());
    }
}

/// The journal gets a priority in angle brackets: systemd's convention for lines on stderr (sd-daemon(3)). A terminal gets none.
fn write(priority: u8, text: &str) {
    let program = PROGRAM.get().copied().unwrap_or("polkit");
    let start = match target() {
        Target::Null => return,
        Target::Auto if is_journal() => format!("<{priority}>"),
        Target::Auto | Target::Console => format!("{program}: "),
    };
    write_line(&format!("{start}{}\n", escape(text)));
}

/// Whether stderr is a stream of the journal with the name of this program. `JOURNAL_STREAM` has the device and the inode of the stream,
/// and stderr can be another file. systemd names a stream after the program that it starts, whose pid is in `SYSTEMD_EXEC_PID` (both
/// systemd.exec(5)): a command in a script of a unit is not that program.
#[must_use]
pub fn is_journal() -> bool {
    let is = |name: &str, value: String| std::env::var(name).is_ok_and(|known| known == value);
    let stream = rustix::fs::fstat(std::io::stderr()).map(|file| format!("{}:{}", file.st_dev, file.st_ino));
    is("SYSTEMD_EXEC_PID", std::process::id().to_string()) && stream.is_ok_and(|stream| is("JOURNAL_STREAM", stream))
}

/// Writes a line to stderr, if stderr accepts it now. A full pipe must not delay the program, so the line is lost. The lock of the
/// standard library is not used: another thread can hold it while it waits.
fn write_line(line: &str) {
    let stderr = std::io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if matches!(poll(&mut fds, Some(&now)), Ok(1)) && fds.iter().all(|fd| fd.revents().contains(PollFlags::OUT)) {
        // If stderr is closed, there is no other place to report that.
        let _ = rustix::io::write(&stderr, line.as_bytes());
    }
}

/// The text of an event, or the fields of a span.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.message, self.fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_syslog_and_of_tracing_are_known() {
        for (name, in_force) in
            [("err", "err"), ("warn", "warning"), ("info", "notice"), ("debug", "debug"), ("trace", "trace")]
        {
            assert!(set_level(name));
            assert_eq!(level(), in_force);
        }
        assert!(!set_level("loud") && level() == "trace");
        assert!(set_level("notice"));
    }

    #[test]
    fn targets_are_known_by_their_names() {
        assert!(set_target("null") && target() == Target::Null);
        assert!(!set_target("printer") && target() == Target::Null);
        assert!(set_target("auto") && target() == Target::Auto);
    }
}
