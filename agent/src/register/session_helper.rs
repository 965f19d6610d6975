//! The session helper: a child process that is in a session while the agent registers for that session. One of the files with effects.
//!
//! polkitd accepts the registration for a session only from a process of that session, also from root. polkitd uses the cgroup, at the
//! time of the call, of the process that opened the connection (polkit 122, 126 and 128). So the agent starts itself as a child. The
//! child moves into the scope of the session, opens a stream to the bus, passes the stream to the agent, and stays until polkitd
//! accepted the registration. The connection stays open after the child ends. The agent itself must not enter the scope: logind kills
//! every process of a scope when the session is terminated.

use std::{
    fs::OpenOptions,
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    process::{Child, Command, ExitCode},
    time::Duration,
};

use polkit_dbus::open_stream;
use polkit_types::escape::escape_bytes;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

/// The argument that starts the helper.
pub const COMMAND: &str = "join-session";
/// The time limit of the helper.
const WITHIN: Duration = Duration::from_secs(2);
/// The longest error message of a helper, in bytes.
const LONGEST: usize = 1024;

/// A running helper. Dropping it kills the child.
#[derive(Debug)]
pub struct SessionHelper {
    child: Child,
    /// If the agent dies, the kernel closes this socket, and the child ends.
    _socket: UnixStream,
}

impl Drop for SessionHelper {
    fn drop(&mut self) {
        // Fails if logind already killed the child with its session.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a helper in the scope with this cgroup folder, and returns the bus stream that it opened. Blocks for up to two seconds.
///
/// # Errors
/// The error that the helper reports, or that it ended without a report.
pub fn spawn_in(scope: &Path) -> io::Result<(SessionHelper, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(WITHIN))?;
    let mut command = Command::new("/proc/self/exe");
    let child = command.arg(COMMAND).arg(scope).stdin(OwnedFd::from(theirs)).spawn()?;
    // Closes the agent's copy of the child's end, so that the read ends when the child dies.
    drop(command);
    let helper = SessionHelper { child, _socket: ours.try_clone()? };
    Ok((helper, receive(&ours)?))
}

fn receive(socket: &UnixStream) -> io::Result<UnixStream> {
    let mut text = [0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let length = recvmsg(socket, &mut [IoSliceMut::new(&mut text)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?.bytes;
    let stream = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    match (stream, text.get(..length).unwrap_or_default()) {
        (Some(stream), _) => Ok(stream.into()),
        (None, []) => Err(io::Error::other("the session ended before the registration")),
        (None, text) => Err(io::Error::other(escape_bytes(text))),
    }
}

/// The child's part. Standard input is the socket to the agent. Returns when the agent closes the socket.
#[must_use]
pub fn run(scope: &Path) -> ExitCode {
    let mut socket = match io::stdin().as_fd().try_clone_to_owned() {
        Ok(socket) => UnixStream::from(socket),
        Err(_) => return ExitCode::FAILURE,
    };
    match enter(scope).and_then(|()| pass_stream(&socket)) {
        Ok(()) => {
            // The agent sends nothing: the read returns when the agent closes the socket.
            let _ = socket.read(&mut [0]);
            ExitCode::SUCCESS
        }
        Err(why) => {
            // Fails if the agent died: then no process waits for the error.
            let _ = socket.write_all(why.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn enter(scope: &Path) -> Result<(), String> {
    let file = scope.join("cgroup.procs");
    let written = OpenOptions::new().write(true).open(&file).and_then(|mut procs| procs.write_all(b"0"));
    written.map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                "; install the drop-in sessions.conf for the agent's unit, see polkit-service-agent(8)"
            }
            _ => "",
        };
        format!("cannot write {}: {error}{help}", file.display())
    })
}

fn pass_stream(socket: &UnixStream) -> Result<(), String> {
    let stream = open_stream().map_err(|error| error.to_string())?;
    let descriptors = [stream.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err("cannot pass the bus connection: the message has no space for a descriptor".into());
    }
    let sent = sendmsg(socket, &[IoSlice::new(b"+")], &mut ancillary, SendFlags::empty());
    sent.map(drop).map_err(|error| format!("cannot pass the bus connection to the agent: {error}"))
}
