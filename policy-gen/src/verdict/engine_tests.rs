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

#[test]
fn a_signal_does_not_end_the_wait() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(&folder, "sleep 0.5; echo '\"line\"'");
    // A signal handler makes poll(2) return early.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _handler = runtime.block_on(async { signal(SignalKind::user_defined1()) }).unwrap();
    let mut worker = Worker::start(&program).unwrap();
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
