//! The polkitd of a bed, as a mechanism of root sees it.

use std::sync::Arc;
use std::time::Duration;

use polkit_dbus::{Connection, Process, StartTime, Subject, SubjectPid, SubjectUid};
use tokio::runtime::Runtime;

use crate::Bed;

/// polkitd's answer to a check with interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Authorized.
    Yes,
    /// Refused: by policy, or by an agent.
    No,
    /// Refused by an agent that cancelled.
    Dismissed,
    /// Authentication is wanted, and there is no agent.
    NoAgent,
}

/// The polkitd of a bed, and connections to the bed's bus. The calls block.
#[derive(Debug, Clone)]
pub struct Polkit<'bed> {
    bed: &'bed Bed,
    pub(crate) runtime: Arc<Runtime>,
}

impl<'bed> Polkit<'bed> {
    /// The polkitd of that bed.
    ///
    /// # Panics
    /// If no thread can be started.
    #[must_use]
    pub fn of(bed: &'bed Bed) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { bed, runtime: Arc::new(runtime.expect("a runtime")) }
    }

    /// A new connection to the bed's bus, as root.
    ///
    /// # Panics
    /// If it fails.
    pub(crate) fn connect(&self) -> Connection {
        self.runtime.block_on(polkit_dbus::connect_to(&self.bed.bus_address())).expect("the bed's bus")
    }

    /// Asks whether a process may do the action; its agent may be asked. It is pkcheck inside of the bed that asks: a client
    /// outside has no pid on the bed's bus, and polkitd would tell the agent that the caller's is 0.
    ///
    /// # Panics
    /// If pkcheck fails otherwise than polkit may answer.
    #[must_use]
    pub fn check(&self, subject: &Subject, action: &str) -> Verdict {
        let Subject::Process(Process { pid, start_time, uid }) = subject else { panic!("{subject:?} is no process") };
        let process = format!("{pid},{start_time},{uid}");
        let output =
            self.bed.exec(["pkcheck", "--allow-user-interaction", "--action-id", action, "--process", &process]);
        match output.code() {
            Some(0) => Verdict::Yes,
            // An error ends with 1 as well in 0.105, and says so.
            Some(1) if !output.stderr.contains("Error checking for authorization") => Verdict::No,
            Some(2) => Verdict::NoAgent,
            Some(3) => Verdict::Dismissed,
            _ => panic!("{output}"),
        }
    }

    /// Waits until the bus has told everybody that a connection is gone.
    ///
    /// # Panics
    /// If that takes longer than any call may.
    pub(crate) fn wait_until_gone(&self, unique_name: &str) {
        let connection = self.connect();
        let bus = "org.freedesktop.DBus";
        for _ in 0..2000 {
            let call = connection.call_method(Some(bus), "/", Some(bus), "NameHasOwner", &unique_name);
            let reply = self.runtime.block_on(call).expect("the bus answers");
            if !reply.body().deserialize::<bool>().expect("a boolean") {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{unique_name} is still on the bus");
    }
}

/// The subject that a process of a bed is, with its true start time, and with that uid (true or claimed).
///
/// # Panics
/// If there is no such process.
#[must_use]
pub fn subject(bed: &Bed, pid: u32, uid: u32) -> Subject {
    subject_started_at(pid, bed.start_time(pid).unwrap_or_else(|| panic!("the bed has no process {pid}")), uid)
}

/// A subject with any start time.
#[must_use]
pub fn subject_started_at(pid: u32, start_time: u64, uid: u32) -> Subject {
    Subject::Process(Process {
        pid: SubjectPid::new(pid).expect("a pid"),
        start_time: StartTime(start_time),
        uid: SubjectUid::new(uid).expect("a uid"),
    })
}
