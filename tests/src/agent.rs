//! What the agent's tests share.

pub mod asking;
pub mod by_hand;
pub mod double;
pub mod journal;
pub mod kiosk;
pub mod peer;
pub mod record;

use std::time::{Duration, Instant};

use crate::{FullBed, product};

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

/// What `virsh list` says as www-data in a unit of that name. It waits a little first: for now new processes are found by
/// looking at the unit again and again.
pub fn in_unit(bed: &FullBed, unit: &str) -> String {
    bed.write(
        "/usr/local/bin/list-domains",
        0o755,
        format!("#!/bin/sh\nsleep 0.5\nexec virsh -c '{}' list 2>&1\n", product::TEST_URI),
    );
    let unit = format!("--unit={unit}");
    bed.systemd_run([unit.as_str(), "--property=User=www-data", "/usr/local/bin/list-domains"]).all()
}

/// The agent's records, a JSON object a line.
pub fn journal(bed: &FullBed) -> String {
    let _ = bed.exec(["journalctl", "--sync"]).success();
    bed.journal(["--output=json", "MESSAGE_ID=062650a6bb21482cb26e15a767235462"])
}

/// Waits for something to become true.
#[track_caller]
pub fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "it did not become true in 20 s");
        std::thread::sleep(Duration::from_millis(100));
    }
}
