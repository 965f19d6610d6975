//! `check` against the programs that read the files: it finds no error in a file that they take without trouble, and something in
//! every file that they drop, or that has them throw, refuse a result or end.
//!
//! `POLKIT_TESTS_CORPUS=DIR` has it look at the rules-*.rules and pkla-*.pkla of a directory, too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use polkit_tests::verdicts::host::Host;
use polkit_tests::verdicts::rules::{ENTRY, RIGHT, own_pkla};
use polkit_tests::verdicts::{Real, details, ids, policy};
use polkit_tests::{Root, Suite, program, require};
use serde_json::Value;

/// Rules files that polkitd drops, and those that have it throw, refuse a result or end.
const WRONG: &[&str] = &[
    "let late = 1;\n",
    "polkit.addRule((action) => null);\n",
    "polkit.addRule(function (action) { return `yes`; });\n",
    "polkit.addRule(function (action) { for (var one of []) { } });\n",
    "# a comment of another language\n",
    "polkit.addRule(function (action) { return \"yes\"; );\n",
    "class Rule { }\n",
    "absent();\n",
    "polkit.addRules(function () { return null; });\n",
    "polkit.addRule(function (action) { if (action.startsWith(\"org.\")) { return \"yes\"; } });\n",
    "polkit.addRule(function (action) { if (action.lookup(\"unit\").indexOf(\"a\") == 0) { return \"yes\"; } });\n",
    "polkit.addRule(function (action) { return \"YES\"; });\n",
    "polkit.addRule(function (action) { return \"allow\"; });\n",
    "polkit.addRule(function (action) { return true; });\n",
    "polkit.addRule(function (action, subject) { return subject.isInGroup(\"vm\"); });\n",
    "polkit.addRule(function (action) { var seen = new Set(); seen.add(action.id); return null; });\n",
    "polkit.addRule(function (action) { polkit.spawn([\"/bin/false\"]); return null; });\n",
    "polkit.addRule(function (action) { return Object.values({a: \"yes\"})[0]; });\n",
];

/// What polkitd makes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    Accepted,
    Dropped,
    Fails,
}

/// The severities that `check` finds, each once.
fn check(name: &str, bytes: &[u8], target: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut command = Command::new(program("polkit-policy-gen"));
    let output = command.args(["check", "--json", "--target", target]).arg(&path).output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let findings = value["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["severity"].as_str().unwrap().to_owned()).collect()
}

/// What polkitd makes of one rules file, when it is asked about the actions that are named there.
fn made(host: &Host, name: &str, bytes: &[u8]) -> Made {
    let mut named: BTreeSet<String> = ids(bytes).into_iter().collect();
    named.insert("org.example.one".to_owned());
    // Rules of polkit's own tests that never end, or run a program that does not.
    named.retain(|id| !id.contains("run_away") && !id.contains("helper_timeout"));
    let named: Vec<String> = named.into_iter().take(12).collect();
    let registered: Vec<_> = named.iter().filter(|id| !host.has(id)).map(|id| (id.clone(), ["no"; 3], "")).collect();
    let before = host.bed.polkitd_log().len();
    host.set(&[
        ("/usr/share/polkit-1/actions/test.policy".to_owned(), policy(&registered)),
        (format!("/etc/polkit-1/rules.d/{name}"), bytes.to_vec()),
    ]);
    let asked = host.questions(&named, &details());
    let asked: Vec<_> = asked.into_iter().filter(|asked| ["alice", "www-data"].contains(&asked.user)).collect();
    // A polkitd that ends is asked no more.
    let is_gone = !host.answers_at_once(&asked[0]) || host.real(&asked).contains(&Real::Gone);
    let log = host.bed.polkitd_log();
    let log = &log[before..];
    if log.contains("Error compiling script") || log.contains("Error loading script") {
        Made::Dropped
    } else if is_gone || log.contains("Error evaluating") || log.contains("is not valid") {
        Made::Fails
    } else {
        Made::Accepted
    }
}

fn corpus(suffix: &str) -> Vec<(String, Vec<u8>)> {
    let Some(folder) = std::env::var_os("POLKIT_TESTS_CORPUS").map(PathBuf::from) else { return Vec::new() };
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == suffix))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

fn rules_files(root: &Root, target: &str) {
    let mut files = corpus("rules");
    let own = |texts: &[&str], prefix: &str| {
        let file = |(number, text): (usize, &&str)| (format!("50-{prefix}{number}.rules"), text.as_bytes().to_vec());
        texts.iter().enumerate().map(file).collect::<Vec<_>>()
    };
    files.extend(own(RIGHT, "right"));
    files.extend(own(WRONG, "wrong"));
    let (mut counts, mut mistakes) = (BTreeMap::<Made, usize>::new(), Vec::new());
    let mut host = Host::on(root);
    for (name, bytes) in &files {
        let (made, found) = (made(&host, name, bytes), check(name, bytes, target));
        *counts.entry(made).or_default() += 1;
        let flagged = found.contains("error") || found.contains("warning");
        let is_right = match made {
            Made::Accepted => !found.contains("error"),
            Made::Dropped => found.contains("error"),
            Made::Fails => flagged,
        };
        let meant =
            !(name.contains("-right") && made != Made::Accepted || name.contains("-wrong") && made == Made::Accepted);
        if !is_right || !meant {
            mistakes.push(format!("{name}: polkitd {made:?}, check {found:?}\n{}", String::from_utf8_lossy(bytes)));
        }
        // A polkitd that hangs in its end cannot be restarted.
        if made == Made::Fails {
            host = Host::on(root);
        }
    }
    println!(
        "rules on {}: {} files, by polkitd {counts:?}; check is wrong about {}",
        root.suite(),
        files.len(),
        mistakes.len()
    );
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn rules_files_are_found_wrong_where_polkitd_122_has_trouble() {
    if let Some(root) = require(Suite::Bookworm) {
        rules_files(&root, "debian:12");
    }
}

#[test]
fn rules_files_are_found_wrong_where_polkitd_126_has_trouble() {
    if let Some(root) = require(Suite::Trixie) {
        rules_files(&root, "debian:13");
    }
}

#[test]
fn rules_files_are_found_wrong_where_polkitd_128_has_trouble() {
    if let Some(root) = require(Suite::Forky) {
        rules_files(&root, "polkit:128");
    }
}

#[test]
fn pkla_files_are_found_wrong_where_the_helper_has_trouble() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let host = Host::on(&root);
    let mut files = corpus("pkla");
    let right = own_pkla().into_iter().map(|text| ("right", text));
    let wrong = [
        ("wrong", format!("; a comment\n{ENTRY}")),
        ("wrong", ENTRY.replace("Action=org.example.*", "Action=org.example.one;\n  org.example.two")),
        ("wrong", ENTRY.replace("ResultAny=yes", "ResultAny=yes ")),
        ("wrong", ENTRY.replace("ResultAny=yes", "ResultAny=allow")),
        ("wrong", ENTRY.replace("Identity=unix-user:bob\n", "")),
        ("wrong", ENTRY.replace("Action=org.example.*\n", "")),
        ("wrong", ENTRY.lines().take(3).map(|line| format!("{line}\n")).collect()),
        ("wrong", format!("Identity=unix-user:bob\n{ENTRY}")),
        ("wrong", ENTRY.replace("[a]", "[a")),
    ];
    for (number, (prefix, text)) in right.chain(wrong).enumerate() {
        files.push((format!("50-{prefix}{number}.pkla"), text.into_bytes()));
    }
    let (mut wrong, mut mistakes) = (0, Vec::new());
    for (name, bytes) in &files {
        host.lay(&[(format!("/etc/polkit-1/localauthority/50-local.d/{name}"), bytes.clone())]);
        let helper = ["/usr/sbin/pkla-check-authorization", "bob", "false", "false", "org.example.one"];
        let complains = !host.bed.exec(helper).stderr.is_empty();
        let found = check(name, bytes, "debian:12");
        wrong += usize::from(complains);
        let meant = !(name.contains("-right") && complains || name.contains("-wrong") && !complains);
        if found.contains("error") != complains || !meant {
            let text = String::from_utf8_lossy(bytes);
            mistakes.push(format!("{name}: the helper complains: {complains}, check {found:?}\n{text}"));
        }
    }
    println!(
        "pkla: {} files, {wrong} with an error by the helper; check is wrong about {}",
        files.len(),
        mistakes.len()
    );
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}
