//! `polkit-service-agent-hook PID USER ACTION [KEY VALUE]…`: sends a request to the running agent, and prints `yes`, `no` or nothing.
//!
//! A policy rule runs it for every check of the actions that the rule names. polkitd, and with it every other client, waits for it. So
//! the hook does one thing, ends within two seconds in every case, allocates no memory of its own, and always succeeds: an error would
//! be an exception in the policy rule.
#![forbid(unsafe_code)]

use std::{
    io::Write,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    time::{Duration, Instant},
};

use polkit_service_agent::{
    base::paths,
    kernel::answer::hook_protocol::{HOOK_WITHIN, HookReply, LONGEST},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
        shutdown, socket_with,
    },
};

fn main() {
    let until = Instant::now() + Duration::from_millis(HOOK_WITHIN);
    let reply = ask(until).unwrap_or_default();
    // Fails if polkitd closed its end. Then no process waits for the reply.
    let _ = std::io::stdout().write_all(reply.word().as_bytes());
}

/// Sends the request and reads the reply. `None` without a daemon, with a full backlog, without a reply in time, or with garbage.
fn ask(until: Instant) -> Option<HookReply> {
    let mut request = [0; LONGEST];
    let length = write_arguments(&mut request)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    connect(&socket, &SocketAddrUnix::new(paths::HOOK_SOCKET).ok()?).ok()?;
    let mut rest = request.get(..length)?;
    while !rest.is_empty() {
        match send(&socket, rest, SendFlags::NOSIGNAL) {
            Ok(sent) => rest = rest.get(sent..)?,
            Err(Errno::AGAIN) => wait(&socket, PollFlags::OUT, until)?,
            Err(_) => return None,
        }
    }
    shutdown(&socket, Shutdown::Write).ok()?;
    let mut reply = [0; 8];
    let mut length = 0;
    loop {
        match recv(&socket, reply.get_mut(length..)?, RecvFlags::empty()) {
            // A reply that fills the buffer is garbage, and is read as such.
            Ok((_, 0)) => return reply.get(..length).map(HookReply::read),
            Ok((_, read)) => length += read,
            Err(Errno::AGAIN) => wait(&socket, PollFlags::IN, until)?,
            Err(_) => return None,
        }
    }
}

fn write_arguments(request: &mut [u8]) -> Option<usize> {
    let mut length = 0;
    for argument in std::env::args_os().skip(1) {
        let bytes = argument.as_bytes();
        let end = length + bytes.len();
        request.get_mut(length..end)?.copy_from_slice(bytes);
        *request.get_mut(end)? = 0;
        length = end + 1;
    }
    Some(length)
}

fn wait(socket: &OwnedFd, flags: PollFlags, until: Instant) -> Option<()> {
    let left = until.checked_duration_since(Instant::now())?;
    let left = Timespec { tv_sec: i64::try_from(left.as_secs()).ok()?, tv_nsec: i64::from(left.subsec_nanos()) };
    let ready = poll(&mut [PollFd::new(socket, flags)], Some(&left)).ok()?;
    (ready > 0).then_some(())
}
