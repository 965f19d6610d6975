//! The other end of `polkit-policy-gen-js`: starts it, gives it the rules, asks it, and cuts off what does not end.

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
use super::wire::{Ask, Load, Loaded, Message, PROTOCOL, Told, USER};

/// The program, where it is installed. `make build LIBEXECDIR=…` says where that will be.
const PROGRAM: &str = concat!(env!("PSA_LIBEXECDIR"), "/polkit-policy-gen-js");
/// How long a file or a question may take. polkitd itself stops after 15 s, and refuses.
const LIMIT: Duration = Duration::from_secs(5);
/// How many bytes of questions may be on their way. A pipe takes 64 KiB, so that a write below this never has to wait.
const ON_THEIR_WAY: usize = 48 << 10;

/// The rules, loaded and ready to be asked.
#[derive(Debug)]
pub struct Engine {
    program: PathBuf,
    rules: Vec<Rules>,
    worker: Worker,
    loaded: Vec<Loaded>,
    /// The files that do not end by themselves, and why they were cut off.
    cut: BTreeMap<usize, String>,
    /// The questions without an answer, as they are sent, and how many of them, and of their bytes, were sent.
    open: VecDeque<Vec<u8>>,
    sent: usize,
    on_their_way: usize,
    /// How many of them were on their way when the program was cut off.
    suspects: usize,
    /// The answers that nobody has fetched, by their numbers, and the number of the next.
    answers: BTreeMap<u64, Answer>,
    next: u64,
}

/// What the rules said, or why they were cut off.
pub type Answer = Result<Told, String>;

impl Engine {
    /// Starts the program and loads the rules.
    ///
    /// # Errors
    /// It is not there or does not start: the reason.
    pub fn start(rules: &[Rules]) -> Result<Self, String> {
        let program = find()?;
        let mut engine = Self {
            worker: Worker::start(&program)?,
            program,
            rules: rules.to_vec(),
            loaded: Vec::new(),
            cut: BTreeMap::new(),
            open: VecDeque::new(),
            sent: 0,
            on_their_way: 0,
            suspects: 0,
            answers: BTreeMap::new(),
            next: 0,
        };
        engine.load()?;
        Ok(engine)
    }

    /// What became of each file.
    #[must_use]
    pub fn loaded(&self) -> &[Loaded] {
        &self.loaded
    }

    /// What is not known about all answers: the files that were cut off.
    pub fn cut(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cut.iter().filter_map(|(number, why)| Some((self.rules.get(*number)?.path.as_str(), why.as_str())))
    }

    /// Loads all files, and begins again without one that does not end.
    fn load(&mut self) -> Result<(), String> {
        'again: loop {
            self.loaded.clear();
            for (number, rules) in self.rules.iter().enumerate() {
                if self.cut.contains_key(&number) {
                    self.loaded.push(Loaded { error: None, line: None, lines: Vec::new(), unknown: Vec::new() });
                    continue;
                }
                let load = Message::Load(Load { path: rules.path.clone(), bytes: rules.bytes.len() });
                let message = [line(&load), rules.bytes.clone()].concat();
                let told = self.worker.send(&message).and_then(|()| self.worker.receive());
                match told {
                    Ok(loaded) => self.loaded.push(loaded),
                    Err(why) => {
                        self.cut.insert(number, why);
                        self.worker = Worker::start(&self.program)?;
                        continue 'again;
                    }
                }
            }
            return Ok(());
        }
    }

    /// Puts questions, which are answered while others are put: the numbers for [`Engine::answers`].
    pub fn put(&mut self, asks: impl IntoIterator<Item = Ask>) -> Range<u64> {
        let count = |engine: &Self| u64::try_from(engine.open.len()).unwrap_or(u64::MAX);
        let first = self.next.saturating_add(count(self));
        self.open.extend(asks.into_iter().map(|ask| line(&Message::Ask(ask))));
        self.send();
        first..self.next.saturating_add(count(self))
    }

    /// The answers to questions that were put. One that was cut off is an error that says why; the others are not affected.
    ///
    /// # Errors
    /// The program cannot be started any more.
    pub fn answers(&mut self, numbers: Range<u64>) -> Result<Vec<Answer>, String> {
        while !numbers.is_empty() && self.next < numbers.end {
            self.send();
            let answer = self.worker.receive();
            if answer.is_err() {
                let suspects = std::mem::take(&mut self.sent);
                self.on_their_way = 0;
                self.worker = Worker::start(&self.program)?;
                self.load()?;
                if suspects > 1 {
                    // Which of them it was, and what the ones before would have said, shows when each is asked by itself.
                    self.suspects = suspects;
                    continue;
                }
            }
            let asked = self.open.pop_front().map_or(0, |line| line.len());
            self.sent = self.sent.saturating_sub(1);
            self.suspects = self.suspects.saturating_sub(1);
            self.on_their_way = self.on_their_way.saturating_sub(asked);
            self.answers.insert(self.next, answer);
            self.next += 1;
        }
        Ok(numbers.filter_map(|number| self.answers.remove(&number)).collect())
    }

    /// Sends of the open questions what can be on its way, once half of that has arrived.
    fn send(&mut self) {
        if self.on_their_way > ON_THEIR_WAY / 2 || (self.suspects > 0 && self.sent > 0) {
            return;
        }
        let mut lines = Vec::new();
        while let Some(line) = self.open.get(self.sent)
            && (self.sent == 0 || (self.suspects == 0 && self.on_their_way + line.len() <= ON_THEIR_WAY))
        {
            lines.extend_from_slice(line);
            self.on_their_way += line.len();
            self.sent += 1;
        }
        if !lines.is_empty() {
            // If nobody reads, the answer that is missing next says so.
            let _ = self.worker.send(&lines);
        }
    }
}

/// A message as it is sent.
fn line(message: &Message) -> Vec<u8> {
    // Nothing in a message has a key that is no text, or an implementation of its own that fails.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Beside this program, as cargo builds it, or where it is installed.
fn find() -> Result<PathBuf, String> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("polkit-policy-gen-js")));
    let mut places = beside.into_iter().chain([PathBuf::from(PROGRAM)]);
    places.find(|path| path.is_file()).ok_or_else(|| format!("{PROGRAM} is not installed"))
}

/// The uid and gid of the engine's own user, by the host's files: no other database is asked for a user of the system.
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
    fn start(program: &Path) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("starting {}: {error}", program.display());
        let mut command = Command::new(program);
        command
            .arg(PROTOCOL)
            .args(own_user())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().map_err(|error| failed(&error))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self { child, input, output: BufReader::with_capacity(1 << 16, output) }),
            _ => Err(failed(&"it has no pipes")),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.input.write_all(bytes).map_err(|error| error.to_string())
    }

    /// Waits until there is something to be read.
    fn wait(&self) -> Result<(), String> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(|error| error.to_string())?;
            match poll(&mut [PollFd::new(self.output.get_ref(), PollFlags::IN)], Some(&left)) {
                Ok(0) => return Err(format!("it did not end within {} s", LIMIT.as_secs())),
                Ok(_) => return Ok(()),
                // A signal is no answer.
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
        serde_json::from_slice(&line).map_err(|error| format!("the engine's answer is not understood: {error}"))
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
