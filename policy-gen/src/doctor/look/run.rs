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
    let (program, arguments) = argv.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", PATH).env("LC_ALL", "C").env_remove("SYSTEMD_PAGER").current_dir("/");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let output = child.stdout.take()?;
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
