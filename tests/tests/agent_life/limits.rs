//! Rules that apply at some times only, and so many times.

use polkit_tests::agent;
use polkit_tests::agent::by_hand::{
    Agent, CONFIG_FILE, MANAGE, POOL, POOL_CGROUP, ask, light, process_in, until_served,
};
use polkit_tests::agent::until;
use polkit_tests::polkit::Verdict;
use polkit_tests::{Bed, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    test_tells_what_a_rule_says_at_another_time
    the_time_zone_is_the_hosts
    a_rule_that_is_over_grants_nothing
    a_spent_limit_refuses_and_the_length_of_time_gives_it_back
    a_reload_keeps_the_counts_and_a_restart_forgets_them
    a_reload_says_which_answers_polkit_may_have_kept
}

/// [`POOL`], whose rule has these keys as well.
fn pool(keys: &str) -> String {
    format!("{POOL}{keys}\n")
}

/// What `test` says of that rule at a time: its exit code.
fn at(bed: &Bed, time: &str) -> Option<i32> {
    let subject = ["--user", "www-data", "--unit", "pool.service", "--at", time];
    bed.exec(["polkit-service-agent", "test", "--action", MANAGE].iter().chain(&subject)).code()
}

fn test_tells_what_a_rule_says_at_another_time(root: &Root) {
    let bed = light(root);
    bed.write(CONFIG_FILE, 0o644, pool("between = \"08:00-18:00\"\ndays = [\"fri\"]\nuntil = 2199-11-29"));
    // A Friday, and the Friday after the end.
    assert_eq!([at(&bed, "2199-11-29T08:00"), at(&bed, "2199-11-29 18:00")], [Some(0), Some(1)]);
    assert_eq!([at(&bed, "2199-11-28T08:00"), at(&bed, "2199-12-06T08:00")], [Some(1), Some(1)]);
    assert_eq!(at(&bed, "half past eight"), Some(2));
    bed.write(CONFIG_FILE, 0o644, pool("between = \"08:00-18:00\""));
    assert_eq!([at(&bed, "07:59"), at(&bed, "08:00")], [Some(1), Some(0)], "a time alone is today's");
}

fn the_time_zone_is_the_hosts(root: &Root) {
    let bed = light(root);
    bed.write(CONFIG_FILE, 0o644, pool("between = \"08:00-18:00\""));
    assert_eq!(at(&bed, "2030-07-01T06:30:00Z"), Some(1));
    let _ = bed.exec(["ln", "-sf", "/usr/share/zoneinfo/Europe/Berlin", "/etc/localtime"]).success();
    assert_eq!(at(&bed, "2030-07-01T06:30:00Z"), Some(0), "half past eight in summer");
    assert_eq!(at(&bed, "2030-01-01T06:30:00Z"), Some(1), "half past seven in winter");
    // localtime(5): without the file it is UTC.
    let _ = bed.exec(["rm", "/etc/localtime"]).success();
    assert_eq!([at(&bed, "2030-07-01T06:30:00Z"), at(&bed, "2030-07-01T08:30:00Z")], [Some(1), Some(0)]);
    bed.write("/etc/localtime", 0o644, "no zone");
    let unknown_time =
        bed.exec(["polkit-service-agent", "test", "--action", MANAGE, "--user", "www-data", "--unit", "pool.service"]);
    assert_eq!(unknown_time.code(), Some(1), "a grant needs a known time: {unknown_time}");
}

fn a_rule_that_is_over_grants_nothing(root: &Root) {
    let bed = light(root);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let agent = Agent::start(&bed, &pool("until = 2020-01-31"));
    assert!(agent.said().contains("`until` expired on 2020-01-31"), "{}", agent.said());
    until_served(&bed, process.pid());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::No);
    assert_eq!(agent.decision(MANAGE).verdict(), ("deny", "", "no-rule"));
}

fn a_spent_limit_refuses_and_the_length_of_time_gives_it_back(root: &Root) {
    let bed = light(root);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let twice = pool("at_most = \"2/day\"");
    let agent = Agent::start(&bed, &twice);
    until_served(&bed, process.pid());
    let asked = || ask(&bed, process.pid(), MANAGE);
    assert_eq!([asked(), asked(), asked()], [Verdict::Yes, Verdict::Yes, Verdict::No]);
    let said = agent.decisions(MANAGE);
    let verdicts: Vec<_> = said.iter().map(agent::record::Record::verdict).collect();
    assert_eq!(verdicts, [("allow", "pool", "rule"), ("allow", "pool", "rule"), ("deny", "pool", "limit")]);

    // The same two grants, and a limit whose length of time is soon over.
    agent.reload(&bed, &pool("at_most = \"1/s\""));
    until(|| agent.said().contains("the new configuration is in force"));
    until(|| asked() == Verdict::Yes);
}

fn a_reload_keeps_the_counts_and_a_restart_forgets_them(root: &Root) {
    let bed = light(root);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let once = pool("at_most = \"1/day\"");
    let agent = Agent::start(&bed, &once);
    until_served(&bed, process.pid());
    let asked = || ask(&bed, process.pid(), MANAGE);
    assert_eq!([asked(), asked()], [Verdict::Yes, Verdict::No]);
    agent.reload(&bed, &once);
    until(|| agent.said().contains("the new configuration is in force"));
    assert_eq!(asked(), Verdict::No);
    drop(agent);
    let _again = Agent::start(&bed, &once);
    until_served(&bed, process.pid());
    assert_eq!(asked(), Verdict::Yes);
}

fn a_reload_says_which_answers_polkit_may_have_kept(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, &pool("unbound = true"));
    agent.reload(&bed, &pool("unbound = true\nat_most = \"1/day\""));
    until(|| agent.said().contains("the new configuration is in force"));
    until(|| agent.said().contains("rule \"pool\" changed: its grants may stay valid for up to 5 minutes"));
    let before = agent.said().matches("its grants may stay valid").count();
    agent.reload(&bed, &format!("# moved\n{}", pool("unbound = true\nat_most = \"1/day\"")));
    until(|| agent.said().matches("the new configuration is in force").count() == 2);
    assert_eq!(agent.said().matches("its grants may stay valid").count(), before, "it only moved");
}
