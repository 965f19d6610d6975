//! A user database that hangs, and a configuration that is swapped while it is read.

use std::process::Command;

use polkit_tests::agent;
use polkit_tests::agent::by_hand::{
    Agent, CONFIG_FILE, MANAGE, POOL, POOL_CGROUP, PROBE, ask, full, light, process_in, until_served,
};
use polkit_tests::agent::{in_unit, until};
use polkit_tests::polkit::Verdict;
use polkit_tests::{Bed, FullBed, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_user_database_that_hangs_does_not_keep_the_hook_waiting
    challenges_that_hang_leave_the_hook_its_threads
    a_reload_that_hangs_delays_no_request
    a_user_database_that_hangs_ends_in_a_refusal_for_the_deadline
    a_configuration_swapped_for_a_link_to_a_user_s_file_is_never_in_force
}

// A module of the name service switch that does not return while a file is there, for the agent and its hook alone.

const MODULE: &str = r#"
#include <errno.h>
#include <nss.h>
#include <string.h>
#include <unistd.h>

static enum nss_status hang(void) {
    if (strncmp(program_invocation_short_name, "polkit-service", 14) == 0)
        while (access("/run/nss-hangs", F_OK) == 0)
            usleep(50000);
    return NSS_STATUS_NOTFOUND;
}
enum nss_status _nss_slow_getpwnam_r(void) { return hang(); }
enum nss_status _nss_slow_getpwuid_r(void) { return hang(); }
enum nss_status _nss_slow_getgrnam_r(void) { return hang(); }
enum nss_status _nss_slow_getgrgid_r(void) { return hang(); }
enum nss_status _nss_slow_initgroups_dyn(void) { return hang(); }
"#;

/// The module comes first, so that it is asked about every user.
const SWITCH: &str = "passwd: slow files\ngroup: slow files\n";

fn install_module(bed: &Bed) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, library) = (folder.path().join("slow.c"), folder.path().join("libnss_slow.so.2"));
    std::fs::write(&source, MODULE).expect("a file");
    let options = ["-shared", "-fPIC", "-D_GNU_SOURCE", "-o"];
    let built = Command::new("cc").args(options).arg(&library).arg(&source).output().expect("cc");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    bed.copy_in(&library, "/usr/lib/libnss_slow.so.2", 0o644);
    bed.write("/etc/nsswitch.conf", 0o644, SWITCH);
}

/// A bed with what `install` puts there, whose policy rules ask the agent. The agent allows www-data in web-test.service. `more` is added to
/// its configuration.
pub fn hook_bed(root: &Root, more: &str, install: fn(&Bed)) -> FullBed {
    let config =
        POOL.replace("pool.service", "web-test.service").replace("\n\n[[rule]]", "\nway = \"hook\"\n\n[[rule]]");
    let bed = full(root)
        .file(CONFIG_FILE, 0o644, config + more)
        .file("/etc/polkit-policy-gen/policy.toml", 0o644, "[[hook]]\nactions = [\"org.libvirt.unix.manage\"]\n")
        .start();
    install(&bed);
    let _ = bed.exec(["polkit-policy-gen", "install"]).success();
    agent::start_agent(&bed);
    bed
}

fn a_user_database_that_hangs_does_not_keep_the_hook_waiting(root: &Root) {
    let bed = hook_bed(root, "", install_module);
    bed.write("/run/nss-hangs", 0o644, "");
    // With the hook's two seconds spent, polkit would find no agent.
    for _ in 0..3 {
        assert!(in_unit(&bed, "web-test.service").contains("running"), "{}", agent::journal(&bed));
    }
    // The module is heard of at all.
    let check = ["timeout", "2", "polkit-service-agent", "test", "--action", MANAGE, "--user", "www-data"];
    assert_eq!(bed.exec(check).code(), Some(124), "it hangs");
}

/// More than the agent has threads for, each of which the module keeps for good.
fn challenges_that_hang_leave_the_hook_its_threads(root: &Root) {
    let bed = hook_bed(root, "[[serve]]\nunit = \"pool.service\"\n", install_module);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    until_served(&bed, process.pid());
    let count = "ls /proc/$(systemctl show -P MainPID polkit-service-agent)/task | wc -l";
    let threads = || bed.exec(["sh", "-c", count]).success().text().parse::<u32>().expect("a number");
    let before = threads();
    bed.write("/run/nss-hangs", 0o644, "");
    let start = bed.start_time(process.pid()).unwrap();
    let ask = format!("pkcheck --allow-user-interaction --action-id {PROBE} --process {},{start},33", process.pid());
    let all = format!("for times in $(seq 40); do {ask} & done; wait");
    let _asking = bed.spawn_as("root", ["sh", "-c", &all]);
    // The agent starts no more threads: each that there may be hangs.
    let (mut most, mut equal) = (0, 0);
    until(|| {
        let now = threads();
        equal = if now == most { equal + 1 } else { 0 };
        most = now;
        now > before && equal == 10
    });
    assert!(in_unit(&bed, "web-test.service").contains("running"), "{}", agent::journal(&bed));
}

/// The names in a configuration are looked up when it is read.
fn a_reload_that_hangs_delays_no_request(root: &Root) {
    let bed = hook_bed(root, "", install_module);
    bed.write("/run/nss-hangs", 0o644, "");
    let reload = ["sh", "-c", "kill -HUP $(systemctl show -P MainPID polkit-service-agent)"];
    let _ = bed.exec(reload).success();
    let own = || bed.journal(["--unit=polkit-service-agent", "--output=cat"]);
    // A signal that comes while one is still waiting counts once: another one is sent until the agent has seen two.
    until(|| {
        let _ = bed.exec(reload).success();
        own().contains("still reading the configuration")
    });
    assert!(in_unit(&bed, "web-test.service").contains("running"), "{}", agent::journal(&bed));
    assert!(!own().contains("the new configuration is in force"), "{}", own());
    // The second reload is not lost: the agent reads the configuration that is there by then.
    bed.write(CONFIG_FILE, 0o644, bed.read(CONFIG_FILE).replace("\"allow\"", "\"deny\""));
    let _ = bed.exec(reload).success();
    bed.remove("/run/nss-hangs");
    until(|| in_unit(&bed, "web-test.service").contains("access denied by policy"));
}

fn a_user_database_that_hangs_ends_in_a_refusal_for_the_deadline(root: &Root) {
    let bed = light(root);
    install_module(&bed);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let agent = Agent::start(&bed, &format!("[agent]\nanswer_within = \"1s\"\n{POOL}"));
    until_served(&bed, process.pid());
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
    bed.write("/run/nss-hangs", 0o644, "");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::No);
    assert_eq!(agent.decisions(MANAGE).pop().unwrap().verdict(), ("deny", "", "deadline"), "{}", agent.said());
    // The agent has not stopped for it.
    bed.remove("/run/nss-hangs");
    assert_eq!(ask(&bed, process.pid(), MANAGE), Verdict::Yes, "{}", agent.said());
}

/// Only root can swap the name, in a folder of root's; the file that the link names is a user's.
fn a_configuration_swapped_for_a_link_to_a_user_s_file_is_never_in_force(root: &Root) {
    let bed = light(root);
    let process = process_in(&bed, "www-data", POOL_CGROUP);
    let agent = Agent::start(&bed, POOL);
    until_served(&bed, process.pid());
    let evil = POOL.replace(MANAGE, PROBE);
    bed.write("/home/evil.toml", 0o644, evil);
    let _ = bed.exec(["chown", "www-data", "/home/evil.toml"]).success();
    let swap = "cd /etc/polkit-service-agent; cp agent.toml good; ln -s /home/evil.toml evil; \
                while :; do cp -P evil next; mv next agent.toml; cp -P good next; mv next agent.toml; done";
    let swapping = bed.spawn_as("root", ["sh", "-c", swap]);
    let (kept, taken) = ("the old configuration stays in force", "the new configuration is in force");
    let reloads = || agent.said().matches(kept).count() + agent.said().matches(taken).count();
    // Both ends are seen, however the two fall together.
    for times in 1.. {
        let before = reloads();
        let _ = bed.exec(["kill", "-HUP", &agent.pid().to_string()]).success();
        until(|| reloads() > before);
        assert_ne!(ask(&bed, process.pid(), PROBE), Verdict::Yes, "{}", agent.said());
        if times >= 20 && agent.said().contains(kept) && agent.said().contains(taken) {
            break;
        }
        assert!(times < 1000, "one of the two was never seen: {}", agent.said());
    }
    swapping.kill();
    assert!(!agent.decisions(PROBE).is_empty(), "{}", agent.said());
    assert!(agent.decisions(PROBE).iter().all(|decision| decision.get("VERDICT") == "deny"), "{}", agent.said());
}
