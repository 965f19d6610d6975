//! What `explain --session` says is what polkitd decides about processes in logind's own sessions: none, one without a seat, one
//! in the background, and the one at the seat.
//!
//! `POLKIT_TESTS_ROUNDS=N` and `POLKIT_TESTS_SEED=N` as for the tests of verdicts.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use polkit_dbus::{Authority, Interaction};
use polkit_tests::polkit::subject;
use polkit_tests::verdicts::rules::{self, ACTIONS};
use polkit_tests::verdicts::{Asked, Random, Real, Tally, explain, lines, number, policy, real};
use polkit_tests::{FullBed, Process, Root, on_each_suite};

on_each_suite! {
    sessions_of_logind_are_decided_alike
}

/// A user of the bed, the groups, and the session of the user's process.
const USERS: &[(&str, u32, &str, &str)] = &[
    ("alice", 3001, "vm,wheel,kvm", "none"),
    ("bob", 3002, "vm,netdev", "remote"),
    ("carol", 3003, "vm,wheel", "inactive"),
    ("dave", 3004, "vm,kvm", "active"),
];

/// A process, its user, and the session that it is in.
struct Sleeper {
    user: &'static str,
    uid: u32,
    session: &'static str,
    pid: u32,
    /// Ends with this.
    _held: Option<Process>,
}

/// Logs a user in, and gives the process that is then in a session of logind's.
fn log_in(bed: &FullBed, user: &str, with_seat: bool) -> u32 {
    let unit = format!("login-{user}");
    let mut words = vec!["systemd-run".to_owned(), "--quiet".to_owned(), format!("--unit={unit}")];
    words.extend(["--property=PAMName=login".to_owned(), format!("--property=User={user}")]);
    if with_seat {
        words.extend(["XDG_SEAT=seat0", "XDG_SESSION_TYPE=x11"].map(|set| format!("--setenv={set}")));
    }
    words.extend(["--setenv=XDG_SESSION_CLASS=user", "--", "sleep", "100000"].map(str::to_owned));
    let _ = bed.exec(words).success();
    let begun = Instant::now();
    loop {
        let pid = bed.exec(["systemctl", "show", "--value", "--property=MainPID", &unit]).success().text().to_owned();
        if bed.exec(["grep", "-q", "0::/user.slice/.*scope$", &format!("/proc/{pid}/cgroup")]).code() == Some(0) {
            return pid.parse().expect("a pid");
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{user} is in no session");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What logind says of a session, as polkit's three words.
fn state(bed: &FullBed, pid: u32) -> String {
    let id = bed.exec(["sed", "-n", r"s/^0::.*session-\(.*\)\.scope$/\1/p", &format!("/proc/{pid}/cgroup")]);
    let shown = |key: &str| {
        let property = format!("--property={key}");
        bed.exec(["loginctl", "show-session", "--value", &property, id.text()]).success().text().to_owned()
    };
    match (shown("Seat").as_str(), shown("Active").as_str()) {
        ("", "yes") => "remote".to_owned(),
        ("seat0", "no") => "inactive".to_owned(),
        ("seat0", "yes") => "active".to_owned(),
        other => format!("{other:?}"),
    }
}

fn sleepers(bed: &FullBed) -> Vec<Sleeper> {
    for group in ["vm", "wheel", "netdev", "kvm"] {
        let _ = bed.exec(["groupadd", "--force", group]).success();
    }
    let mut sleepers = Vec::new();
    for (user, uid, groups, session) in USERS {
        let _ = bed.exec(["useradd", "--create-home", "--groups", groups, "--uid", &uid.to_string(), user]).success();
        let held = (*session == "none").then(|| bed.spawn_as(user, ["sleep", "100000"]));
        // The one who comes last has the seat.
        let pid = held.as_ref().map_or_else(|| log_in(bed, user, *session != "remote"), Process::pid);
        sleepers.push(Sleeper { user, uid: *uid, session, pid, _held: held });
    }
    for sleeper in sleepers.iter().filter(|sleeper| sleeper.session != "none") {
        assert_eq!(state(bed, sleeper.pid), sleeper.session, "{}", sleeper.user);
    }
    sleepers
}

fn place(bed: &FullBed, files: &[(String, Vec<u8>)]) {
    let clear = "for d in /etc/polkit-1/rules.d /etc/polkit-1/localauthority; do \
                 [ ! -d $d ] || find $d -mindepth 1 -delete; done";
    let _ = bed.exec(["sh", "-c", clear]).success();
    for (path, bytes) in files {
        bed.write(path, 0o644, bytes);
    }
    // systemd would refuse the sixth start in a few seconds.
    let restart = "systemctl reset-failed polkit 2>/dev/null; systemctl restart polkit";
    let _ = bed.exec(["sh", "-c", restart]).success();
}

fn sessions_of_logind_are_decided_alike(root: &Root) {
    let bed = FullBed::on(root).without_libvirtd().start();
    let sleepers = sleepers(&bed);
    let mut random = Random::new(number("POLKIT_TESTS_SEED", 1) ^ u64::from(root.suite().polkit()));
    let detail = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let details = [BTreeMap::new(), BTreeMap::from([detail("unit", "nginx.service"), detail("verb", "restart")])];
    let mut tally = Tally::default();
    for round in 0..20 * number("POLKIT_TESTS_ROUNDS", 1) {
        let ids = ACTIONS.iter().filter(|id| id.contains(".example."));
        let registered: Vec<_> = ids.map(|id| ((*id).to_owned(), rules::answers(&mut random), "")).collect();
        let mut files = vec![("/usr/share/polkit-1/actions/test.policy".to_owned(), policy(&registered))];
        for number in 0..=random.below(3) {
            files.push(match root.suite().has_rules() {
                true => (format!("/etc/polkit-1/rules.d/{number}.rules"), rules::rules(&mut random).into_bytes()),
                false => {
                    let place = format!("/etc/polkit-1/localauthority/{number}0-x.d/x.pkla");
                    (place, rules::pkla(&mut random).into_bytes())
                }
            });
        }
        place(&bed, &files);
        let mut asked = Vec::new();
        for sleeper in &sleepers {
            for action in ACTIONS {
                for details in &details {
                    let (action, details) = ((*action).to_owned(), details.clone());
                    asked.push(Asked { user: sleeper.user, session: sleeper.session, action, details });
                }
            }
        }
        let ours = explain(&bed, &lines(&asked), &[]);
        let (asked, ours) = tally.decided(&bed, &asked, ours);
        tally.count(&format!("round {round}"), &asked, &decided_by_polkitd(&bed, &sleepers, &asked), &ours);
    }
    tally.settle(root, "sessions of logind");
}

fn decided_by_polkitd(bed: &FullBed, sleepers: &[Sleeper], asked: &[Asked]) -> Vec<Real> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let authority = Authority::new(polkit_dbus::connect_to(&bed.bus_address()).await.expect("the bed's bus"));
        let mut answers = Vec::new();
        for Asked { user, action, details, .. } in asked {
            let sleeper = sleepers.iter().find(|sleeper| sleeper.user == *user).expect("a process of that user");
            let subject = subject(bed, sleeper.pid, sleeper.uid);
            let details: HashMap<&str, &str> = details.iter().map(|(key, value)| (&**key, &**value)).collect();
            answers.push(real(authority.check(&subject, action, &details, Interaction::Forbidden).await));
        }
        answers
    })
}
