//! The output of the commands.

use std::io::{IsTerminal, Write};

use polkit_config::{log, output, report::Report};
use polkit_types::escape::escape;

/// Prints a result to stdout.
pub fn print(text: &str) {
    output::print(text);
}

/// Prints an error to stderr, with its priority if stderr is the journal.
pub fn error(text: &str) {
    let start = if log::is_journal() { "<3>" } else { "polkit-service-agent: " };
    let _ = writeln!(std::io::stderr(), "{start}{}", escape(text));
}

/// Prints the problems of the configuration to stderr, in colour on a terminal.
pub fn report(report: &Report) {
    let mut stderr = std::io::stderr();
    let colour = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let _ = stderr.write_all(report.render(colour).as_bytes());
}
