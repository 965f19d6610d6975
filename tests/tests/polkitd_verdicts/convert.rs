//! `convert`: a tree of pkla files and the rules file made of it decide alike, by the programs that decide.
//!
//! `POLKIT_TESTS_ROUNDS=N`, `POLKIT_TESTS_SEED=N` and `POLKIT_TESTS_CORPUS=DIR` as for the tests of verdicts; 500 rounds are 10,000
//! trees. `POLKIT_TESTS_ASKED=N` has pkla-check-authorization asked no more than N questions a tree, which are chosen by chance:
//! each is a process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};

use polkit_tests::verdicts::host::Host;
use polkit_tests::verdicts::rules::{self, ACTIONS};
use polkit_tests::verdicts::{Asked, Random, Real, is_same, number, policy};
use polkit_tests::{Root, Suite, program, require};

const CONVERTED: &str = "/etc/polkit-1/rules.d/49-polkit-policy-gen-pkla.rules";
const TREES: u64 = 20;

type Files = Vec<(String, Vec<u8>)>;

/// Some pkla files, in one directory each where 0.105 would read several in no certain order.
fn tree(random: &mut Random, apart: bool) -> Files {
    let mut files = Vec::new();
    for number in 0..=random.below(4) {
        let top = random.pick(&["/etc/polkit-1/localauthority", "/var/lib/polkit-1/localauthority"]);
        let directory = random.pick(&["10-vendor.d", "50-local.d", "50-local", "90-mandatory.d", ".hidden.d"]);
        let directory = if apart { format!("{number}-{directory}") } else { directory.to_owned() };
        files.push((format!("{top}/{directory}/{number}.pkla"), rules::pkla(random).into_bytes()));
    }
    files
}

fn registered(random: &mut Random, actions: &[String]) -> (String, Vec<u8>) {
    let registered: Vec<_> = actions.iter().map(|id| (id.clone(), rules::answers(random), "")).collect();
    ("/usr/share/polkit-1/actions/test.policy".to_owned(), policy(&registered))
}

fn convert(host: &Host) -> Output {
    let root = format!("/proc/{}/root", host.bed.pid1());
    Command::new(program("polkit-policy-gen")).args(["convert", "--root", &root]).output().unwrap()
}

/// The rules file, or none where there is no entry left in the files.
fn converted(host: &Host) -> Option<Vec<u8>> {
    let output = convert(host);
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Some(output.stdout),
        Some(1) if said.contains("there is no pkla entry") => None,
        _ => panic!("{output:?}"),
    }
}

fn own_actions(random: &mut Random) -> Vec<String> {
    let ids: Vec<&&str> = ACTIONS.iter().filter(|id| id.contains(".example.")).collect();
    let first = random.below(ids.len());
    (0..2).map(|number| (*ids[(first + number) % ids.len()]).to_owned()).collect()
}

fn ask(host: &Host, actions: &[String]) -> Vec<Asked> {
    host.questions(actions, &[BTreeMap::new()])
}

/// Compares what pkla-check-authorization prints with the verdict over the converted file alone.
fn compare_with_the_helper(host: &Host, random: &mut Random, files: &Files, actions: &[String]) -> usize {
    let mut placed = files.clone();
    placed.push(registered(random, actions));
    host.lay(&placed);
    let mut asked = ask(host, actions);
    let most = usize::try_from(number("POLKIT_TESTS_ASKED", u64::MAX)).unwrap();
    while asked.len() > most {
        asked.swap_remove(random.below(asked.len()));
    }
    let said = host.helper(&asked);
    let made = converted(host);
    let mut alone = vec![registered(random, actions)];
    alone.extend(made.map(|text| (CONVERTED.to_owned(), text)));
    host.lay(&alone);
    let ours = host.ours(&asked);
    for ((asked, said), ours) in asked.iter().zip(&said).zip(&ours) {
        let by_rule = ours["decided_by"]["kind"] == "rule";
        let answer = if by_rule { ours["verdict"].as_str().unwrap() } else { "" };
        let text = || {
            files.iter().map(|(path, text)| format!("{path}\n{}", String::from_utf8_lossy(text))).collect::<String>()
        };
        assert_eq!(answer, said, "{asked:?}: {ours}\n{}", text());
    }
    asked.len()
}

#[test]
fn a_converted_tree_decides_as_the_helper_does() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let host = Host::on(&root);
    let mut random = Random::new(number("POLKIT_TESTS_SEED", 1));
    let (mut compared, trees) = (0, TREES * number("POLKIT_TESTS_ROUNDS", 1));
    for _ in 0..trees {
        let files = tree(&mut random, false);
        let actions = own_actions(&mut random);
        compared += compare_with_the_helper(&host, &mut random, &files, &actions);
    }
    println!("{trees} random trees: {compared} comparisons with pkla-check-authorization, none different");
}

#[test]
fn each_pkla_file_is_converted_to_the_same() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let host = Host::on(&root);
    let mut random = Random::new(number("POLKIT_TESTS_SEED", 1));
    let mut files: Files = match std::env::var_os("POLKIT_TESTS_CORPUS").map(PathBuf::from) {
        Some(corpus) => {
            let all = std::fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path());
            let pkla = all.filter(|path| path.extension().is_some_and(|extension| extension == "pkla"));
            pkla.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
                .collect()
        }
        // Without one, files of our own, and a few random ones.
        None => {
            let random: Vec<String> = (0..3).map(|_| rules::pkla(&mut random)).collect();
            let files = rules::own_pkla().into_iter().chain(random).enumerate();
            files.map(|(number, text)| (format!("{number}.pkla"), text.into_bytes())).collect()
        }
    };
    files.sort();
    let mut compared = 0;
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        let named = text
            .lines()
            .filter_map(|line| line.split_once("Action")?.1.split_once('='))
            .flat_map(|(_, ids)| ids.split(';'));
        let mut ids: Vec<String> =
            named.map(|id| id.trim().replace('*', "x")).filter(|id| is_id(id) && !host.has(id)).collect();
        ids.push("org.example.one".to_owned());
        ids.sort();
        ids.dedup();
        ids.truncate(12);
        let placed = vec![(format!("/etc/polkit-1/localauthority/50-local.d/{name}"), bytes.clone())];
        compared += compare_with_the_helper(&host, &mut random, &placed, &ids);
    }
    println!("{} files: {compared} comparisons with pkla-check-authorization, none different", files.len());
}

fn is_id(text: &str) -> bool {
    text.contains('.') && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}

#[test]
fn each_polkitd_decides_by_the_converted_file_as_one_with_the_tree_did() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let with_pkla = Host::on(&root);
    let others: Vec<(Root, Host)> = [Suite::Bookworm, Suite::Trixie, Suite::Forky]
        .into_iter()
        .filter_map(require)
        .map(|root| (root.clone(), Host::on(&root)))
        .collect();
    let mut random = Random::new(number("POLKIT_TESTS_SEED", 1));
    let mut compared = BTreeMap::<String, usize>::new();
    for round in 0..2 * number("POLKIT_TESTS_ROUNDS", 1) {
        let (mut files, actions) = (tree(&mut random, false), own_actions(&mut random));
        let policy = registered(&mut random, &actions);
        files.push(policy.clone());
        with_pkla.set(&files);
        let asked = ask(&with_pkla, &actions);
        let before = with_pkla.real(&asked);
        let made = converted(&with_pkla);
        for (root, host) in &others {
            let mut alone = vec![policy.clone()];
            alone.extend(made.clone().map(|text| (CONVERTED.to_owned(), text)));
            host.set(&alone);
            let after = host.real(&asked);
            for ((asked, before), after) in asked.iter().zip(&before).zip(&after) {
                assert!(alike(before, after), "round {round}, {}: {asked:?}: {before:?}, {after:?}", root.suite());
            }
            *compared.entry(root.suite().to_string()).or_default() += asked.len();
        }
    }
    println!("polkitd with pkla files, and with the converted file: {compared:?} the same, none different");
}

/// polkitd tells which challenge from 124 on.
fn alike(one: &Real, other: &Real) -> bool {
    match (one, other) {
        (Real::Challenge(one), Real::Challenge(other)) => one.is_none() || other.is_none() || one == other,
        _ => one == other,
    }
}

#[test]
fn a_tree_of_0_105_is_converted_to_the_same() {
    let Some(root) = require(Suite::Bullseye) else { return };
    let host = Host::on(&root);
    let mut random = Random::new(number("POLKIT_TESTS_SEED", 1));
    let mut compared = 0;
    for round in 0..4 * number("POLKIT_TESTS_ROUNDS", 1) {
        let (mut files, actions) = (tree(&mut random, true), own_actions(&mut random));
        let policy = registered(&mut random, &actions);
        files.push(policy.clone());
        host.set(&files);
        let asked = ask(&host, &actions);
        let real = host.real(&asked);
        let mut alone = vec![policy];
        alone.extend(converted(&host).map(|text| (CONVERTED.to_owned(), text)));
        host.lay(&alone);
        let ours = host.ours_for(&asked, &["--target", "polkit:126"]);
        for ((asked, real), ours) in asked.iter().zip(&real).zip(&ours) {
            assert!(is_same(real, ours), "round {round}: {asked:?}: polkitd {real:?}, converted {ours}");
        }
        compared += asked.len();
    }
    println!("polkitd 0.105 and the converted file: {compared} the same, none different");
}

#[test]
fn what_cannot_be_kept_is_refused_by_name() {
    let Some(root) = require(Suite::Bullseye) else { return };
    let host = Host::on(&root);
    let entry =
        |result: &str| format!("[x]\nIdentity=unix-user:*\nAction=org.example.one\nResultAny={result}\n").into_bytes();
    let path = |name: &str| format!("/etc/polkit-1/localauthority/50-local.d/{name}.pkla");
    host.lay(&[(path("a"), entry("yes")), (path("b"), entry("no"))]);
    let refused = convert(&host);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!((refused.status.code(), refused.stdout.as_slice()), (Some(1), &[][..]), "{said}");
    assert!(said.contains("50-local.d/b.pkla:1: [x] and [x] in ") && said.contains("in no certain order"), "{said}");
}
