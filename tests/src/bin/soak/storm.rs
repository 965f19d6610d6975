//! A unit that forks as fast as it can, for ten minutes, on a polkit that loses a descriptor for each process that was reaped
//! before its registration could be given back; the kernel tells the agent of each fork.

use std::time::{Duration, Instant};

use polkit_tests::polkit::{Verdict, subject};
use polkit_tests::{Bed, Polkit, Process, Root, product};

use crate::setting::{self, descriptors, resident};

const CONFIG: &str = "[[serve]]\nunit = \"pool.service\"\n\n[[serve]]\nunit = \"storm.service\"\n\n\
    [[rule]]\nid = \"pool\"\naction = \"org.libvirt.unix.manage\"\nunit = \"pool.service\"\nuser = \"www-data\"\nanswer = \"allow\"\n";
const FORKS: &str = r#"use strict;
use POSIX ();
use Time::HiRes qw(time);
$| = 1;
my ($count, $end) = (0, time + $ARGV[0]);
while (time < $end) {
    my $pid = fork // die "fork: $!";
    POSIX::_exit(0) if $pid == 0;
    waitpid($pid, 0);
    $count++;
}
print "$count\n";
"#;
const MANAGE: &str = "org.libvirt.unix.manage";
const WWW_DATA: u32 = 33;

/// Ten minutes of it; whether no other process was harmed.
pub fn run(root: &Root) -> bool {
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    eprintln!("soak: {}, a unit that forks, for {seconds} s", root.suite());
    let bed = product::light(root)
        .file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, product::AGENT_RULE)
        .file("/etc/polkit-service-agent/agent.toml", 0o644, CONFIG)
        .file("/usr/local/bin/forks.pl", 0o755, FORKS)
        .sharing_host_pids()
        .start();
    // As systemd starts it; the agent counts against that.
    let polkitd = setting::polkitd(&bed);
    let limit = ["prlimit", "--pid", &polkitd.to_string(), "--nofile=1024:1024"];
    let _ = bed.exec_as("polkitd", limit).success();
    let agent = bed.spawn_as("root", ["polkit-service-agent", "run"]);
    let member = |cgroup: &str, argv: &[&str]| {
        let process = bed.spawn_as("www-data", argv);
        bed.move_to_cgroup(process.pid(), cgroup);
        process
    };
    let old = member("system.slice/pool.service", &["sleep", "100000"]);
    wait_for(&bed, &old);
    let at_first = (descriptors(&bed, polkitd), resident(&bed, polkitd), resident(&bed, agent.pid()));
    let mut forking = member("system.slice/storm.service", &["perl", "/usr/local/bin/forks.pl", &seconds.to_string()]);

    let began = Instant::now();
    let (mut asked, mut refused, mut slowest) = (0, 0, Duration::ZERO);
    let (mut newcomers, mut slowest_newcomer, mut most) = (0, Duration::ZERO, 0);
    let mut next_newcomer = Duration::from_secs(5);
    while began.elapsed() < Duration::from_secs(seconds) {
        let asking = Instant::now();
        // Over a connection of root's that is a new one each time.
        refused += usize::from(ask(&bed, &old) != Verdict::Yes);
        (asked, slowest) = (asked + 1, slowest.max(asking.elapsed()));
        most = most.max(descriptors(&bed, polkitd));
        if began.elapsed() > next_newcomer {
            let newcomer = member("system.slice/pool.service", &["sleep", "100000"]);
            slowest_newcomer = slowest_newcomer.max(wait_for(&bed, &newcomer));
            (newcomers, next_newcomer) = (newcomers + 1, began.elapsed() + Duration::from_secs(10));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let forks = forking.line_within(Duration::from_secs(20 * 60));
    let status = bed.exec(["polkit-service-agent", "status"]);
    println!("| figure | |\n|---|--:|");
    let row = |figure: &str, value: String| println!("| {figure} | {value} |");
    row("seconds", seconds.to_string());
    row("forks of storm.service", forks);
    row("checks of a process of pool.service", asked.to_string());
    row("of these not a yes", refused.to_string());
    row("the slowest of them, ms", slowest.as_millis().to_string());
    row("new processes of pool.service, all served in the end", newcomers.to_string());
    row("the slowest to be served, ms", slowest_newcomer.as_millis().to_string());
    row("descriptors of polkitd: at first, most, at last", {
        format!("{}, {most}, {}", at_first.0, descriptors(&bed, polkitd))
    });
    row("resident KiB of polkitd: at first, at last", format!("{}, {}", at_first.1, resident(&bed, polkitd)));
    row("resident KiB of the agent: at first, at last", format!("{}, {}", at_first.2, resident(&bed, agent.pid())));
    row("`status` ends with", status.code().map_or_else(|| "?".into(), |code| code.to_string()));
    let said = agent.stderr();
    let warnings: Vec<&str> = said.lines().filter(|line| !line.contains(" record=")).collect();
    println!("\n{}\n\nWhat the agent said besides its records:\n\n{}", status.stdout, warnings.join("\n"));
    refused == 0 && setting::polkitd(&bed) == polkitd
}

fn ask(bed: &Bed, process: &Process) -> Verdict {
    Polkit::of(bed).check(&subject(bed, process.pid(), WWW_DATA), MANAGE)
}

/// How long until a process is served.
///
/// # Panics
/// If it is not within a minute.
fn wait_for(bed: &Bed, process: &Process) -> Duration {
    let began = Instant::now();
    while ask(bed, process) != Verdict::Yes {
        assert!(began.elapsed() < Duration::from_secs(60), "pid {} is not served", process.pid());
        std::thread::sleep(Duration::from_millis(20));
    }
    began.elapsed()
}
