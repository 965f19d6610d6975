//! What light and full beds have in common: programs, files and the bus.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::init::SHARING;
use crate::launch::Launched;
use crate::output::Output;
use crate::paths::program;
use crate::tree::Tree;
use crate::{Root, Suite};

/// The seconds after which [`Bed::exec`] kills a program.
const EXEC_LIMIT: &str = "120";
/// How long a program in a bed may be silent when a line is waited for.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running bed. Dropping it kills everything in it and removes every trace.
#[derive(Debug)]
pub struct Bed {
    pub(crate) launched: Mutex<Launched>,
    tree: Tree,
    pid1: u32,
    /// The bed's cgroup as the bed sees it: empty, but for a bed that shares the host's namespaces.
    cgroup_inside: String,
    // Dropped last: the root filesystem below may be rebuilt from then on.
    root: Root,
}

impl Bed {
    /// Starts a bed as far as its files are mounted and the setup has been applied to them.
    pub(crate) fn mount(root: &Root, kind: &str, setup: &Setup) -> Self {
        let launched = Launched::new(root, kind);
        let tree = Tree::of(launched.pid1);
        setup.apply(&tree);
        let own_name = launched.cgroup.file_name().filter(|_| kind == SHARING);
        let cgroup_inside = own_name.map_or_else(String::new, |name| format!("{}/", name.to_string_lossy()));
        Self { cgroup_inside, root: root.clone(), tree, pid1: launched.pid1, launched: Mutex::new(launched) }
    }

    /// The suite that the bed's root filesystem holds.
    pub fn suite(&self) -> Suite {
        self.root.suite()
    }

    /// The host's pid of the bed's PID 1. /proc/PID/root is the bed's root: but see [`read`](Self::read).
    pub fn pid1(&self) -> u32 {
        self.pid1
    }

    /// Runs a program as root, in the bed's cgroup `/bed-exec` (no unit, no session), with an environment of its own,
    /// and kills it after two minutes.
    pub fn exec<A: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = A>) -> Output {
        self.exec_as("root", argv)
    }

    /// Runs a program as a user of the bed, with that user's groups and home. See [`exec`](Self::exec).
    pub fn exec_as<A: AsRef<OsStr>>(&self, user: &str, argv: impl IntoIterator<Item = A>) -> Output {
        let mut command = self.command(user);
        command.args(["timeout", "--kill-after=5", EXEC_LIMIT]);
        let shown = add_arguments(&mut command, argv);
        let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("running {shown}: {error}"));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Output { command: shown, status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Starts a program as a user of the bed, with pipes. It is killed when the [`Process`] is dropped.
    pub fn spawn_as<A: AsRef<OsStr>>(&self, user: &str, argv: impl IntoIterator<Item = A>) -> Process {
        let mut command = self.command(user);
        // The shell tells its pid, and becomes the program.
        command.args(["sh", "-c", "echo $$; exec \"$@\"", "sh"]);
        let shown = add_arguments(&mut command, argv);
        let stderr = tempfile::tempfile().expect("a temporary file");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr.try_clone().expect("a second descriptor"));
        let mut child = command.spawn().unwrap_or_else(|error| panic!("starting {shown}: {error}"));
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut process = Process { pid: 0, pidfd: None, command: shown, child, stdin, stdout, stderr };
        let pid = process.line();
        process.pid = pid.parse().unwrap_or_else(|_| panic!("{}: {pid:?} is no pid", process.command));
        process.pidfd = only_child(process.child.id());
        process
    }

    /// A sleeping process of www-data with that pid, which must be free. Another process may take the pid that is due, so it is
    /// tried more than once.
    ///
    /// # Panics
    /// If it cannot be had.
    pub fn take_pid(&self, pid: u32) -> Process {
        let script = "for try in $(seq 200); do \
                        echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid; \
                        setpriv --reuid=www-data --regid=www-data --clear-groups sh -c 'echo $$; exec sleep 1000' & \
                        [ $! = $1 ] && break; \
                        kill -9 $!; wait $!; \
                      done; wait";
        let mut taker = self.spawn_as("root", ["sh", "-c", script, "sh", &pid.to_string()]);
        while taker.line() != pid.to_string() {
            assert!(!taker.has_ended(), "pid {pid} could not be taken: {}", taker.stderr());
        }
        taker
    }

    /// Writes a file of the bed, as root, with exactly that mode, and makes the folders above it.
    pub fn write(&self, path: impl AsRef<Path>, mode: u32, content: impl AsRef<[u8]>) {
        self.tree.write(path.as_ref(), mode, content.as_ref());
    }

    /// Copies a file of the host into the bed. A program of this workspace is found by [`program`]; it starts in bookworm
    /// and later only (bullseye's libc is older than the one it is built against).
    ///
    /// [`program`]: crate::program
    pub fn copy_in(&self, host: impl AsRef<Path>, path: impl AsRef<Path>, mode: u32) {
        let host = host.as_ref();
        let content = std::fs::read(host).unwrap_or_else(|error| panic!("reading {}: {error}", host.display()));
        self.write(path, mode, content);
    }

    /// The text of a file of the bed. Links are followed inside the bed, which /proc/PID/root does not do.
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        let path = path.as_ref();
        let content =
            self.tree.read(path).unwrap_or_else(|error| panic!("reading {} in the bed: {error}", path.display()));
        String::from_utf8_lossy(&content).into_owned()
    }

    /// Whether the bed has a file or folder of that name.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.tree.exists(path.as_ref())
    }

    /// Removes a file of the bed, if it is there.
    pub fn remove(&self, path: impl AsRef<Path>) {
        self.tree.remove(path.as_ref());
    }

    /// The address of the bed's system bus for a client outside of the bed. Such a client is root for the bus, and has no
    /// pid there (the bus sees 0). Pids that it tells polkit are the bed's.
    pub fn bus_address(&self) -> String {
        format!("unix:path=/proc/{}/root/run/dbus/system_bus_socket", self.pid1)
    }

    /// The start time of a process of the bed, in clock ticks since boot (proc_pid_stat(5), field 22), or `None` if there is
    /// no such process.
    pub fn start_time(&self, pid: u32) -> Option<u64> {
        let stat = self.tree.read(Path::new(&format!("/proc/{pid}/stat"))).ok()?;
        // The name before the last ')' may hold anything.
        String::from_utf8_lossy(&stat).rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
    }

    /// Moves a process of the bed into a cgroup, such as `system.slice/apache2.service`, that is made if need be.
    /// /proc/PID/cgroup inside the bed then says `0::/system.slice/apache2.service`, and in a bed that shares the host's
    /// namespaces the same below a slice of the bed's own.
    pub fn move_to_cgroup(&self, pid: u32, cgroup: &str) {
        let script = "mkdir -p \"/sys/fs/cgroup/$1\" && echo \"$2\" > \"/sys/fs/cgroup/$1/cgroup.procs\"";
        let cgroup = format!("{}{cgroup}", self.cgroup_inside);
        let _ = self.exec(["sh", "-c", script, "sh", &cgroup, &pid.to_string()]).success();
    }

    /// `bed-exec`, and what changes to the user once it is inside.
    fn command(&self, user: &str) -> Command {
        let (gid, home) = self.group_and_home(user);
        let mut command = Command::new(program("bed-exec"));
        let cgroup = self.launched.lock().unwrap().cgroup.join("bed-exec");
        command.arg(cgroup).arg(self.pid1.to_string());
        command.args(["env", &format!("HOME={home}"), "setpriv"]);
        command.args([format!("--reuid={user}"), format!("--regid={gid}"), "--init-groups".to_owned()]);
        command
    }

    fn group_and_home(&self, user: &str) -> (String, String) {
        let passwd = self.read("/etc/passwd");
        let line = passwd.lines().find(|line| line.split(':').next() == Some(user));
        let fields: Vec<&str> = line.unwrap_or_else(|| panic!("the bed has no user {user}")).split(':').collect();
        (fields[3].to_owned(), fields[5].to_owned())
    }
}

fn add_arguments<A: AsRef<OsStr>>(command: &mut Command, argv: impl IntoIterator<Item = A>) -> String {
    let mut shown = Vec::new();
    for argument in argv {
        command.arg(&argument);
        shown.push(argument.as_ref().to_string_lossy().into_owned());
    }
    shown.join(" ")
}

/// A program that runs in a bed, with pipes to its standard input and output.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    pidfd: Option<OwnedFd>,
    command: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: File,
}

impl Process {
    /// Its pid in the bed.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a line to its standard input.
    pub fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap_or_else(|| panic!("{}: standard input is closed", self.command));
        writeln!(stdin, "{line}").unwrap_or_else(|error| panic!("{}: writing {line:?}: {error}", self.command));
    }

    /// Waits for the next line of its standard output, without the line end; empty at the end of the output.
    ///
    /// # Panics
    /// If none comes for three minutes.
    pub fn line(&mut self) -> String {
        self.line_within(PATIENCE)
    }

    /// Does the same for a program that is silent for long.
    ///
    /// # Panics
    /// If no line comes in this time.
    pub fn line_within(&mut self, limit: Duration) -> String {
        let mut line = String::new();
        if self.stdout.buffer().is_empty() {
            let mut polled = [PollFd::new(self.stdout.get_ref(), PollFlags::IN)];
            let timeout = Timespec { tv_sec: limit.as_secs().try_into().expect("not too long"), tv_nsec: 0 };
            let ready = poll(&mut polled, Some(&timeout));
            assert!(ready != Ok(0), "{}: no line for {limit:?}\n{}", self.command, self.stderr());
        }
        self.stdout.read_line(&mut line).unwrap_or_else(|error| panic!("{}: reading: {error}", self.command));
        line.trim_end_matches('\n').to_owned()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Closes its standard input and waits until it ends. What was read as lines before is not in the output.
    pub fn wait(mut self) -> Output {
        drop(self.stdin.take());
        let mut stdout = Vec::new();
        self.stdout.read_to_end(&mut stdout).unwrap_or_else(|error| panic!("{}: reading: {error}", self.command));
        let status = self.child.wait().unwrap_or_else(|error| panic!("{}: waiting: {error}", self.command));
        Output {
            command: self.command.clone(),
            status,
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: self.stderr(),
        }
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        let mut file = self.stderr.try_clone().expect("a second descriptor");
        let mut text = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut text)).expect("reading a temporary file");
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Kills it and waits until it is gone from the bed.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The child here is nsenter, which collects the program and ends with it. Without nsenter the host's init would have
        // to collect the program, and may take seconds, in which the bed cannot end.
        if let Some(pidfd) = &self.pidfd {
            let _ = pidfd_send_signal(pidfd, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// The one child of a process of the host, or `None` if it is gone already.
fn only_child(pid: u32) -> Option<OwnedFd> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    pidfd_open(Pid::from_raw(children.trim().parse().ok()?)?, PidfdFlags::empty()).ok()
}

/// What is done to the files of a bed before anything starts in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    removed: Vec<String>,
    links: Vec<(String, String)>,
    files: Vec<(String, u32, Vec<u8>)>,
}

impl Setup {
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.files.push((path.to_owned(), mode, content.to_owned()));
    }

    pub(crate) fn remove(&mut self, path: &str) {
        self.removed.push(path.to_owned());
    }

    pub(crate) fn mask(&mut self, unit: &str) {
        self.links.push((format!("/etc/systemd/system/{unit}"), "/dev/null".to_owned()));
    }

    fn apply(&self, tree: &Tree) {
        self.removed.iter().for_each(|path| tree.remove(Path::new(path)));
        self.links.iter().for_each(|(path, target)| tree.link(Path::new(path), target));
        self.files.iter().for_each(|(path, mode, content)| tree.write(Path::new(path), *mode, content));
    }
}
