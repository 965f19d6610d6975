//! Being in a session for the moment of a registration. One of the files with effects.
//!
//! polkitd takes the registration for a session from whoever is in it, and root is no exception. It goes by the cgroup that
//! the process which opened the caller's connection is in at the moment of the call (seen on 122, 126 and 128). So a child,
//! this program once more, moves into the session's scope, opens a stream to the bus, hands it over, and stays until polkitd
//! has taken the registration; the connection outlives it. It is a child since whoever is in the scope when the session is
//! terminated is killed.

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

/// The child's command.
pub const COMMAND: &str = "join-session";
/// How long the child may take.
const WITHIN: Duration = Duration::from_secs(2);
/// The longest error that a child may tell, in bytes.
const LONGEST: usize = 1024;

/// A child that is in a session. It is gone when this is dropped.
#[derive(Debug)]
pub struct Guest {
    child: Child,
    /// Should the agent end first, this does, and the child with it.
    _line: UnixStream,
}

impl Drop for Guest {
    fn drop(&mut self) {
        // It may have been killed with its session.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a child into the scope whose folder this is, and gives the stream that it opened there. Waits for it, two seconds
/// at most.
///
/// # Errors
/// What the child says, or that it said nothing.
pub fn send(scope: &Path) -> io::Result<(Guest, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(WITHIN))?;
    let mut command = Command::new("/proc/self/exe");
    let child = command.arg(COMMAND).arg(scope).stdin(OwnedFd::from(theirs)).spawn()?;
    // The other end is the child's alone from here on, so that its death is the end of what there is to read.
    drop(command);
    let guest = Guest { child, _line: ours.try_clone()? };
    Ok((guest, receive(&ours)?))
}

fn receive(line: &UnixStream) -> io::Result<UnixStream> {
    let mut text = [0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(line, &mut [IoSliceMut::new(&mut text)], &mut beside, RecvFlags::CMSG_CLOEXEC)?.bytes;
    let stream = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    match (stream, text.get(..got).unwrap_or_default()) {
        (Some(stream), _) => Ok(stream.into()),
        (None, []) => Err(io::Error::other("the session ended meanwhile")),
        (None, text) => Err(io::Error::other(escape_bytes(text))),
    }
}

/// The child's side: standard input is the socket to the agent. Ends when the agent closes it, or is killed.
#[must_use]
pub fn run(scope: &Path) -> ExitCode {
    let mut line = match io::stdin().as_fd().try_clone_to_owned() {
        Ok(line) => UnixStream::from(line),
        Err(_) => return ExitCode::FAILURE,
    };
    match enter(scope).and_then(|()| hand_over(&line)) {
        Ok(()) => {
            // Nothing is ever said here: this waits for the end.
            let _ = line.read(&mut [0]);
            ExitCode::SUCCESS
        }
        Err(why) => {
            // Without anybody to tell there is nobody who waits.
            let _ = line.write_all(why.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn enter(scope: &Path) -> Result<(), String> {
    let file = scope.join("cgroup.procs");
    let entered = OpenOptions::new().write(true).open(&file).and_then(|mut procs| procs.write_all(b"0"));
    entered.map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                ". The agent's unit needs the drop-in sessions.conf, see polkit-service-agent(8)"
            }
            _ => "",
        };
        format!("{} cannot be written: {error}{help}", file.display())
    })
}

fn hand_over(line: &UnixStream) -> Result<(), String> {
    let stream = open_stream().map_err(|error| error.to_string())?;
    let descriptors = [stream.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !beside.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err("no room for a descriptor".into());
    }
    let sent = sendmsg(line, &[IoSlice::new(b"+")], &mut beside, SendFlags::empty());
    sent.map(drop).map_err(|error| format!("the stream to the bus could not be handed over: {error}"))
}
