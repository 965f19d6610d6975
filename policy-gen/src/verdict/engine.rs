//! The other end of `polkit-policy-gen-js`: starts it, gives it the rules, asks it, and cuts off what does not end.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::files::Rules;
use super::wire::{Ask, Load, Loaded, Message, PROTOCOL, Told};

/// The program, where it is installed. `make build LIBEXECDIR=…` says where that will be.
const PROGRAM: &str = concat!(env!("PSA_LIBEXECDIR"), "/polkit-policy-gen-js");
/// How long a file or a question may take. polkitd itself stops after 15 s, and refuses.
const LIMIT: Duration = Duration::from_secs(5);
/// How many bytes of questions may be on their way. A pipe takes 64 KiB, so that a write below this never has to wait.
const ON_THEIR_WAY: usize = 32 << 10;

/// The rules, loaded and ready to be asked.
#[derive(Debug)]
pub struct Engine {
    program: PathBuf,
    rules: Vec<Rules>,
    worker: Worker,
    loaded: Vec<Loaded>,
    /// The files that do not end by themselves, and why they were cut off.
    cut: BTreeMap<usize, String>,
}

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
                let told = self.worker.send(&load, &rules.bytes).and_then(|_| self.worker.receive());
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

    /// Asks all questions. An answer that was cut off is an error that says why; the next ones are not affected.
    ///
    /// # Errors
    /// The program cannot be started any more.
    pub fn ask(&mut self, asks: &[Ask]) -> Result<Vec<Result<Told, String>>, String> {
        let mut answers = Vec::with_capacity(asks.len());
        'again: loop {
            let mut sent = answers.len();
            let mut on_their_way: std::collections::VecDeque<usize> = std::collections::VecDeque::new();
            while answers.len() < asks.len() {
                while let Some(ask) = asks.get(sent)
                    && (on_their_way.is_empty() || on_their_way.iter().sum::<usize>() < ON_THEIR_WAY)
                {
                    // If nobody reads, the answer that is missing next says so.
                    on_their_way.push_back(self.worker.send(&Message::Ask(ask.clone()), &[]).unwrap_or(0));
                    sent += 1;
                }
                on_their_way.pop_front();
                match self.worker.receive() {
                    Ok(told) => answers.push(Ok(told)),
                    Err(why) => {
                        answers.push(Err(why));
                        self.worker = Worker::start(&self.program)?;
                        self.load()?;
                        continue 'again;
                    }
                }
            }
            return Ok(answers);
        }
    }
}

/// Beside this program, as cargo builds it, or where it is installed.
fn find() -> Result<PathBuf, String> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("polkit-policy-gen-js")));
    let mut places = beside.into_iter().chain([PathBuf::from(PROGRAM)]);
    places.find(|path| path.is_file()).ok_or_else(|| format!("{PROGRAM} is not installed"))
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
        command.arg(PROTOCOL).env_clear().current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().map_err(|error| failed(&error))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self { child, input, output: BufReader::with_capacity(1 << 16, output) }),
            _ => Err(failed(&"it has no pipes")),
        }
    }

    /// Sends a message and bytes that belong to it; gives their number.
    fn send(&mut self, message: &Message, bytes: &[u8]) -> Result<usize, String> {
        let mut line = serde_json::to_vec(message).map_err(|error| error.to_string())?;
        line.push(b'\n');
        line.extend(bytes);
        self.input.write_all(&line).map_err(|error| error.to_string())?;
        Ok(line.len())
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
