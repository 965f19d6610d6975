//! Connections to a bed's bus that belong to a process in the bed, of any user, and that the test speaks over.
//!
//! The bus takes uid and pid of a client when it connects. So a program in the bed connects and does no more, and the test
//! takes a copy of its socket.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;

use crate::{Bed, Process};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use tokio::runtime::Runtime;
use zbus::{Connection, Message, connection::Builder};

/// What all connections of the tests run on.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
});

const CONNECT: &str = "use Socket; $| = 1; socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die; \
    connect($s, sockaddr_un('/run/dbus/system_bus_socket')) or die; print fileno($s), qq(\\n); <STDIN>;";

/// The names of an agent without registrations: its own, and those of the connections that it keeps ready.
pub const OWN_NAMES: usize = 1 + 6;

/// A client of the bus.
pub struct Peer {
    process: Process,
    /// The connection, with the rights of the process.
    pub connection: Connection,
}

impl Peer {
    /// Connects as a user of the bed.
    pub fn of(bed: &Bed, user: &str) -> Self {
        let mut process = bed.spawn_as(user, ["perl", "-e", CONNECT]);
        let line = process.line();
        let number = line.parse().unwrap_or_else(|_| panic!("{line:?} is no descriptor: {}", process.stderr()));
        let host_pid = host_pid(bed, process.pid());
        let pidfd = pidfd_open(Pid::from_raw(host_pid).expect("not 0"), PidfdFlags::empty()).expect("it is alive");
        let socket: OwnedFd = pidfd_getfd(&pidfd, number, PidfdGetfdFlags::empty()).expect("the socket of the process");
        let uid = bed.exec(["id", "-u", user]).success().text().parse().expect("a uid");
        let connection = RUNTIME.block_on(async {
            let stream = UnixStream::from(socket);
            Builder::unix_stream(stream).user_id(uid).build().await
        });
        Self { process, connection: connection.expect("the bus") }
    }

    /// The pid of the process in the bed.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Calls a method and waits for the reply.
    pub fn call<B>(&self, to: &str, path: &str, interface: &str, method: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        RUNTIME.block_on(self.connection.call_method(Some(to), path, Some(interface), method, body))
    }

    /// The unique names that a process of the bed has on the bus, the newest last.
    pub fn names_of(&self, pid: u32) -> Vec<String> {
        let bus = "org.freedesktop.DBus";
        let reply = self.call(bus, "/", bus, "ListNames", &()).expect("the bus answers");
        let names: Vec<String> = reply.body().deserialize().expect("names");
        let mut own: Vec<String> = names
            .into_iter()
            .filter(|name| name.starts_with(':'))
            .filter(|name| {
                let reply = self.call(bus, "/", bus, "GetConnectionUnixProcessID", name);
                reply.is_ok_and(|reply| reply.body().deserialize::<u32>().is_ok_and(|owner| owner == pid))
            })
            .collect();
        own.sort_by_key(|name| name.rsplit_once('.').and_then(|(_, number)| number.parse::<u32>().ok()));
        own
    }
}

/// The host's pid of a process of the bed.
fn host_pid(bed: &Bed, pid: u32) -> i32 {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let of_bed = namespace(&bed.pid1().to_string());
    let inside = format!("\t{pid}");
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let is = status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with(&inside));
        if is && namespace(&name) == of_bed {
            return name.parse().expect("a pid");
        }
    }
    panic!("the bed has no process {pid}")
}
