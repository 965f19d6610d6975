//! The doctor and polkit-service-agent: fixes by the agent grant one request to one unit, leave nothing behind if they fail, and are
//! undone whole; and each state in which the agent does not allow a request has its own finding.

use polkit_tests::agent::until;
use polkit_tests::doctor::{MANAGE, doctor, healthy_full, look, sh};
use polkit_tests::polkit::{Verdict, subject};
use polkit_tests::{Bed, FullBed, Output, Polkit, Root, Suite, product, require};

const REFUSAL: &str = "Failed to restart deployed.service: Interactive authentication required.";
pub const UNITS: &str = "org.freedesktop.systemd1.manage-units";

/// A full bed with the product, a unit of alice, and a unit that she wants to restart.
pub fn bed(root: &Root) -> FullBed {
    let bed = healthy_full(root, |builder| {
        product::files().iter().fold(builder, |bed, (path, mode, content)| bed.file(path, *mode, content))
    });
    let sleeps = |user: &str| format!("[Service]\nType=exec\nUser={user}\nExecStart=/bin/sleep 1000\n");
    bed.write("/etc/systemd/system/ci.service", 0o644, sleeps("alice"));
    bed.write("/etc/systemd/system/deployed.service", 0o644, sleeps("root"));
    sh(&bed, "systemctl daemon-reload; systemctl start ci deployed");
    bed
}

/// Runs a command as a process of a unit and of its user.
pub fn inside(bed: &Bed, unit: &str, user: &str, command: &str) -> Output {
    let script = format!(
        "echo $$ > /sys/fs/cgroup/system.slice/{unit}/cgroup.procs
         exec setpriv --reuid={user} --regid={user} --init-groups timeout 20 {command} </dev/null"
    );
    bed.exec(["sh", "-c", &script])
}

/// What a fix can change: files with their content, owners and modes, directories, and the state of the agent's unit.
pub fn state(bed: &Bed) -> String {
    let script = "find /etc /var/lib/polkit-1 /var/lib/polkit-policy-gen ! -type d -printf '%p %m %u %g %l\\n' 2>/dev/null | sort
        find /etc /var/lib/polkit-1 /var/lib/polkit-policy-gen -type f -exec sha256sum {} + 2>/dev/null | sort
        find /etc -type d ! -path '/etc/libvirt/*' -printf '%p %m %u %g\\n' | sort
        systemctl is-enabled polkit-service-agent; systemctl is-active polkit-service-agent; true";
    bed.exec(["sh", "-c", script]).stdout
}

/// The commands that undo the first fix of this name.
fn undo(bed: &Bed, asked: &[&str], id: &str) -> String {
    let found = look(bed, asked);
    let fixes = found.json["findings"].as_array().unwrap().iter().flat_map(|one| one["fixes"].as_array().unwrap());
    let fix = fixes.clone().find(|fix| fix["id"] == id).unwrap_or_else(|| panic!("no {id}: {:#}", found.json));
    assert_eq!(fix["manual"], false, "{fix:#}");
    fix["undo"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

fn a_unit_gets_the_verb_and_the_unit_of_the_text_and_nothing_else(root: &Root) {
    let bed = bed(root);
    let asked = ["--unit", "ci.service", "--error", REFUSAL];
    let before = state(&bed);
    let found = look(&bed, &asked);
    // Where polkit knows the unit, a static rule comes first.
    let first = if root.suite().polkit() >= 124 { "grant-unit" } else { "hook-rule" };
    assert_eq!(found.first_fix(), Some(first), "{:#}", found.json);
    assert_eq!(found.json["request"]["user"], "alice", "the unit of the text is no subject");
    let undo = undo(&bed, &asked, "hook-rule");
    let restart =
        |unit: &str, user: &str| inside(&bed, unit, user, "systemctl restart deployed.service").status.success();
    assert!(!restart("ci.service", "alice"));
    let fixed = doctor(&bed, &[&asked[..], &["--fix", "hook-rule", "--yes"]].concat()).success();
    assert!(fixed.stdout.contains("fixed: "), "{fixed}");
    assert!(restart("ci.service", "alice"));
    assert!(!inside(&bed, "ci.service", "alice", "systemctl stop deployed.service").status.success());
    assert!(!inside(&bed, "ci.service", "alice", "systemctl restart ssh.service").status.success());
    assert!(!restart("ci.service", "bob") && !restart("deployed.service", "alice"));
    // The records tell a restart from a stop.
    sh(&bed, "journalctl --sync");
    let decisions = bed.exec(["polkit-service-agent", "decisions"]).success().stdout;
    for (verdict, verb) in [("allow", "restart"), ("pass", "stop")] {
        let is_shown =
            |line: &str| line.contains(verdict) && line.contains(&format!("unit=deployed.service verb={verb} alice"));
        assert!(decisions.lines().any(is_shown), "{verdict} {verb}: {decisions}");
    }
    let suggested = bed.exec(["polkit-service-agent", "decisions", "--suggest"]).success().stdout;
    assert!(suggested.contains("details = { \"unit\" = \"deployed.service\", \"verb\" = \"stop\" }"), "{suggested}");
    sh(&bed, &undo);
    // Empty directories of the configuration stay.
    let stays = |line: &&str| line.contains("/polkit-policy-gen") || line.contains("/polkit-service-agent");
    let after = state(&bed);
    let left: Vec<&str> = after.lines().filter(|line| !before.contains(*line)).filter(|line| !stays(line)).collect();
    let lost: Vec<&str> = before.lines().filter(|line| !after.contains(*line)).collect();
    assert_eq!((left, lost), (vec![], vec![]));
    assert!(!restart("ci.service", "alice"));
}

fn a_grant_for_a_unit_needs_no_agent(root: &Root) {
    let bed = bed(root);
    let asked = ["--unit", "ci.service", "--error", REFUSAL];
    if root.suite().polkit() < 124 {
        let refused = doctor(&bed, &[&asked[..], &["--fix", "grant-unit", "--yes"]].concat());
        assert!(refused.code() == Some(2) && refused.stderr.contains("unknown fix `grant-unit`"), "{refused}");
        return;
    }
    let before = state(&bed);
    let undo = undo(&bed, &asked, "grant-unit");
    let restart =
        |unit: &str, user: &str| inside(&bed, unit, user, "systemctl restart deployed.service").status.success();
    assert!(!restart("ci.service", "alice"));
    let fixed = doctor(&bed, &[&asked[..], &["--fix", "grant-unit", "--yes"]].concat()).success();
    assert!(fixed.stdout.contains("fixed: ") && fixed.stdout.contains("With it, polkit's decision is yes."), "{fixed}");
    assert!(restart("ci.service", "alice"));
    assert!(!inside(&bed, "ci.service", "alice", "systemctl stop deployed.service").status.success());
    assert!(!restart("ci.service", "bob") && !restart("deployed.service", "alice"));
    assert!(!bed.exec(["systemctl", "is-active", "polkit-service-agent"]).status.success());
    sh(&bed, &undo);
    let stays = |line: &&str| line.contains("/polkit-policy-gen");
    let after = state(&bed);
    let left: Vec<&str> = after.lines().filter(|line| !before.contains(*line)).filter(|line| !stays(line)).collect();
    let lost: Vec<&str> = before.lines().filter(|line| !after.contains(*line)).collect();
    assert_eq!((left, lost), (vec![], vec![]));
    until(|| !restart("ci.service", "alice"));
    // libvirt passes no unit.
    let found = look(&bed, &["--unit", "ci.service", "--action", "org.libvirt.unix.manage"]);
    assert_ne!(found.first_fix(), Some("grant-unit"), "{:#}", found.json);
}

fn a_grant_for_a_user_names_the_verb_and_the_unit(root: &Root) {
    let bed = bed(root);
    let asked = ["--user", "alice", "--action", UNITS, "--detail", "unit=deployed.service", "--detail", "verb=restart"];
    assert_eq!(look(&bed, &asked).first_fix(), Some("grant-user"));
    let _ = doctor(&bed, &[&asked[..], &["--fix", "grant-user", "--yes"]].concat()).success();
    let systemctl = |user: &str, verb: &str| {
        bed.exec_as(user, ["systemctl", "--no-ask-password", verb, "deployed.service"]).status.success()
    };
    assert!(systemctl("alice", "restart") && !systemctl("alice", "stop") && !systemctl("bob", "restart"));
    // Without details no fix is carried out: it would be equivalent to root access.
    for subject in [&["--user", "bob"][..], &["--unit", "ci.service"]] {
        for action in [UNITS, "org.freedesktop.policykit.exec"] {
            let found = look(&bed, &[subject, &["--action", action]].concat());
            assert_eq!(found.first_fix(), None, "{subject:?} {action}: {:#}", found.json);
        }
    }
}

fn main_process(bed: &Bed, unit: &str) -> (u32, u32) {
    let shown = bed.exec(["systemctl", "show", "--property=MainPID", "--value", unit]).success();
    let pid: u32 = shown.text().parse().unwrap();
    (pid, bed.exec(["stat", "--format=%u", &format!("/proc/{pid}")]).success().text().parse().unwrap())
}

/// With nss-systemd the user has a name, and without it only a uid.
fn a_unit_with_a_dynamic_user_is_fixed_by_its_name_alone(root: &Root) {
    let bed = bed(root);
    bed.write(
        "/etc/systemd/system/dyn.service",
        0o644,
        "[Service]\nType=exec\nDynamicUser=yes\nExecStart=/bin/sleep 1000\n",
    );
    sh(&bed, "systemctl daemon-reload");
    for databases in ["files", "files systemd"] {
        sh(&bed, &format!("sed -i 's/^\\(passwd\\|group\\):.*/\\1: {databases}/' /etc/nsswitch.conf"));
        sh(&bed, "systemctl restart polkit dyn");
        let (pid, uid) = main_process(&bed, "dyn.service");
        let asked = ["--unit", "dyn.service", "--action", MANAGE];
        let found = look(&bed, &asked);
        // `\n` before the key in JSON.
        let shown = found.json["findings"][0]["fixes"].to_string();
        let offered: Vec<&str> = found.json["findings"][0]["fixes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fix| fix["id"].as_str().unwrap())
            .collect();
        assert!(offered.contains(&"hook-rule"), "{databases}: {offered:?}");
        for other in ["grant-user", "join-group", "agent-rule", "own-user"] {
            assert!(!offered.contains(&other), "{databases}: {offered:?}");
        }
        assert!(!shown.contains("nuser = ") && !shown.contains(&uid.to_string()), "{databases}: {shown}");
        let undo = undo(&bed, &asked, "hook-rule");
        let _ = doctor(&bed, &[&asked[..], &["--fix", "hook-rule", "--yes"]].concat()).success();
        assert_eq!(Polkit::of(&bed).check(&subject(&bed, pid, uid), MANAGE), Verdict::Yes, "{databases}");
        // The next start has another process, and can have another uid.
        sh(&bed, "systemctl restart dyn");
        let (pid, uid) = main_process(&bed, "dyn.service");
        assert_eq!(Polkit::of(&bed).check(&subject(&bed, pid, uid), MANAGE), Verdict::Yes, "{databases}");
        sh(&bed, &undo);
        until(|| Polkit::of(&bed).check(&subject(&bed, pid, uid), MANAGE) != Verdict::Yes);
    }
}

fn a_fix_that_fails_leaves_the_host_as_it_was(root: &Root) {
    let bed = bed(root);
    bed.write("/etc/polkit-service-agent/agent.toml", 0o600, "[agent]\nno-such-key = 1\n");
    let before = state(&bed);
    let failed = doctor(&bed, &["--unit", "ci.service", "--error", REFUSAL, "--fix", "hook-rule", "--yes"]);
    assert!(failed.code() == Some(1) && failed.stderr.contains("was restored"), "{failed}");
    assert_eq!(state(&bed), before, "{failed}");
}

/// The first finding about a process of `ci.service`, and the exit code.
#[track_caller]
fn first(bed: &Bed, code: &str, said: &str) {
    let found = look(bed, &["--unit", "ci.service", "--action", MANAGE]);
    let first = &found.json["findings"][0];
    assert_eq!((found.exit, first["code"].as_str()), (1, Some(code)), "{:#}", found.json);
    assert!(first.to_string().contains(said), "{first:#}");
    let words = found.json.to_string();
    assert!(!words.contains("no agent is registered"), "{words}");
    let fix = &first["fixes"][0]["id"];
    assert!(fix != "grant-user" && fix != "join-group", "{code}: the first fix bypasses the agent: {first:#}");
}

fn each_state_of_the_agent_is_found(root: &Root) {
    let bed = bed(root);
    let virsh = "virsh -q -c qemu:///system list";
    let may = || inside(&bed, "ci.service", "alice", &format!("sh -c 'sleep 0.5; exec {virsh}'")).status.success();
    let config = |text: &str| {
        bed.write("/etc/polkit-service-agent/agent.toml", 0o600, text);
        sh(&bed, "systemctl reload-or-restart polkit-service-agent; sleep 0.3");
    };
    let rule = |serve: &str, unit: &str| {
        format!(
            "[[serve]]\nunit = \"{serve}\"\n[[rule]]\nid = \"ci\"\naction = \"{MANAGE}\"\nunit = \"{unit}\"\nuser = \"alice\"\nanswer = \"allow\"\n"
        )
    };
    // The [[agent]] is missing: polkit asks for the password of an administrator.
    config(&rule("ci.service", "ci.service"));
    assert!(!may());
    first(&bed, "agent-unbound", "an [[agent]] table for alice is missing");
    let _ = doctor(&bed, &["--unit", "ci.service", "--action", MANAGE, "--fix", "bind-agent", "--yes"]).success();
    assert!(may());
    // The rule is about another unit.
    config(&rule("ci.service", "cd.service"));
    assert!(!may());
    first(&bed, "agent-refuses", "the rule \\\"ci\\\" would allow it but for its unit");
    // No entry serves the unit.
    config(&rule("deployed.service", "ci.service"));
    assert!(!may());
    first(&bed, "agent-not-serving", "no [[serve]] entry serves ci.service");
    // The files on disk are right, and the agent did not read them.
    bed.write("/etc/polkit-service-agent/agent.toml", 0o600, rule("ci.service", "ci.service"));
    assert!(!may());
    first(&bed, "agent-config-outdated", "did not read it yet");
    let _ = doctor(&bed, &["--unit", "ci.service", "--action", MANAGE, "--fix", "reload-agent", "--yes"]).success();
    assert!(may());
    // The files on disk are broken; the agent keeps its old configuration.
    bed.write("/etc/polkit-service-agent/agent.toml", 0o600, "[agent]\nno-such-key = 1\n");
    first(&bed, "agent-config-broken", "keeps its old configuration");
    // The agent is down.
    config(&rule("ci.service", "ci.service"));
    assert!(may());
    sh(&bed, "systemctl stop polkit-service-agent");
    first(&bed, "agent-not-running", "is not running");
    // The same with the hook.
    let hook = format!("[[hook]]\nactions = [\"{MANAGE}\"]\n");
    sh(&bed, "rm /etc/polkit-policy-gen/policy.d/*");
    bed.write("/etc/polkit-policy-gen/policy.toml", 0o644, hook);
    sh(&bed, "polkit-policy-gen install");
    config(&rule("ci.service", "ci.service").replace("[[rule]]", "way = \"hook\"\n[[rule]]"));
    assert!(may());
    sh(&bed, "systemctl stop polkit-service-agent");
    assert!(!may());
    first(&bed, "hook-agent-down", "polkit uses its other rules");
    let _ = doctor(&bed, &["--unit", "ci.service", "--action", MANAGE, "--fix", "start-agent", "--yes"]).success();
    assert!(may());
}

macro_rules! with_agent {
    ($($test:ident)*) => {
        mod trixie {
            $(#[test] fn $test() { if let Some(root) = super::require(super::Suite::Trixie) { super::$test(&root); } })*
        }
        mod bookworm {
            $(#[test] fn $test() { if let Some(root) = super::require(super::Suite::Bookworm) { super::$test(&root); } })*
        }
    };
}

with_agent! {
    a_unit_gets_the_verb_and_the_unit_of_the_text_and_nothing_else
    a_grant_for_a_unit_needs_no_agent
    a_grant_for_a_user_names_the_verb_and_the_unit
    a_unit_with_a_dynamic_user_is_fixed_by_its_name_alone
    a_fix_that_fails_leaves_the_host_as_it_was
    each_state_of_the_agent_is_found
}
