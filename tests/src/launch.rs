//! The start of a bed: its folder, its cgroup, its first process, and the words exchanged with that process.
//!
//! The first process (`bed-init`) says `pid N`, mounts the bed's files, says `mounted`, and waits: now files are seeded.
//! At `go …` it starts what the bed is for, says `ready`, and takes commands, answering each with `ok` or `failed: …`.
//! In a full bed it becomes systemd at `go`, and says no more.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Once, OnceLock, mpsc};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::paths::{beds_dir, make_dir, program};
use crate::{Root, cgroup};

/// How long the first process may take for one step. A bookworm polkitd may stall for 15 s by itself.
const STEP: Duration = Duration::from_secs(40);

/// What must be taken away when a bed ends, and the line to its first process.
#[derive(Debug)]
pub(crate) struct Launched {
    /// The bed's folder on the host, seen inside as /bed. Logs are there.
    pub(crate) dir: PathBuf,
    pub(crate) cgroup: PathBuf,
    /// The pid of the bed's PID 1 on the host.
    pub(crate) pid1: u32,
    pidfd: Option<OwnedFd>,
    unshare: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<String>,
    _lock: File,
}

impl Launched {
    /// Starts a bed of that kind (`light`, `sharing` or `full`) as far as `mounted`.
    pub(crate) fn new(root: &Root, kind: &str) -> Self {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(sweep);
        let (dir, lock) = make_bed_dir();
        let cgroup = cgroup_of(&dir);
        fs::create_dir(&cgroup).unwrap_or_else(|error| panic!("making {}: {error}", cgroup.display()));
        let log = File::create(dir.join("init.log")).expect("the bed's folder is writable");
        let mut command = Command::new(program("bed-init"));
        command.args(["launch", kind]).arg(root.lower()).arg(&dir).arg(&cgroup).arg(std::process::id().to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut unshare = spawn_for_life(command).unwrap_or_else(|error| panic!("starting bed-init: {error}"));
        let stdin = unshare.stdin.take().expect("piped");
        let stdout = BufReader::new(unshare.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut bed = Self { dir, cgroup, pid1: 0, pidfd: None, unshare, stdin, lines, _lock: lock };
        let line = bed.line();
        let pid = line.strip_prefix("pid ").and_then(|pid| pid.parse().ok());
        bed.pid1 = pid.unwrap_or_else(|| panic!("bed-init said {line:?} for its pid"));
        let pid = Pid::from_raw(bed.pid1.cast_signed()).expect("not 0");
        bed.pidfd = Some(pidfd_open(pid, PidfdFlags::empty()).expect("the bed's first process is alive"));
        bed.expect("mounted");
        bed
    }

    /// Sends a line to the first process.
    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap_or_else(|error| panic!("telling bed-init {line:?}: {error}"));
    }

    /// Waits for that line from the first process.
    pub(crate) fn expect(&mut self, expected: &str) {
        let line = self.line();
        assert!(line == expected, "the bed said {line:?} instead of {expected:?}");
    }

    /// Whether the first process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.unshare.try_wait().is_ok_and(|status| status.is_none())
    }

    fn line(&mut self) -> String {
        self.lines.recv_timeout(STEP).unwrap_or_else(|error| panic!("no word from bed-init: {error}"))
    }

    /// The last lines of each log, to be shown beside a failed test.
    fn logs(&self) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let log = fs::read(entry.path()).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = log.lines().collect();
            if !lines.is_empty() {
                text += &format!("--- {name}, last lines\n{}\n", lines[lines.len().saturating_sub(15)..].join("\n"));
            }
        }
        text
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        match &self.pidfd {
            // Its parent, unshare, then collects it and ends.
            Some(pidfd) => drop(pidfd_send_signal(pidfd, Signal::KILL)),
            None => drop(self.unshare.kill()),
        }
        let _ = self.unshare.wait();
        remove(&self.dir, &self.cgroup);
    }
}

fn remove(dir: &Path, cgroup: &Path) {
    cgroup::remove(cgroup);
    if let Err(error) = fs::remove_dir_all(dir) {
        eprintln!("beds: removing {}: {error}", dir.display());
    }
}

/// The cgroup is named after the bed's folder, so that [`sweep`] finds it, and as a slice: where a bed shares the host's
/// namespaces this name is in the path of each of its units.
fn cgroup_of(dir: &Path) -> PathBuf {
    let name = dir.file_name().expect("a bed's folder has a name").to_string_lossy();
    cgroup::mount_point().expect("looked for by `require`").join(format!("bed-{name}.slice"))
}

fn run_lock() -> File {
    make_dir(&beds_dir().join("run"));
    let lock = File::options().create(true).append(true).open(beds_dir().join("run.lock")).expect("run.lock");
    lock.lock().expect("locking run.lock");
    lock
}

/// Makes a folder for a bed, with a lock that is held as long as the bed lives.
fn make_bed_dir() -> (PathBuf, File) {
    let _run = run_lock();
    let dir = tempfile::Builder::new().prefix("").rand_bytes(6).tempdir_in(beds_dir().join("run"));
    let dir = dir.expect("a folder for the bed").keep();
    let lock = File::create(dir.join("lock")).expect("the bed's lock");
    lock.lock().expect("locking a new file");
    (dir, lock)
}

/// Takes away what beds left whose process was killed before it could drop them.
fn sweep() {
    let _run = run_lock();
    for entry in fs::read_dir(beds_dir().join("run")).into_iter().flatten().flatten() {
        let Ok(lock) = File::open(entry.path().join("lock")) else { continue };
        if lock.try_lock().is_ok() {
            remove(&entry.path(), &cgroup_of(&entry.path()));
        }
    }
}

/// Starts a process from a thread that lives as long as this program. `PR_SET_PDEATHSIG` tells of the end of the *thread*
/// that started a process, and a bed may outlive the test that made it.
fn spawn_for_life(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, reply) in orders {
                let _ = reply.send(command.spawn());
            }
        });
        sender
    });
    let (reply, child) = mpsc::channel();
    spawner.send((command, reply)).expect("the spawner never ends");
    child.recv().expect("the spawner never ends")
}
