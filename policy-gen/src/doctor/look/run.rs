//! Runs programs with limits of time and output.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The search path for programs, instead of the caller's.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Output limit in bytes.
const OUTPUT_MAX: u64 = 4 << 20;

/// Returns whether a program succeeded, and its output; `None` if it cannot be run or does not end in time.
#[must_use]
pub fn run(argv: &[&str], limit: Duration) -> Option<(bool, String)> {
    run_with(argv, limit, false)
}

/// Returns whether a program failed, and what it wrote to standard error; `None` as for [`run`].
#[must_use]
pub fn errors_of(argv: &[&str], limit: Duration) -> Option<(bool, String)> {
    run_with(argv, limit, true).map(|(done, text)| (!done, text))
}

fn run_with(argv: &[&str], limit: Duration, errors: bool) -> Option<(bool, String)> {
    let (program, arguments) = argv.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", PATH).env("LC_ALL", "C").env_remove("SYSTEMD_PAGER").current_dir("/");
    let (out, err) = if errors { (Stdio::null(), Stdio::piped()) } else { (Stdio::piped(), Stdio::null()) };
    let mut child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().ok()?;
    let output: Box<dyn std::io::Read + Send> =
        if errors { Box::new(child.stderr.take()?) } else { Box::new(child.stdout.take()?) };
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = output.take(OUTPUT_MAX).read_to_end(&mut bytes);
        bytes
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if started.elapsed() < limit => std::thread::sleep(Duration::from_millis(2)),
            _ => break None,
        }
    };
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
        tracing::debug!(command = argv.join(" "), "a program took too long");
        return None;
    }
    tracing::debug!(command = argv.join(" "), success = status.is_some_and(|status| status.success()), "ran a program");
    let bytes = reader.join().ok()?;
    Some((status?.success(), String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit that no test reaches.
    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Option<(bool, String)> {
        run(&["sh", "-c", script], LONG)
    }

    #[test]
    fn the_status_and_the_output_of_a_program_are_returned() {
        assert_eq!(shell("echo out; echo error >&2"), Some((true, "out\n".to_owned())));
        assert_eq!(shell("echo out; exit 3"), Some((false, "out\n".to_owned())));
        let errors = |script: &str| errors_of(&["sh", "-c", script], LONG);
        assert_eq!(errors("echo out; echo error >&2"), Some((false, "error\n".to_owned())));
        assert_eq!(errors("echo error >&2; exit 3"), Some((true, "error\n".to_owned())));
    }

    #[test]
    fn a_program_gets_a_fixed_surrounding_and_no_input() {
        let text = shell("echo \"$PATH $LC_ALL $PWD\"; cat").unwrap().1;
        assert_eq!(text, format!("{PATH} C /\n"));
    }

    #[test]
    fn a_program_that_cannot_be_run_or_does_not_end_in_time_has_no_output() {
        assert_eq!(run(&[], LONG), None);
        assert_eq!(run(&["/no/such/program"], LONG), None);
        assert_eq!(run(&["sleep", "600"], Duration::from_millis(20)), None);
    }
}
