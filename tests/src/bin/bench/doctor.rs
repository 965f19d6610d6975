//! How long the doctor takes on a host with many rules files, and for a long log.

use std::time::{Duration, Instant};

use polkit_tests::light::LightBuilder;
use polkit_tests::{LightBed, Root, program};

use crate::table::{Goal, Table, median};

const RULES: usize = 50;
const TIMES: usize = 7;
/// The size of a long log.
const LOG: usize = 100 << 20;
const LOG_FILE: &str = "/tmp/log";

/// Of the host alone, and of a user who is refused.
pub fn over_many_files(root: &Root, table: &mut Table) {
    let mut builder = with_the_doctor(root);
    for number in 0..RULES {
        let rule = format!(
            "polkit.addRule(function (action, subject) {{\n    if (action.id == \"org.example.rule{number}\" && \
             subject.isInGroup(\"adm\")) {{\n        return polkit.Result.YES;\n    }}\n}});\n"
        );
        builder = builder.file(&format!("/etc/polkit-1/rules.d/{}-x.rules", number + 100), 0o644, rule);
    }
    let bed = builder.start();
    let ways: [(&[&str], i32); 2] = [(&[], 0), (&["--user", "www-data"], 1)];
    for (arguments, code) in ways {
        let times = (0..TIMES).map(|_| {
            let begun = Instant::now();
            let output = bed.exec([&["polkit-policy-gen", "doctor"], arguments].concat());
            assert_eq!(output.code(), Some(code), "{output}");
            begun.elapsed().as_secs_f64()
        });
        let figure = format!("doctor {}", arguments.join(" "));
        let way = format!("light bed, {}, {RULES} more rules files, median of {TIMES}", root.suite());
        table.tell(figure.trim(), &way, "s", median(times), None, Goal::AtMost(2.0, "< 2 s"));
    }
}

fn with_the_doctor(root: &Root) -> LightBuilder {
    let own = |name: &str| std::fs::read(program(name)).expect("the program");
    LightBed::on(root).file("/usr/bin/polkit-policy-gen", 0o755, own("polkit-policy-gen")).file(
        "/usr/libexec/polkit-policy-gen-js",
        0o755,
        own("polkit-policy-gen-js"),
    )
}

/// A log of 100 MiB on standard input: without an error, with one in the last line, and of lines that all look like errors.
pub fn of_a_long_log(root: &Root, table: &mut Table) {
    let refused = "Failed to restart nginx.service: Interactive authentication required.\n";
    let access = |number: usize| {
        format!(
            "2026-11-30T10:{:02}:{:02} web-1 apache2[{number}]: 192.0.2.{} - alice \"GET /index.php?id={number} HTTP/1.1\" 200 {}\n",
            number / 60 % 60,
            number % 60,
            number % 250,
            number * 7
        )
    };
    let failed = |number: usize| {
        format!(
            "2026-11-30T10:{:02}:{:02} web-1 sshd[{number}]: Failed password for invalid user u{number} from 192.0.2.{}: Access denied\n",
            number / 60 % 60,
            number % 60,
            number % 250
        )
    };
    let part = |line: &dyn Fn(usize) -> String| (0..10_000).map(line).collect::<String>();
    let logs = [
        ("nothing is an error", part(&access), ""),
        ("the last line is the error", part(&access), refused),
        ("each line looks like an error, and the last is one", part(&failed), refused),
    ];
    let bed = with_the_doctor(root).start();
    for (shape, part, end) in logs {
        bed.write("/tmp/part", 0o644, &part);
        bed.write("/tmp/end", 0o644, end);
        let script =
            "i=0; while [ $i -lt \"$1\" ]; do cat /tmp/part; i=$((i + 1)); done > \"$2\"; cat /tmp/end >> \"$2\"";
        let parts = LOG.div_ceil(part.len()).to_string();
        let _ = bed.exec(["sh", "-c", script, "sh", &parts, LOG_FILE]).success();
        let runs: Vec<(f64, u64)> = (0..TIMES).map(|_| read_the_log(&bed, end.is_empty())).collect();
        let way = format!("light bed, {}, 100 MiB, {shape}, median of {TIMES}", root.suite());
        let seconds = median(runs.iter().map(|(seconds, _)| *seconds));
        table.tell("doctor --error -", &way, "s", seconds, None, Goal::AtMost(2.0, "< 2 s"));
        let peak = runs.iter().map(|(_, peak)| *peak).max().unwrap_or_default() as f64 / 1024.0;
        let way = format!("light bed, {}, 100 MiB, {shape}, largest of {TIMES}", root.suite());
        table.tell("doctor --error -, peak of VmRSS", &way, "MiB", peak, None, Goal::AtMost(64.0, "< 64 MiB"));
    }
}

/// The seconds, and the peak of the memory in KiB.
fn read_the_log(bed: &LightBed, is_unknown: bool) -> (f64, u64) {
    let begun = Instant::now();
    let script = format!("exec polkit-policy-gen doctor --json --error - < {LOG_FILE}");
    let mut process = bed.spawn_as("root", ["sh", "-c", &script]);
    let status = format!("/proc/{}/root/proc/{}/status", bed.pid1(), process.pid());
    let mut peak = 0;
    while !process.has_ended() {
        // The process may end meanwhile.
        peak = peak.max(std::fs::read_to_string(&status).map_or(0, |status| high_water(&status)));
        std::thread::sleep(Duration::from_millis(2));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let output = process.wait();
    let expected = if is_unknown { "text-not-recognized" } else { "nginx.service" };
    assert!(output.code() == Some(1) && output.stdout.contains(expected), "{output}");
    assert!(peak > 0, "the memory of the doctor was not seen");
    (seconds, peak)
}

/// `VmHWM` in KiB.
fn high_water(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
