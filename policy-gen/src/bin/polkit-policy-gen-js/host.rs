//! The functions that scripts call, and the facts that they record.

use std::cell::RefCell;
use std::io::{self, Write as _};

use serde::Serialize;

use polkit_policy_gen::explore::assignment::Assignment;
use polkit_policy_gen::verdict::wire::{End, EngineReply, Fact, Note, Program};

/// Runs a program: its words, each with a NUL at the end, and their number.
pub const SPAWN: i32 = 0;
/// Asks whether the user is in a netgroup.
pub const NETGROUP: i32 = 1;
/// Reports a new rule.
pub const ADDED: i32 = 2;
/// Reports the use of an unknown fact.
pub const UNKNOWN: i32 = 3;
/// Asks a fact that may be open: its kind, a NUL, and its text if the number is 1.
pub const FACT: i32 = 4;
/// Asks for the text that is decided for a kind of fact.
pub const TEXT: i32 = 5;
/// Reports an operation on an open fact: the kind of the fact, a NUL, and the operation.
pub const NOTE: i32 = 6;
/// Asks for the groups of the subject, each with a NUL at the end.
pub const GROUPS: i32 = 7;
/// Reports that a rule reads the list of groups.
pub const LISTS_GROUPS: i32 = 8;
/// Reports that a rule changes an object.
pub const CHANGES: i32 = 9;
/// Asks how often scripts have called during this request.
pub const CALLS: i32 = 10;

/// Length limit of reported texts that a rule creates, in characters.
pub const TEXT_MAX: usize = 1000;
/// Limit of reported unknown facts.
const UNKNOWN_MAX: usize = 20;
/// Limit of reported operations on open facts.
const NOTES_MAX: usize = 100;

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
    /// The decided facts of a request with open facts.
    pub open: Option<Assignment>,
    /// The groups of such a request.
    pub groups: Vec<String>,
    /// Whether a rule read the list of groups.
    pub lists_groups: bool,
    /// Whether a rule changed an object.
    pub changes: bool,
    /// The calls of scripts.
    pub calls: i32,
    /// The open facts that were read.
    pub read: Vec<Fact>,
    /// The operations on open facts.
    pub notes: Vec<Note>,
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

/// Whether the report of an operation has a line.
pub fn needs_line(what: i32) -> bool {
    matches!(what, SPAWN | NETGROUP | UNKNOWN | NOTE) && NOTES.with_borrow(|notes| notes.open.is_some())
}

/// Answers a script.
pub fn answer(what: i32, text: &[u8], number: i32, line: i32) -> HostResult {
    NOTES.with_borrow_mut(|notes| {
        notes.calls = notes.calls.saturating_add(i32::from(what != CALLS));
        notes.answer(what, text, number, line)
    })
}

impl Notes {
    fn answer(&mut self, what: i32, text: &[u8], number: i32, line: i32) -> HostResult {
        let notes = self;
        match what {
            SPAWN => notes.spawn(&String::from_utf8_lossy(text), number, line),
            NETGROUP => {
                let netgroup = String::from_utf8_lossy(text);
                match &notes.netgroups {
                    Some(known) => HostResult::Bool(known.iter().any(|known| *known == netgroup)),
                    None => {
                        notes.note(format!("netgroup {netgroup}"), line);
                        HostResult::Bool(false)
                    }
                }
            }
            ADDED => {
                notes.lines.push(line.try_into().unwrap_or(0));
                HostResult::Nothing
            }
            UNKNOWN => {
                notes.note(String::from_utf8_lossy(text).into_owned(), line);
                HostResult::Nothing
            }
            FACT => HostResult::Bool(notes.fact(&String::from_utf8_lossy(text), number == 1)),
            TEXT => {
                let kind = String::from_utf8_lossy(text);
                match notes.open.as_ref().and_then(|open| open.text(&kind)).map(str::to_owned) {
                    Some(text) => notes.keep(text),
                    None => HostResult::Nothing,
                }
            }
            NOTE => {
                let text = String::from_utf8_lossy(text);
                let (kind, what) = text.split_once('\0').unwrap_or(("", &text));
                notes.operation(kind, what, line);
                HostResult::Nothing
            }
            GROUPS => {
                let groups = notes.groups.iter().map(|group| format!("{group}\0")).collect();
                notes.keep(groups)
            }
            CALLS => HostResult::Status(notes.calls),
            CHANGES => {
                notes.changes = true;
                HostResult::Nothing
            }
            LISTS_GROUPS => {
                notes.lists_groups = true;
                HostResult::Nothing
            }
            _ => HostResult::Nothing,
        }
    }

    /// Makes the reply to a request.
    pub fn reply(self, end: End, rule: Option<usize>) -> EngineReply {
        let Self { unknown, read, notes, lists_groups, changes, .. } = self;
        EngineReply { end, rule, unknown, read, notes, lists_groups, changes }
    }

    fn fact(&mut self, text: &str, has_value: bool) -> bool {
        let (kind, value) = text.split_once('\0').unwrap_or((text, ""));
        let fact = Fact { kind: kind.to_owned(), value: has_value.then(|| value.to_owned()) };
        let Some(open) = &mut self.open else { return false };
        let answer = open.ask(&fact);
        if answer.is_new {
            self.read.push(fact);
        }
        answer.is
    }

    fn operation(&mut self, kind: &str, what: &str, line: i32) {
        let what = what.chars().take(TEXT_MAX).collect();
        let kind = (!kind.is_empty()).then(|| kind.to_owned());
        let note = Note { kind, what, line: line.try_into().unwrap_or(0) };
        if !self.notes.contains(&note) && self.notes.len() < NOTES_MAX {
            self.notes.push(note);
        }
    }

    fn keep(&mut self, text: String) -> HostResult {
        self.kept = text;
        HostResult::Kept(self.kept.as_ptr(), self.kept.len())
    }

    fn spawn(&mut self, words: &str, count: i32, line: i32) -> HostResult {
        let argv: Vec<&str> = words.split_terminator('\0').collect();
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
                self.note(format!("program {}", argv.join(" ")), line);
                HostResult::Status(1)
            }
        }
    }

    fn note(&mut self, what: String, line: i32) {
        if self.open.is_some() {
            self.operation("", &what, line);
        }
        let what = what.chars().take(TEXT_MAX).collect();
        if !self.unknown.contains(&what) && self.unknown.len() < UNKNOWN_MAX {
            self.unknown.push(what);
        }
    }
}

/// Records the use of an unknown fact.
pub fn unknown(what: &str) {
    NOTES.with_borrow_mut(|notes| notes.note(what.to_owned(), 0));
}

/// Records that memory ran out. polkitd itself has no limit.
pub fn out_of_memory() {
    unknown("memory");
}

/// Reports how polkitd would end here, and ends the process.
pub fn end(message: &str) -> ! {
    let notes = begin(Notes::default());
    let told = notes.reply(End::Kills(message.to_owned()), None);
    let _ = say(&told).and_then(|()| flush());
    std::process::exit(0)
}
