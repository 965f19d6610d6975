//! What the engine is asked by a script, and what it notices on the way.

use std::cell::RefCell;
use std::io::{self, Write as _};

use serde::Serialize;

use polkit_policy_gen::verdict::wire::{End, Program, Told};

/// A program is to be run: its words, each with a NUL at its end, and how many there are.
pub const SPAWN: i32 = 0;
/// Whether the user is in a netgroup.
pub const NETGROUP: i32 = 1;
/// A rule was added.
pub const ADDED: i32 = 2;
/// Something was read that nobody knows.
pub const UNKNOWN: i32 = 3;

/// How many characters are told of any text that a rule makes.
pub const TEXT_MAX: usize = 1000;
/// More different things than that are not counted.
const UNKNOWN_MAX: usize = 20;

/// What a script gets.
pub enum Answer {
    /// `undefined`
    Nothing,
    /// A boolean.
    Bool(bool),
    /// The status with which a program ended.
    Status(i32),
    /// A text that stays where it is until the next question.
    Kept(*const u8, usize),
}

/// What is known during a question, and what was noticed.
#[derive(Default)]
pub struct Notes {
    /// What programs say.
    pub programs: Vec<Program>,
    /// The user's netgroups, where they are known.
    pub netgroups: Option<Vec<String>>,
    /// What nobody knows, and was wanted.
    pub unknown: Vec<String>,
    /// The lines where rules were added.
    pub lines: Vec<u32>,
    /// The text that a script was given last.
    pub kept: String,
}

thread_local! {
    static NOTES: RefCell<Notes> = RefCell::default();
    /// Answers that were not sent yet.
    static SAID: RefCell<Vec<u8>> = RefCell::default();
}

/// So many bytes are held back at most.
const HELD: usize = 1 << 15;

/// Answers, at the latest with the next [`flush`].
///
/// # Errors
/// Nobody reads the answers.
pub fn say(answer: &impl Serialize) -> io::Result<()> {
    let held = SAID.with_borrow_mut(|said| {
        serde_json::to_writer(&mut *said, answer)?;
        said.push(b'\n');
        io::Result::Ok(said.len())
    })?;
    if held > HELD { flush() } else { Ok(()) }
}

/// Sends what was said.
///
/// # Errors
/// As [`say`].
pub fn flush() -> io::Result<()> {
    let said = SAID.take();
    let mut output = io::stdout();
    output.write_all(&said)?;
    output.flush()
}

/// Begins a script or a question, and gives what was noticed before.
pub fn begin(notes: Notes) -> Notes {
    NOTES.replace(notes)
}

/// Answers a script.
pub fn answer(what: i32, text: &[u8], number: i32, line: i32) -> Answer {
    NOTES.with_borrow_mut(|notes| match what {
        SPAWN => notes.spawn(&String::from_utf8_lossy(text), number),
        NETGROUP => {
            let netgroup = String::from_utf8_lossy(text);
            match &notes.netgroups {
                Some(known) => Answer::Bool(known.iter().any(|known| *known == netgroup)),
                None => {
                    notes.note(format!("netgroup {netgroup}"));
                    Answer::Bool(false)
                }
            }
        }
        ADDED => {
            notes.lines.push(line.try_into().unwrap_or(0));
            Answer::Nothing
        }
        UNKNOWN => {
            notes.note(String::from_utf8_lossy(text).into_owned());
            Answer::Nothing
        }
        _ => Answer::Nothing,
    })
}

impl Notes {
    fn spawn(&mut self, line: &str, count: i32) -> Answer {
        let argv: Vec<&str> = line.split_terminator('\0').collect();
        #[cfg(debug_assertions)]
        if argv == [crate::attempts::NAME] {
            self.kept = crate::attempts::all();
            return Answer::Kept(self.kept.as_ptr(), self.kept.len());
        }
        // A word with a NUL in it would be cut there, and look like two here: nobody knows what it comes to.
        let known = (usize::try_from(count) == Ok(argv.len()))
            .then(|| self.programs.iter().find(|program| program.argv == argv))
            .flatten();
        match known.map(|program| program.output.clone()) {
            Some(Ok(output)) => {
                self.kept = output;
                Answer::Kept(self.kept.as_ptr(), self.kept.len())
            }
            Some(Err(status)) => Answer::Status(status),
            None => {
                self.note(format!("program {}", argv.join(" ")));
                Answer::Status(1)
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

/// Something was needed that nobody knows.
pub fn unknown(what: &str) {
    NOTES.with_borrow_mut(|notes| notes.note(what.to_owned()));
}

/// There was no more memory. polkitd itself has no limit.
pub fn out_of_memory() {
    unknown("memory");
}

/// Tells how polkitd would end here, and ends.
pub fn end(message: &str) -> ! {
    let unknown = begin(Notes::default()).unknown;
    let told = Told { end: End::Kills(message.to_owned()), rule: None, unknown };
    let _ = say(&told).and_then(|()| flush());
    std::process::exit(0)
}
