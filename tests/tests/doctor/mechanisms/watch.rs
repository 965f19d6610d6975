//! What polkitd is asked, as the bus sees it.

use std::collections::BTreeSet;

use polkit_tests::agent::until;
use polkit_tests::{FullBed, Output, Process};
use serde_json::Value;

/// The file with the messages to polkitd.
const ASKED: &str = "/tmp/asked";
const CHECK: &str = "org.freedesktop.PolicyKit1 /org/freedesktop/PolicyKit1/Authority org.freedesktop.PolicyKit1.Authority \
                     CheckAuthorization '(sa{sv})sa{ss}us' unix-process 3 pid u 1 start-time t 0 uid i 0";

/// What polkitd was asked.
#[derive(Debug)]
pub struct Request {
    pub subject: String,
    pub has_pidfd: bool,
    pub action: String,
    pub details: BTreeSet<String>,
    pub flags: u64,
}

/// Writes what polkitd is asked to a file.
pub struct Watch<'a> {
    bed: &'a FullBed,
    _monitor: Process,
    marks: usize,
    seen: usize,
}

impl<'a> Watch<'a> {
    pub fn of(bed: &'a FullBed) -> Self {
        let script = format!(
            "exec busctl --system --json=short monitor --match=\"type='method_call',member='CheckAuthorization'\" > {ASKED}"
        );
        let monitor = bed.spawn_as("root", ["sh", "-c", &script]);
        let mut watch = Self { bed, _monitor: monitor, marks: 0, seen: 0 };
        until(|| {
            watch.mark();
            bed.exists(ASKED) && bed.read(ASKED).contains("org.example.mark")
        });
        let _ = watch.new_requests();
        watch
    }

    /// Asks polkitd about an action that does not exist.
    fn mark(&mut self) {
        self.marks += 1;
        let call = format!("busctl --system call {CHECK} org.example.mark{}. 0 0 ''", self.marks);
        let _ = self.bed.exec(["sh", "-c", &call]);
    }

    /// The requests since the last call.
    pub fn new_requests(&mut self) -> Vec<Request> {
        self.mark();
        let mark = format!("org.example.mark{}.", self.marks);
        until(|| self.bed.read(ASKED).contains(&mark));
        let all: Vec<Request> = self.bed.read(ASKED).lines().filter_map(request).collect();
        let new = all.into_iter().skip(self.seen);
        let new: Vec<Request> = new.collect();
        self.seen += new.len();
        new.into_iter().filter(|request| !request.action.starts_with("org.example.mark")).collect()
    }
}

fn request(line: &str) -> Option<Request> {
    let message: Value = serde_json::from_str(line).ok()?;
    let [subject, action, details, flags, _] = message.pointer("/payload/data")?.as_array()?.as_slice() else {
        return None;
    };
    let keys = details.as_object()?.keys().filter(|key| !key.starts_with("polkit."));
    Some(Request {
        subject: subject.get(0)?.as_str()?.to_owned(),
        has_pidfd: subject.pointer("/1/pidfd").is_some(),
        action: action.as_str()?.to_owned(),
        details: keys.cloned().collect(),
        flags: flags.as_u64()?,
    })
}

/// Runs a command as a user without a session, in a unit or outside of one.
pub fn run(bed: &FullBed, command: &str, in_unit: bool) -> Output {
    bed.write("/tmp/command", 0o755, format!("#!/bin/sh\nLC_ALL=C.UTF-8 timeout 20 {command} </dev/null\nexit 0\n"));
    if in_unit {
        bed.systemd_run(["--uid=alice", "--unit=asking.service", "/tmp/command"])
    } else {
        bed.exec_as("alice", ["/tmp/command"])
    }
}
