use std::os::unix::fs::OpenOptionsExt as _;

use tokio::signal::unix::{SignalKind, signal};

use super::*;

/// Writes a program with this shell script.
fn program(folder: &tempfile::TempDir, script: &str) -> PathBuf {
    let path = folder.path().join("engine");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(&path).unwrap();
    file.write_all(format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
    path
}

/// Starts a program. Another test that forks can hold the descriptor that wrote the file for a moment.
fn start(program: &Path) -> Worker {
    loop {
        match Worker::start(program, false) {
            Err(why) if why.contains("Text file busy") => std::thread::yield_now(),
            started => return started.unwrap(),
        }
    }
}

#[test]
fn a_signal_does_not_end_the_wait() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(&folder, "sleep 0.5; echo '\"line\"'");
    // A signal handler makes poll(2) return early.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _handler = runtime.block_on(async { signal(SignalKind::user_defined1()) }).unwrap();
    let mut worker = start(&program);
    // The signal is sent to the waiting thread.
    let waits = rustix::thread::gettid();
    let others = std::thread::spawn(move || {
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(10));
            rustix::process::kill_process(waits, rustix::process::Signal::USR1).unwrap();
        }
    });
    assert_eq!(worker.receive::<String>(), Ok("line".to_owned()));
    others.join().unwrap();
}

/// A program that replies to each message by its text, and ends at the text `bad`.
const REPLIES: &str = r#"while read -r line; do case "$line" in
*bad*) exit 3;;
*'"load"'*) echo '{"error":null,"line":null,"lines":[1],"unknown":[]}';;
*org.yes*) echo '{"end":{"text":"yes"},"rule":0,"unknown":[]}';;
*'"ask"'*) echo '{"end":"nothing","rule":null,"unknown":[]}';;
esac; done"#;

/// An engine that runs this program, with rules files of these names.
fn engine(program: PathBuf, rules: &[&str]) -> Engine {
    let rules: Vec<Rules> =
        rules.iter().map(|path| Rules { path: (*path).to_owned(), bytes: b"x\n".to_vec() }).collect();
    let mut engine = Engine {
        explores: false,
        worker: start(&program),
        program,
        rules,
        loaded: Vec::new(),
        cut: BTreeMap::new(),
        open: VecDeque::new(),
        sent: 0,
        in_flight: 0,
        suspects: 0,
        answers: BTreeMap::new(),
        next: 0,
    };
    engine.load().unwrap();
    engine
}

impl Engine {
    /// An engine that runs this shell script, with these rules files.
    pub(crate) fn of_script(script: &str, rules: &[Rules]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut started = engine(program(&folder, script), &[]);
        started.rules = rules.to_vec();
        started.load().unwrap();
        started
    }
}

fn requests(actions: &[&str]) -> Vec<EngineRequest> {
    actions.iter().map(|action| EngineRequest { action: (*action).to_owned(), ..EngineRequest::default() }).collect()
}

/// The text of each reply; `-` for no result, `!` for an ended engine.
fn texts(answers: &[EngineResult]) -> String {
    let text = |answer: &EngineResult| match answer.as_ref().map(|reply| reply.end.clone()) {
        Ok(crate::verdict::wire::End::Text(text)) => text,
        Ok(_) => "-".to_owned(),
        Err(_) => "!".to_owned(),
    };
    answers.iter().map(text).collect::<Vec<_>>().join(" ")
}

#[test]
fn replies_are_fetched_by_the_numbers_of_their_requests() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = engine(program(&folder, REPLIES), &["a"]);
    let first = engine.put(requests(&["org.yes", "org.no"]));
    let second = engine.put(requests(&["org.no", "org.yes", "org.yes"]));
    let none = engine.put(requests(&[]));
    assert_eq!((first.clone(), second.clone(), none.clone()), (0..2, 2..5, 5..5));
    assert_eq!(texts(&engine.answers(second).unwrap()), "- yes yes");
    assert_eq!(texts(&engine.answers(first.clone()).unwrap()), "yes -");
    assert_eq!(texts(&engine.answers(first).unwrap()), "", "a reply is fetched once");
    assert_eq!(texts(&engine.answers(none).unwrap()), "");
    let third = engine.put(requests(&["org.yes"]));
    assert_eq!((third.clone(), texts(&engine.answers(third).unwrap())), (5..6, "yes".to_owned()));
}

#[test]
fn a_request_that_ends_the_engine_does_not_affect_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(&folder, REPLIES);
    for (actions, expected) in [
        (&["org.yes", "org.bad", "org.no", "org.yes"][..], "yes ! - yes"),
        (&["org.bad"], "!"),
        (&["org.bad", "org.yes"], "! yes"),
        (&["org.yes", "org.bad", "org.bad"], "yes ! !"),
    ] {
        let mut engine = engine(program.clone(), &["a"]);
        let numbers = engine.put(requests(actions));
        assert_eq!(texts(&engine.answers(numbers).unwrap()), expected);
        let next = engine.put(requests(&["org.yes"]));
        assert_eq!(texts(&engine.answers(next).unwrap()), "yes", "the engine works again");
    }
}

#[test]
fn a_file_that_ends_the_engine_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = engine(program(&folder, REPLIES), &["a", "bad", "c"]);
    let cut: Vec<&str> = engine.cut().map(|(path, _)| path).collect();
    assert_eq!(cut, ["bad"]);
    assert!(engine.cut().all(|(_, why)| why.starts_with("the engine ended (")));
    assert_eq!(engine.loaded().iter().map(|loaded| loaded.lines.len()).collect::<Vec<_>>(), [1, 0, 1]);
    let numbers = engine.put(requests(&["org.yes"]));
    assert_eq!(texts(&engine.answers(numbers).unwrap()), "yes");
}

#[test]
fn the_replies_up_to_a_failure_are_returned() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(&folder, REPLIES);
    let until = |actions: &[&str]| {
        let mut engine = engine(program.clone(), &["a"]);
        let numbers = engine.put(requests(actions));
        let (replies, is_whole) = engine.replies_until_failure(&numbers);
        (texts(&replies.into_iter().map(Ok).collect::<Vec<_>>()), is_whole)
    };
    assert_eq!(until(&["org.yes", "org.no"]), ("yes -".to_owned(), true));
    assert_eq!(until(&["org.yes", "org.bad", "org.yes"]), ("yes".to_owned(), false));
    assert_eq!(until(&[]), (String::new(), true));
}

#[test]
fn more_requests_than_a_pipe_holds_are_all_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = engine(program(&folder, REPLIES), &[]);
    let long = format!("org.{}", "x".repeat(1000));
    let actions: Vec<&str> = (0..300).map(|number| if number % 3 == 0 { "org.yes" } else { long.as_str() }).collect();
    let numbers = engine.put(requests(&actions));
    assert!(engine.in_flight <= IN_FLIGHT_MAX && engine.sent < actions.len(), "{} {}", engine.in_flight, engine.sent);
    let answers = engine.answers(numbers).unwrap();
    assert_eq!((answers.len(), texts(&answers).matches("yes").count()), (300, 100));
    assert_eq!((engine.in_flight, engine.sent, engine.open.len()), (0, 0, 0));
    // A single request that is longer than the limit is sent alone.
    let longest = "x".repeat(IN_FLIGHT_MAX + 1);
    let numbers = engine.put(requests(&[&longest, "org.yes"]));
    assert_eq!(engine.sent, 1);
    assert_eq!(texts(&engine.answers(numbers).unwrap()), "- yes");
}

#[test]
fn a_reply_that_is_no_json_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = start(&program(&folder, "echo garbage; echo '7'"));
    assert!(worker.receive::<u32>().unwrap_err().starts_with("malformed reply of the engine: "));
    assert_eq!(worker.receive::<u32>(), Ok(7));
    assert_eq!(worker.receive::<u32>().unwrap_err(), "the engine ended (exit status: 0)");
    assert!(Worker::start(Path::new("/nonexistent"), false).unwrap_err().starts_with("cannot start /nonexistent: "));
}

#[test]
fn the_program_ends_with_its_worker() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start(&program(&folder, "exec sleep 60"));
    let process = Path::new("/proc").join(worker.child.id().to_string());
    assert!(process.exists());
    drop(worker);
    assert!(!process.exists(), "the program was killed and reaped");
}
