//! A request and a text, compared with the table of mechanisms, and the text with what the doctor makes of it.

use std::collections::BTreeSet;

use polkit_policy_gen::mechanisms::entry::{Mechanism, Passed};
use polkit_policy_gen::mechanisms::{Interaction, Recognized, SubjectKind, recognize, table};
use polkit_tests::{FullBed, Output};
use serde_json::Value;

use super::watch::{Request, Watch, run};

/// Commands that polkit allows to everybody.
const ALLOWED: [&str; 1] = ["virsh -r -c qemu:///system list"];

/// A command that makes a mechanism ask polkit.
#[derive(Debug, Clone)]
pub struct Call {
    /// The name of the mechanism.
    pub mechanism: &'static str,
    /// The command.
    pub command: String,
    /// Whether the client allows interaction.
    pub allows: bool,
}

impl Call {
    /// A command of the mechanism itself, which allows interaction.
    pub fn of(mechanism: &'static str, command: &str) -> Self {
        Self { mechanism, command: command.to_owned(), allows: true }
    }
}

/// What differs from the table; which mechanisms asked polkit for a process outside of a unit and in a unit; the commands of which they
/// asked, and the texts that the doctor read.
#[derive(Debug, Default)]
pub struct Compared {
    wrong: Vec<String>,
    asked: BTreeSet<(&'static str, bool)>,
    commands: BTreeSet<String>,
    texts: BTreeSet<String>,
}

impl Compared {
    /// Fails unless nothing differs, each of the mechanisms that name the test asked polkit both ways, but for the silent ones, and the
    /// doctor read at least so many different texts.
    #[track_caller]
    pub fn check(&self, test: &str, silent: &[&str], texts: usize) {
        let mut wrong = self.wrong.clone();
        if self.texts.len() < texts {
            wrong.push(format!("the doctor was asked about {} texts only: {:#?}", self.texts.len(), self.texts));
        }
        for mechanism in table::compiled().iter().filter(|mechanism| mechanism.proof.iter().any(|name| name == test)) {
            let name = mechanism.name.as_str();
            let did = |in_unit| self.asked.iter().any(|(asked, of_unit)| *asked == name && *of_unit == in_unit);
            match silent.contains(&name) {
                true if did(false) || did(true) => wrong.push(format!("{name} asked polkitd")),
                false if !did(false) || !did(true) => wrong.push(format!("{name} did not ask polkitd")),
                _ => {}
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Whether polkitd was asked because of a command.
    pub fn asked_by(&self, command: &str) -> bool {
        self.commands.contains(command)
    }
}

/// Runs each call as a user without a session, outside of a unit and in a unit.
pub fn compare(bed: &FullBed, calls: impl Iterator<Item = Call>) -> Compared {
    let version = bed.exec(["systemctl", "--version"]).success();
    let systemd: u32 = version.text().split_whitespace().nth(1).unwrap().parse().unwrap();
    let mut watch = Watch::of(bed);
    let mut compared = Compared::default();
    for Call { mechanism: name, command, allows } in calls {
        let mechanism = table::compiled().iter().find(|mechanism| mechanism.name == name).expect(name);
        for in_unit in [false, true] {
            let output = run(bed, &command, in_unit);
            let requests = watch.new_requests();
            let journal = bed.exec(["journalctl", "--quiet", "--output=cat", "--cursor-file=/tmp/cursor"]);
            let place = format!("{}: {command} (unit: {in_unit})", bed.suite());
            let Some(request) = requests.iter().find(|request| mechanism.has_action(&request.action)) else {
                eprintln!("{place}: polkitd was not asked: {}\n{}", output.all().trim(), journal.stdout.trim());
                continue;
            };
            eprintln!("{place}: {request:?}");
            let mut found = differences(mechanism, systemd, allows, request);
            // The text is that of the client or that of the daemon.
            if !command.contains("busctl") {
                let text = format!("{}\n{}", output.all(), journal.stdout);
                found.extend(difference_of_text(mechanism, request, &text));
                let is_refused = !ALLOWED.contains(&command.as_str());
                if is_refused && compared.commands.insert(command.clone()) {
                    let (text, line) = of_refusal(&output, &journal.stdout);
                    found.extend(difference_of_doctor(bed, mechanism, request, &command, (&text, &line)));
                    compared.texts.insert(line);
                    // The doctor asks polkitd as well.
                    let _ = watch.new_requests();
                }
            }
            compared.asked.insert((name, in_unit));
            compared.wrong.extend(found.iter().map(|what| format!("{place}: {what}")));
        }
    }
    compared
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
    // As the table says in words.
    let is_quiet = mechanism.name == "fwupd" && request.action == "org.freedesktop.fwupd.get-remotes";
    if (request.flags & 1 == 1) != asks && !is_quiet {
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
fn difference_of_text(mechanism: &Mechanism, request: &Request, text: &str) -> Option<String> {
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

/// What a user takes to the doctor, and its line about the refusal: what the client printed, or the journal if the client says nothing
/// of the refusal.
fn of_refusal(output: &Output, journal: &str) -> (String, String) {
    let client = output.all().trim().to_owned();
    let line = |text: &str| text.lines().find(|line| recognize(line).is_some()).map(|line| line.trim().to_owned());
    match (line(&client), line(journal)) {
        (Some(line), _) => (client, line),
        (None, Some(line)) => (journal.to_owned(), line),
        (None, None) => (client.clone(), client),
    }
}

/// The difference between what the doctor makes of a text alone and what polkitd was asked for.
fn difference_of_doctor(
    bed: &FullBed,
    mechanism: &Mechanism,
    request: &Request,
    command: &str,
    (text, line): (&str, &str),
) -> Option<String> {
    bed.write("/tmp/text", 0o644, text);
    let output = bed.exec(["sh", "-c", "LC_ALL=C.UTF-8 exec polkit-policy-gen doctor --json --error - < /tmp/text"]);
    let Ok(found) = serde_json::from_str::<Value>(&output.stdout) else {
        return Some(format!("the doctor failed: {output}"));
    };
    let of = |key: &str| found["request"][key].as_str().unwrap_or("-").to_owned();
    let codes: Vec<&str> =
        found["findings"].as_array().into_iter().flatten().filter_map(|finding| finding["code"].as_str()).collect();
    println!("TEXT\t{}\t{command}\t{line}\t{}\t{}\t{codes:?}", bed.suite(), of("mechanism"), of("action"));
    let also = found["request"]["also"].as_array().into_iter().flatten().any(|id| *id == *request.action);
    // Without a terminal, pkexec prints that its own agent cannot be started, and names no action.
    let names_no_action = mechanism.name == "pkexec" && codes.contains(&"agent-without-terminal");
    let is_right = names_no_action || of("mechanism") == mechanism.name && (of("action") == request.action || also);
    let blames = mechanism.name != "libvirt" && found["findings"].to_string().contains("libvirt");
    (!is_right || blames || output.code() != Some(1)).then(|| {
        format!(
            "of `{line}` the doctor says {} {} {codes:?}, and names libvirt: {blames}",
            of("mechanism"),
            of("action")
        )
    })
}
