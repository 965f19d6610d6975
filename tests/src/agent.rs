//! What the agent's tests share.

pub mod asking;
pub mod by_hand;
pub mod double;
pub mod journal;
pub mod kiosk;
pub mod peer;
pub mod record;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::polkit::{Verdict, subject};
use crate::{FullBed, Polkit, product};

/// The agent's configuration in these tests.
pub const CONFIG: &str = r#"
[[serve]]
unit = "apache2.service"

[[serve]]
unit = "web-test.service"

[[serve]]
exec = ["www-data"]

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
"#;

pub use crate::product::AGENT_RULE;

/// The error that this project exists for.
pub const NO_AGENT: &str =
    "authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'";

/// Starts the agent's unit, which is ready when it says so.
pub fn start_agent(bed: &FullBed) {
    let started = bed.exec(["systemctl", "start", "polkit-service-agent"]);
    assert!(started.status.success(), "{started}\n{}", bed.journal(["--unit=polkit-service-agent", "--output=cat"]));
}

/// What the PHP page under Apache says.
pub fn page(bed: &FullBed) -> String {
    bed.exec(["curl", "-sS", product::PAGE_URL]).success().text().to_owned()
}

/// Runs `virsh list` as www-data in a unit of that name, at once. Returns its output.
pub fn in_unit(bed: &FullBed, unit: &str) -> String {
    let unit = format!("--unit={unit}");
    bed.systemd_run([unit.as_str(), "--property=User=www-data", "virsh", "-c", product::TEST_URI, "list"]).all()
}

/// Does the same once the agent has registered the process. Only apache2.service may have other processes that are registered.
pub fn in_served_unit(bed: &FullBed, unit: &str) -> String {
    // By its status: a check would leave a record.
    let registered = || -> u64 {
        let status = bed.exec(["polkit-service-agent", "status", "--json"]).success();
        let status: Value = serde_json::from_str(status.text()).expect("an object");
        let entries = status["served"].as_array().expect("a list").iter();
        entries.filter(|entry| entry["what"] != "apache2.service").filter_map(|entry| entry["processes"].as_u64()).sum()
    };
    until(|| registered() == 0);
    list_once(bed, "root", &as_unit(unit), |_| until(|| registered() == 1))
}

/// The command that runs a program as www-data in a unit of that name.
pub fn as_unit(unit: &str) -> Vec<String> {
    let unit = format!("--unit={unit}");
    let command = ["systemd-run", "--quiet", "--wait", "--collect", "--pipe", &unit, "--property=User=www-data"];
    command.map(str::to_owned).to_vec()
}

/// Starts, as that user and by that command, a process that runs `virsh list` as soon as `ready` returns, which gets the
/// process's pid. Returns the output.
pub fn list_once(bed: &FullBed, user: &str, command: &[String], ready: impl FnOnce(u32)) -> String {
    const PROGRAM: &str = "/usr/local/bin/list-when-told";
    let script = format!("#!/bin/sh\necho $$\nread go\nexec virsh -c '{}' list 2>&1\n", product::TEST_URI);
    if !bed.exists(PROGRAM) {
        bed.write(PROGRAM, 0o755, script);
    }
    let mut process = bed.spawn_as(user, command.iter().map(String::as_str).chain([PROGRAM]));
    let line = process.line();
    ready(line.parse().unwrap_or_else(|_| panic!("{line:?} is no pid: {}", process.stderr())));
    process.say("go");
    process.wait().all()
}

/// Whether a process of www-data has an agent: with an agent the check is refused, without one it cannot be answered.
pub fn is_registered(bed: &FullBed, pid: u32) -> bool {
    let subject = subject(bed, pid, by_hand::WWW_DATA);
    Polkit::of(bed).check(&subject, "org.freedesktop.policykit.exec") != Verdict::NoAgent
}

/// The agent's records, a JSON object a line.
pub fn journal(bed: &FullBed) -> String {
    let _ = bed.exec(["journalctl", "--sync"]).success();
    bed.journal(["--output=json", "MESSAGE_ID=062650a6bb21482cb26e15a767235462"])
}

/// How long [`until`] waits: long enough for a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something to become true.
///
/// # Panics
/// If it does not within a minute.
#[track_caller]
pub fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "it did not become true in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
