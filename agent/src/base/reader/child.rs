//! The child's side of [`super`]: this program once more. The agent kills it when a read does not return.

use std::{
    io::{self, IoSliceMut, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::ExitCode,
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::Value;

use super::LONGEST;

/// Serves requests on standard input until the agent closes it. `report` reads what a request asks for, with the descriptor that
/// came with it; `None` if it does not know the request.
pub fn run(report: impl Fn(&Value, Option<&OwnedFd>) -> Option<Value>) -> ExitCode {
    let Ok(line) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    serve(UnixStream::from(line), report)
}

/// Serves the requests of one line until the agent closes it.
fn serve(mut line: UnixStream, report: impl Fn(&Value, Option<&OwnedFd>) -> Option<Value>) -> ExitCode {
    loop {
        let Ok((request, folder)) = receive(&line) else { return ExitCode::SUCCESS };
        let Some(mut line_of_json) = report(&request, folder.as_ref()).map(|report| report.to_string()) else {
            return ExitCode::FAILURE;
        };
        line_of_json.push('\n');
        if line.write_all(line_of_json.as_bytes()).is_err() {
            return ExitCode::SUCCESS;
        }
    }
}

/// Reads one request, a line of JSON, and the descriptor that came with it.
pub(super) fn receive(line: &UnixStream) -> io::Result<(Value, Option<OwnedFd>)> {
    let mut text = Vec::new();
    let mut folder = None;
    while text.last() != Some(&b'\n') {
        let mut part = vec![0; 16 * 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let got = recvmsg(line, &mut [IoSliceMut::new(&mut part)], &mut beside, RecvFlags::CMSG_CLOEXEC)?.bytes;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
                folder = descriptors.next().or(folder);
            }
        }
        text.extend_from_slice(part.get(..got).unwrap_or_default());
        if got == 0 || text.len() > LONGEST {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((serde_json::from_slice(&text)?, folder))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// What the child receives if the agent writes these parts and then closes the line.
    fn received(parts: &[&[u8]]) -> io::Result<(Value, Option<OwnedFd>)> {
        let (mut ours, theirs) = UnixStream::pair()?;
        let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        let agent = thread::spawn(move || parts.iter().try_for_each(|part| ours.write_all(part)));
        let received = receive(&theirs);
        drop(theirs);
        // Fails if the child refused the rest.
        let _ = agent.join().unwrap();
        received
    }

    #[test]
    fn a_request_is_one_line_of_json_in_any_number_of_parts() {
        for parts in [&[&b"{\"a\":1}\n"[..]][..], &[b"{\"a\"", b":1}", b"\n"]] {
            let (request, folder) = received(parts).unwrap();
            assert_eq!((request, folder.is_none()), (serde_json::json!({"a": 1}), true));
        }
        let long = format!("\"{}\"\n", "x".repeat(LONGEST / 2));
        assert!(received(&[long.as_bytes()]).unwrap().0.is_string());
    }

    #[test]
    fn a_request_of_exactly_the_longest_length_is_read() {
        let whole = |length: usize| format!("\"{}\"\n", "x".repeat(length - 3));
        assert!(received(&[whole(LONGEST).as_bytes()]).is_ok());
        assert!(received(&[whole(LONGEST + 1).as_bytes()]).is_err());
    }

    #[test]
    fn the_child_replies_to_each_request_until_the_agent_closes_the_line() {
        use std::io::{BufRead as _, BufReader};
        let served = |requests: &[u8]| {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            let child = thread::spawn(move || {
                let known =
                    |request: &Value, _: Option<&OwnedFd>| request.get("a").map(|a| serde_json::json!({ "is": a }));
                format!("{:?}", serve(theirs, known))
            });
            ours.write_all(requests).unwrap();
            ours.shutdown(std::net::Shutdown::Write).unwrap();
            let replies: Vec<String> = BufReader::new(ours).lines().map_while(Result::ok).collect();
            (replies, child.join().unwrap())
        };
        let (success, failure) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::FAILURE));
        assert_eq!(served(b""), (Vec::new(), success.clone()));
        assert_eq!(served(b"{\"a\":1}\n"), (vec!["{\"is\":1}".to_owned()], success));
        assert_eq!(served(b"{\"b\":1}\n").1, failure, "a request that it does not know");
    }

    #[test]
    fn a_request_without_an_end_and_one_that_is_too_long_are_refused() {
        for parts in [&[&b"{}"[..]][..], &[b""]] {
            assert_eq!(received(parts).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
        let long = format!("\"{}\"\n", "x".repeat(2 * LONGEST));
        assert!(received(&[long.as_bytes()]).is_err());
        assert!(received(&[b"garbage\n"]).is_err());
    }
}
