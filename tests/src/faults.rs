//! Faults while clients ask: kills of the agent, restarts of polkitd and of the bus. The tests do a few of each, `soak faults`
//! a thousand.

mod answers;
mod records;
mod seen;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use answers::{Answer, Answers, Word};
use records::Allowed;

pub use seen::Seen;

use crate::polkit::{Verdict, subject};
use crate::{FullBed, Polkit, Process, Root, product, program};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The agent gets SIGKILL.
    Kill,
    /// polkitd is restarted.
    Polkitd,
    /// The bus is restarted, and with it every service on it.
    Bus,
    /// Nothing, for so many milliseconds.
    Nothing(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "SIGKILL of the agent",
            Self::Polkitd => "restart of polkitd",
            Self::Bus => "restart of the bus",
            Self::Nothing(_) => "nothing",
        })
    }
}

const CONFIG: &str = r#"
[[serve]]
unit = "pool.service"

[[serve]]
unit = "closed.service"

[[rule]]
id = "pool"
action = "org.libvirt.unix.manage"
unit = "pool.service"
user = "www-data"
answer = "allow"
"#;

/// systemd would give up on units that are restarted so often; the agent's own unit says so itself.
const OFTEN: &str = "[Unit]\nStartLimitIntervalSec=0\n";
const JOURNALD: &str =
    "[Journal]\nStorage=persistent\nSystemMaxUse=512M\nSystemMaxFileSize=64M\nRateLimitBurst=1000000\n";

const MANAGE: &str = "org.libvirt.unix.manage";
const WWW_DATA: u32 = 33;
const AGENT: &str = "io.github.polkit_service_agent.Agent1";

/// How long a process may wait for its first yes before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long libvirt waits.
const LIBVIRT: u64 = 30_000_000;

/// A full bed with the agent's unit, processes that are allowed and such that are not, and clients that ask about them.
pub struct Faults {
    bed: FullBed,
    client: Option<Process>,
    caller: u32,
    answers: Answers,
    /// Answers whose records were not looked at yet.
    unread: Vec<Answer>,
    cursor: Option<String>,
    /// The decisions of the last comparison: what they led to may not have been read then.
    earlier: Vec<Allowed>,
    allowed: Vec<Process>,
    refused: Vec<Process>,
    seen: Seen,
}

impl Faults {
    /// Starts it all: `allowed` processes and two others, each asked about every `interval`.
    ///
    /// # Panics
    /// If the agent does not start, or does not answer.
    #[must_use]
    pub fn new(root: &Root, allowed: usize, interval: Duration) -> Self {
        let client = std::fs::read(program("fault-client")).expect("fault-client");
        let bed = product::full(root)
            .without_libvirtd()
            .file("/usr/bin/fault-client", 0o755, client)
            .file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, product::AGENT_RULE)
            .file("/etc/polkit-service-agent/agent.toml", 0o644, CONFIG)
            .file("/etc/systemd/system/polkit.service.d/often.conf", 0o644, OFTEN)
            .file("/etc/systemd/system/dbus.service.d/often.conf", 0o644, OFTEN)
            .file("/etc/systemd/system/dbus.socket.d/often.conf", 0o644, OFTEN)
            .file("/etc/systemd/journald.conf.d/much.conf", 0o644, JOURNALD)
            .file(answers::FILE, 0o644, "")
            .start();
        // /run is systemd's own file system.
        bed.write(answers::FILE, 0o644, "");
        let _ = bed.exec(["systemctl", "start", "polkit-service-agent"]).success();
        let member = |unit: &str| {
            let process = bed.spawn_as("www-data", ["sleep", "1000000"]);
            bed.move_to_cgroup(process.pid(), &format!("system.slice/{unit}"));
            process
        };
        let allowed: Vec<Process> = (0..allowed).map(|_| member("pool.service")).collect();
        let refused: Vec<Process> = (0..2).map(|_| member("closed.service")).collect();
        let mut argv = vec!["fault-client".to_owned(), interval.as_millis().to_string(), answers::FILE.to_owned()];
        argv.extend(allowed.iter().chain(&refused).map(|process| format!("{},{WWW_DATA}", process.pid())));
        let client = bed.spawn_as("root", argv);
        let answers = Answers::of(&bed);
        let mut faults = Self {
            caller: client.pid(),
            client: Some(client),
            answers,
            unread: Vec::new(),
            cursor: None,
            earlier: Vec::new(),
            allowed,
            refused,
            seen: Seen::default(),
            bed,
        };
        let _ = faults.all_answered(now());
        faults.seen = Seen::default();
        faults
    }

    /// The bed.
    #[must_use]
    pub fn bed(&self) -> &FullBed {
        &self.bed
    }

    /// Strikes at a random moment, waits until the service is up again and every process that is allowed has had a yes, and
    /// counts.
    ///
    /// # Panics
    /// If that does not come; with what the agent said.
    pub fn strike(&mut self, fault: Fault) {
        self.pause();
        let (began, agent) = (now(), self.main_pid());
        match fault {
            Fault::Kill => drop(self.bed.exec(["kill", "-KILL", &agent]).success()),
            Fault::Polkitd => drop(self.bed.exec(["systemctl", "restart", "polkit"]).success()),
            Fault::Bus => drop(self.bed.exec(["systemctl", "restart", "dbus"]).success()),
            Fault::Nothing(time) => std::thread::sleep(Duration::from_millis(time)),
        }
        self.until_up((fault == Fault::Kill).then_some(&agent));
        let up = now();
        let took = self.all_answered(up) / 1000;
        self.seen.faults += 1;
        let stalled = self.stalls_since(began) > 0;
        self.seen.stalled += usize::from(stalled);
        if !stalled {
            self.seen.slowest = self.seen.slowest.max(took);
            self.seen.late += usize::from(took > 1000);
        }
    }

    /// Compares yeses with the records since the last time. journald keeps the last half a gigabyte.
    pub fn compare(&mut self) {
        let new = records::allowed_since(&self.bed, &mut self.cursor);
        self.seen.allowed += new.len();
        let known: Vec<Allowed> = self.earlier.iter().chain(&new).copied().collect();
        self.earlier = new;
        let unmatched = records::unmatched(&self.unread, &known, self.caller);
        for answer in &unmatched {
            eprintln!("a yes without exactly one decision: {answer:?}");
        }
        self.seen.unmatched += unmatched.len();
        self.unread.clear();
    }

    /// Ends the clients.
    pub fn ask_no_more(&mut self) {
        // Dropped, it is killed.
        drop(self.client.take());
    }

    /// Ends the clients and the agent, compares what is left, and looks for registrations that outlived the agent.
    ///
    /// # Panics
    /// If the agent cannot be stopped.
    #[must_use]
    pub fn end(mut self) -> Seen {
        self.ask_no_more();
        let _ = self.read();
        self.compare();
        let _ = self.bed.exec(["systemctl", "stop", "polkit-service-agent"]).success();
        let polkit = Polkit::of(&self.bed);
        let stale = |process: &&Process| {
            // polkitd may take a moment to hear of the last connections' end.
            let gone = || polkit.check(&subject(&self.bed, process.pid(), WWW_DATA), MANAGE) == Verdict::NoAgent;
            !(0..20).any(|_| {
                gone() || {
                    std::thread::sleep(Duration::from_millis(100));
                    false
                }
            })
        };
        self.seen.stale = self.allowed.iter().chain(&self.refused).filter(stale).count();
        self.seen.clone()
    }

    /// Between nothing and 400 ms.
    fn pause(&self) {
        let random = RandomState::new().build_hasher().finish();
        std::thread::sleep(Duration::from_micros(random % 400_000));
    }

    fn main_pid(&self) -> String {
        let show = ["systemctl", "show", "--value", "--property=MainPID", "polkit-service-agent"];
        self.bed.exec(show).success().text().to_owned()
    }

    /// Waits until polkitd and the agent are on the bus, and the agent's unit is ready and not that process any more.
    fn until_up(&self, not: Option<&String>) {
        let bus = "org.freedesktop.DBus";
        let script = format!(
            "for name in org.freedesktop.PolicyKit1 {AGENT}; do \
               busctl call {bus} / {bus} NameHasOwner s $name | grep -q true || exit 1; \
             done; systemctl show --value --property=ActiveState,MainPID polkit-service-agent"
        );
        let began = Instant::now();
        loop {
            let state = self.bed.exec(["sh", "-c", &script]);
            let lines: Vec<&str> = state.text().lines().collect();
            if state.status.success()
                && lines.contains(&"active")
                && !not.is_some_and(|pid| lines.contains(&pid.as_str()))
            {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the service is not up again: {state}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until each process that is allowed has had a yes after that moment; how long the last one took, in µs.
    fn all_answered(&mut self, since: u64) -> u64 {
        let began = Instant::now();
        let mut first: HashMap<u32, u64> = HashMap::new();
        loop {
            for answer in self.read() {
                if answer.word == Word::Yes && answer.to >= since {
                    let _ = first.entry(answer.pid).or_insert(answer.to);
                }
            }
            let missing: Vec<u32> =
                self.allowed.iter().map(Process::pid).filter(|pid| !first.contains_key(pid)).collect();
            if missing.is_empty() {
                return first.values().max().map_or(0, |last| last - since);
            }
            assert!(began.elapsed() < PATIENCE, "not answered: {missing:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Takes new answers, and counts them.
    fn read(&mut self) -> Vec<Answer> {
        let new = self.answers.new_ones();
        for answer in &new {
            self.seen.checks += 1;
            *match answer.word {
                Word::Yes => &mut self.seen.yes,
                Word::No | Word::Dismissed => &mut self.seen.refused,
                Word::NoAgent => &mut self.seen.no_agent,
                Word::Error => &mut self.seen.errors,
                Word::Hung => &mut self.seen.hung,
            } += 1;
            let late = answer.word != Word::Hung && answer.to - answer.from > LIBVIRT;
            self.seen.hung += usize::from(late && self.stalls_since(answer.from) == 0);
            let refused = self.refused.iter().any(|process| process.pid() == answer.pid);
            self.seen.wrong += usize::from(refused && answer.word == Word::Yes);
        }
        self.unread.extend(&new);
        new
    }

    /// How often polkitd has stalled by itself since then, as it says itself.
    fn stalls_since(&self, since: u64) -> usize {
        let since = format!("--since=@{}.{:06}", since / 1_000_000, since % 1_000_000);
        self.bed.journal(["--unit=polkit", "--output=cat", &since]).matches("runaway script").count()
    }

    fn log(&self) -> String {
        self.bed.journal(["--unit=polkit-service-agent", "--unit=polkit", "--unit=dbus", "--output=cat", "--lines=60"])
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_micros()).expect("before the year 500000")
}
