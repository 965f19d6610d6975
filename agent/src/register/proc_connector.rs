//! The wire format of the kernel's process events (proc connector). Pure, so that it can be fuzzed.
//!
//! A datagram holds netlink messages, each netlink message holds a connector message, and each connector message holds an event
//! (linux/cn_proc.h). All numbers are in native byte order.

/// `CN_IDX_PROC` and `CN_VAL_PROC`.
const PROC: [u32; 2] = [1, 1];
const NETLINK_HEADER: usize = 16;
const CONNECTOR_HEADER: usize = 20;
/// The fields `what`, `cpu` and `timestamp_ns`.
const EVENT_HEADER: usize = 16;
/// `NLMSG_DONE`, the netlink type of connector messages.
const DONE: u16 = 3;
/// `PROC_CN_MCAST_LISTEN`.
const LISTEN: u32 = 1;

/// The requested kinds of events: `PROC_EVENT_FORK`, `PROC_EVENT_EXEC`, `PROC_EVENT_UID`.
pub const WANTED: u32 = FORK | EXEC | UID;
const NONE: u32 = 0;
const FORK: u32 = 1;
const EXEC: u32 = 2;
const UID: u32 = 4;

/// An event about a process. Events about threads are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The reply to the request to listen: 0, or an error number.
    Acknowledged(u32),
    /// A process was forked.
    Fork {
        /// The parent process.
        parent: u32,
        /// The new process.
        child: u32,
    },
    /// A process executed a program.
    Exec {
        /// The process.
        pid: u32,
    },
    /// A process changed its uid.
    User {
        /// The process.
        pid: u32,
        /// The new real uid.
        uid: u32,
    },
}

/// Parses the events of a datagram. Ignores other messages and truncated messages.
#[must_use]
pub fn parse(datagram: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut rest = datagram;
    while let Some(length) = number(rest, 0).and_then(|length| usize::try_from(length).ok()) {
        let Some(message) = rest.get(NETLINK_HEADER..length) else { break };
        events.extend(event(message));
        // Messages are aligned to four bytes.
        let Some(next) = length.checked_next_multiple_of(4).and_then(|next| rest.get(next..)) else { break };
        rest = next;
    }
    events
}

fn event(connector: &[u8]) -> Option<Event> {
    if [number(connector, 0)?, number(connector, 4)?] != PROC {
        return None;
    }
    let event = connector.get(CONNECTOR_HEADER..)?;
    let data = event.get(EVENT_HEADER..)?;
    match number(event, 0)? {
        NONE => Some(Event::Acknowledged(number(data, 0)?)),
        FORK => {
            let [_, parent, thread, child] = [number(data, 0)?, number(data, 4)?, number(data, 8)?, number(data, 12)?];
            (thread == child).then_some(Event::Fork { parent, child })
        }
        EXEC => Some(Event::Exec { pid: number(data, 4)? }),
        UID => Some(Event::User { pid: number(data, 4)?, uid: number(data, 8)? }),
        _ => None,
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// Encodes the request to listen: to all events, or only to [`WANTED`]. Kernels before Linux 6.6 silently ignore the second form.
#[must_use]
pub fn request(only_wanted: bool) -> Vec<u8> {
    let mut data = LISTEN.to_ne_bytes().to_vec();
    if only_wanted {
        data.extend(WANTED.to_ne_bytes());
    }
    let length = NETLINK_HEADER + CONNECTOR_HEADER + data.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(u32::try_from(length).unwrap_or_default().to_ne_bytes());
    bytes.extend(DONE.to_ne_bytes());
    bytes.extend([0; 10]);
    bytes.extend(PROC.map(u32::to_ne_bytes).concat());
    bytes.extend([0; 8]);
    bytes.extend(u16::try_from(data.len()).unwrap_or_default().to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(data);
    bytes
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A datagram with one event.
    pub(in crate::register) fn message(kind: u32, data: &[u32]) -> Vec<u8> {
        let mut event = [kind, 0, 0, 0].map(u32::to_ne_bytes).concat();
        event.extend(data.iter().flat_map(|number| number.to_ne_bytes()));
        let mut bytes = Vec::new();
        let length = NETLINK_HEADER + CONNECTOR_HEADER + event.len();
        bytes.extend(u32::try_from(length).unwrap().to_ne_bytes());
        bytes.extend([0; 12]);
        bytes.extend(PROC.map(u32::to_ne_bytes).concat());
        bytes.extend([0; 12]);
        bytes.extend(event);
        bytes
    }

    #[test]
    fn a_fork_has_the_pids_of_parent_and_child() {
        let fork = message(FORK, &[101, 100, 200, 200]);
        assert_eq!(parse(&fork), [Event::Fork { parent: 100, child: 200 }]);
    }

    #[test]
    fn a_new_thread_is_ignored() {
        assert_eq!(parse(&message(FORK, &[100, 100, 201, 200])), []);
    }

    #[test]
    fn exec_uid_and_acknowledgement_are_parsed() {
        let mut datagram = message(EXEC, &[5, 4]);
        datagram.extend(message(UID, &[5, 4, 33, 33]));
        datagram.extend(message(NONE, &[0]));
        let expected = [Event::Exec { pid: 4 }, Event::User { pid: 4, uid: 33 }, Event::Acknowledged(0)];
        assert_eq!(parse(&datagram), expected);
    }

    #[test]
    fn other_kinds_and_other_connectors_are_ignored() {
        assert_eq!(parse(&message(0x8000_0000, &[1, 1, 0, 17])), []);
        let mut foreign = message(FORK, &[100, 100, 200, 200]);
        foreign[NETLINK_HEADER] = 9;
        assert_eq!(parse(&foreign), []);
    }

    #[test]
    fn the_request_has_the_layout_of_the_kernel_header() {
        assert_eq!(request(false).len(), 40);
        assert_eq!(request(true).len(), 44);
        assert_eq!(request(true)[36..], [1u32, 7].map(u32::to_ne_bytes).concat());
        for bytes in [request(false), request(true)] {
            let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
            // nlmsghdr: length, type NLMSG_DONE, and zeros; cn_msg: index and value, zeros, and the length of the data.
            assert_eq!(number(&bytes, 0), u32::try_from(bytes.len()).ok());
            assert_eq!((word(4), &bytes[6..16]), (3, &[0; 10][..]));
            assert_eq!((number(&bytes, 16), number(&bytes, 20)), (Some(1), Some(1)));
            assert_eq!((&bytes[24..32], usize::from(word(32)), word(34)), (&[0; 8][..], bytes.len() - 36, 0));
            assert_eq!(number(&bytes, 36), Some(1), "PROC_CN_MCAST_LISTEN");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_loop(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), length in 0u32..400) {
            let _ = parse(&bytes);
            if let Some(start) = bytes.get_mut(..4) {
                start.copy_from_slice(&length.to_ne_bytes());
                let _ = parse(&bytes);
            }
        }
    }
}
