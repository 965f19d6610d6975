//! How soon a forked process is registered, and what others' forks cost. On a polkit that does not leak, so that the pace is
//! not limited.

use std::time::{Duration, Instant};

use polkit_tests::{Bed, Process, Root};

use crate::beds::{Agent, Client, POOL, WWW_DATA, config, expect, full, light, pool, start_unit};
use crate::table::{Goal, Table};

/// `forks.pl COUNT PER_SECOND LIFE PIPE`: forks, and writes each child's pid and the clock just before the fork.
const FORKS: &str = r#"use strict;
use POSIX ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);
my ($count, $rate, $life, $pipe) = @ARGV;
$SIG{CHLD} = 'IGNORE';
my $go = <STDIN>;
open(my $out, '>', $pipe) or die "$pipe: $!";
my $next = clock_gettime(CLOCK_MONOTONIC);
for (1 .. $count) {
    $next += 1 / $rate;
    my $left = $next - clock_gettime(CLOCK_MONOTONIC);
    sleep($left) if $left > 0;
    my $before = clock_gettime(CLOCK_MONOTONIC);
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        close($out);
        sleep($life);
        POSIX::_exit(0);
    }
    syswrite($out, sprintf("%d %.9f\n", $pid, $before));
}
close($out);
sleep($life);
"#;
/// `forks-only.pl SECONDS`: forks and waits as fast as it can, and says how often.
const FORKS_ONLY: &str = r#"use strict;
use POSIX ();
use Time::HiRes qw(time);
my ($count, $end) = (0, time + $ARGV[0]);
while (time < $end) {
    my $pid = fork // die "fork: $!";
    POSIX::_exit(0) if $pid == 0;
    waitpid($pid, 0);
    $count++;
}
print "$count\n";
"#;
const FORKS_FILE: &str = "/usr/local/bin/forks.pl";
const FORKS_ONLY_FILE: &str = "/usr/local/bin/forks-only.pl";
const PIPE: &str = "/run/forks";
/// How long a forked process lives, in seconds.
const LIFE: &str = "0.1";
const FORKED: &str = "1000";
const SECONDS: u64 = 5;

/// Process events, in a bed that shares the host's pid namespace.
pub fn of_the_kernel(root: &Root, table: &mut Table) {
    let bed =
        light(root).sharing_host_pids().file(FORKS_FILE, 0o755, FORKS).file(FORKS_ONLY_FILE, 0o755, FORKS_ONLY).start();
    let _ = bed.exec(["mkfifo", "-m", "666", PIPE]).success();
    // With its shell, and with the process that forks, these are a hundred.
    let (_pool, pids) = pool(&bed, 98);
    let agent = Agent::start(&bed, &config(1));
    let mut client = Client::new(&bed);
    pids.iter().for_each(|pid| client.until_served(*pid));

    let way = format!("events, light bed with the host's pids, {}, unit of 100, 200 forks/s", root.suite());
    let seen = forks(&bed, &mut client, "200", &["watch", PIPE]);
    let [forked, registered, p50, p99, max, asked50, asked99] = seen[..] else { panic!("{seen:?}") };
    let told = format!(
        "{way}; {registered} of {forked}; seen by a monitor of the bus; clock from before fork(); the baseline is polkitd's part: from the call to its reply"
    );
    table.tell("fork to registered, p50", &told, "µs", p50, Some(asked50), Goal::None);
    table.tell("fork to registered, p99", &told, "µs", p99, Some(asked99), Goal::AtMost(2000.0, "≤ 2 ms"));
    table.tell("fork to registered, latest", &told, "µs", max, None, Goal::None);
    for milliseconds in ["0", "5"] {
        let seen = forks(&bed, &mut client, "200", &["ask", PIPE, &WWW_DATA.to_string(), milliseconds]);
        let [forked, yes, none, other] = seen[..] else { panic!("{seen:?}") };
        let figure = format!("checks {milliseconds} ms after the fork that found no agent yet");
        let told = format!("{way}; of {forked}: {yes} yes, {other} neither");
        table.tell(&figure, &told, "checks", none, None, Goal::None);
    }
    elsewhere(&bed, &agent, root, table);
}

/// What the forks of processes that are not served cost.
fn elsewhere(bed: &Bed, agent: &Agent<'_>, root: &Root, table: &mut Table) {
    let seconds = SECONDS.to_string();
    let forkers = || (0..2).map(|_| bed.spawn_as("root", ["perl", FORKS_ONLY_FILE, &seconds])).collect::<Vec<_>>();
    let threads = || vec![bed.spawn_as("root", ["bench-client", "threads", "10000", &seconds])];
    type Start<'a> = &'a dyn Fn() -> Vec<Process>;
    let ways: [(&str, Start<'_>, f64); 2] = [
        ("forked processes, as many as the machine makes", &forkers, SECONDS as f64),
        ("threads, forks to the kernel's events", &threads, 1.0),
    ];
    for (what, start, divisor) in ways {
        let (began, before) = (Instant::now(), cpu_time(bed, agent.pid()));
        let mut processes = start();
        let events: f64 = processes.iter_mut().map(|one| one.line().parse::<f64>().expect("a number")).sum();
        let share = (cpu_time(bed, agent.pid()) - before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
        let rate = events / divisor;
        let way = format!("events, light bed with the host's pids, {}; {rate:.0}/s elsewhere: {what}", root.suite());
        // A goal for 10,000/s is not met by fewer.
        let goal = if rate < 9000.0 { Goal::None } else { Goal::AtMost(5.0, "< 5 % at 10,000/s") };
        table.tell("the agent's share of one core", &way, "%", share, None, goal);
        if rate < 9000.0 {
            let scaled = share / rate * 10_000.0;
            table.tell("the same in proportion, for 10,000/s", &way, "%", scaled, None, Goal::AtMost(5.0, "< 5 %"));
        }
    }
}

/// Looking at the unit again and again, in a full bed, where there are no events.
pub fn by_rescanning(root: &Root, table: &mut Table) {
    let bed = full(root).file(FORKS_FILE, 0o755, FORKS).start();
    let _ = bed.exec(["mkfifo", "-m", "666", PIPE]).success();
    start_unit(&bed, &config(1));
    let mut watch = bed.spawn_as("root", ["bench-client", "watch", PIPE]);
    expect(&mut watch, "watching");
    // They live long enough to be found: 400 ms, so 20 at a time.
    let unit = ["--quiet", "--unit=pool.service", "--property=User=www-data"];
    let command = ["perl", FORKS_FILE, "400", "50", "0.4", PIPE];
    let _ = bed.exec(["systemd-run"].iter().chain(&unit).chain(&command)).success();
    let seen = numbers(&mut watch);
    let [forked, registered, p50, p99, max, ..] = seen[..] else { panic!("{seen:?}") };
    let way = format!("rescan, full bed, {}, 50 forks/s; {registered} of {forked}", root.suite());
    table.tell("fork to registered, p50", &way, "ms", p50 / 1e3, None, Goal::None);
    table.tell("fork to registered, p99", &way, "ms", p99 / 1e3, None, Goal::None);
    table.tell("fork to registered, latest", &way, "ms", max / 1e3, None, Goal::None);
}

/// Forks in pool.service, once the process that forks is registered, while a client looks on.
fn forks(bed: &Bed, client: &mut Client, rate: &str, looking: &[&str]) -> Vec<f64> {
    let mut forker = bed.spawn_as("www-data", ["perl", FORKS_FILE, FORKED, rate, LIFE, PIPE]);
    bed.move_to_cgroup(forker.pid(), POOL);
    client.until_served(forker.pid());
    let mut looker = bed.spawn_as("root", ["bench-client"].iter().chain(looking));
    expect(&mut looker, "watching");
    forker.say("go");
    numbers(&mut looker)
}

fn numbers(process: &mut Process) -> Vec<f64> {
    let line = process.line();
    let numbers = line.split(' ').map(|word| word.parse().unwrap_or_else(|_| panic!("{line:?}: {}", process.stderr())));
    numbers.collect()
}

/// The time that a process has run, with its threads that have ended: fields 14 and 15 of `/proc/PID/stat`, in ticks.
fn cpu_time(bed: &Bed, pid: u32) -> Duration {
    let stat = bed.exec(["cat", &format!("/proc/{pid}/stat")]).success();
    let (_, fields) = stat.text().rsplit_once(')').expect("a name in parentheses");
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("ticks")).sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}
