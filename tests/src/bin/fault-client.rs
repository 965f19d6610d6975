//! `fault-client MILLISECONDS FILE PID,UID…`: a mechanism that asks polkitd about each process again and again, that often, and
//! goes on when polkitd or the bus ends. Appends a line `PID FROM TO WORD` to the file for each answer: the clock in
//! microseconds, and `yes`, `no`, `dismissed`, `none` (there is no agent), `error` or `hung` (no answer in a minute).

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use polkit_dbus::{Authority, Interaction, Process, StartTime, Subject, SubjectPid, SubjectUid, connect};
use tokio::time::{Instant, sleep, sleep_until, timeout};

const ACTION: &str = "org.libvirt.unix.manage";
/// Twice as long as libvirt waits.
const HUNG: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [interval, file, processes @ ..] = &arguments[..] else { panic!("usage: see the source") };
    let interval = Duration::from_millis(interval.parse().expect("milliseconds"));
    let file = Arc::new(File::options().append(true).open(file).expect("the file of answers"));
    let mut asking = tokio::task::JoinSet::new();
    for (number, process) in processes.iter().enumerate() {
        let (pid, uid) = process.split_once(',').expect("PID,UID");
        let subject = subject(pid, uid);
        let (pid, file) = (pid.to_owned(), Arc::clone(&file));
        // Not all at the same moment.
        let first = Instant::now()
            + interval * u32::try_from(number).expect("few") / u32::try_from(processes.len()).expect("few");
        asking.spawn(async move { ask(&pid, &subject, interval, first, &file).await });
    }
    while asking.join_next().await.is_some() {}
}

fn subject(pid: &str, uid: &str) -> Subject {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    let start = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(19)).and_then(|text| text.parse().ok());
    Subject::Process(Process {
        pid: SubjectPid::new(pid.parse().expect("a number")).expect("a pid"),
        start_time: StartTime(start.expect("a start time")),
        uid: SubjectUid::new(uid.parse().expect("a number")).expect("a uid"),
    })
}

async fn ask(pid: &str, subject: &Subject, interval: Duration, first: Instant, mut file: &File) {
    let (mut authority, mut due) = (None, first);
    loop {
        sleep_until(due).await;
        due = (due + interval).max(Instant::now());
        let from = now();
        let word = timeout(HUNG, once(&mut authority, subject)).await.unwrap_or("hung");
        if matches!(word, "error" | "hung") {
            authority = None;
            sleep(Duration::from_millis(50)).await;
        }
        // One write for a line, so that lines stay whole.
        file.write_all(format!("{pid} {from} {} {word}\n", now()).as_bytes()).expect("the file of answers");
    }
}

async fn once(authority: &mut Option<Authority>, subject: &Subject) -> &'static str {
    if authority.is_none() {
        *authority = connect().await.ok().map(Authority::new);
    }
    let Some(authority) = authority else { return "error" };
    match authority.check(subject, ACTION, &HashMap::new(), Interaction::Allowed).await {
        Ok(answer) if answer.authorized => "yes",
        Ok(answer) if answer.challenge => "none",
        Ok(answer) if answer.dismissed() => "dismissed",
        Ok(_) => "no",
        Err(_) => "error",
    }
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros()
}
