//! The answer `ask`: refused at once, and left to a person.

#[macro_use]
mod agent;

use agent::by_hand::{Agent, CONFIG_FILE, MANAGE, POOL_CGROUP, ask, light, process_in, until_served};
use polkit_tests::Root;
use polkit_tests::polkit::Verdict;

on_each_suite_with_rules! {
    a_question_is_refused_at_once_as_dismissed
    test_says_that_a_person_is_asked
}

const POOL: &str = r#"
[[serve]]
unit = "pool.service"

[[rule]]
id = "pool"
action = "org.libvirt.unix.manage"
unit = "pool.service"
user = "www-data"
answer = "ask"
"#;

fn a_question_is_refused_at_once_as_dismissed(root: &Root) {
    let bed = light(root);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let agent = Agent::start(&bed, POOL);
    until_served(&bed, process.pid());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Dismissed, "{}", agent.said());
    assert_eq!(agent.decision(MANAGE).verdict(), ("ask", "pool", "rule"));
    assert_eq!(agent.decision(MANAGE).get("IDENTITY"), "", "nobody is answered as");
    assert_eq!(agent.outcome(MANAGE).get("OUTCOME"), "refused");
}

fn test_says_that_a_person_is_asked(root: &Root) {
    let bed = light(root);
    bed.write(CONFIG_FILE, 0o644, POOL);
    let test = ["polkit-service-agent", "test", "--action", MANAGE, "--user", "www-data", "--json"];
    let known = bed.exec(test.iter().chain(&["--unit", "pool.service"])).failure();
    let expected = (Some(4), "{\"verdict\":\"ask\",\"rule\":\"pool\",\"reason\":\"rule\"}");
    assert_eq!((known.code(), known.text()), expected);
    let unknown = bed.exec(test).failure();
    let expected = (Some(1), "{\"verdict\":\"deny\",\"rule\":\"pool\",\"reason\":\"unknown\"}");
    assert_eq!((unknown.code(), unknown.text()), expected);
}
