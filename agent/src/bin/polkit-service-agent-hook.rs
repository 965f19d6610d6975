//! `polkit-service-agent-hook PID USER ACTION [KEY VALUE]…`: asks the running agent, and prints `yes`, `no` or nothing.
//!
//! A polkit rule runs it, for every check of the actions that the rule names, and polkitd waits for it with everybody else
//! who asks. So it does one thing, ends within two seconds whatever the agent does, allocates nothing of its own, and
//! always succeeds: an error would be an exception in the rule.
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
    let answer = ask(until).unwrap_or_default();
    // polkitd has closed its end: then nobody waits for the answer.
    let _ = std::io::stdout().write_all(answer.word().as_bytes());
}

/// Nothing comes of whatever goes wrong: no daemon, a full backlog, a daemon that stands still, garbage.
fn ask(until: Instant) -> Option<HookReply> {
    let mut question = [0; LONGEST];
    let length = write_arguments(&mut question)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    connect(&socket, &SocketAddrUnix::new(paths::HOOK_SOCKET).ok()?).ok()?;
    let mut rest = question.get(..length)?;
    while !rest.is_empty() {
        match send(&socket, rest, SendFlags::NOSIGNAL) {
            Ok(sent) => rest = rest.get(sent..)?,
            Err(Errno::AGAIN) => wait(&socket, PollFlags::OUT, until)?,
            Err(_) => return None,
        }
    }
    shutdown(&socket, Shutdown::Write).ok()?;
    let mut answer = [0; 8];
    let mut length = 0;
    loop {
        match recv(&socket, answer.get_mut(length..)?, RecvFlags::empty()) {
            // Full without an end is garbage, too, and is read as such.
            Ok((_, 0)) => return answer.get(..length).map(HookReply::read),
            Ok((_, read)) => length += read,
            Err(Errno::AGAIN) => wait(&socket, PollFlags::IN, until)?,
            Err(_) => return None,
        }
    }
}

fn write_arguments(question: &mut [u8]) -> Option<usize> {
    let mut length = 0;
    for argument in std::env::args_os().skip(1) {
        let bytes = argument.as_bytes();
        let end = length + bytes.len();
        question.get_mut(length..end)?.copy_from_slice(bytes);
        *question.get_mut(end)? = 0;
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
