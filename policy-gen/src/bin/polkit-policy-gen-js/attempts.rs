//! Tries operations that a rule must not be able to perform. Only in debug builds, for the tests. A rules file triggers it by running
//! the program [`NAME`].

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};

/// The name of the fictitious program.
pub const NAME: &str = "polkit-policy-gen-js: attempts";

/// Tries all operations and returns their results by name: `done`, or the error number.
pub fn all() -> String {
    let open = |path: &str| rustix::fs::open(path, OFlags::RDONLY, Mode::empty()).map(drop);
    let socket = |family| rustix::net::socket(family, SocketType::STREAM, None).map(drop);
    let error = |error: &std::io::Error| Errno::from_io_error(error).unwrap_or(Errno::IO);
    let limit = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let outcomes = [
        ("open", open("/etc/passwd")),
        ("open-directory", open("/")),
        ("dup", rustix::io::dup(std::io::stdin()).map(drop)),
        ("socket-unix", socket(AddressFamily::UNIX)),
        ("socket-inet", socket(AddressFamily::INET)),
        ("memfd", rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::empty()).map(drop)),
        ("kill-group", rustix::process::test_kill_current_process_group()),
        ("program", std::process::Command::new("/bin/true").status().map(drop).map_err(|found| error(&found))),
        ("thread", std::thread::Builder::new().spawn(|| ()).map(drop).map_err(|found| error(&found))),
        ("rlimit", rustix::process::setrlimit(rustix::process::Resource::Core, limit)),
        ("unlink", rustix::fs::unlink("/nonexistent")),
        ("chdir", rustix::process::chdir("/")),
    ];
    let told = outcomes.map(|(name, outcome)| match outcome {
        Ok(()) => format!("{name}=done"),
        Err(errno) => format!("{name}={}", errno.raw_os_error()),
    });
    told.join(" ")
}
