//! The agent in a light bed, started by hand, with its records on standard error.

use crate::full::FullBuilder;
use crate::light::LightBuilder;
use crate::polkit::{Verdict, subject};
use crate::{Bed, LightBed, Polkit, Process, Root, product};

use super::record::{self, Record};
use super::until;

/// libvirt's own action.
pub const MANAGE: &str = "org.libvirt.unix.manage";
/// An action that no rule of these tests grants: a process that is refused for it has an agent.
pub const PROBE: &str = "org.example.psa.probe";
/// The uid of www-data.
pub const WWW_DATA: u32 = 33;
/// Where the agent looks for its configuration.
pub const CONFIG_FILE: &str = "/etc/polkit-service-agent/agent.toml";

/// Serves pool.service and lets www-data in it manage libvirt.
pub const POOL: &str = r#"
[[serve]]
unit = "pool.service"

[[rule]]
id = "pool"
action = "org.libvirt.unix.manage"
unit = "pool.service"
user = "www-data"
answer = "allow"
"#;

/// The cgroup of pool.service.
pub const POOL_CGROUP: &str = "system.slice/pool.service";

const POLICY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<policyconfig>
  <action id="org.example.psa.probe">
    <description>A test</description>
    <message>A test</message>
    <defaults>
      <allow_any>auth_admin</allow_any>
      <allow_inactive>auth_admin</allow_inactive>
      <allow_active>auth_admin</allow_active>
    </defaults>
  </action>
</policyconfig>
"#;

/// A light bed with the product, the action [`PROBE`], the rule that binds subjects, and no libvirtd.
pub fn light(root: &Root) -> LightBed {
    builder(root).file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, super::AGENT_RULE).without_libvirtd().start()
}

/// A light bed with the product and [`PROBE`], to be started.
pub fn builder(root: &Root) -> LightBuilder {
    product::light(root).file("/usr/share/polkit-1/actions/org.example.psa.policy", 0o644, POLICY)
}

/// A full bed with the product and [`PROBE`], to be started.
pub fn full(root: &Root) -> FullBuilder {
    product::full(root).file("/usr/share/polkit-1/actions/org.example.psa.policy", 0o644, POLICY)
}

/// A running agent.
pub struct Agent(Process);

impl Agent {
    /// Starts the agent with that configuration, and waits until it is ready.
    pub fn start(bed: &Bed, config: &str) -> Self {
        Self::start_by(bed, config, &[])
    }

    /// The same by another program, which becomes the agent: env(1), say.
    pub fn start_by(bed: &Bed, config: &str, program: &[&str]) -> Self {
        bed.write(CONFIG_FILE, 0o644, config);
        let command = program.iter().chain(&["polkit-service-agent", "run"]);
        let mut agent = Self(bed.spawn_as("root", command));
        until(|| {
            assert!(!agent.has_ended(), "the agent ended: {}", agent.said());
            agent.said().contains("polkit-service-agent: ready")
        });
        agent
    }

    /// Gives it another configuration.
    pub fn reload(&self, bed: &Bed, config: &str) {
        bed.write(CONFIG_FILE, 0o644, config);
        let _ = bed.exec(["kill", "-HUP", &self.pid().to_string()]).success();
    }

    /// Its pid in the bed.
    pub fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// Everything that it wrote to standard error.
    pub fn said(&self) -> String {
        self.0.stderr()
    }

    /// Waits until the agent had time for that many scans: it wakes up for each of them, ten times a second, and has been woken
    /// up three times as often.
    pub fn until_scans(&self, bed: &Bed, scans: u64) {
        let wakes = || {
            let script =
                "cat /proc/$1/task/*/status | awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }'";
            bed.exec(["sh", "-c", script, "sh", &self.pid().to_string()])
                .success()
                .text()
                .parse::<u64>()
                .expect("a sum")
        };
        let before = wakes();
        until(|| wakes() >= before + 3 * scans);
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.0.has_ended()
    }

    /// All records so far.
    pub fn records(&self) -> Vec<Record> {
        record::from_stderr(&self.said())
    }

    /// The decisions about an action so far.
    pub fn decisions(&self, action: &str) -> Vec<Record> {
        record::decisions(self.records(), action)
    }

    /// The one decision about an action, for which it waits.
    pub fn decision(&self, action: &str) -> Record {
        until(|| !self.decisions(action).is_empty());
        let decisions = self.decisions(action);
        assert_eq!(decisions.len(), 1, "{}", self.said());
        decisions[0].clone()
    }

    /// The outcome of the one decision about an action, for which it waits.
    pub fn outcome(&self, action: &str) -> Record {
        let decision = self.decision(action);
        until(|| record::outcome_of(&self.records(), &decision).is_some());
        record::outcome_of(&self.records(), &decision).expect("waited for").clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what the agent said\n{}", self.said());
        }
    }
}

/// A sleeping process of a user in a cgroup.
pub fn process_in(bed: &Bed, user: &str, cgroup: &str) -> Process {
    let process = bed.spawn_as(user, ["sleep", "1000"]);
    bed.move_to_cgroup(process.pid(), cgroup);
    process
}

/// Asks about an action for a process of www-data.
pub fn ask(bed: &Bed, pid: u32, action: &str) -> Verdict {
    Polkit::of(bed).check(&subject(bed, pid, WWW_DATA), action)
}

/// Whether a process of that uid has an agent.
pub fn has_agent(bed: &Bed, pid: u32, uid: u32) -> bool {
    Polkit::of(bed).check(&subject(bed, pid, uid), PROBE) != Verdict::NoAgent
}

/// Waits until a process of www-data has an agent.
pub fn until_served(bed: &Bed, pid: u32) {
    until(|| has_agent(bed, pid, WWW_DATA));
}
