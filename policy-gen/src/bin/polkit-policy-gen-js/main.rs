//! `polkit-policy-gen-js`: runs polkit's rules for polkit-policy-gen, in polkitd's JavaScript engine.
//!
//! This program is not a command for users. polkit-policy-gen starts it and communicates through standard input and output (see
//! `verdict::wire` in the library). It has no privileges, opens no files and contacts no services.

#[cfg(debug_assertions)]
mod attempts;
mod confine;
mod duktape;
mod given;
mod host;
mod landlock;
mod plain;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
mod syscalls;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use duktape::Heap;
use given::BOTTOM;
use host::Notes;
use polkit_policy_gen::verdict::wire::{EXPLORES, LoadReply, Message, PROTOCOL};

/// The script that prepares the environment of rules files.
const ENVIRONMENT: &str = include_str!("polkit.js");
/// The key of the functions that [`ENVIRONMENT`] returns.
const PROBE: &str = "probe";
/// The script for requests with open facts, and the key of the functions that it returns.
const EXPLORE: &str = include_str!("explore.js");
const OPEN: &str = "open";
/// How long replies are buffered at most: much less than the time limit of a request.
const HELD_FOR: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some(PROTOCOL) {
        return fail("polkit-policy-gen-js is started by polkit-policy-gen of the same version; do not run it by hand");
    }
    let numbers: Vec<u32> = std::env::args().skip(2).filter_map(|number| number.parse().ok()).collect();
    let user = numbers.first().copied().zip(numbers.get(1).copied());
    if let Err(error) = confine::confine(user) {
        return fail(&format!("cannot confine the engine: {error}"));
    }
    let explores = std::env::args().any(|argument| argument == EXPLORES);
    let Some(mut engine) = Engine::new(explores) else { return fail("cannot start the engine") };
    match engine.serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("cannot communicate with polkit-policy-gen: {error}")),
    }
}

fn fail(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{message}");
    ExitCode::from(3)
}

struct Engine {
    heap: Heap,
    /// Whether no loaded file can notice how actions and subjects are made.
    plain: bool,
}

impl Engine {
    fn new(explores: bool) -> Option<Self> {
        let mut heap = Heap::new()?;
        let scripts = [(ENVIRONMENT, PROBE), (EXPLORE, OPEN)];
        for (script, key) in scripts.into_iter().take(if explores { 2 } else { 1 }) {
            heap.push_stash();
            if !heap.evaluate(script.as_bytes()) {
                return None;
            }
            heap.push_host();
            if !heap.call(1) {
                return None;
            }
            heap.put(-2, key);
            heap.set_top(0);
        }
        let mut engine = Self { heap, plain: true };
        engine.prepare().then_some(engine)
    }

    /// Pushes one of the functions that [`ENVIRONMENT`] returns.
    fn push_probe(&mut self, name: &str) {
        self.push_function(PROBE, name);
    }

    fn push_function(&mut self, of: &str, name: &str) {
        self.heap.push_stash();
        self.heap.property(-1, of);
        self.heap.property(-1, name);
        self.heap.replace(-3);
        self.heap.set_top(-1);
    }

    fn serve(&mut self) -> std::io::Result<()> {
        let mut input = BufReader::with_capacity(1 << 16, std::io::stdin().lock());
        let (mut line, mut flushed) = (Vec::new(), Instant::now());
        loop {
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            match serde_json::from_slice(&line)? {
                Message::Load(load) => {
                    let mut source = vec![0; load.bytes];
                    input.read_exact(&mut source)?;
                    host::say(&self.load(&source))?;
                }
                Message::Request(ask) if ask.open.is_some() => host::say(&self.explore(ask))?,
                Message::Request(ask) => host::say(&self.ask(ask))?,
            }
            // Replies are sent when no more input is available, or after the time limit.
            if input.buffer().is_empty() || flushed.elapsed() > HELD_FOR {
                host::flush()?;
                flushed = Instant::now();
            }
        }
    }

    fn load(&mut self, source: &[u8]) -> LoadReply {
        host::begin(Notes::default());
        if self.plain && !plain::is_plain(source) {
            self.push_probe("careful");
            self.plain = !self.heap.call(0);
        }
        let done = self.heap.evaluate(source);
        let error = (!done).then(|| short(&self.heap.describe(-1)));
        let line = error.as_ref().and_then(|error| line_in(error).or_else(|| self.line_of_error()?.try_into().ok()));
        self.heap.set_top(BOTTOM);
        let notes = host::begin(Notes::default());
        LoadReply { error, line: line.filter(|line| *line > 0), lines: notes.lines, unknown: notes.unknown }
    }

    /// Returns the line of the error on top of the stack.
    fn line_of_error(&mut self) -> Option<u32> {
        self.push_probe("line");
        self.heap.dup(-2);
        if self.heap.call(1) { self.heap.number(-1).and_then(|line| line.try_into().ok()) } else { None }
    }

    fn ran(&mut self) -> Option<usize> {
        self.push_probe("ran");
        if self.heap.call(0) { self.heap.number(-1).and_then(|number| number.try_into().ok()) } else { None }
    }
}

/// Returns the line in a message of the compiler: `… (line 3)`.
fn line_in(message: &str) -> Option<usize> {
    message.rsplit_once("(line ")?.1.split_once(')')?.0.parse().ok()
}

/// Shortens a text. A rule may make texts of any length.
fn short(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(host::TEXT_MAX).collect()
}
