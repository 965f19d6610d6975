//! A clock that jumps, forwards and back, under a running agent.

use std::process::Command;

use polkit_tests::agent;
use polkit_tests::agent::asking::{asking, bed as bed_with_approvers, run, the_one};
use polkit_tests::agent::by_hand::{Agent, MANAGE, POOL, POOL_CGROUP, ask, light, process_in, until_served};
use polkit_tests::polkit::Verdict;
use polkit_tests::{Bed, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_clock_that_jumps_lengthens_no_approval_and_gives_no_count_back
    a_clock_that_jumps_moves_the_hours_of_a_rule
}

/// Moves the wall's clock, and no other, of the process that loads it by the seconds in a file.
const CLOCK: &str = r#"
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    char text[32];
    ssize_t length;
    int file, got;
    if (real == NULL)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    got = real(id, now);
    if (got != 0 || id != CLOCK_REALTIME || (file = open("/tmp/jump", O_RDONLY | O_CLOEXEC)) < 0)
        return got;
    length = read(file, text, sizeof text - 1);
    close(file);
    text[length > 0 ? length : 0] = 0;
    now->tv_sec += atoll(text);
    return 0;
}
"#;

const LIBRARY: &str = "/usr/lib/libjump.so";
const DAY: i64 = 24 * 60 * 60;

fn install_clock(bed: &Bed) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, library) = (folder.path().join("jump.c"), folder.path().join("libjump.so"));
    std::fs::write(&source, CLOCK).expect("a file");
    let options = ["-shared", "-fPIC", "-D_GNU_SOURCE", "-o"];
    let built = Command::new("cc").args(options).arg(&library).arg(&source).arg("-ldl").output().expect("cc");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    bed.copy_in(&library, LIBRARY, 0o644);
}

fn start(bed: &Bed, config: &str) -> Agent {
    Agent::start_by(bed, config, &["env", &format!("LD_PRELOAD={LIBRARY}")])
}

fn jump(bed: &Bed, seconds: i64) {
    bed.write("/tmp/jump.next", 0o644, seconds.to_string());
    let _ = bed.exec(["mv", "/tmp/jump.next", "/tmp/jump"]).success();
}

fn a_clock_that_jumps_lengthens_no_approval_and_gives_no_count_back(root: &Root) {
    let bed = bed_with_approvers(root);
    install_clock(&bed);
    let process = process_in(&bed, "www-data", POOL_CGROUP);

    let agent = start(&bed, &POOL.replace("answer =", "at_most = \"1/day\"\nanswer ="));
    until_served(&bed, process.pid());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    for seconds in [2 * DAY, -2 * DAY] {
        jump(&bed, seconds);
        assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::No, "{seconds}: {}", agent.said());
        assert_eq!(agent.decisions(MANAGE).pop().expect("a decision").get("REASON"), "limit");
    }

    agent.reload(&bed, &asking(""));
    agent::until(|| ask(&bed, process.pid(), MANAGE) == Verdict::Dismissed);
    let _ = run(&bed, "games", &["approve", &the_one(&bed), "--for", "15s"]).success();
    // Behind its end, and before its beginning: it lasts its fifteen seconds by the clock that cannot be set.
    jump(&bed, DAY);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    jump(&bed, -DAY);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    agent::until(|| ask(&bed, process.pid(), MANAGE) == Verdict::Dismissed);
}

fn a_clock_that_jumps_moves_the_hours_of_a_rule(root: &Root) {
    let bed = light(root);
    install_clock(&bed);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let now = bed.exec(["date", "+%s"]).success().text().parse::<i64>().expect("a number");
    // Until the end of tomorrow, so that the hour of the day does not matter.
    let tomorrow = bed.exec(["date", "-d", "tomorrow", "+%F"]).success().text().to_owned();
    let config = POOL.replace("answer =", &format!("until = {tomorrow}\nanswer ="));
    let agent = start(&bed, &config);
    until_served(&bed, process.pid());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    jump(&bed, 3 * DAY);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::No, "{}", agent.said());
    jump(&bed, -now);
    assert_eq!(
        ask(&bed, process.pid(), MANAGE),
        Verdict::Yes,
        "the beginning of time is before its end, too: {}",
        agent.said()
    );
    jump(&bed, 0);
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
}
