//! Steps of README done wrongly: the page fails, and the programs name the wrong step. Each test prints what they say as a table.

use polkit_tests::doctor::look;
use polkit_tests::{FullBed, Root, Suite, agent, product, require};

const CONFIG: &str = "/etc/polkit-service-agent/agent.d/50-doctor-apache2.toml";
/// What the page shows when it works.
const WORKS: &str = "domain: test";
/// `doctor --unit apache2.service`.
const ASKED: [&str; 2] = ["--unit", "apache2.service"];
/// The configuration that serves Apache by registration.
const REGISTERED: &str = r#"[[serve]]
unit = "apache2.service"

[[rule]]
id = "page"
action = "org.libvirt.unix.manage"
unit = "apache2.service"
user = "www-data"
answer = "allow"
"#;
/// The policy that makes polkit ask an agent of www-data.
const ASKS: &str = "[[agent]]\nactions = [\"org.libvirt.unix.manage\"]\nusers = [\"www-data\"]\n";

/// A wrong step: its name, the change, what `check` says and its exit code, and the first finding of the doctor.
type Step = (&'static str, fn(&FullBed), (i32, &'static str), &'static str);

fn run(bed: &FullBed, command: &str) -> (i32, String) {
    let output = bed.exec(["sh", "-c", command]);
    (output.code().unwrap_or(-1), output.all())
}

fn page(bed: &FullBed) -> String {
    bed.exec(["curl", "--silent", product::PAGE_URL]).success().stdout.trim_end().to_owned()
}

fn write(bed: &FullBed, text: &str) {
    bed.write(CONFIG, 0o644, text);
    let _ = run(bed, "systemctl reload-or-restart polkit-service-agent");
}

fn stop(bed: &FullBed) {
    let _ = bed.exec(["systemctl", "stop", "polkit-service-agent"]).success();
}

/// A configuration that is wrong while the agent stands still, and the agent then started.
fn start_broken(bed: &FullBed) {
    stop(bed);
    bed.write(CONFIG, 0o644, "[[serve]\n");
    let _ = bed.exec(["systemctl", "start", "polkit-service-agent"]).failure();
}

/// Tries the steps one after another. Before each of them the configuration is right and the page works.
fn try_all(root: &Root, steps: &[Step], right: &str, policy: Option<&str>) {
    let bed = product::full(root).file(product::PAGE_FILE, 0o644, product::PAGE).start();
    let mut wrong = Vec::new();
    for (name, change, (code, says), finding) in steps {
        let policy = policy.unwrap_or("[[hook]]\nactions = [\"org.libvirt.unix.manage\"]\non_failure = \"nothing\"\n");
        bed.write("/etc/polkit-policy-gen/policy.toml", 0o644, policy);
        let _ = bed.exec(["rm", "-f", CONFIG]).success();
        bed.write(CONFIG, 0o644, right);
        let _ = bed
            .exec(["sh", "-ec", "polkit-policy-gen install; systemctl reset-failed polkit-service-agent || true"])
            .success();
        let _ = bed.exec(["systemctl", "restart", "polkit-service-agent"]).success();
        agent::until(|| page(&bed) == WORKS);
        change(&bed);
        let check = run(&bed, "polkit-service-agent check 2>&1");
        let status = run(&bed, "polkit-service-agent status 2>&1");
        // The agent keeps its configuration, and says so. It registers new processes of Apache after some time.
        let is_old = check.0 != 0 && status.0 == 0;
        let mut shown = page(&bed);
        if is_old && shown != WORKS {
            agent::until(|| page(&bed) == WORKS);
            WORKS.clone_into(&mut shown);
        }
        let found = look(&bed, &ASKED);
        let first = found.codes().first().copied().unwrap_or_default().to_owned();
        let cell = |text: &str| text.lines().next().unwrap_or_default().chars().take(70).collect::<String>();
        let is_newer = status.1.contains("the configuration on disk is newer");
        println!(
            "STEP | {} | {name} | {} | {}: {} | {}{} | {first} {}",
            root.suite(),
            cell(&shown),
            check.0,
            if check.1.contains(says) { says } else { "" },
            status.0,
            if is_newer { ": newer on disk" } else { "" },
            found.exit,
        );
        if (shown == WORKS, is_newer) != (is_old, is_old) {
            wrong.push(format!("{name}: the page shows {shown}, and status says {status:?}"));
        }
        if check.0 != *code || !check.1.contains(says) {
            wrong.push(format!("{name}: check says {check:?}"));
        }
        if first != *finding || found.exit != 1 {
            wrong.push(format!("{name}: the doctor says {:#}", found.json));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const OF_REGISTRATION: &[Step] = &[
    ("the agent is not started", stop, (0, ""), "agent-not-running"),
    (
        "the [[agent]] is missing",
        |bed| {
            let _ = bed.exec(["polkit-policy-gen", "remove"]).success();
        },
        (0, "polkit requests an administrator"),
        "agent-unbound",
    ),
    (
        "a unit without its suffix",
        |bed| write(bed, &REGISTERED.replace("apache2.service", "apache2")),
        (1, "apache2.service"),
        "agent-config-broken",
    ),
    (
        "a unit of another distribution",
        |bed| write(bed, &REGISTERED.replace("apache2.service", "httpd.service")),
        (0, "httpd.service"),
        "agent-not-serving",
    ),
    (
        "a typing error in the unit of the rule",
        |bed| {
            write(
                bed,
                &REGISTERED.replacen("\nunit = \"apache2.service\"\nuser", "\nunit = \"apach2.service\"\nuser", 1),
            )
        },
        (0, "apach2.service"),
        "agent-refuses",
    ),
    (
        "a rule for another user",
        |bed| write(bed, &REGISTERED.replace("\"www-data\"", "\"games\"")),
        (0, "games"),
        "agent-refuses",
    ),
    (
        "a typing error in the action",
        |bed| write(bed, &REGISTERED.replace("unix.manage", "unix.manages")),
        (0, "org.libvirt.unix.manages"),
        "agent-refuses",
    ),
    ("an unknown key", |bed| write(bed, &REGISTERED.replace("user =", "usr =")), (1, "usr"), "agent-config-broken"),
    ("no TOML", |bed| write(bed, "[[serve]\n"), (1, CONFIG), "agent-config-broken"),
    (
        "a file of another user",
        |bed| {
            let _ = bed.exec(["chown", "www-data", CONFIG]).success();
            let _ = run(bed, "systemctl reload polkit-service-agent");
        },
        (1, "writable by users other than root"),
        "agent-config-broken",
    ),
    ("wrong at the start", start_broken, (1, CONFIG), "agent-config-broken"),
];

const OF_THE_HOOK: &[Step] = &[
    ("the agent is not started", stop, (0, ""), "hook-agent-down"),
    (
        "a unit of another distribution",
        |bed| write(bed, &hook(&REGISTERED.replace("apache2.service", "httpd.service"))),
        (0, "httpd.service"),
        "agent-not-serving",
    ),
    (
        "a rule for another user",
        |bed| write(bed, &hook(&REGISTERED.replace("\"www-data\"", "\"games\""))),
        (0, "games"),
        "agent-refuses",
    ),
    ("wrong at the start", start_broken, (1, CONFIG), "agent-config-broken"),
];

/// The same configuration by the hook.
fn hook(config: &str) -> String {
    config.replacen("\n\n", "\nway = \"hook\"\n\n", 1)
}

fn a_wrong_step_by_registration_is_named(root: &Root) {
    try_all(root, OF_REGISTRATION, REGISTERED, Some(ASKS));
}

fn a_wrong_step_by_the_hook_is_named(root: &Root) {
    try_all(root, OF_THE_HOOK, &hook(REGISTERED), None);
}

macro_rules! where_the_page_is {
    ($($suite:ident $name:ident)*) => {$(
        mod $name {
            use super::{Suite, require};
            #[test]
            fn a_wrong_step_by_registration_is_named() {
                if let Some(root) = require(Suite::$suite) { super::a_wrong_step_by_registration_is_named(&root); }
            }
            #[test]
            fn a_wrong_step_by_the_hook_is_named() {
                if let Some(root) = require(Suite::$suite) { super::a_wrong_step_by_the_hook_is_named(&root); }
            }
        }
    )*};
}

where_the_page_is! { Bookworm bookworm Trixie trixie }
