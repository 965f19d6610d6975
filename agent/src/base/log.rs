//! What the daemon says of itself, on stderr, for the journal to pick up. Decisions are records and go elsewhere.
//!
//! It speaks at start and stop, when what it serves changes, when the configuration changes, and when something fails.

use std::io::Write;

use polkit_config::escape::escape;

/// Something that ends or hinders the work.
pub fn error(text: &str) {
    say(3, text);
}

/// Something that an administrator should look at.
pub fn warning(text: &str) {
    say(4, text);
}

/// Something that happened as it should.
pub fn notice(text: &str) {
    say(5, text);
}

/// The level in angle brackets is systemd's convention for lines on stderr (sd-daemon(3)). A terminal gets none.
fn say(level: u8, text: &str) {
    let prefix = if std::env::var_os("JOURNAL_STREAM").is_some() { format!("<{level}>") } else { String::new() };
    // There is nobody left to tell that stderr is closed.
    let _ = writeln!(std::io::stderr(), "{prefix}polkit-service-agent: {}", escape(text));
}
