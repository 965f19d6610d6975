//! Verdicts without polkitd, against asking it one by one and against the helper that reads pkla files.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use polkit_dbus::{Authority, Interaction};
use polkit_tests::polkit::subject;
use polkit_tests::{LightBed, Root, Suite, program, require};

use crate::table::{Goal, Side, Table, paired};

const RULES: usize = 30;
const BATCH: usize = 100_000;
const ASKED: usize = 600;
const FILES: usize = 1_000;
/// What is asked about besides all actions in turn: one that no other implies, as nearly all are, and one that six others imply,
/// so that polkit runs the rules seven times for a verdict.
const ACTIONS: [(&str, &str); 2] =
    [("org.libvirt.unix.manage", "implied by none"), ("org.freedesktop.login1.reboot", "implied by 6 others")];

/// Every rule looks, and none answers.
fn rule(number: usize) -> String {
    format!(
        "polkit.addRule(function (action, subject) {{\n    if (action.id == \"org.example.rule{number}\" && \
         subject.isInGroup(\"group{number}\")) {{\n        return polkit.Result.YES;\n    }}\n}});\n"
    )
}

/// Against polkitd with the same 30 rules files, and, where it is there, against the helper for pkla.
pub fn against_asking(root: &Root, table: &mut Table) {
    let mut builder = LightBed::on(root).without_libvirtd();
    for number in 0..RULES {
        builder = builder.file(&format!("/etc/polkit-1/rules.d/{}-x.rules", number + 60), 0o644, rule(number));
    }
    let bed = builder.start();
    let process = bed.spawn_as("www-data", ["sleep", "1000"]);
    let asked = subject(&bed, process.pid(), 33);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let connection = runtime.block_on(polkit_dbus::connect_to(&bed.bus_address())).expect("the bed's bus");
    let authority = Authority::new(connection);
    let files = format!("/proc/{}/root", bed.pid1());
    let none = HashMap::new();
    let registered = runtime.block_on(authority.actions()).expect("polkitd answers");
    let registered: Vec<String> = registered.into_iter().map(|action| action.id).collect();
    let all = (format!("all {} actions in turn", registered.len()), registered);
    let one = ACTIONS.map(|(action, implied)| (format!("{action}, {implied}"), vec![action.to_owned()]));
    for (name, actions) in one.iter().chain([&all]) {
        let way = format!("light bed, {}, {RULES} rules files; {name}", root.suite());
        let verdicts = paired(5, |side| match side {
            Side::Ours => batch(&files, actions),
            Side::Baseline => {
                let begun = Instant::now();
                for action in actions.iter().cycle().take(ASKED) {
                    let answer = authority.check(&asked, action, &none, Interaction::Forbidden);
                    runtime.block_on(answer).expect("polkitd answers");
                }
                per_second(ASKED, begun)
            }
        });
        let goal = Goal::AtLeast(100.0, "≥ 100 ×");
        table.compare("verdicts, against CheckAuthorization one by one", &way, "/s", verdicts, goal);
    }
    let Some(bookworm) = require(Suite::Bookworm) else { return };
    let bed = LightBed::on(&bookworm).without_libvirtd().start();
    for (action, implied) in ACTIONS {
        let helper = format!(
            "for i in $(seq {ASKED}); do /usr/sbin/pkla-check-authorization www-data false false {action}; done >/dev/null"
        );
        let verdicts = paired(5, |side| match side {
            Side::Ours => batch(&files, &[action.to_owned()]),
            Side::Baseline => {
                let begun = Instant::now();
                let _ = bed.exec(["sh", "-c", &helper]).success();
                per_second(ASKED, begun)
            }
        });
        let way = format!("light bed, {}, {RULES} rules files; {action}, {implied}; pkla on bookworm", root.suite());
        let goal = Goal::AtLeast(100.0, "≥ 100 ×");
        table.compare("verdicts, against pkla-check-authorization", &way, "/s", verdicts, goal);
    }
}

/// How long `check` takes over many files.
pub fn check_of_many(table: &mut Table) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for number in 0..FILES {
        std::fs::write(folder.path().join(format!("{number}.rules")), rule(number)).expect("writing a rules file");
    }
    let begun = Instant::now();
    let status = Command::new(program("polkit-policy-gen"))
        .args(["check", "--target", "polkit:126"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .status()
        .expect("starting check");
    assert!(status.success(), "{status}");
    let way = format!("{FILES} rules files");
    table.tell("check", &way, "s", begun.elapsed().as_secs_f64(), None, Goal::AtMost(1.0, "< 1 s"));
}

fn per_second(count: usize, begun: Instant) -> f64 {
    f64::from(u32::try_from(count).expect("a small number")) / begun.elapsed().as_secs_f64()
}

/// Verdicts a second, the start of the program among them.
fn batch(root: &str, actions: &[String]) -> f64 {
    let line =
        |action| format!("{{\"user\":\"www-data\",\"action\":\"{action}\",\"system_unit\":null,\"netgroups\":[]}}\n");
    let lines: String = actions.iter().cycle().take(BATCH).map(line).collect();
    let begun = Instant::now();
    let mut child = Command::new(program("polkit-policy-gen"))
        .args(["explain", "--batch", "-", "--root", root])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("starting explain");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(lines.as_bytes()).expect("explain reads");
    drop(input);
    let status = child.wait().expect("waiting");
    assert!(status.success(), "{status}");
    per_second(BATCH, begun)
}
