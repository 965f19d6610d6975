//! The fork watcher: a thread that receives the kernel's process events, and reports the processes that may have to be served. One of
//! the files with effects.
//!
//! The kernel sends the events only in the initial network namespace. In another network namespace the request fails. In another pid
//! namespace the request has no effect and no error, so the watcher waits for the kernel's acknowledgement.

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
/// The time limit of the acknowledgement.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(500);
/// The receive buffer, in bytes. It holds the events of a burst.
const BUFFER: usize = 4 << 20;
/// The number of hints that can wait for the main loop. If a hint does not fit, the watcher requests a scan instead.
const HINTS: usize = 4096;
/// The pause after each read, so that one read takes several events. Much shorter than the time from the start of a process to its first
/// request.
const PAUSE: Duration = Duration::from_micros(500);
/// The pause during a burst.
const PAUSE_IN_A_BURST: Duration = Duration::from_millis(2);
/// The number of datagrams per read that counts as a burst: some thousand events per second.
const BURST: usize = 4;
/// The pid of the service manager, which forks the services.
const MANAGER: u32 = 1;

/// A hint to the main loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// This process may have to be served.
    Inspect(u32),
    /// Events were lost: all processes must be scanned.
    Rescan,
}

/// The processes and users whose events matter. The main loop writes it, the thread reads it.
#[derive(Debug, Default)]
struct Interest {
    /// The served processes, also those over limit. Their children are served as well.
    parents: HashSet<u32>,
    /// The uids of `[[serve]]` entries for users.
    users: HashSet<u32>,
}

/// The main loop's handle of the watcher. The default value is an inactive watcher.
#[derive(Debug, Clone, Default)]
pub struct Events(Option<Arc<Mutex<Interest>>>);

impl Events {
    /// Starts the watcher. The thread ends when the receiver is dropped.
    ///
    /// # Errors
    /// The kernel does not send events: the agent lacks CAP_NET_ADMIN (before Linux 6.6) or runs in its own namespace, or the kernel
    /// was built without process events.
    pub fn start() -> io::Result<(Self, mpsc::Receiver<Hint>)> {
        let socket = listen()?;
        let (hints, receiver) = mpsc::channel(HINTS);
        let interest = Arc::new(Mutex::new(Interest::default()));
        let shared = Arc::clone(&interest);
        std::thread::Builder::new().name("events".into()).spawn(move || forward_hints(&socket, &shared, &hints))?;
        Ok((Self(Some(interest)), receiver))
    }

    /// Whether the kernel sends events.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// Adds processes whose forks are reported.
    pub fn watch(&self, parents: impl IntoIterator<Item = u32>) {
        if let Some(interest) = &self.0 {
            interest.lock().unwrap_or_else(PoisonError::into_inner).parents.extend(parents);
        }
    }

    /// Replaces the processes whose forks are reported, and the uids whose new processes are reported.
    pub fn watch_only(&self, parents: impl Iterator<Item = u32>, users: impl Iterator<Item = u32>) {
        if let Some(interest) = &self.0 {
            let now = Interest { parents: parents.collect(), users: users.collect() };
            *interest.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
    }
}

/// Requests all events first, because a filter also removes the kernel's acknowledgement (Linux 6.18). Then requests only the wanted
/// events. A kernel before 6.6 ignores the second request and sends all events.
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

/// Waits for the acknowledgement. Events alone are none: while another process listens, the kernel sends events to every socket of the
/// group, and stops when that process stops.
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

/// Reads events until the receiver is dropped. Pauses after each read, so that ten thousand forks per second do not wake the thread ten
/// thousand times.
fn forward_hints(socket: &OwnedFd, interest: &Mutex<Interest>, hints: &mpsc::Sender<Hint>) {
    let mut buffer = vec![0; 64 * 1024];
    let mut unexeced = HashSet::new();
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
                        if let Some(pid) = to_inspect(event, &interest, &mut unexeced) {
                            lost |= hints.try_send(Hint::Inspect(pid)).is_err();
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
        // Waits until the hint fits: the next event can come much later. The kernel keeps further events in the receive buffer.
        lost = lost && hints.blocking_send(Hint::Rescan).is_err();
        std::thread::sleep(if taken >= BURST { PAUSE_IN_A_BURST } else { PAUSE });
    }
}

/// The process that an event makes a candidate: a child of a served process, a child of the service manager when it executes a program
/// (it changes its cgroup before that), or a process that becomes a served user.
fn to_inspect(event: Event, interest: &Interest, unexeced: &mut HashSet<u32>) -> Option<u32> {
    match event {
        Event::Fork { parent, child } if interest.parents.contains(&parent) => Some(child),
        Event::Fork { parent: MANAGER, child } => {
            // Children that exit without an exec would accumulate.
            if unexeced.len() >= HINTS {
                unexeced.clear();
            }
            unexeced.insert(child);
            None
        }
        Event::Exec { pid } if unexeced.contains(&pid) => Some(pid),
        Event::User { pid, uid } if interest.users.contains(&uid) => Some(pid),
        Event::Fork { .. } | Event::Exec { .. } | Event::User { .. } | Event::Acknowledged(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::proc_connector::tests::message;

    fn inspected(events: &[Event]) -> Vec<u32> {
        let interest = Interest { parents: [100].into(), users: [33].into() };
        let mut unexeced = HashSet::new();
        events.iter().filter_map(|event| to_inspect(*event, &interest, &mut unexeced)).collect()
    }

    #[test]
    fn a_child_of_a_served_process_is_inspected_at_once() {
        assert_eq!(inspected(&[Event::Fork { parent: 100, child: 200 }, Event::Fork { parent: 7, child: 8 }]), [200]);
    }

    #[test]
    fn a_child_of_the_manager_is_inspected_when_it_executes_a_program() {
        let fork = Event::Fork { parent: 1, child: 300 };
        assert_eq!(inspected(&[fork]), [0u32; 0]);
        // systemd executes a helper before the program of the service, possibly outside the cgroup of the service: each exec counts.
        assert_eq!(
            inspected(&[fork, Event::Exec { pid: 300 }, Event::Exec { pid: 300 }, Event::Exec { pid: 301 }]),
            [300, 300]
        );
    }

    #[test]
    fn a_process_that_becomes_a_served_user_is_inspected() {
        assert_eq!(inspected(&[Event::User { pid: 5, uid: 33 }, Event::User { pid: 6, uid: 34 }]), [5]);
    }

    #[test]
    fn the_main_loop_adds_processes_or_replaces_all() {
        let interest = Arc::new(Mutex::new(Interest::default()));
        let events = Events(Some(Arc::clone(&interest)));
        let sorted = |set: &HashSet<u32>| {
            let mut sorted: Vec<u32> = set.iter().copied().collect();
            sorted.sort_unstable();
            sorted
        };
        let now = || {
            let interest = interest.lock().unwrap();
            (sorted(&interest.parents), sorted(&interest.users))
        };
        events.watch_only([1, 2].into_iter(), [33].into_iter());
        events.watch([3, 2]);
        assert_eq!(now(), (vec![1, 2, 3], vec![33]));
        events.watch_only([4].into_iter(), [34].into_iter());
        assert_eq!(now(), (vec![4], vec![34]));
        let inactive = Events::default();
        inactive.watch([5]);
        assert!(events.is_active() && !inactive.is_active());
    }

    #[test]
    fn children_of_the_manager_that_never_execute_are_forgotten() {
        let (interest, mut unexeced) = (Interest::default(), HashSet::new());
        for child in 0..u32::try_from(HINTS).unwrap() + 1 {
            assert_eq!(to_inspect(Event::Fork { parent: 1, child }, &interest, &mut unexeced), None);
        }
        assert_eq!(unexeced.len(), 1);
        assert_eq!(to_inspect(Event::Acknowledged(0), &interest, &mut unexeced), None);
    }

    /// A socket that the watcher reads, and the end that sends its datagrams.
    fn sockets() -> (OwnedFd, std::os::unix::net::UnixDatagram) {
        let (ours, kernel) = std::os::unix::net::UnixDatagram::pair().unwrap();
        (ours.into(), kernel)
    }

    const ACKNOWLEDGEMENT: u32 = 0;
    const FORK: u32 = 1;

    #[test]
    fn a_scan_is_requested_for_lost_events_as_soon_as_a_hint_fits() {
        let (socket, kernel) = sockets();
        let waiting = socket.try_clone().unwrap();
        let interest = Mutex::new(Interest { parents: [100].into(), users: HashSet::new() });
        let (hints, mut receiver) = mpsc::channel(1);
        hints.try_send(Hint::Inspect(1)).unwrap();
        let watcher = std::thread::spawn(move || forward_hints(&socket, &interest, &hints));
        let fork = |child: u32| kernel.send(&message(FORK, &[100, 100, child, child])).unwrap();
        fork(200);
        fork(201);
        // The watcher reads the second event when the hint of the first did not fit.
        while rustix::io::ioctl_fionread(&waiting).unwrap() > 0 {
            std::thread::yield_now();
        }
        // The watcher is in its next turn.
        std::thread::sleep(Duration::from_millis(20));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut next =
            || runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), receiver.recv()).await });
        assert_eq!(next(), Ok(Some(Hint::Inspect(1))));
        let requested = next();
        drop(receiver);
        fork(202);
        watcher.join().unwrap();
        assert_eq!(requested, Ok(Some(Hint::Rescan)), "without a further event");
    }

    #[test]
    fn a_scan_is_requested_after_an_overflow_of_the_receive_buffer() {
        let (kind, flags) = (SocketType::DGRAM, SocketFlags::CLOEXEC);
        // The default protocol of the family is NETLINK_ROUTE, which every user may use.
        let socket = socket_with(AddressFamily::NETLINK, kind, flags, None).unwrap();
        set_socket_recv_buffer_size(&socket, 1).unwrap();
        set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_millis(10))).unwrap();
        // An empty message (NLMSG_NOOP) that the kernel acknowledges (NLM_F_REQUEST and NLM_F_ACK). Without a reader the
        // acknowledgements fill the buffer.
        let mut empty = 16_u32.to_ne_bytes().to_vec();
        empty.extend([1_u16, 1 | 4].map(u16::to_ne_bytes).concat());
        empty.extend([0; 8]);
        assert!((0..1000).all(|_| send(&socket, &empty, SendFlags::empty()).is_ok()));
        let (hints, mut receiver) = mpsc::channel(1);
        let watcher = std::thread::spawn(move || forward_hints(&socket, &Mutex::default(), &hints));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let next = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), receiver.recv()).await });
        drop(receiver);
        watcher.join().unwrap();
        assert_eq!(next, Ok(Some(Hint::Rescan)));
    }

    #[test]
    fn a_scan_is_requested_if_the_socket_fails() {
        // recv(2) fails for a file that is no socket.
        let file = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let (hints, mut receiver) = mpsc::channel(1);
        let watcher = std::thread::spawn(move || forward_hints(&file, &Mutex::default(), &hints));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let next = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), receiver.recv()).await });
        assert_eq!(next, Ok(Some(Hint::Rescan)));
        drop(receiver);
        watcher.join().unwrap();
    }

    #[test]
    fn only_an_acknowledgement_without_an_error_starts_the_watcher() {
        let waited = |datagrams: &[Vec<u8>], within: Duration| {
            let (socket, kernel) = sockets();
            assert!(datagrams.iter().all(|datagram| kernel.send(datagram).is_ok()));
            wait_for_acknowledgement(&socket, Instant::now() + within).map_err(|error| error.kind())
        };
        let (fork, long) = (message(FORK, &[1, 1, 2, 2]), Duration::from_secs(60));
        assert_eq!(waited(&[message(ACKNOWLEDGEMENT, &[0])], long), Ok(()));
        assert_eq!(waited(&[fork.clone(), message(ACKNOWLEDGEMENT, &[0])], long), Ok(()), "after events");
        assert_eq!(waited(&[message(ACKNOWLEDGEMENT, &[1])], long), Err(io::ErrorKind::PermissionDenied));
        let short = Duration::from_millis(20);
        let late = waited(&[fork], short).unwrap_err();
        assert!(matches!(late, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{late:?}");
        assert_eq!(waited(&[message(ACKNOWLEDGEMENT, &[0])], Duration::ZERO), Err(io::ErrorKind::TimedOut));
    }
}
