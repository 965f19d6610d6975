//! Following forks: a thread that listens to the kernel's process events, and says which processes are worth a look. One of
//! the files with effects.
//!
//! The events are there in the initial network namespace only; in another one the request fails, and in a foreign pid
//! namespace it is silently without effect. So the kernel's acknowledgement is waited for.

use std::{
    collections::HashSet,
    io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind,
        netlink::{CONNECTOR, SocketAddrNetlink},
        recv, send, socket_with,
        sockopt::{Timeout, set_socket_recv_buffer_size, set_socket_timeout},
    },
};
use tokio::sync::mpsc;

use crate::register::proc_connector::{Event, parse, request};

/// The multicast group of process events.
const GROUP: u32 = 1;
/// How long the kernel may take to acknowledge.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(500);
/// Room for the events of a burst, in bytes.
const BUFFER: usize = 4 << 20;
/// Hints that wait for the main loop; more are lost, and a rescan is asked for instead.
const HINTS: usize = 4096;
/// How long the events of a burst are left to gather: far less than a new process takes to ask for anything.
const REST: Duration = Duration::from_micros(500);
/// In a storm of them a longer rest takes more of them at a time.
const REST_IN_A_STORM: Duration = Duration::from_millis(2);
/// So many in one rest are a storm: some thousands a second.
const STORM: usize = 4;
/// The pid of the service manager, whose children become services.
const MANAGER: u32 = 1;

/// What the main loop is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// This process may have to be served.
    Look(u32),
    /// Events were lost: everything is to be looked at.
    Rescan,
}

/// Whose forks and whose changes of user matter, kept by the main loop and read by the thread.
#[derive(Debug, Default)]
struct Interest {
    /// Processes that are served, or would be if there were room: their children are served as well.
    parents: HashSet<u32>,
    /// Uids that are served as such.
    users: HashSet<u32>,
}

/// The main loop's side: whose events matter. Without events it remembers nothing.
#[derive(Debug, Clone, Default)]
pub struct Events(Option<Arc<Mutex<Interest>>>);

impl Events {
    /// Starts listening. The thread ends with the receiver.
    ///
    /// # Errors
    /// Where the events cannot be had: without CAP_NET_ADMIN (before Linux 6.6), in a namespace of its own, or where the
    /// kernel was built without them.
    pub fn start() -> io::Result<(Self, mpsc::Receiver<Hint>)> {
        let socket = listen()?;
        let (hints, receiver) = mpsc::channel(HINTS);
        let interest = Arc::new(Mutex::new(Interest::default()));
        let shared = Arc::clone(&interest);
        std::thread::Builder::new().name("events".into()).spawn(move || pass_on(&socket, &shared, &hints))?;
        Ok((Self(Some(interest)), receiver))
    }

    /// Whether there are any.
    #[must_use]
    pub fn are_had(&self) -> bool {
        self.0.is_some()
    }

    /// The forks of these processes matter, too.
    pub fn watch(&self, parents: impl IntoIterator<Item = u32>) {
        if let Some(interest) = &self.0 {
            interest.lock().unwrap_or_else(PoisonError::into_inner).parents.extend(parents);
        }
    }

    /// The forks of these processes and those who become these users matter, and nothing else.
    pub fn watch_only(&self, parents: impl Iterator<Item = u32>, users: impl Iterator<Item = u32>) {
        if let Some(interest) = &self.0 {
            let now = Interest { parents: parents.collect(), users: users.collect() };
            *interest.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
    }
}

/// Asks for all events first, since the kernel filters its own acknowledgement out with the rest (seen on 6.18), and then for
/// those that are wanted. An older kernel than 6.6 passes over the second request, and goes on with all.
fn listen() -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(CONNECTOR))?;
    set_socket_recv_buffer_size(&socket, BUFFER)?;
    bind(&socket, &SocketAddrNetlink::new(0, GROUP))?;
    send(&socket, &request(false), SendFlags::empty())?;
    wait_for_acknowledgement(&socket, Instant::now() + ACKNOWLEDGED_WITHIN)?;
    send(&socket, &request(true), SendFlags::empty())?;
    set_socket_timeout(&socket, Timeout::Recv, None)?;
    Ok(socket)
}

/// Events may come without one while somebody else listens, and stop when he does.
fn wait_for_acknowledgement(socket: &OwnedFd, until: Instant) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        set_socket_timeout(socket, Timeout::Recv, Some(left))?;
        let (length, _) = recv(socket, &mut buffer, RecvFlags::empty())?;
        for event in parse(buffer.get(..length).unwrap_or_default()) {
            match event {
                Event::Acknowledged(0) => return Ok(()),
                Event::Acknowledged(_) => return Err(io::ErrorKind::PermissionDenied.into()),
                Event::Fork { .. } | Event::Exec { .. } | Event::User { .. } => {}
            }
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Reads until nobody listens any more: waits for an event, takes it with those behind it, and rests, so that ten thousand
/// forks a second do not wake it ten thousand times.
fn pass_on(socket: &OwnedFd, interest: &Mutex<Interest>, hints: &mpsc::Sender<Hint>) {
    let mut buffer = vec![0; 64 * 1024];
    let mut young = HashSet::new();
    let mut lost = false;
    while !hints.is_closed() {
        let mut flags = RecvFlags::empty();
        let mut taken = 0;
        loop {
            match recv(socket, &mut buffer, flags) {
                Ok((length, _)) => {
                    taken += 1;
                    let interest = interest.lock().unwrap_or_else(PoisonError::into_inner);
                    for event in parse(buffer.get(..length).unwrap_or_default()) {
                        if let Some(pid) = worth_a_look(event, &interest, &mut young) {
                            lost |= hints.try_send(Hint::Look(pid)).is_err();
                        }
                    }
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::NOBUFS) => lost = true,
                Err(Errno::INTR) => {}
                Err(_) => {
                    lost = true;
                    std::thread::sleep(Duration::from_millis(100));
                    break;
                }
            }
            flags = RecvFlags::DONTWAIT;
        }
        // Said again until there is room to say it.
        lost = lost && hints.try_send(Hint::Rescan).is_err();
        std::thread::sleep(if taken >= STORM { REST_IN_A_STORM } else { REST });
    }
}

/// Children of the served; children of the service manager once they run their program, since they change their cgroup
/// between; and whoever becomes a user that is served.
fn worth_a_look(event: Event, interest: &Interest, young: &mut HashSet<u32>) -> Option<u32> {
    match event {
        Event::Fork { parent, child } if interest.parents.contains(&parent) => Some(child),
        Event::Fork { parent: MANAGER, child } => {
            // Whoever ends without running a program would stay for ever.
            if young.len() >= HINTS {
                young.clear();
            }
            young.insert(child);
            None
        }
        Event::Exec { pid } if young.contains(&pid) => Some(pid),
        Event::User { pid, uid } if interest.users.contains(&uid) => Some(pid),
        Event::Fork { .. } | Event::Exec { .. } | Event::User { .. } | Event::Acknowledged(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(events: &[Event]) -> Vec<u32> {
        let interest = Interest { parents: [100].into(), users: [33].into() };
        let mut young = HashSet::new();
        events.iter().filter_map(|event| worth_a_look(*event, &interest, &mut young)).collect()
    }

    #[test]
    fn a_child_of_a_served_process_is_looked_at_at_once() {
        assert_eq!(look(&[Event::Fork { parent: 100, child: 200 }, Event::Fork { parent: 7, child: 8 }]), [200]);
    }

    #[test]
    fn a_child_of_the_manager_is_looked_at_when_it_runs_its_program() {
        let fork = Event::Fork { parent: 1, child: 300 };
        assert_eq!(look(&[fork]), [0u32; 0]);
        // systemd runs a program of its own before the service's, in the service's cgroup or not yet: each counts.
        assert_eq!(
            look(&[fork, Event::Exec { pid: 300 }, Event::Exec { pid: 300 }, Event::Exec { pid: 301 }]),
            [300, 300]
        );
    }

    #[test]
    fn whoever_becomes_a_served_user_is_looked_at() {
        assert_eq!(look(&[Event::User { pid: 5, uid: 33 }, Event::User { pid: 6, uid: 34 }]), [5]);
    }
}
