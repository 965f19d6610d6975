//! Says who a request is about, while its process waits for the reply.

use std::collections::HashMap;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use polkit_config::bounded::kernel_text;
use polkit_config::names::Names;
use polkit_dbus::{BusClient, Connection, Subject as PolkitSubject, WatchedCheck, WatchedSubject};

use crate::doctor::look::{SeenProcess, seen_process};
use crate::mechanisms::table;
use crate::target::{UNITS, Version};
use crate::trace::owners::Owners;
use crate::trace::request::{Request, Subject, Unnamed};
use crate::verify::probe_process;

/// Time limit of a question to the bus.
const ASK: Duration = Duration::from_secs(1);
/// The most clients and users that are remembered.
const KNOWN_MAX: usize = 4096;

/// Looks up the subjects of requests. A client can end as soon as it has polkit's refusal, so what it was when it connected is
/// remembered until it disconnects.
#[derive(Debug)]
pub struct Watcher {
    bus: Connection,
    version: Version,
    owners: Owners,
    clients: HashMap<String, Client>,
    users: HashMap<u32, String>,
}

/// A client of the bus.
#[derive(Debug)]
struct Client {
    uid: Option<u32>,
    has_pidfd: bool,
    pid: Option<u32>,
    start_time: Option<u64>,
    seen: Option<SeenProcess>,
}

impl Watcher {
    /// Makes a watcher that asks `bus` about its clients.
    #[must_use]
    pub fn new(bus: Connection, version: Version, owners: Owners) -> Self {
        Self { bus, version, owners, clients: HashMap::new(), users: HashMap::new() }
    }

    /// Remembers a client that has connected.
    pub async fn connected(&mut self, name: String) {
        if let Some(client) = self.look(&name).await {
            remember(&mut self.clients, name, client);
        }
    }

    /// Forgets a client.
    pub fn disconnected(&mut self, name: &str) {
        self.clients.remove(name);
    }

    /// Returns the request with its subject. Not cancel-safe: the request is lost.
    pub async fn request(&mut self, check: WatchedCheck) -> Request {
        let mut subject = match &check.subject {
            WatchedSubject::Session(id) => {
                Subject { user: format!("session {id}"), unnamed: Some(Unnamed::Session), ..Subject::default() }
            }
            WatchedSubject::BusName(name) => {
                let client = self.look(name).await;
                let client = client.as_ref().filter(|client| client.seen.is_some()).or_else(|| self.clients.get(name));
                let found = client.map(|client| (client.seen.clone(), client.uid, client.has_pidfd));
                let (seen, uid, has_pidfd) = found.unwrap_or_default();
                self.subject(seen, uid, has_pidfd)
            }
            WatchedSubject::Process { pid, start_time, uid, pidfd } => {
                let pid = pidfd.as_ref().and_then(pid_of).or(*pid);
                let is_same = pid.is_some_and(|pid| is_same(pid, *start_time));
                let seen = pid.filter(|_| is_same).and_then(seen_process);
                // The pidfd still has a pid, so what was read is about this process.
                let seen = seen.filter(|_| pidfd.as_ref().is_none_or(|pidfd| pid_of(pidfd).is_some()));
                let seen = seen.or_else(|| self.connected_process(pid?, (*start_time)?));
                self.subject(seen, *uid, pidfd.is_some())
            }
        };
        let asking = match self.clients.get(&check.id.mechanism) {
            Some(known) => known.uid,
            None => {
                self.connected(check.id.mechanism.clone()).await;
                self.clients.get(&check.id.mechanism).and_then(|known| known.uid)
            }
        };
        let is_mechanism = asking.is_some_and(|uid| {
            let user = self.user(uid);
            self.owners.is_mechanism(uid, &user, &check.action)
        });
        if !is_mechanism {
            subject.unnamed = Some(Unnamed::NoMechanism);
        }
        let details = match table::of_action(&check.action) {
            Some(mechanism) => mechanism.narrowing(&check.action, &check.details),
            None => check.details.into_iter().filter(|(key, _)| !key.starts_with("polkit.")).collect(),
        };
        Request { subject, action: check.action, details }
    }

    /// Asks the bus about a client, and reads its process. Returns `None` for a client that is gone.
    async fn look(&self, name: &str) -> Option<Client> {
        let client = self.ask(name).await?;
        let pid = client.pidfd.as_ref().and_then(pid_of).or(client.pid);
        let (start_time, seen) = (pid.and_then(start_of), pid.and_then(seen_process));
        // A client that still has its name has its process, too.
        let still = match &client.pidfd {
            Some(pidfd) => pid_of(pidfd).is_some(),
            None => self.ask(name).await.is_some(),
        };
        Some(Client {
            uid: client.uid,
            has_pidfd: client.pidfd.is_some(),
            pid,
            start_time,
            seen: seen.filter(|_| still),
        })
    }

    /// Returns what a process was when it connected to the bus.
    fn connected_process(&self, pid: u32, start_time: u64) -> Option<SeenProcess> {
        let is_it = |client: &&Client| client.pid == Some(pid) && client.start_time == Some(start_time);
        self.clients.values().find(is_it).and_then(|client| client.seen.clone())
    }

    async fn ask(&self, name: &str) -> Option<BusClient> {
        tokio::time::timeout(ASK, BusClient::of(&self.bus, name)).await.ok()?.ok()
    }

    fn subject(&mut self, seen: Option<SeenProcess>, uid: Option<u32>, has_pidfd: bool) -> Subject {
        let uid = uid.or_else(|| seen.as_ref().map(|seen| seen.uid));
        let user = uid.map_or_else(|| "an unknown user".to_owned(), |uid| self.user(uid));
        match seen {
            Some(seen) => {
                let is_unit_known = has_pidfd && self.version >= UNITS && seen.service.is_some();
                Subject { uid, user, unit: seen.service, is_unit_known, program: seen.program, unnamed: None }
            }
            None => Subject { uid, user, unnamed: Some(Unnamed::Ended), ..Subject::default() },
        }
    }

    fn user(&mut self, uid: u32) -> String {
        if let Some(known) = self.users.get(&uid) {
            return known.clone();
        }
        let name = Names::Host.user_by_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
        remember(&mut self.users, uid, name.clone());
        name
    }
}

/// Remembers a value. A full map is emptied first.
fn remember<K: std::hash::Hash + Eq, V>(known: &mut HashMap<K, V>, key: K, value: V) {
    if known.len() >= KNOWN_MAX {
        known.clear();
    }
    known.insert(key, value);
}

/// Returns the pid of a process that has not ended, by its pidfd.
fn pid_of(pidfd: &OwnedFd) -> Option<u32> {
    let text = kernel_text(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    // The pid is -1 when the process has ended, and 0 in another pid namespace.
    text.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok().filter(|pid| *pid != 0)
}

/// Whether the process with this pid started at this time, in clock ticks since the system started.
fn is_same(pid: u32, start_time: Option<u64>) -> bool {
    start_time.is_none_or(|time| start_of(pid) == Some(time))
}

fn start_of(pid: u32) -> Option<u64> {
    match probe_process::subject(pid, 0) {
        Some(PolkitSubject::Process(process)) => Some(process.start_time.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::*;

    fn sleeper() -> (Child, OwnedFd) {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        (child, pidfd_open(pid, PidfdFlags::empty()).unwrap())
    }

    #[test]
    fn a_pidfd_has_a_pid_until_the_process_has_ended() {
        let (mut child, pidfd) = sleeper();
        assert_eq!(pid_of(&pidfd), Some(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(pid_of(&pidfd), None);
        let file = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        assert_eq!(pid_of(&file), None);
    }

    #[test]
    fn a_process_is_the_same_if_it_started_at_the_time() {
        let own = std::process::id();
        let start = start_of(own).unwrap();
        assert!(is_same(own, Some(start)) && is_same(own, None));
        assert!(!is_same(own, Some(start + 1)));
        assert!(!is_same(u32::MAX, Some(1)));
    }

    #[test]
    fn a_full_map_is_emptied() {
        let mut known = HashMap::new();
        (0..=KNOWN_MAX).for_each(|key| remember(&mut known, key, ()));
        assert_eq!(known.len(), 1);
    }
}
