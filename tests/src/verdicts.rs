//! What the tests of verdicts share: a bed with users in sessions, the same questions to its polkitd and to
//! `polkit-policy-gen explain --batch`, and what came of comparing.

pub mod explored;
pub mod host;
pub mod rules;

pub use crate::random::Random;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::{Bed, LightBed, Root, program};
use polkit_dbus::AuthorityError;
use serde_json::{Value, json};

/// Users of the bed, and their groups.
pub const USERS: &[(&str, u32, &[&str])] = &[
    ("alice", 3001, &["vm", "sudo", "libvirt"]),
    ("bob", 3002, &["wheel", "netdev", "plugdev"]),
    ("carol", 3003, &["vm", "kvm"]),
    ("dave", 3004, &[]),
];
/// The sessions that are asked about: a list of ours, and so of `explain --session`.
pub const SESSIONS: &[&str] = &["none", "remote", "inactive", "active"];

/// What is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The user of the process.
    pub user: &'static str,
    /// The kind of session, one of [`SESSIONS`].
    pub session: &'static str,
    /// The action.
    pub action: String,
    /// The details of the check.
    pub details: BTreeMap<String, String>,
}

/// What a real polkitd says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Real {
    /// Authorized.
    Yes,
    /// Refused.
    No,
    /// Authentication is needed, with polkitd's result where polkitd tells it.
    Challenge(Option<String>),
    /// No action of that id is registered.
    Unregistered,
    /// polkitd gave no answer.
    Gone,
}

/// What came of comparisons.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many verdicts were the same.
    pub same: usize,
    /// Ours said that it depends on this, so many times.
    pub depends: BTreeMap<String, usize>,
    /// The verdicts that differ, one line each.
    pub different: Vec<String>,
}

impl Tally {
    /// Adds another tally.
    pub fn add(&mut self, other: Self) {
        self.same += other.same;
        for (what, times) in other.depends {
            *self.depends.entry(what).or_default() += times;
        }
        self.different.extend(other.different);
    }

    /// Counts the answers that say what they depend on, and leaves the others.
    pub fn decided(&mut self, bed: &Bed, asked: &[Asked], ours: Vec<Value>) -> (Vec<Asked>, Vec<Value>) {
        let depends = |ours: &Value| ours["verdict"] == "depends";
        for ours in ours.iter().filter(|ours| depends(ours)) {
            let what = ours["depends_on"][0].as_str().unwrap_or_default();
            let what = what.split(": ").next().unwrap_or_default().replace(&format!("/proc/{}/root", bed.pid1()), "");
            *self.depends.entry(what).or_default() += 1;
        }
        asked.iter().cloned().zip(ours).filter(|(_, ours)| !depends(ours)).unzip()
    }

    /// Counts what both say.
    pub fn count(&mut self, name: &str, asked: &[Asked], real: &[Real], ours: &[Value]) {
        assert_eq!((asked.len(), real.len()), (ours.len(), ours.len()), "{name}");
        for ((asked, real), ours) in asked.iter().zip(real).zip(ours) {
            if is_same(real, ours) {
                self.same += 1;
            } else {
                self.different.push(format!("{name}: {asked:?}: polkitd {real:?}, ours {ours}"));
            }
        }
    }

    /// Tells what came of it, and fails with the first differences.
    #[track_caller]
    pub fn settle(&self, root: &Root, what: &str) {
        println!(
            "{what} on {}: {} the same, {} depend {:?}, {} differ",
            root.suite(),
            self.same,
            self.depends.values().sum::<usize>(),
            self.depends,
            self.different.len()
        );
        let shown: Vec<&String> = self.different.iter().take(10).collect();
        assert!(shown.is_empty(), "{} differ: {shown:#?}", self.different.len());
        assert!(self.same > 0);
    }
}

/// Questions as requests to `explain --batch`.
pub fn lines(asked: &[Asked]) -> Vec<String> {
    let line = |asked: &Asked| {
        json!({
            "user": asked.user, "session": asked.session, "action": asked.action, "details": asked.details,
            "netgroups": [], "system_unit": null,
        })
        .to_string()
    };
    asked.iter().map(line).collect()
}

/// No details, and some.
pub fn details() -> Vec<BTreeMap<String, String>> {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    vec![BTreeMap::new(), BTreeMap::from([pair("unit", "nginx.service"), pair("verb", "restart"), pair("ünï", "✓ 🦀")])]
}

/// What looks like an action's id in a file.
pub fn ids(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_'));
    let fits = |word: &&str| {
        word.matches('.').count() >= 2
            && word.split('.').all(|part| !part.is_empty())
            && word.starts_with(|first: char| first.is_ascii_lowercase())
            && !word.contains("subject.")
            && !word.contains("polkit.")
    };
    words.filter(fits).map(str::to_owned).collect()
}

/// A number from the environment.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// What a reply of polkitd means.
pub fn real(reply: Result<polkit_dbus::Authorization, AuthorityError>) -> Real {
    match reply {
        Ok(answer) if answer.authorized => Real::Yes,
        Ok(answer) if answer.challenge => Real::Challenge(answer.details.get("polkit.result").cloned()),
        Ok(_) => Real::No,
        Err(AuthorityError::UnknownAction) => Real::Unregistered,
        Err(_) => Real::Gone,
    }
}

/// Whether a verdict of ours is what polkitd says.
pub fn is_same(real: &Real, ours: &Value) -> bool {
    let verdict = ours["verdict"].as_str().unwrap_or_default();
    match (real, verdict) {
        (Real::Yes, "yes") | (Real::No, "no") | (Real::Unregistered, "unregistered") => true,
        (Real::Gone, "no") => !ours["ends_polkitd"].is_null(),
        (Real::Challenge(word), _) => verdict.starts_with("auth_") && word.as_ref().is_none_or(|word| word == verdict),
        _ => false,
    }
}

/// `explain --batch -` about the files of a bed, which it reads from outside.
pub fn explain(bed: &Bed, lines: &[String], options: &[&str]) -> Vec<Value> {
    let root = format!("/proc/{}/root", bed.pid1());
    let mut child = Command::new(program("polkit-policy-gen"))
        .args(["explain", "--batch", "-", "--root", &root])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = lines.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `explain --json` about one question.
pub fn explain_one(bed: &LightBed, words: &[String]) -> Value {
    let root = format!("/proc/{}/root", bed.pid1());
    let output = Command::new(program("polkit-policy-gen"))
        .args(["explain", "--json", "--root", &root])
        .args(words)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A .policy file with these actions; each has its answers, and the actions that it implies.
pub fn policy(actions: &[(String, [&str; 3], &str)]) -> Vec<u8> {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<policyconfig>\n");
    for (id, [any, inactive, active], implies) in actions {
        text.push_str(&format!(
            "<action id=\"{id}\"><description>d</description><message>m</message><defaults><allow_any>{any}</allow_any>\
             <allow_inactive>{inactive}</allow_inactive><allow_active>{active}</allow_active></defaults>"
        ));
        if !implies.is_empty() {
            text.push_str(&format!("<annotate key=\"org.freedesktop.policykit.imply\">{implies}</annotate>"));
        }
        text.push_str("</action>\n");
    }
    text.push_str("</policyconfig>\n");
    text.into_bytes()
}

fn append(bed: &LightBed, path: &str, text: &str) {
    let old = bed.read(path);
    bed.write(path, 0o644, old + text);
}
