//! `polkit-service-agent exec -- COMMAND`: registers this process, which then becomes COMMAND.

use std::{
    ffi::OsString,
    io::{self, Read},
    os::unix::{net::UnixStream, process::CommandExt},
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use polkit_types::escape::{escape, escape_bytes};

/// COMMAND was not run.
pub const NOT_REGISTERED: u8 = 125;
/// COMMAND exists and cannot be run, as with env(1).
const CANNOT_RUN: u8 = 126;
/// COMMAND was not found, as with env(1).
const NOT_FOUND: u8 = 127;
/// The time limit: a little more than the daemon's.
const DEADLINE: Duration = Duration::from_secs(28);

/// Registers this process and becomes `command`. Returns only if that fails.
#[must_use]
pub fn run(socket: &Path, command: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = command.split_first() else { return NOT_REGISTERED.into() };
    let shown = escape_bytes(program.as_encoded_bytes());
    if let Err(why) = ask(socket) {
        eprintln!("polkit-service-agent: {shown} was not run, because it could not be registered: {why}");
        return NOT_REGISTERED.into();
    }
    let error = Command::new(program).args(arguments).exec();
    eprintln!("polkit-service-agent: cannot run {shown}: {error}");
    if error.kind() == io::ErrorKind::NotFound { NOT_FOUND.into() } else { CANNOT_RUN.into() }
}

fn ask(socket: &Path) -> Result<(), String> {
    let reach = |error: io::Error| {
        format!("cannot reach the agent at {}: {error}. Is polkit-service-agent.service running?", socket.display())
    };
    let mut stream = UnixStream::connect(socket).map_err(reach)?;
    stream.set_read_timeout(Some(DEADLINE)).map_err(reach)?;
    let mut line = String::new();
    io::Read::take(&mut stream, 1024).read_to_string(&mut line).map_err(reach)?;
    match line.trim_end().split_once(' ') {
        None if line == "ok\n" => Ok(()),
        Some(("no", why)) => Err(escape(why)),
        _ => Err("the agent did not reply".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::net::UnixListener};

    use super::*;

    /// The result with an agent that sends these bytes.
    fn asked(reply: &'static [u8]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("exec");
        let listener = UnixListener::bind(&socket).unwrap();
        let agent = std::thread::spawn(move || listener.accept().unwrap().0.write_all(reply).unwrap());
        let result = ask(&socket);
        agent.join().unwrap();
        result
    }

    #[test]
    fn only_the_whole_line_of_the_agent_is_a_registration() {
        assert_eq!(asked(b"ok\n"), Ok(()));
        assert_eq!(asked(b"no the user is not served\n"), Err("the user is not served".into()));
        assert_eq!(asked(b"no \x1b[1m\n"), Err(escape("\u{1b}[1m")));
        for garbage in [&b""[..], b"ok", b"ok\nok\n", b"OK\n", b"yes sure\n", b"no\n"] {
            assert_eq!(asked(garbage), Err("the agent did not reply".into()), "{garbage:?}");
        }
    }

    #[test]
    fn an_agent_that_does_not_run_is_named() {
        let error = ask(Path::new("/no/such/socket")).unwrap_err();
        assert!(error.starts_with("cannot reach the agent at /no/such/socket: "), "{error}");
        assert!(error.ends_with("Is polkit-service-agent.service running?"), "{error}");
    }
}
