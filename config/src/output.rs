//! Standard output of the commands. A reader that ended is no error. Every other failure, such as a full disk, is kept until the end
//! of the program, which then fails.

use std::io::{self, Write as _};
use std::sync::Mutex;

static FAILURE: Mutex<Option<String>> = Mutex::new(None);

/// Prints lines to standard output.
pub fn print(text: &str) {
    let mut output = io::stdout();
    keep(writeln!(output, "{text}").and_then(|()| output.flush()));
}

/// Keeps the first failure, except for a reader that ended.
fn keep(written: io::Result<()>) {
    let Err(error) = written else { return };
    if error.kind() != io::ErrorKind::BrokenPipe
        && let Ok(mut failure) = FAILURE.lock()
    {
        failure.get_or_insert_with(|| error.to_string());
    }
}

/// Returns the message if something could not be written.
#[must_use]
pub fn failure() -> Option<String> {
    let failure = FAILURE.lock().ok()?;
    failure.as_ref().map(|error| format!("cannot write to standard output: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_a_failure_and_a_reader_that_ended_is_none() {
        keep(Ok(()));
        keep(Err(io::ErrorKind::BrokenPipe.into()));
        assert_eq!(failure(), None);
        keep(Err(io::ErrorKind::StorageFull.into()));
        keep(Err(io::ErrorKind::Other.into()));
        assert_eq!(failure().as_deref(), Some("cannot write to standard output: no storage space"));
    }
}
