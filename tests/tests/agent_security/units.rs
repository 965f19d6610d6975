//! Processes that would pass for those of a unit. Each ends in a refusal, with a record.

use polkit_tests::agent;
use polkit_tests::agent::by_hand::{
    Agent, CONFIG_FILE, MANAGE, POOL, ask, full, has_agent, light, process_in, until_served,
};
use polkit_tests::agent::{record, until};
use polkit_tests::polkit::Verdict;
use polkit_tests::{Bed, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_unit_s_name_further_down_in_a_cgroup_path_is_not_that_unit
    a_unit_whose_name_contains_another_s_is_not_that_unit
    a_cgroup_namespace_hides_nothing
}

/// A user may name the cgroups below his own as he likes.
fn a_unit_s_name_further_down_in_a_cgroup_path_is_not_that_unit(root: &Root) {
    let bed = full(root).file("/usr/local/bin/lend", 0o755, LEND).file("/usr/local/bin/ask", 0o755, ASK).start();
    let _ = bed.exec(["useradd", "--create-home", "alice"]).success();
    let uid = bed.exec(["id", "-u", "alice"]).success().text().to_owned();
    let _ = bed.exec(["systemctl", "start", &format!("user@{uid}.service")]).success();
    let config = POOL.replace("user = \"www-data\"", "user = \"alice\"") + "[[serve]]\nexec = [\"alice\"]\n";
    bed.write(CONFIG_FILE, 0o644, config);
    agent::start_agent(&bed);

    let runtime = format!("XDG_RUNTIME_DIR=/run/user/{uid}");
    let of_alice =
        ["env", &runtime, "systemd-run", "--user", "--slice=system.slice", "--unit=pool.service", "--collect"];
    let lend = ["systemd-run", "--unit=lent.service", "--property=Delegate=yes", "--property=User=alice", "--collect"];
    let sleep = |argv: &[&str], user: &str, end: &str, of: &str| {
        let _ = bed.exec_as(user, argv.iter().copied().chain(["/usr/local/bin/lend", end])).success();
        until(|| pid_in(&bed, of).is_some());
        pid_in(&bed, of).unwrap()
    };
    let user_pool = format!("/user.slice/user-{uid}.slice/user@{uid}.service/system.slice/pool.service");
    let lent_pool = "/system.slice/lent.service/system.slice/pool.service";
    let forgers = [sleep(&of_alice, "alice", "stay", &user_pool), sleep(&lend, "root", "below", lent_pool)];
    let _ = bed.exec(["systemd-run", "--unit=pool.service", "--property=User=alice", "sleep", "1000"]).success();
    until(|| pid_in(&bed, "/system.slice/pool.service").is_some());
    let uid_number = uid.parse().unwrap();
    let real = pid_in(&bed, "/system.slice/pool.service").unwrap();
    until(|| has_agent(&bed, real, uid_number));
    for forger in forgers {
        assert!(!has_agent(&bed, forger, uid_number), "{forger}");
    }

    let _ = bed.exec_as("alice", ["env", &runtime, "systemctl", "--user", "stop", "pool.service"]).success();
    let _ = bed.exec(["systemctl", "stop", "lent.service"]).success();
    let asked = |argv: &[&str], user: &str, end: &str| {
        bed.remove("/tmp/said");
        let program = ["/usr/local/bin/lend", end, "/usr/local/bin/ask"];
        let _ = bed.exec_as(user, argv.iter().copied().chain(program)).success();
        until(|| bed.exists("/tmp/said"));
        bed.read("/tmp/said")
    };
    let user_says = asked(&of_alice, "alice", "stay");
    let lent_says = asked(&lend, "root", "below");
    for says in [user_says, lent_says] {
        assert!(says.contains("access denied by policy"), "{says}");
    }
    let decisions = record::decisions(record::from_journal(&bed), MANAGE);
    let mut seen: Vec<_> = decisions.iter().map(|record| (record.get("UNIT"), record.get("REASON"))).collect();
    // virsh asks more than once.
    seen.dedup();
    assert_eq!(seen, [(format!("user@{uid}.service").as_str(), "no-rule"), ("lent.service", "no-rule")]);
}

/// Moves into a cgroup of its own making, if told to, and becomes a program, or sleeps.
const LEND: &str = r#"#!/bin/sh
if [ "$1" = below ]; then
    own=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
    mkdir -p "$own/system.slice/pool.service" && echo $$ > "$own/system.slice/pool.service/cgroup.procs" || exit 9
fi
exec "${2:-/bin/sleep}" 1000
"#;

const ASK: &str = r#"#!/bin/sh
polkit-service-agent exec -- virsh -c qemu:///system list > /tmp/said.new 2>&1
mv /tmp/said.new /tmp/said
"#;

/// A process whose unified cgroup has this path.
fn pid_in(bed: &Bed, cgroup: &str) -> Option<u32> {
    let file = format!("/sys/fs/cgroup{cgroup}/cgroup.procs");
    bed.exec(["cat", &file]).stdout.lines().next()?.parse().ok()
}

/// Each is served, as one of the user's, and asked about.
const USER: &str = r#"
[[serve]]
user = "www-data"

[[rule]]
id = "pool"
action = "org.libvirt.unix.manage"
unit = "pool.service"
user = "www-data"
answer = "allow"

[[rule]]
id = "apps"
action = "org.libvirt.unix.manage"
unit = "app@*.service"
user = "www-data"
answer = "allow"
"#;

fn a_unit_whose_name_contains_another_s_is_not_that_unit(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, USER);
    let asked = |cgroup: &str| {
        let process = process_in(&bed, "www-data", cgroup);
        until_served(&bed, process.pid());
        ask(&bed, process.pid(), MANAGE)
    };
    let others = [
        "system.slice/notpool.service",
        "system.slice/pool.service.service",
        "system.slice/x-pool.service",
        "system.slice/pool@service.service",
        "system.slice/pool.scope",
        "system.slice/pool.service.d.scope",
        "system.slice/app.service",
        "system.slice/xapp@1.service",
        "system.slice/app@1.service.scope",
        "system.slice/app@1.scope",
        "pool.slice/other.service",
    ];
    for cgroup in others {
        assert_eq!(asked(cgroup), Verdict::No, "{cgroup}");
    }
    for cgroup in ["system.slice/pool.service", "system.slice/system-app.slice/app@1.service"] {
        assert_eq!(asked(cgroup), Verdict::Yes, "{cgroup}");
    }
    // Equal ones beyond ten a second have one record together.
    let recorded = |verdict: (&str, &str, &str)| {
        let decisions = agent.decisions(MANAGE);
        decisions.iter().filter(|record| record.verdict() == verdict).map(record::Record::times).sum::<usize>()
    };
    until(|| recorded(("deny", "", "no-rule")) == others.len());
    assert_eq!((recorded(("allow", "pool", "rule")), recorded(("allow", "apps", "rule"))), (1, 1), "{}", agent.said());
}

/// In a cgroup namespace of its own a process sees its cgroup as the root, and may mount the hierarchy anywhere.
fn a_cgroup_namespace_hides_nothing(root: &Root) {
    let bed = light(root);
    let agent = Agent::start(&bed, USER);
    let script = "read line; exec unshare --user --map-root-user --cgroup --mount sh -c '\
                  mkdir -p /tmp/system.slice/pool.service && mount --bind /tmp /sys/fs/cgroup; \
                  sed -n s/^0:://p /proc/self/cgroup > /tmp/seen; exec sleep 1000'";
    let mut forger = bed.spawn_as("www-data", ["sh", "-c", script]);
    bed.move_to_cgroup(forger.pid(), "system.slice/other.service");
    forger.say("go");
    until(|| bed.exists("/tmp/seen") && !bed.read("/tmp/seen").is_empty());
    assert_eq!(bed.read("/tmp/seen"), "/\n", "{}", forger.stderr());
    until_served(&bed, forger.pid());
    assert_eq!(ask(&bed, forger.pid(), MANAGE), Verdict::No);
    let decision = agent.decision(MANAGE);
    assert_eq!((decision.verdict(), decision.get("UNIT")), (("deny", "", "no-rule"), "other.service"));
}
