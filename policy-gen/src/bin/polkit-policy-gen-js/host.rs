//! The functions that scripts call, and the facts that they record.

use std::cell::RefCell;
use std::io::{self, Write as _};

use serde::Serialize;

use polkit_policy_gen::verdict::wire::{End, EngineReply, Program};

/// Runs a program: its words, each with a NUL at the end, and their number.
pub const SPAWN: i32 = 0;
/// Asks whether the user is in a netgroup.
pub const NETGROUP: i32 = 1;
/// Reports a new rule.
pub const ADDED: i32 = 2;
/// Reports the use of an unknown fact.
pub const UNKNOWN: i32 = 3;

/// Length limit of reported texts that a rule creates, in characters.
pub const TEXT_MAX: usize = 1000;
/// Limit of reported unknown facts.
const UNKNOWN_MAX: usize = 20;

/// The result for a script.
pub enum HostResult {
    /// `undefined`
    Nothing,
    /// A boolean.
    Bool(bool),
    /// The exit status of a program.
    Status(i32),
    /// A text that remains valid until the next request.
    Kept(*const u8, usize),
}

/// The known facts of a request, and the recorded ones.
#[derive(Default)]
pub struct Notes {
    /// The results of programs.
    pub programs: Vec<Program>,
    /// The user's netgroups, if known.
    pub netgroups: Option<Vec<String>>,
    /// The unknown facts that were used.
    pub unknown: Vec<String>,
    /// The lines in which rules were added.
    pub lines: Vec<u32>,
    /// The last text that a script received.
    pub kept: String,
}

thread_local! {
    static NOTES: RefCell<Notes> = RefCell::default();
    /// Replies that have not been sent.
    static SAID: RefCell<Vec<u8>> = RefCell::default();
}

/// Limit of buffered bytes.
const HELD: usize = 1 << 15;

/// Buffers a reply. It is sent with the next [`flush`] at the latest.
///
/// # Errors
/// The output is closed.
pub fn say(answer: &impl Serialize) -> io::Result<()> {
    let held = SAID.with_borrow_mut(|said| {
        serde_json::to_writer(&mut *said, answer)?;
        said.push(b'\n');
        io::Result::Ok(said.len())
    })?;
    if held > HELD { flush() } else { Ok(()) }
}

/// Sends the buffered replies.
///
/// # Errors
/// The errors of [`say`].
pub fn flush() -> io::Result<()> {
    let said = SAID.take();
    let mut output = io::stdout();
    output.write_all(&said)?;
    output.flush()
}

/// Starts a script or a request, and returns the records of the previous one.
pub fn begin(notes: Notes) -> Notes {
    NOTES.replace(notes)
}

/// Answers a script.
pub fn answer(what: i32, text: &[u8], number: i32, line: i32) -> HostResult {
    NOTES.with_borrow_mut(|notes| match what {
        SPAWN => notes.spawn(&String::from_utf8_lossy(text), number),
        NETGROUP => {
            let netgroup = String::from_utf8_lossy(text);
            match &notes.netgroups {
                Some(known) => HostResult::Bool(known.iter().any(|known| *known == netgroup)),
                None => {
                    notes.note(format!("netgroup {netgroup}"));
                    HostResult::Bool(false)
                }
            }
        }
        ADDED => {
            notes.lines.push(line.try_into().unwrap_or(0));
            HostResult::Nothing
        }
        UNKNOWN => {
            notes.note(String::from_utf8_lossy(text).into_owned());
            HostResult::Nothing
        }
        _ => HostResult::Nothing,
    })
}

impl Notes {
    fn spawn(&mut self, line: &str, count: i32) -> HostResult {
        let argv: Vec<&str> = line.split_terminator('\0').collect();
        #[cfg(debug_assertions)]
        if argv == [crate::attempts::NAME] {
            self.kept = crate::attempts::all();
            return HostResult::Kept(self.kept.as_ptr(), self.kept.len());
        }
        // A word with a NUL would be split here, so its result is unknown.
        let known = (usize::try_from(count) == Ok(argv.len()))
            .then(|| self.programs.iter().find(|program| program.argv == argv))
            .flatten();
        match known.map(|program| program.output.clone()) {
            Some(Ok(output)) => {
                self.kept = output;
                HostResult::Kept(self.kept.as_ptr(), self.kept.len())
            }
            Some(Err(status)) => HostResult::Status(status),
            None => {
                self.note(format!("program {}", argv.join(" ")));
                HostResult::Status(1)
            }
        }
    }

    fn note(&mut self, what: String) {
        let what = what.chars().take(TEXT_MAX).collect();
        if !self.unknown.contains(&what) && self.unknown.len() < UNKNOWN_MAX {
            self.unknown.push(what);
        }
    }
}

/// Records the use of an unknown fact.
pub fn unknown(what: &str) {
    NOTES.with_borrow_mut(|notes| notes.note(what.to_owned()));
}

/// Records that memory ran out. polkitd itself has no limit.
pub fn out_of_memory() {
    unknown("memory");
}

/// Reports how polkitd would end here, and ends the process.
pub fn end(message: &str) -> ! {
    let unknown = begin(Notes::default()).unknown;
    let told = EngineReply { end: End::Kills(message.to_owned()), rule: None, unknown };
    let _ = say(&told).and_then(|()| flush());
    std::process::exit(0)
}
