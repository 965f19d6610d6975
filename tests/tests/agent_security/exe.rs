//! `exe`: a rule trusts a program, so root alone must control the file and the way to it.

use polkit_tests::agent::by_hand::{Agent, CONFIG_FILE, MANAGE, POOL, POOL_CGROUP, ask, light, until_served};
use polkit_tests::agent::until;
use polkit_tests::polkit::Verdict;
use polkit_tests::{LightBed, Process, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_program_in_a_directory_of_a_user_is_refused_at_load
    a_directory_that_becomes_a_user_s_takes_the_grant_away
    a_program_that_another_user_or_a_group_may_write_grants_nothing
}

const TOOL: &str = "/opt/app/tool";

fn with_exe() -> String {
    POOL.replace("answer", &format!("exe = \"{TOOL}\"\nanswer"))
}

/// A directory with a copy of sleep(1), which is root's.
fn installed(bed: &LightBed) {
    let _ = bed.exec(["install", "-D", "-m", "0755", "/usr/bin/sleep", TOOL]).success();
}

fn running(bed: &LightBed, program: &str) -> Process {
    let process = bed.spawn_as("www-data", [program, "1000"]);
    bed.move_to_cgroup(process.pid(), POOL_CGROUP);
    until_served(bed, process.pid());
    process
}

fn a_program_in_a_directory_of_a_user_is_refused_at_load(root: &Root) {
    let bed = light(root);
    installed(&bed);
    bed.write(CONFIG_FILE, 0o644, with_exe());
    let _ = bed.exec(["polkit-service-agent", "check"]).success();
    let _ = bed.exec(["chown", "www-data", "/opt/app"]).success();
    let checked = bed.exec(["polkit-service-agent", "check"]);
    assert_eq!(checked.code(), Some(1), "{checked}");
    for words in [
        "agent.toml:10:7",
        "root alone does not control `/opt/app/tool`",
        "the directory /opt/app",
        "chown root:root /opt/app",
    ] {
        assert!(checked.stderr.contains(words), "{words}: {checked}");
    }
}

fn a_directory_that_becomes_a_user_s_takes_the_grant_away(root: &Root) {
    let bed = light(root);
    installed(&bed);
    let agent = Agent::start(&bed, &with_exe());
    let tool = running(&bed, TOOL);
    assert_eq!(ask(&bed, tool.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    // The owner puts a link to another program in its place.
    let _ = bed.exec(["chown", "www-data", "/opt/app"]).success();
    let script = format!("rm -f {TOOL} && ln -s /usr/bin/tail {TOOL}");
    let _ = bed.exec_as("www-data", ["sh", "-c", &script]).success();
    let other = bed.spawn_as("www-data", [TOOL, "-f", "/dev/null"]);
    bed.move_to_cgroup(other.pid(), POOL_CGROUP);
    until_served(&bed, other.pid());
    assert_eq!(ask(&bed, other.pid(), MANAGE), Verdict::No, "{}", agent.said());
    // A rule that refuses applies: it is unknown whether this is another program.
    let _ = bed.exec(["chown", "root", "/opt/app"]).success();
    agent.reload(&bed, &format!("{}{REST}", with_exe().replace("\"allow\"", "\"dismiss\"")));
    until(|| agent.said().contains("the new configuration is in force"));
    assert_eq!(ask(&bed, tool.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    let _ = bed.exec(["chown", "www-data", "/opt/app"]).success();
    assert_eq!(ask(&bed, tool.pid(), MANAGE), Verdict::Dismissed, "{}", agent.said());
}

fn a_program_that_another_user_or_a_group_may_write_grants_nothing(root: &Root) {
    let bed = light(root);
    installed(&bed);
    let agent = Agent::start(&bed, &with_exe());
    let tool = running(&bed, TOOL);
    let change = |mode: &str, owner: &str| {
        let _ = bed.exec(["chown", owner, TOOL]).success();
        let _ = bed.exec(["chmod", mode, TOOL]).success();
    };
    for (mode, owner) in [("0775", "root:www-data"), ("0757", "root:root"), ("0755", "www-data:root")] {
        change(mode, owner);
        assert_eq!(ask(&bed, tool.pid(), MANAGE), Verdict::No, "{mode} {owner}: {}", agent.said());
        let checked = bed.exec(["polkit-service-agent", "check"]);
        assert_eq!(checked.code(), Some(1), "{mode} {owner}: {checked}");
        change("0755", "root:root");
        assert_eq!(ask(&bed, tool.pid(), MANAGE), Verdict::Yes, "{mode} {owner}: {}", agent.said());
    }
}

/// Allows what the rule before it leaves.
const REST: &str =
    "[[rule]]\nid = \"rest\"\naction = \"org.libvirt.unix.manage\"\nuser = \"www-data\"\nanswer = \"allow\"\n";
