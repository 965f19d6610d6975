//! What runs in the beds: the two agents, the client, the processes that are asked about.

use std::time::{Duration, Instant};

use polkit_tests::full::FullBuilder;
use polkit_tests::light::LightBuilder;
use polkit_tests::{Bed, Process, Root, product, program};

/// The uid of www-data.
pub const WWW_DATA: u32 = 33;
/// The action that polkit asks an agent about.
pub const ASK: &str = "org.example.bench.ask";
/// The cgroup of pool.service, which the agent serves.
pub const POOL: &str = "system.slice/pool.service";

const CONFIG_FILE: &str = "/etc/polkit-service-agent/agent.toml";
/// polkitd asks for the user's own authentication, and keeps nothing.
const AGENT_RULE: &str = r#"
polkit.addRule(function (action, subject) {
    if (action.id === "org.example.bench.ask" && subject.user === "www-data") {
        return polkit.Result.AUTH_SELF;
    }
    return null;
});
"#;

/// Serves pool.service without a limit of pace, and says yes to it by the last of so many rules.
pub fn config(rules: usize) -> String {
    let serve =
        "[agent]\nmax_registrations = 160\n\n[[serve]]\nunit = \"pool.service\"\nmax = 160\nnew_per_second = 1000\n";
    let rule = |id: usize, unit: &str| {
        format!(
            "\n[[rule]]\nid = \"r{id}\"\naction = \"org.example.bench.*\"\nunit = \"{unit}\"\nuser = \"www-data\"\nanswer = \"allow\"\n"
        )
    };
    let others = (1..rules).map(|id| rule(id, &format!("other-{id}.service")));
    [serve.to_owned()].into_iter().chain(others).chain([rule(rules, "pool.service")]).collect()
}

/// A policy with these actions, which need authentication.
pub fn policy(actions: &[&str]) -> String {
    let action = |id: &&str| {
        format!(
            "<action id=\"{id}\"><description>x</description><message>x</message><defaults>\
             <allow_any>auth_admin</allow_any><allow_inactive>auth_admin</allow_inactive>\
             <allow_active>auth_admin</allow_active></defaults></action>\n"
        )
    };
    format!("<policyconfig>\n{}</policyconfig>\n", actions.iter().map(action).collect::<String>())
}

/// A light bed with the product and what measures it, to be started.
pub fn light(root: &Root) -> LightBuilder {
    files()
        .into_iter()
        .fold(product::light(root).without_libvirtd(), |bed, (path, mode, content)| bed.file(&path, mode, content))
}

/// A full bed with the same.
pub fn full(root: &Root) -> FullBuilder {
    files()
        .into_iter()
        .fold(product::full(root).without_libvirtd(), |bed, (path, mode, content)| bed.file(&path, mode, content))
}

fn files() -> Vec<(String, u32, Vec<u8>)> {
    let mut files = vec![
        ("/usr/share/polkit-1/actions/org.example.bench.policy".to_owned(), 0o644, policy(&[ASK]).into_bytes()),
        ("/etc/polkit-1/rules.d/46-bench.rules".to_owned(), 0o644, AGENT_RULE.as_bytes().to_owned()),
    ];
    for name in ["bench-client", "bench-least-agent"] {
        let content = std::fs::read(program(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        files.push((format!("/usr/bin/{name}"), 0o755, content));
    }
    files
}

/// Our agent, started by hand, with its records in a file.
pub struct Agent<'bed> {
    bed: &'bed Bed,
    process: Process,
}

impl<'bed> Agent<'bed> {
    /// Starts it, and waits until it is ready.
    pub fn start(bed: &'bed Bed, config: &str) -> Self {
        bed.write(CONFIG_FILE, 0o644, config);
        let process = bed.spawn_as("root", ["polkit-service-agent", "run"]);
        let agent = Self { bed, process };
        until("the agent is ready", || agent.process.stderr().contains("polkit-service-agent: ready"));
        agent
    }

    /// Gives it another configuration, and waits until that is in force.
    pub fn reload(&self, config: &str) {
        let count = || self.process.stderr().matches("the new configuration is in force").count();
        let before = count();
        self.bed.write(CONFIG_FILE, 0o644, config);
        let _ = self.bed.exec(["kill", "-HUP", &self.pid().to_string()]).success();
        until("the configuration is in force", || count() > before);
    }

    /// Its pid in the bed.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it wrote to standard error.
    pub fn said(&self) -> String {
        self.process.stderr()
    }
}

/// Writes the configuration, and starts the agent's unit.
pub fn start_unit(bed: &Bed, config: &str) {
    bed.write(CONFIG_FILE, 0o644, config);
    let _ = bed.exec(["systemctl", "start", "polkit-service-agent"]).success();
}

/// The least agent, registered for these processes of www-data.
pub fn least_agent(bed: &Bed, pids: &[u32]) -> Process {
    least_agent_with(bed, &[], pids)
}

/// The same with options of its own.
pub fn least_agent_with(bed: &Bed, options: &[&str], pids: &[u32]) -> Process {
    let subject = |pid: &u32| format!("{pid}:{}:{WWW_DATA}", bed.start_time(*pid).expect("the process is alive"));
    let options = ["bench-least-agent"].iter().chain(options).map(|word| (*word).to_owned());
    let argv = options.chain(pids.iter().map(subject));
    let mut agent = bed.spawn_as("root", argv);
    expect(&mut agent, "ready");
    agent
}

/// A sleeping process of www-data in a cgroup.
pub fn sleeping(bed: &Bed, cgroup: &str) -> Process {
    let process = bed.spawn_as("www-data", ["sleep", "1000"]);
    bed.move_to_cgroup(process.pid(), cgroup);
    process
}

/// A shell of www-data and so many sleeping children of it, in pool.service. The pids are those of the children.
pub fn pool(bed: &Bed, children: usize) -> (Process, Vec<u32>) {
    let script = "read go; i=0; while [ $i -lt \"$1\" ]; do sleep 1000 & echo $!; i=$((i + 1)); done; wait";
    let mut shell = bed.spawn_as("www-data", ["sh", "-c", script, "sh", &children.to_string()]);
    bed.move_to_cgroup(shell.pid(), POOL);
    shell.say("go");
    let pids = (0..children).map(|_| shell.line().parse().expect("a pid")).collect();
    (shell, pids)
}

/// Waits for that line.
pub fn expect(process: &mut Process, expected: &str) {
    let line = process.line();
    assert_eq!(line, expected, "{}", process.stderr());
}

/// The client that checks.
pub struct Client(Process);

/// What a client saw.
pub struct Round {
    /// The median of a check, in microseconds.
    pub median: f64,
    /// Checks a second.
    pub per_second: f64,
}

impl Client {
    /// Starts it.
    pub fn new(bed: &Bed) -> Self {
        let mut client = bed.spawn_as("root", ["bench-client", "check"]);
        expect(&mut client, "ready");
        Self(client)
    }

    /// So many checks of that process, so many at a time, all of which must be a yes.
    pub fn round(&mut self, action: &str, pid: u32, total: u32, at_once: u32) -> Round {
        let (round, yes) = self.ask(action, pid, total, at_once);
        assert_eq!(yes, total, "{action}: not every check was a yes");
        round
    }

    /// The same about the process by its pidfd, whose unit polkit knows.
    pub fn round_by_pidfd(&mut self, action: &str, pid: u32, total: u32) -> Round {
        let (round, yes) = self.ask(&format!("{action} pidfd"), pid, total, 1);
        assert_eq!(yes, total, "{action}: not every check was a yes");
        round
    }

    /// Waits until a check of that process by its pidfd is a yes, or is none.
    pub fn until_allowed_by_pidfd(&mut self, action: &str, pid: u32, allowed: bool) {
        until("the rule is in force", || (self.ask(&format!("{action} pidfd"), pid, 1, 1).1 == 1) == allowed);
    }

    /// Waits until the agent answers for that process.
    pub fn until_served(&mut self, pid: u32) {
        until("the process is served", || self.ask(ASK, pid, 1, 1).1 == 1);
    }

    fn ask(&mut self, action: &str, pid: u32, total: u32, at_once: u32) -> (Round, u32) {
        self.0.say(&format!("{action} {pid} {WWW_DATA} {total} {at_once}"));
        let line = self.0.line();
        let words: Vec<f64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [median, per_second, yes] = words[..] else { panic!("{line:?}: {}", self.0.stderr()) };
        (Round { median, per_second }, yes as u32)
    }
}

/// Waits for something, 20 s at most.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "20 s later, and not yet: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
