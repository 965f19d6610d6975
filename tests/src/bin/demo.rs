//! `demo`: the main job, end to end, in a full bed of trixie. What is shown is what the programs print.
//!
//! Exit codes: 0 every step was as announced, 1 one was not.

use std::process::ExitCode;

use End::{Failure, Success};
use polkit_tests::{FullBed, Suite, product, require};

const NO_AGENT: &str =
    "authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'";
const DENIED: &str = "authentication failed: access denied by policy";
const ALLOWED: &str = "domain: test";

const AGENT_POLICY: &str = r#"# polkit is to ask for www-data itself, each time, and to keep nothing.
[[agent]]
actions = ["org.libvirt.unix.manage"]
users = ["www-data"]
"#;

const AGENT_TOML: &str = r#"[[serve]]
unit = "apache2.service"

[[serve]]
exec = ["www-data"]

[[rule]]
id = "web-panel"
action = "org.libvirt.unix.manage"
unit = "apache2.service"
user = "www-data"
answer = "allow"
"#;

const GRANT_POLICY: &str = r#"[[grant]]
name = "web panel"
actions = ["org.libvirt.unix.manage"]
users = ["www-data"]
result = "yes"
"#;

/// How a command is announced to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Success,
    Failure,
}

/// The bed, and whether everything was as announced so far.
struct Demo {
    bed: FullBed,
    failed: bool,
}

fn main() -> ExitCode {
    let Some(root) = require(Suite::Trixie) else { return ExitCode::FAILURE };
    eprintln!("demo: starting Debian 13 with systemd, polkit, libvirtd, Apache and PHP");
    let bed = product::full(&root).file(product::PAGE_FILE, 0o644, product::PAGE).start();
    let mut demo = Demo { bed, failed: false };
    the_error(&mut demo);
    the_agent(&mut demo);
    the_fence(&mut demo);
    the_static_rule(&mut demo);
    if demo.failed {
        println!("\nNOT everything was as announced.");
        return ExitCode::FAILURE;
    }
    println!("\nEverything was as announced.");
    ExitCode::SUCCESS
}

fn the_error(demo: &mut Demo) {
    demo.title("(a) A PHP page under Apache asks libvirtd for its domains. No agent is there to authenticate:");
    demo.run(&curl(), Success, NO_AGENT);
}

fn the_agent(demo: &mut Demo) {
    demo.title(
        "(b) A policy that makes polkit ask an agent each time, and a dozen lines that say what the agent answers:",
    );
    demo.write("/root/policy.toml", AGENT_POLICY);
    demo.run("polkit-policy-gen install /root/policy.toml", Success, "46-polkit-policy-gen-agent.rules");
    demo.write("/etc/polkit-service-agent/agent.toml", AGENT_TOML);
    demo.run("polkit-service-agent check", Success, "web-panel");
    demo.run("systemctl enable --now polkit-service-agent.service", Success, "");
    demo.title("    The same page now lists libvirt's domain:");
    demo.run(&curl(), Success, ALLOWED);
    demo.title("    And the journal has the decision, made before the answer, and its outcome:");
    demo.run(&last("decision"), Success, "POLKIT_AGENT_VERDICT=allow");
    demo.run(&last("outcome"), Success, "POLKIT_AGENT_OUTCOME=sent");
}

fn the_fence(demo: &mut Demo) {
    let virsh = format!("virsh -c '{}' list", product::TEST_URI);
    demo.title("(c) The same user outside apache2.service. Without the agent, the old error:");
    demo.run(&format!("runuser -u www-data -- {virsh}"), Failure, NO_AGENT);
    demo.title("    With it, the rules are asked, and none of them is for this process:");
    demo.run(&format!("runuser -u www-data -- polkit-service-agent exec -- {virsh}"), Failure, DENIED);
    demo.run(&last("decision"), Success, "POLKIT_AGENT_REASON=no-rule");
}

fn the_static_rule(demo: &mut Demo) {
    demo.title("(d) The agent is stopped. The page fails at once: no yes is kept.");
    demo.run("systemctl disable --now polkit-service-agent.service", Success, "");
    demo.run(&curl(), Success, NO_AGENT);
    demo.title("    Where the user is enough, a static rule does, and no agent is needed:");
    demo.write("/root/policy.toml", GRANT_POLICY);
    demo.run("polkit-policy-gen install /root/policy.toml", Success, "45-polkit-policy-gen.rules");
    demo.run(&curl(), Success, ALLOWED);
    demo.title("    Taken away again, the error is back:");
    demo.run("polkit-policy-gen remove", Success, "");
    demo.run(&curl(), Success, NO_AGENT);
}

fn curl() -> String {
    format!("curl --silent --show-error {}", product::PAGE_URL)
}

/// The last entry of a kind, as journalctl shows it, without the journal's own fields.
fn last(entry: &str) -> String {
    format!(
        "journalctl --no-pager --lines=1 --output=verbose _SYSTEMD_UNIT=polkit-service-agent.service \
         POLKIT_AGENT_ENTRY={entry} | grep -E ' (MESSAGE|POLKIT_AGENT_[A-Z_]+)=' | sort"
    )
}

impl Demo {
    fn title(&self, text: &str) {
        println!("\n{text}");
    }

    /// Shows a file and writes it.
    fn write(&self, path: &str, content: &str) {
        println!("\n    {path}:");
        content.lines().for_each(|line| println!("    | {line}"));
        self.bed.write(path, 0o644, content);
    }

    /// Runs a command, shows it with what it prints, and compares that with what was announced.
    fn run(&mut self, command: &str, end: End, announced: &str) {
        println!("\n    # {command}");
        if command.starts_with("journalctl") {
            let _ = self.bed.exec(["journalctl", "--sync"]).success();
        }
        let output = self.bed.exec(["sh", "-c", command]);
        let printed = output.all();
        printed.lines().for_each(|line| println!("    {line}"));
        if !printed.contains(announced) || output.status.success() != (end == End::Success) {
            println!("    ^^^ NOT as announced: expected {end:?} and {announced:?}; {}", output.status);
            self.failed = true;
        }
    }
}
