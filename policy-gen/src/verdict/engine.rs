//! Starts `polkit-policy-gen-js`, sends it rules and requests, and ends it after a time limit.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use polkit_config::names::Names;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::files::Rules;
use super::wire::{EXPLORES, EngineReply, EngineRequest, Load, LoadReply, Message, PROTOCOL, USER};

/// The installed program. `make build LIBEXECDIR=…` sets its directory.
const PROGRAM: &str = concat!(env!("PSA_LIBEXECDIR"), "/polkit-policy-gen-js");
/// Time limit for a file or a request. polkitd's own limit is 15 s, after which it refuses.
const LIMIT: Duration = Duration::from_secs(5);
/// Limit of the bytes of requests in flight. A pipe holds 64 KiB, so writes below this limit never block.
const IN_FLIGHT_MAX: usize = 48 << 10;

/// An engine with loaded rules.
#[derive(Debug)]
pub struct Engine {
    program: PathBuf,
    /// Whether requests have open facts.
    explores: bool,
    rules: Vec<Rules>,
    worker: Worker,
    loaded: Vec<LoadReply>,
    /// The files that exceeded the time limit, with the reason.
    cut: BTreeMap<usize, String>,
    /// The requests without a reply, as sent, and how many of them, and of their bytes, have been sent.
    open: VecDeque<Vec<u8>>,
    sent: usize,
    in_flight: usize,
    /// How many of them were in flight when the program was ended.
    suspects: usize,
    /// The replies that have not been fetched, by number, and the number of the next reply.
    answers: BTreeMap<u64, EngineResult>,
    next: u64,
}

/// The reply of the rules, or the reason why the engine was ended.
pub type EngineResult = Result<EngineReply, String>;

impl Engine {
    /// Starts the program and loads the rules.
    ///
    /// # Errors
    /// The reason why the program is missing or does not start.
    pub fn start(rules: &[Rules]) -> Result<Self, String> {
        Self::run(rules, false)
    }

    /// Starts the program for requests with open facts, and loads rules that were rewritten for it.
    ///
    /// # Errors
    /// The errors of [`Engine::start`].
    pub fn explore(rules: &[Rules]) -> Result<Self, String> {
        Self::run(rules, true)
    }

    fn run(rules: &[Rules], explores: bool) -> Result<Self, String> {
        let program = find()?;
        let mut engine = Self {
            worker: Worker::start(&program, explores)?,
            program,
            explores,
            rules: rules.to_vec(),
            loaded: Vec::new(),
            cut: BTreeMap::new(),
            open: VecDeque::new(),
            sent: 0,
            in_flight: 0,
            suspects: 0,
            answers: BTreeMap::new(),
            next: 0,
        };
        engine.load()?;
        Ok(engine)
    }

    /// Returns the result of loading each file.
    #[must_use]
    pub fn loaded(&self) -> &[LoadReply] {
        &self.loaded
    }

    /// Returns the files that exceeded the time limit. They make all replies uncertain.
    pub fn cut(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cut.iter().filter_map(|(number, why)| Some((self.rules.get(*number)?.path.as_str(), why.as_str())))
    }

    /// Loads all files. Starts again without a file that exceeds the time limit.
    fn load(&mut self) -> Result<(), String> {
        'again: loop {
            self.loaded.clear();
            for (number, rules) in self.rules.iter().enumerate() {
                if self.cut.contains_key(&number) {
                    self.loaded.push(LoadReply { error: None, line: None, lines: Vec::new(), unknown: Vec::new() });
                    continue;
                }
                let load = Message::Load(Load { path: rules.path.clone(), bytes: rules.bytes.len() });
                let message = [line(&load), rules.bytes.clone()].concat();
                let reply = self.worker.send(&message).and_then(|()| self.worker.receive());
                match reply {
                    Ok(loaded) => self.loaded.push(loaded),
                    Err(why) => {
                        self.cut.insert(number, why);
                        self.worker = Worker::start(&self.program, self.explores)?;
                        continue 'again;
                    }
                }
            }
            return Ok(());
        }
    }

    /// Sends requests and returns their numbers for [`Engine::answers`]. The engine works on them while the caller continues.
    pub fn put(&mut self, requests: impl IntoIterator<Item = EngineRequest>) -> Range<u64> {
        let count = |engine: &Self| u64::try_from(engine.open.len()).unwrap_or(u64::MAX);
        let first = self.next.saturating_add(count(self));
        self.open.extend(requests.into_iter().map(|request| line(&Message::Request(request))));
        self.send();
        first..self.next.saturating_add(count(self))
    }

    /// Returns the replies to requests. A request that exceeded the time limit has an error as its reply and does not affect the others.
    ///
    /// # Errors
    /// The program cannot be restarted.
    pub fn answers(&mut self, numbers: Range<u64>) -> Result<Vec<EngineResult>, String> {
        while !numbers.is_empty() && self.next < numbers.end {
            self.send();
            let answer = self.worker.receive();
            if answer.is_err() {
                let suspects = std::mem::take(&mut self.sent);
                self.in_flight = 0;
                self.worker = Worker::start(&self.program, self.explores)?;
                self.load()?;
                if suspects > 1 {
                    // Send the suspects one by one, to find the request that failed and the replies to the others.
                    self.suspects = suspects;
                    continue;
                }
            }
            let asked = self.open.pop_front().map_or(0, |line| line.len());
            self.sent = self.sent.saturating_sub(1);
            self.suspects = self.suspects.saturating_sub(1);
            self.in_flight = self.in_flight.saturating_sub(asked);
            self.answers.insert(self.next, answer);
            self.next += 1;
        }
        Ok(numbers.filter_map(|number| self.answers.remove(&number)).collect())
    }

    /// Returns the replies up to the first request that exceeds the time limit or ends the engine, and whether these are all. The engine
    /// is not restarted, so that rules which never end cost the time limit once.
    pub fn replies_until_failure(&mut self, numbers: &Range<u64>) -> (Vec<EngineReply>, bool) {
        let mut replies = Vec::new();
        while !numbers.is_empty() && self.next < numbers.end {
            self.send();
            let Ok(reply) = self.worker.receive() else { return (replies, false) };
            let asked = self.open.pop_front().map_or(0, |line| line.len());
            self.sent = self.sent.saturating_sub(1);
            self.in_flight = self.in_flight.saturating_sub(asked);
            self.next += 1;
            replies.push(reply);
        }
        (replies, true)
    }

    /// Sends further requests if less than half of the limit is in flight.
    fn send(&mut self) {
        if self.in_flight > IN_FLIGHT_MAX / 2 || (self.suspects > 0 && self.sent > 0) {
            return;
        }
        let mut lines = Vec::new();
        while let Some(line) = self.open.get(self.sent)
            && (self.sent == 0 || (self.suspects == 0 && self.in_flight + line.len() <= IN_FLIGHT_MAX))
        {
            lines.extend_from_slice(line);
            self.in_flight += line.len();
            self.sent += 1;
        }
        if !lines.is_empty() {
            // A write error shows as a missing reply.
            let _ = self.worker.send(&lines);
        }
    }
}

/// Formats a message for the engine.
fn line(message: &Message) -> Vec<u8> {
    // Serialization cannot fail: all keys are strings.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Finds the program: beside this program, as cargo builds it, or where it is installed.
fn find() -> Result<PathBuf, String> {
    let folder = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    // Cargo builds tests in the folder `deps` beside its programs.
    let tests = folder.as_deref().filter(|folder| cfg!(debug_assertions) && folder.ends_with("deps"));
    let above = tests.and_then(Path::parent).map(Path::to_owned);
    let beside = folder.clone().into_iter().chain(above).map(|folder| folder.join("polkit-policy-gen-js"));
    let mut places = beside.chain([PathBuf::from(PROGRAM)]);
    places.find(|path| path.is_file()).ok_or_else(|| format!("{PROGRAM} is not installed"))
}

/// Returns uid and gid of the engine's user from /etc/passwd. System users are not looked up in other databases.
fn own_user() -> Vec<String> {
    static FOUND: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    if !rustix::process::geteuid().is_root() {
        return Vec::new();
    }
    let find = || Names::of_root(Path::new("/")).ok()?.user(USER).ok()?.map(|user| (user.uid, user.gid));
    FOUND.get_or_init(find).iter().flat_map(|(uid, gid)| [uid.to_string(), gid.to_string()]).collect()
}

#[derive(Debug)]
struct Worker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Worker {
    fn start(program: &Path, explores: bool) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("cannot start {}: {error}", program.display());
        let mut command = Command::new(program);
        command
            .arg(PROTOCOL)
            .args(own_user())
            .args(explores.then_some(EXPLORES))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().map_err(|error| failed(&error))?;
        tracing::debug!(program = %program.display(), pid = child.id(), "started the engine");
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self { child, input, output: BufReader::with_capacity(1 << 16, output) }),
            _ => Err(failed(&"it has no pipes")),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.input.write_all(bytes).map_err(|error| error.to_string())
    }

    /// Waits until the output is readable.
    fn wait(&self) -> Result<(), String> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(|error| error.to_string())?;
            match poll(&mut [PollFd::new(self.output.get_ref(), PollFlags::IN)], Some(&left)) {
                Ok(0) => return Err(format!("it did not end within {} s", LIMIT.as_secs())),
                Ok(_) => return Ok(()),
                // Interrupted by a signal: wait again.
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.to_string()),
            }
        }
    }

    fn receive<T: for<'de> serde::Deserialize<'de>>(&mut self) -> Result<T, String> {
        if self.output.buffer().is_empty() {
            self.wait()?;
        }
        let mut line = Vec::new();
        self.output.read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
        if line.is_empty() {
            let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
            return Err(format!("the engine ended ({status})"));
        }
        serde_json::from_slice(&line).map_err(|error| format!("malformed reply of the engine: {error}"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
