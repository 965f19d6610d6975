//! What the parts have in common: a full bed with the product, one of the two ways in, and what was seen there.

use polkit_tests::{Bed, FullBed, Process, Root, product, program};

/// How polkit asks the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Registered,
    Hook,
}

impl Way {
    pub const BOTH: [Self; 2] = [Self::Registered, Self::Hook];

    pub fn word(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Hook => "hook",
        }
    }

    /// The policy: nothing is kept, so that each request asks.
    fn policy(self) -> &'static str {
        match self {
            Self::Registered => "[[agent]]\nactions = [\"org.libvirt.unix.manage\"]\nusers = [\"www-data\"]\n",
            Self::Hook => "[[hook]]\nactions = [\"org.libvirt.unix.manage\"]\n",
        }
    }

    /// An entry of `[[serve]]`.
    pub fn serve(self, unit: &str) -> String {
        let way = if self == Self::Hook { "way = \"hook\"\n" } else { "" };
        format!("[[serve]]\nunit = \"{unit}\"\n{way}\n")
    }
}

/// A rule that allows www-data to manage libvirt, with further keys.
pub fn rule(id: &str, keys: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\naction = \"org.libvirt.unix.manage\"\nuser = \"www-data\"\n{keys}answer = \"allow\"\n\n"
    )
}

/// A bed with the product installed and configured, and a client that counts.
pub struct Setting {
    pub bed: FullBed,
    tally: Process,
}

/// What went over the bus.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    /// Checks of org.libvirt.unix.manage: each is a question to the hook, where there is one.
    pub checks: usize,
    /// BeginAuthentication, to any agent.
    pub challenges: usize,
    /// RegisterAuthenticationAgent.
    pub registrations: usize,
}

impl Setting {
    pub fn new(root: &Root, way: Way, config: &str, files: &[(&str, u32, &str)]) -> Self {
        let client = std::fs::read(program("bench-client")).expect("bench-client");
        let mut builder = product::full(root)
            .file("/usr/bin/bench-client", 0o755, client)
            .file("/etc/polkit-policy-gen/policy.toml", 0o644, way.policy())
            .file("/etc/polkit-service-agent/agent.toml", 0o644, config);
        for (path, mode, content) in files {
            builder = builder.file(path, *mode, content);
        }
        let bed = builder.start();
        let _ = bed.exec(["polkit-policy-gen", "install"]).success();
        let _ = bed.exec(["systemctl", "start", "polkit-service-agent"]).success();
        let mut tally = bed.spawn_as("root", ["bench-client", "tally"]);
        assert_eq!(tally.line(), "watching", "{}", tally.stderr());
        Self { bed, tally }
    }

    /// What went over the bus so far.
    pub fn tally(&mut self) -> Tally {
        self.tally.say("now");
        let line = self.tally.line();
        let numbers: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [checks, challenges, registrations] = numbers[..] else { panic!("{line:?}: {}", self.tally.stderr()) };
        Tally { checks, challenges, registrations }
    }

    /// Decisions on record, by their verdict; equal refusals that were counted are as many as they were.
    pub fn decisions(&self, verdict: &str) -> usize {
        // What is counted is written once a second.
        std::thread::sleep(std::time::Duration::from_secs(2));
        let _ = self.bed.exec(["journalctl", "--sync"]).success();
        let verdict = format!("POLKIT_AGENT_VERDICT={verdict}");
        let id = "MESSAGE_ID=062650a6bb21482cb26e15a767235462";
        let entries = self.bed.journal(["--output=json", id, "POLKIT_AGENT_ENTRY=decision", &verdict]);
        let times = |entry: &str| {
            let rest = entry.split_once("\"POLKIT_AGENT_REPEATED\":\"")?.1;
            rest.split('"').next()?.parse::<usize>().ok()
        };
        entries.lines().map(|entry| times(entry).unwrap_or(1)).sum()
    }

    /// Registrations that polkitd may have lost descriptors by, as the agent says.
    pub fn leaked(&self) -> String {
        let status = self.bed.exec(["polkit-service-agent", "status", "--json"]).stdout;
        let number = status.split_once("\"leaked\":").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit));
        number.map_or_else(|| "?".into(), Iterator::collect)
    }

    /// How often polkitd stalled by itself, which 122 does: it says so.
    pub fn stalls(&self) -> usize {
        self.bed.journal(["--unit=polkit", "--output=cat"]).matches("runaway script").count()
    }
}

/// The pid of polkitd.
pub fn polkitd(bed: &Bed) -> u32 {
    let bus = "org.freedesktop.DBus";
    let call = ["busctl", "call", bus, "/", bus, "GetConnectionUnixProcessID", "s", "org.freedesktop.PolicyKit1"];
    let reply = bed.exec(call).success();
    reply.text().rsplit(' ').next().and_then(|pid| pid.parse().ok()).expect("a pid")
}

/// The open files of a process.
pub fn descriptors(bed: &Bed, pid: u32) -> usize {
    bed.exec(["ls", &format!("/proc/{pid}/fd")]).success().stdout.lines().count()
}

/// Its resident memory, in KiB.
pub fn resident(bed: &Bed, pid: u32) -> usize {
    let status = bed.exec(["cat", &format!("/proc/{pid}/status")]).success();
    let line = status.stdout.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).expect("VmRSS")
}
