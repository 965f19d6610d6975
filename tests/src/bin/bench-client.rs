//! The client of `bench`, inside of a bed, as root.
//!
//! * `bench-client check`: for each line `ACTION PID UID TOTAL AT_ONCE` on standard input, makes so many checks with
//!   interaction, at most so many at a time over one connection, and says `MEDIAN_US PER_SECOND YES`. For each line
//!   `ACTION pidfd PID UID TOTAL AT_ONCE` the same about the process by its pidfd: then polkit knows its unit.
//! * `bench-client watch FIFO`: watches the bus as a monitor (dbus-daemon's BecomeMonitor), and reads lines `PID
//!   SECONDS` from the pipe: the process that was forked, and the monotonic clock just before. A process is registered when the bus hands
//!   on polkitd's reply to its RegisterAuthenticationAgent. Says `watching`; at the end of the pipe a line `FORKED
//!   REGISTERED P50_US P99_US MAX_US ASKED_P50_US ASKED_P99_US`: from the fork to that, and from the call to the reply alone.
//! * `bench-client ask FIFO UID MILLISECONDS`: checks each process from the pipe that long after its fork, and says at the end
//!   `FORKED YES NONE OTHER`: how many were answered, and how many had no agent yet.
//! * `bench-client threads PER_SECOND SECONDS`: starts so many threads, each of which is a fork to the kernel's process
//!   events, and says how many there were a second.
//! * `bench-client tally`: watches the bus, says `watching`, and for each line on standard input `CHECKS CHALLENGES REGISTRATIONS`:
//!   how many of CheckAuthorization of org.libvirt.unix.manage, BeginAuthentication and RegisterAuthenticationAgent it has seen.
//! * `bench-client count NUMBER`: watches the bus, says `watching`, and `NUMBER` once so many processes were registered (or
//!   how many were 20 s later).

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use polkit_dbus::{Authority, Connection, Interaction, Process, StartTime, Subject, SubjectPid, SubjectUid, connect};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use zbus::{MessageStream, Variant, message::Type};

const ACTION: &str = "org.example.bench.ask";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check().await,
        ["watch", fifo] => watch(fifo).await,
        ["ask", fifo, uid, delay] => ask(fifo, number(uid) as u32, Duration::from_millis(number(delay))).await,
        ["threads", per_second, seconds] => threads(number(per_second), number(seconds)),
        ["tally"] => tally().await,
        ["count", count] => count_to(number(count) as usize).await,
        _ => panic!("usage: see the source"),
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// Seconds of the monotonic clock.
fn now() -> f64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn subject(pid: u32, uid: u32) -> Option<Subject> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let start_time = StartTime(stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()?);
    let (pid, uid) = (SubjectPid::new(pid).ok()?, SubjectUid::new(uid).ok()?);
    Some(Subject::Process(Process { pid, start_time, uid }))
}

/// What polkitd is asked about.
enum Asked {
    Pid(Subject),
    Pidfd(OwnedFd, SubjectUid),
}

fn by_its_pid(pid: u64, uid: u32) -> Asked {
    Asked::Pid(subject(pid as u32, uid).expect("the subject is alive"))
}

fn by_its_pidfd(pid: u64, uid: u32) -> Asked {
    let pid = Pid::from_raw(pid as i32).expect("a pid");
    Asked::Pidfd(
        pidfd_open(pid, PidfdFlags::empty()).expect("the subject is alive"),
        SubjectUid::new(uid).expect("a uid"),
    )
}

async fn check() {
    let authority = Authority::new(connect().await.expect("the system bus"));
    println!("ready");
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        let by_pidfd = line.contains(" pidfd ");
        let line = line.replace(" pidfd ", " ");
        let [action, pid, uid, total, at_once] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        let uid = number(uid) as u32;
        let asked = Arc::new(if by_pidfd { by_its_pidfd(number(pid), uid) } else { by_its_pid(number(pid), uid) });
        let mut left = number(total);
        let (mut took, mut yes) = (Vec::new(), 0);
        let mut running = JoinSet::new();
        let began = Instant::now();
        loop {
            while left > 0 && (running.len() as u64) < number(at_once) {
                left -= 1;
                let (authority, asked, action) = (authority.clone(), Arc::clone(&asked), action.to_owned());
                running.spawn(async move {
                    let (details, interaction) = (HashMap::new(), Interaction::Allowed);
                    let began = Instant::now();
                    let answer = match &*asked {
                        Asked::Pid(subject) => authority.check(subject, &action, &details, interaction).await,
                        Asked::Pidfd(pidfd, uid) => {
                            authority.check_pidfd(pidfd.as_fd(), *uid, &action, &details, interaction).await
                        }
                    };
                    (began.elapsed(), answer.expect("polkitd answers").authorized)
                });
            }
            let Some(done) = running.join_next().await else { break };
            let (time, authorized) = done.expect("no panic");
            took.push(time);
            yes += u32::from(authorized);
        }
        let per_second = took.len() as f64 / began.elapsed().as_secs_f64();
        took.sort();
        println!("{:.1} {per_second:.1} {yes}", took[took.len() / 2].as_secs_f64() * 1e6);
    }
}

/// The lines of the pipe, as they come.
fn forked(fifo: &str) -> mpsc::UnboundedReceiver<(u32, f64)> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let fifo = fifo.to_owned();
    std::thread::spawn(move || {
        // Waits until the other end is opened.
        let file = BufReader::new(std::fs::File::open(fifo).expect("the pipe"));
        for line in file.lines().map_while(Result::ok) {
            let (pid, at) = line.split_once(' ').expect("a pid and a time");
            let _ = sender.send((number(pid) as u32, at.parse().expect("a time")));
        }
    });
    receiver
}

/// Every registration, from its call to polkitd's reply.
const REGISTRATIONS: [&str; 2] = [
    "type='method_call',member='RegisterAuthenticationAgent'",
    "type='method_return',sender='org.freedesktop.PolicyKit1'",
];

/// A connection that sees what these rules match.
async fn monitor(rules: &[&str]) -> (Connection, MessageStream) {
    let connection = connect().await.expect("the system bus");
    let stream = MessageStream::from(&connection);
    let bus = "org.freedesktop.DBus";
    let monitoring = Some("org.freedesktop.DBus.Monitoring");
    let arguments = (rules, 0u32);
    connection
        .call_method(Some(bus), "/org/freedesktop/DBus", monitoring, "BecomeMonitor", &arguments)
        .await
        .expect("root may watch");
    println!("watching");
    (connection, stream)
}

/// The pids of registrations, when polkitd has taken them, and how long it took for that, in seconds.
#[derive(Default)]
struct Registrations {
    asked: HashMap<(String, u32), (u32, f64)>,
}

impl Registrations {
    fn taken(&mut self, message: &zbus::Message) -> Option<(u32, f64)> {
        let header = message.header();
        match message.message_type() {
            Type::MethodCall => {
                type Arguments<'a> = ((&'a str, HashMap<&'a str, Variant<'a>>), &'a str, &'a str);
                let body = message.body();
                let ((_, subject), ..): Arguments<'_> = body.deserialize().ok()?;
                let Some(Variant::U32(pid)) = subject.get("pid") else { return None };
                let serial = message.primary_header().serial_num().get();
                self.asked.insert((header.sender()?.to_string(), serial), (*pid, now()));
                None
            }
            Type::MethodReturn => {
                let key = (header.destination()?.to_string(), header.reply_serial()?.get());
                self.asked.remove(&key).map(|(pid, asked)| (pid, now() - asked))
            }
            _ => None,
        }
    }
}

async fn watch(fifo: &str) {
    let (_connection, mut stream) = monitor(&REGISTRATIONS).await;
    let mut forks = forked(fifo);
    let (mut born, mut registered) = (HashMap::new(), HashMap::new());
    let mut registrations = Registrations::default();
    let mut over = None;
    loop {
        let until = over.unwrap_or_else(|| Instant::now() + Duration::from_secs(60));
        tokio::select! {
            message = stream.next() => {
                let message = message.expect("the bus goes on").expect("a message");
                if let Some((pid, asked)) = registrations.taken(&message) {
                    registered.insert(pid, (now(), asked));
                }
            }
            fork = forks.recv(), if over.is_none() => match fork {
                Some((pid, at)) => drop(born.insert(pid, at)),
                None => over = Some(Instant::now() + Duration::from_millis(500)),
            },
            () = tokio::time::sleep_until(until.into()) => break,
        }
    }
    let late = |(pid, at): (&u32, &f64)| registered.get(pid).map(|(then, _)| (then - at) * 1e6);
    let took: Vec<f64> = born.iter().filter_map(late).collect();
    let asked = born.keys().filter_map(|pid| registered.get(pid).map(|(_, asked)| asked * 1e6)).collect();
    let (count, [p50, p99, max], [asked50, asked99, _]) = (took.len(), parts(took), parts(asked));
    println!("{} {count} {p50:.0} {p99:.0} {max:.0} {asked50:.0} {asked99:.0}", born.len());
}

/// p50, p99 and the largest.
fn parts(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values.get(((values.len() as f64 * part) as usize).min(values.len().saturating_sub(1)));
    [0.5, 0.99, 1.0].map(|part| at(part).copied().unwrap_or(f64::NAN))
}

async fn ask(fifo: &str, uid: u32, delay: Duration) {
    let authority = Authority::new(connect().await.expect("the system bus"));
    println!("watching");
    let mut forks = forked(fifo);
    let mut asking = JoinSet::new();
    while let Some((pid, at)) = forks.recv().await {
        let authority = authority.clone();
        asking.spawn(async move {
            let left = at + delay.as_secs_f64() - now();
            tokio::time::sleep(Duration::from_secs_f64(left.max(0.0))).await;
            let subject = subject(pid, uid)?;
            let answer = authority.check(&subject, ACTION, &HashMap::new(), Interaction::Allowed).await.ok()?;
            Some((answer.authorized, answer.challenge))
        });
    }
    let (mut forked, mut yes, mut none) = (0, 0, 0);
    while let Some(answer) = asking.join_next().await {
        let answer = answer.expect("no panic");
        forked += 1;
        yes += u32::from(answer == Some((true, false)));
        none += u32::from(answer == Some((false, true)));
    }
    println!("{forked} {yes} {none} {}", forked - yes - none);
}

async fn tally() {
    let members = ["CheckAuthorization", "BeginAuthentication", "RegisterAuthenticationAgent"];
    let rules = members.map(|member| format!("type='method_call',member='{member}'"));
    let (_connection, mut stream) = monitor(&rules.each_ref().map(String::as_str)).await;
    let (sender, mut asked) = mpsc::unbounded_channel();
    std::thread::spawn(move || std::io::stdin().lines().take_while(|_| sender.send(()).is_ok()).for_each(drop));
    let mut seen = [0; 3];
    loop {
        tokio::select! {
            biased;
            message = stream.next() => {
                let message = message.expect("the bus goes on").expect("a message");
                let header = message.header();
                let member = header.member().map(|member| member.as_str()).unwrap_or_default();
                let manage = || {
                    type Subject<'a> = (&'a str, HashMap<&'a str, Variant<'a>>);
                    type Arguments<'a> = (Subject<'a>, &'a str, HashMap<&'a str, &'a str>, u32, &'a str);
                    let body = message.body();
                    let arguments: zbus::Result<Arguments<'_>> = body.deserialize();
                    arguments.is_ok_and(|(_, action, ..)| action == "org.libvirt.unix.manage")
                };
                if let Some(at) = members.iter().position(|known| *known == member) {
                    seen[at] += usize::from(at != 0 || manage());
                }
            }
            asked = asked.recv() => match asked {
                Some(()) => println!("{} {} {}", seen[0], seen[1], seen[2]),
                None => return,
            },
        }
    }
}

async fn count_to(count: usize) {
    let (_connection, mut stream) = monitor(&REGISTRATIONS).await;
    let mut registrations = Registrations::default();
    let mut seen = 0;
    let until = Instant::now() + Duration::from_secs(20);
    while seen < count {
        match tokio::time::timeout_at(until.into(), stream.next()).await {
            Ok(Some(Ok(message))) => seen += usize::from(registrations.taken(&message).is_some()),
            _ => break,
        }
    }
    println!("{seen}");
}

fn threads(per_second: u64, seconds: u64) {
    let began = Instant::now();
    let mut started = 0;
    for batch in 0..seconds * 100 {
        let due = began + Duration::from_millis(batch * 10);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if began.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
        for _ in 0..per_second / 100 {
            std::thread::spawn(|| {}).join().expect("a thread that does nothing");
            started += 1;
        }
    }
    println!("{:.0}", f64::from(started) / began.elapsed().as_secs_f64());
}
