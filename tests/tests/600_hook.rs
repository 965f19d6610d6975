//! The hook: a rule asks the agent, and nothing is registered.

use polkit_tests::{FullBed, Root, Suite, product};

#[macro_use]
mod agent;

use agent::{NO_AGENT, in_unit, journal, page, start_agent};

on_each_suite_with_rules! {
    the_hook_works_inside_the_sandbox_of_polkit
    a_unit_that_the_hook_does_not_serve_is_as_before
    whatever_the_daemon_does_polkit_goes_on
}

const CONFIG: &str = r#"
[[serve]]
unit = "apache2.service"
way = "hook"

[[serve]]
unit = "web-*.service"
way = "hook"

[[rule]]
id = "web-panel"
action = "org.libvirt.unix.manage"
unit = "apache2.service"
user = "www-data"
answer = "allow"

[[rule]]
id = "web-test"
action = "org.libvirt.unix.manage"
unit = "web-test.service"
user = "www-data"
answer = "allow"

[[rule]]
id = "web-closed"
action = "org.libvirt.unix.manage"
unit = "web-closed.service"
answer = "deny"
"#;

const HOOK_RULE: &str = r#"
polkit.addRule(function (action, subject) {
    if (action.id !== "org.libvirt.unix.manage") {
        return null;
    }
    try {
        var said = polkit.spawn(["/usr/libexec/polkit-service-agent-hook", String(subject.pid), String(subject.user), action.id]);
        if (said === "yes\n") {
            return polkit.Result.YES;
        }
        if (said === "no\n") {
            return polkit.Result.NO;
        }
    } catch (error) {
        return null;
    }
    return null;
});
"#;

fn bed(root: &Root) -> FullBed {
    product::full(root)
        .file(product::PAGE_FILE, 0o644, product::PAGE)
        .file("/etc/polkit-service-agent/agent.toml", 0o644, CONFIG)
        .file("/etc/polkit-1/rules.d/44-hook.rules", 0o644, HOOK_RULE)
        .start()
}

fn the_hook_works_inside_the_sandbox_of_polkit(root: &Root) {
    let bed = bed(root);
    start_agent(&bed);
    if root.suite() != Suite::Forky {
        assert_eq!(page(&bed), "domain: test");
    }
    let allowed = in_unit(&bed, "web-test.service");
    assert!(
        allowed.contains("running"),
        "{allowed}\n{}\n{}",
        bed.journal(["--unit=polkit-service-agent", "--output=cat"]),
        bed.journal(["--unit=polkit", "--output=cat"])
    );
    let records = journal(&bed);
    assert!(records.contains("\"POLKIT_AGENT_WAY\":\"hook\""), "{records}");
    assert!(!records.contains("\"POLKIT_AGENT_WAY\":\"challenge\""), "{records}");
    let refused = in_unit(&bed, "web-closed.service");
    assert!(refused.contains("access denied by policy"), "{refused}");
    let socket = bed.exec(["stat", "--format=%U %a", "/run/polkit-service-agent/hook.sock"]).success();
    assert_eq!(socket.text(), "polkitd 600");
}

fn a_unit_that_the_hook_does_not_serve_is_as_before(root: &Root) {
    let bed = bed(root);
    start_agent(&bed);
    let other = in_unit(&bed, "strange.service");
    assert!(other.contains(NO_AGENT), "{other}");
    let unmatched = in_unit(&bed, "web-other.service");
    assert!(unmatched.contains(NO_AGENT), "{unmatched}");
    let records = journal(&bed);
    assert!(!records.contains("strange.service"), "a stranger has a record: {records}");
    assert!(records.contains("web-other.service"), "a served unit has none: {records}");
}

fn whatever_the_daemon_does_polkit_goes_on(root: &Root) {
    let bed = bed(root);
    let stopped = in_unit(&bed, "web-test.service");
    assert!(stopped.contains(NO_AGENT), "{stopped}");
    start_agent(&bed);
    let _ = bed.exec(["systemctl", "kill", "--signal=STOP", "polkit-service-agent"]).success();
    let hanging = in_unit(&bed, "web-test.service");
    assert!(hanging.contains(NO_AGENT), "{hanging}");
    let _ = bed.exec(["systemctl", "kill", "--signal=CONT", "polkit-service-agent"]).success();
    agent::until(|| in_unit(&bed, "web-test.service").contains("running"));
}
