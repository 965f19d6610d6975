//! `explain --batch`: one verdict per line.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, StdoutLock, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;

use polkit_config::bounded::open_regular;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use super::Brief;
use crate::command::DONE;
use crate::failure::Failure;
use crate::verdict::evaluate::{Batch, ImpliedBatch};
use crate::verdict::{AccessRequest, Evaluator};

/// Exit code: a line is not a valid request.
const NO_REQUEST: u8 = 2;
/// Number of requests in a round: small enough that two rounds fit into the engine's input.
const AT_ONCE: usize = 128;
/// Size of the read buffer in bytes: the capacity of a pipe.
const BUFFER: usize = 64 << 10;

/// Length limit of a line in bytes.
const LINE_MAX: usize = 1 << 20;

/// Evaluates all lines in order.
///
/// # Errors
/// The input is unreadable, the user database does not answer, or the engine cannot be restarted.
pub(super) fn run(evaluator: &mut Evaluator, path: &Path) -> Result<u8, Failure> {
    let unreadable = |error: io::Error| Failure::Unreachable(format!("cannot read {}: {error}", path.display()));
    let mut lines = Lines::open(path).map_err(unreadable)?;
    let mut output = Output { stdout: io::stdout().lock(), code: DONE };
    // The engine works on the next rounds while this process writes the previous round.
    let (mut batch, mut implied): (Option<Round<Batch>>, Option<Round<ImpliedBatch>>) = (None, None);
    loop {
        // Rounds in progress must not wait for input that may never come.
        let read = lines.read(batch.is_none() && implied.is_none()).map_err(unreadable)?;
        let next = if read.is_empty() { None } else { Some(start(evaluator, &read)?) };
        let second = match std::mem::replace(&mut batch, next) {
            Some(round) => Some(Round { lines: round.lines, state: evaluator.imply(round.state)? }),
            None => None,
        };
        let third = std::mem::replace(&mut implied, second);
        if batch.is_none() && implied.is_none() && third.is_none() {
            break;
        }
        if let Some(round) = third
            && !output.write(evaluator, round)?
        {
            break;
        }
    }
    Ok(output.code)
}

/// Reads lines from a file or a pipe.
struct Lines {
    input: BufReader<File>,
    /// The start of an incomplete line.
    partial: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Self> {
        let input = match path.as_os_str() == "-" {
            true => File::from(io::stdin().as_fd().try_clone_to_owned()?),
            false => open_regular(path)?,
        };
        Ok(Self { input: BufReader::with_capacity(BUFFER, input), partial: Vec::new() })
    }

    /// Returns the available lines, at most one round. With `wait`, waits for the first line; without it, an empty result is not
    /// the end of the input.
    fn read(&mut self, wait: bool) -> io::Result<Vec<Vec<u8>>> {
        let mut lines = Vec::new();
        while lines.len() < AT_ONCE
            && let Some(line) = self.next(wait && lines.is_empty())?
        {
            lines.push(line);
        }
        Ok(lines)
    }

    fn next(&mut self, wait: bool) -> io::Result<Option<Vec<u8>>> {
        loop {
            if self.input.buffer().is_empty() && !wait && !is_readable(self.input.get_ref()) {
                return Ok(None);
            }
            let there = self.input.fill_buf()?;
            let end = there.iter().position(|byte| *byte == b'\n');
            let (line, _) = there.split_at(end.map_or(there.len(), |end| end + 1));
            self.partial.extend_from_slice(line);
            if self.partial.len() > LINE_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 1 MiB"));
            }
            let (length, ended) = (line.len(), line.is_empty());
            self.input.consume(length);
            if end.is_some() || ended {
                let line = std::mem::take(&mut self.partial);
                return Ok(if line.is_empty() { None } else { Some(line) });
            }
        }
    }
}

/// Whether a read would not block: data or the end of the input is available.
fn is_readable(file: &File) -> bool {
    poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// A round of lines, in order: the errors of invalid lines, and the state of the others.
struct Round<T> {
    lines: Vec<Option<String>>,
    state: T,
}

fn start(evaluator: &mut Evaluator, lines: &[Vec<u8>]) -> Result<Round<Batch>, Failure> {
    let (mut wrong, mut requests) = (Vec::with_capacity(lines.len()), Vec::with_capacity(lines.len()));
    for line in lines {
        let found =
            request(line).map_err(Failure::Refused).and_then(|access_request| evaluator.look_up(access_request));
        wrong.push(match found {
            Ok(found) => {
                requests.push(found);
                None
            }
            Err(Failure::Refused(why)) => Some(why),
            Err(failure) => return Err(failure),
        });
    }
    Ok(Round { lines: wrong, state: evaluator.start(requests) })
}

fn request(line: &[u8]) -> Result<AccessRequest, String> {
    let access_request: AccessRequest =
        serde_json::from_slice(line).map_err(|error| format!("this is not a valid request: {error}"))?;
    let details = access_request.details.iter().flat_map(|(key, value)| [key, value]);
    if details.chain([&access_request.user, &access_request.action]).any(|text| text.contains('\0')) {
        return Err("this is not a valid request: names and details cannot contain a NUL".to_owned());
    }
    Ok(access_request)
}

struct Output {
    stdout: StdoutLock<'static>,
    code: u8,
}

impl Output {
    /// Writes the results of a round. Returns false if the output is closed.
    fn write(&mut self, evaluator: &mut Evaluator, round: Round<ImpliedBatch>) -> Result<bool, Failure> {
        let mut verdicts = evaluator.finish(round.state)?.into_iter();
        let mut text = Vec::new();
        for wrong in round.lines {
            let written = match wrong {
                Some(error) => {
                    self.code = NO_REQUEST;
                    serde_json::to_writer(&mut text, &json!({ "error": error }))
                }
                None => serde_json::to_writer(&mut text, &verdicts.next().as_ref().map(Brief::from)),
            };
            written.map_err(|error| Failure::Unreachable(format!("cannot format a verdict: {error}")))?;
            text.push(b'\n');
        }
        Ok(self.stdout.write_all(&text).and_then(|()| self.stdout.flush()).is_ok())
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
