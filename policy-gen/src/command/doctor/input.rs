//! The text on standard input: a message, or a log of any length. Only the part that the doctor needs stays in memory.

use std::io::{self, BufRead, Read as _};

use crate::doctor::error::{CANDIDATES_MAX, is_known, names_an_action};
use crate::mechanisms::is_candidate;

/// Length limit of a line in bytes. The rest of a longer line is skipped.
const LINE_MAX: u64 = 64 << 10;
/// Size limit of the text that is kept from the first known error on, in bytes.
const KEPT_MAX: usize = 4 << 20;
/// Size limit of the lines before the first known error that can be evidence, in bytes.
const BEFORE_MAX: usize = 256 << 10;
/// Lines that are compared with the table of mechanisms, as a multiple of those in a text that is given whole.
const MORE: usize = 10;

/// Reads a text. Lines before the first known error are empty in it, unless they name an action or libvirt, so that line numbers stay
/// those of the input. Reading ends some megabytes after the error.
///
/// # Errors
/// The input cannot be read.
pub(super) fn read(mut input: impl BufRead) -> io::Result<String> {
    let (mut kept, mut evidence, mut candidates, mut found_at) = (String::new(), 0, 0, None);
    let mut bytes = Vec::new();
    while next_line(&mut input, &mut bytes)? {
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end_matches('\n');
        if found_at.is_none() {
            let is_candidate = is_candidate(line);
            candidates += usize::from(is_candidate);
            // Most lines of a log are no candidates: comparing them with the table takes most of the time.
            if is_known(line, is_candidate && candidates <= CANDIDATES_MAX * MORE) {
                found_at = Some(kept.len());
            }
        }
        let is_evidence = || evidence + line.len() <= BEFORE_MAX && (names_an_action(line) || line.contains("libvirt"));
        if found_at.is_some() {
            kept.push_str(line);
        } else if is_evidence() {
            evidence += line.len();
            kept.push_str(line);
        }
        kept.push('\n');
        if found_at.is_some_and(|at| kept.len() - at > KEPT_MAX) {
            break;
        }
    }
    Ok(kept)
}

/// Reads a line with its end. Returns false at the end of the input.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if input.take(LINE_MAX).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() != Some(&b'\n') && line.len() as u64 >= LINE_MAX {
        input.skip_until(b'\n')?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "Failed to restart nginx.service: Interactive authentication required.";

    fn of(text: &str) -> String {
        read(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_short_text_keeps_its_error_and_what_follows_at_their_lines() {
        assert_eq!(of(&format!("a\nb\n{REFUSED}\nlater\n")), format!("\n\n{REFUSED}\nlater\n"));
        assert_eq!(of(REFUSED), format!("{REFUSED}\n"));
        assert_eq!(of(""), "");
    }

    #[test]
    fn lines_before_the_error_are_kept_if_they_name_an_action_or_libvirt() {
        let text = format!("org.example.app.run is here\nnothing\nlibvirtd started\n{REFUSED}\n");
        assert_eq!(of(&text), text.replace("nothing", ""));
    }

    #[test]
    fn an_error_at_the_end_of_a_log_is_found_at_its_line_and_little_is_kept() {
        let log = "2026-11-30 10:00:00 GET /index.html 200\n".repeat(20_000) + REFUSED;
        let kept = of(&log);
        assert_eq!(kept, format!("{}{REFUSED}\n", "\n".repeat(20_000)));
    }

    #[test]
    fn reading_ends_some_time_after_the_error_and_within_a_long_line() {
        let log = format!("{REFUSED}\n{}", "a line that follows\n".repeat(250_000));
        assert!(of(&log).len() <= KEPT_MAX + 100);
        let long = "x".repeat(200_000);
        assert_eq!(of(&format!("{long}\n{REFUSED}\n")), format!("\n{REFUSED}\n"));
        assert_eq!(
            of(&format!("{REFUSED}\n{long}\nz\n")).lines().map(str::len).collect::<Vec<_>>(),
            [REFUSED.len(), 65_536, 1]
        );
    }

    #[test]
    fn evidence_before_the_error_is_limited() {
        let log = "libvirtd started\n".repeat(20_000) + REFUSED;
        assert!(of(&log).len() < BEFORE_MAX + 20_000 + 200);
    }
}
