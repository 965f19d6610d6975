//! The table of mechanisms compared with the real daemons: what each of them passes to polkitd, and what its command prints.

use std::collections::BTreeSet;

use polkit_policy_gen::mechanisms::entry::{Mechanism, Passed};
use polkit_policy_gen::mechanisms::{Interaction, Recognized, SubjectKind, recognize, table};
use polkit_tests::agent::until;
use polkit_tests::doctor::healthy_full;
use polkit_tests::{FullBed, Output, Process, Root, on_each_suite_with_rules};
use serde_json::Value;

on_each_suite_with_rules! {
    the_real_daemons_ask_polkit_as_the_table_says
}

/// The file with the messages to polkitd.
const ASKED: &str = "/tmp/asked";
const CHECK: &str = "org.freedesktop.PolicyKit1 /org/freedesktop/PolicyKit1/Authority org.freedesktop.PolicyKit1.Authority \
                     CheckAuthorization '(sa{sv})sa{ss}us' unix-process 3 pid u 1 start-time t 0 uid i 0";

/// The names of mechanisms, each with commands.
const COMMANDS: &[(&str, &str)] = &[
    ("systemd", "systemctl restart apache2.service"),
    ("systemd", "systemctl stop apache2.service"),
    ("systemd", "systemctl mask apache2.service"),
    ("systemd", "systemctl daemon-reload"),
    ("systemd", "systemctl set-environment A=b"),
    ("systemd", "systemd-run true"),
    ("systemd-logind", "loginctl enable-linger bob"),
    ("systemd-logind", "systemctl reboot"),
    ("systemd-logind", "systemctl poweroff"),
    ("systemd-hostnamed", "hostnamectl set-hostname other"),
    ("systemd-hostnamed", "hostnamectl set-chassis server"),
    ("systemd-timedated", "timedatectl set-timezone Europe/Rome"),
    ("systemd-timedated", "timedatectl set-time 12:00"),
    ("systemd-localed", "localectl set-keymap us"),
    ("systemd-localed", "localectl set-x11-keymap us"),
    ("systemd-machined", "machinectl shell root@.host /bin/true"),
    ("systemd-importd", "importctl --class=machine pull-tar http://127.0.0.1/x.tar x"),
    ("systemd-importd", "machinectl pull-tar http://127.0.0.1/x.tar x"),
    ("pkexec", "pkexec /usr/bin/id"),
    ("libvirt", "virsh -c qemu:///system list"),
    ("libvirt", "virsh -r -c qemu:///system list"),
];

/// The names of mechanisms that ask by the flag of the client, each with its bus name, its object and a call.
const CALLS: &[(&str, &str, &str)] = &[
    ("systemd", "systemd1", "StopUnit ss apache2.service replace"),
    ("systemd-logind", "login1", "SetUserLinger ubb 3002 true false"),
    ("systemd-hostnamed", "hostname1", "SetChassis sb server false"),
    ("systemd-timedated", "timedate1", "SetTimezone sb Europe/Rome false"),
    ("systemd-localed", "locale1", "SetX11Keyboard ssssbb us '' '' '' false false"),
    ("systemd-machined", "machine1", "OpenMachineShell sssasas .host root /bin/true 0 0"),
    ("systemd-importd", "import1", "PullTar sssb http://127.0.0.1/x.tar x no false"),
];

/// What polkitd was asked.
#[derive(Debug)]
struct Request {
    subject: String,
    has_pidfd: bool,
    action: String,
    details: BTreeSet<String>,
    flags: u64,
}

/// Writes what polkitd is asked to a file.
struct Watch<'a> {
    bed: &'a FullBed,
    _monitor: Process,
    marks: usize,
    seen: usize,
}

impl<'a> Watch<'a> {
    fn of(bed: &'a FullBed) -> Self {
        let script = format!(
            "exec busctl --system --json=short monitor --match=\"type='method_call',member='CheckAuthorization'\" > {ASKED}"
        );
        let monitor = bed.spawn_as("root", ["sh", "-c", &script]);
        let mut watch = Self { bed, _monitor: monitor, marks: 0, seen: 0 };
        until(|| {
            watch.mark();
            bed.exists(ASKED) && bed.read(ASKED).contains("org.example.mark")
        });
        let _ = watch.new_requests();
        watch
    }

    /// Asks polkitd about an action that does not exist.
    fn mark(&mut self) {
        self.marks += 1;
        let call = format!("busctl --system call {CHECK} org.example.mark{}. 0 0 ''", self.marks);
        let _ = self.bed.exec(["sh", "-c", &call]);
    }

    /// The requests since the last call.
    fn new_requests(&mut self) -> Vec<Request> {
        self.mark();
        let mark = format!("org.example.mark{}.", self.marks);
        until(|| self.bed.read(ASKED).contains(&mark));
        let all: Vec<Request> = self.bed.read(ASKED).lines().filter_map(request).collect();
        let new = all.into_iter().skip(self.seen);
        let new: Vec<Request> = new.collect();
        self.seen += new.len();
        new.into_iter().filter(|request| !request.action.starts_with("org.example.mark")).collect()
    }
}

fn request(line: &str) -> Option<Request> {
    let message: Value = serde_json::from_str(line).ok()?;
    let [subject, action, details, flags, _] = message.pointer("/payload/data")?.as_array()?.as_slice() else {
        return None;
    };
    let keys = details.as_object()?.keys().filter(|key| !key.starts_with("polkit."));
    Some(Request {
        subject: subject.get(0)?.as_str()?.to_owned(),
        has_pidfd: subject.pointer("/1/pidfd").is_some(),
        action: action.as_str()?.to_owned(),
        details: keys.cloned().collect(),
        flags: flags.as_u64()?,
    })
}

/// What a mechanism passes in the version of systemd.
fn passed(mechanism: &Mechanism, systemd: u32) -> Passed {
    let mut passed = mechanism.first.clone();
    for change in &mechanism.changes {
        let Some(version) = change.since.strip_prefix("systemd ").and_then(|version| version.parse::<u32>().ok())
        else {
            continue;
        };
        if version <= systemd {
            passed.subjects = change.subjects.clone().unwrap_or(passed.subjects);
            passed.interaction = change.interaction.unwrap_or(passed.interaction);
        }
    }
    passed
}

/// The differences between a request and the table.
fn differences(mechanism: &Mechanism, systemd: u32, allows: bool, request: &Request) -> Vec<String> {
    let passed = passed(mechanism, systemd);
    let mut wrong = Vec::new();
    let fits = |kind: &SubjectKind| match kind {
        SubjectKind::BusName => request.subject == "system-bus-name",
        SubjectKind::Process => request.subject == "unix-process" && !request.has_pidfd,
        SubjectKind::Pidfd | SubjectKind::Varlink => request.subject == "unix-process" && request.has_pidfd,
    };
    if !passed.subjects.iter().any(fits) {
        wrong.push(format!("the subject is {} (pidfd: {})", request.subject, request.has_pidfd));
    }
    let asks = match passed.interaction {
        Interaction::Always => true,
        Interaction::Caller => allows,
        Interaction::Never => false,
    };
    if (request.flags & 1 == 1) != asks {
        wrong.push(format!("the flags are {}", request.flags));
    }
    match mechanism.details_of(&request.action) {
        None => {
            wrong.push(format!("the details of {} are not known, and it has {:?}", request.action, request.details))
        }
        Some(keys) => {
            let others = request.details.iter().filter(|key| !keys.iter().any(|(known, _)| known == *key));
            wrong.extend(others.map(|key| format!("the detail {key} is not known")));
        }
    }
    wrong
}

/// The difference between the text of a command and the table.
fn difference_of_text(mechanism: &Mechanism, request: &Request, output: &Output) -> Option<String> {
    let text = output.all();
    let found: Vec<Recognized> = text.lines().filter_map(recognize).collect();
    let names = |found: &Recognized| {
        let is_action = found.action.as_deref() == Some(&request.action) || found.also.contains(&request.action);
        // Without a terminal, pkexec prints that its own agent cannot be started, and names no action.
        found.mechanism == mechanism.name && (is_action || found.code == Some("agent-without-terminal"))
    };
    // The doctor knows libvirt's texts by itself.
    let is_right = mechanism.texts.is_empty() || found.iter().any(names);
    (!is_right).then(|| format!("the text names {found:?}: {}", text.trim()))
}

/// Runs a command as a user without a session, in a unit or outside of one.
fn run(bed: &FullBed, command: &str, in_unit: bool) -> Output {
    bed.write("/tmp/command", 0o755, format!("#!/bin/sh\nLC_ALL=C timeout 20 {command} </dev/null\nexit 0\n"));
    if in_unit {
        bed.systemd_run(["--uid=alice", "--unit=asking.service", "/tmp/command"])
    } else {
        bed.exec_as("alice", ["/tmp/command"])
    }
}

fn the_real_daemons_ask_polkit_as_the_table_says(root: &Root) {
    let bed = healthy_full(root, |builder| builder);
    let version = bed.exec(["systemctl", "--version"]).success();
    let systemd: u32 = version.text().split_whitespace().nth(1).unwrap().parse().unwrap();
    let mut watch = Watch::of(&bed);
    let (mut wrong, mut proved) = (Vec::new(), BTreeSet::new());
    let calls = CALLS.iter().flat_map(|(name, bus, call)| {
        // The small daemons have one interface, with the name of the bus.
        let last = if matches!(*bus, "hostname1" | "timedate1" | "locale1") { "" } else { ".Manager" };
        let name_of = format!("org.freedesktop.{bus}");
        let object = format!("/{}", name_of.replace('.', "/"));
        [true, false].map(|allows| {
            let command = format!(
                "busctl --allow-interactive-authorization={allows} call {name_of} {object} {name_of}{last} {call}"
            );
            (*name, command, allows)
        })
    });
    let commands = COMMANDS.iter().map(|(name, command)| (*name, (*command).to_owned(), true));
    for (name, command, allows) in commands.chain(calls) {
        let mechanism = table::compiled().iter().find(|mechanism| mechanism.name == name).expect(name);
        for in_unit in [false, true] {
            let output = run(&bed, &command, in_unit);
            let requests = watch.new_requests();
            let Some(request) = requests.iter().find(|request| mechanism.has_action(&request.action)) else {
                eprintln!(
                    "{}: {command} (unit: {in_unit}): polkitd was not asked: {}",
                    root.suite(),
                    output.all().trim()
                );
                continue;
            };
            eprintln!("{}: {command} (unit: {in_unit}): {request:?}", root.suite());
            let mut found = differences(mechanism, systemd, allows, request);
            if !command.starts_with("busctl") {
                found.extend(difference_of_text(mechanism, request, &output));
            }
            proved.insert((name, in_unit));
            wrong.extend(found.iter().map(|what| format!("{command} (unit: {in_unit}): {what}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let test = "the_real_daemons_ask_polkit_as_the_table_says";
    for mechanism in table::compiled().iter().filter(|mechanism| mechanism.proof.iter().any(|name| name == test)) {
        let did = |in_unit: bool| proved.contains(&(mechanism.name.as_str(), in_unit));
        assert!(did(false) && did(true), "{} did not ask polkitd", mechanism.name);
    }
}
