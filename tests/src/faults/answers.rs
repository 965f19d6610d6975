//! What the clients were told, and when.

use std::fs::File;
use std::io::Read;

use crate::Bed;

/// The file in the bed that `fault-client` writes.
pub(super) const FILE: &str = "/run/answers";

/// What a client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Yes,
    No,
    Dismissed,
    NoAgent,
    Error,
    Hung,
}

/// One check. Times are microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub pid: u32,
    pub from: u64,
    pub to: u64,
    pub word: Word,
}

/// The file, read as far as it goes.
#[derive(Debug)]
pub(super) struct Answers {
    file: File,
    rest: String,
}

impl Answers {
    pub(super) fn of(bed: &Bed) -> Self {
        let path = format!("/proc/{}/root{FILE}", bed.pid1());
        Self { file: File::open(path).expect("the file of answers"), rest: String::new() }
    }

    /// Those that are new.
    pub(super) fn new_ones(&mut self) -> Vec<Answer> {
        self.file.read_to_string(&mut self.rest).expect("the file of answers");
        let whole = self.rest.rfind('\n').map_or(0, |end| end + 1);
        let rest = self.rest.split_off(whole);
        std::mem::replace(&mut self.rest, rest).lines().map(answer).collect()
    }
}

fn answer(line: &str) -> Answer {
    let [pid, from, to, word] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{line:?}"));
    let word = match word {
        "yes" => Word::Yes,
        "no" => Word::No,
        "dismissed" => Word::Dismissed,
        "none" => Word::NoAgent,
        "error" => Word::Error,
        "hung" => Word::Hung,
        _ => panic!("{line:?}"),
    };
    Answer { pid: u32::try_from(number(pid)).expect("a pid"), from: number(from), to: number(to), word }
}
