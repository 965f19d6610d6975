//! What `explain` says is what the real programs decide: polkitd 0.105, 122, 126 and 128.
//!
//! `POLKIT_TESTS_ROUNDS=N` makes the random tests so many times longer, `POLKIT_TESTS_SEED=N` gives them other numbers, and
//! `POLKIT_TESTS_CORPUS=DIR` has them compare the rules-*.rules and pkla-*.pkla of a directory, alone and in combinations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use polkit_tests::verdicts;
use polkit_tests::verdicts::host::Host;
use polkit_tests::verdicts::rules::{self, ACTIONS};
use polkit_tests::verdicts::{Random, Real, Tally, details, ids, number, policy};
use polkit_tests::{Root, Suite, on_each_suite, require};

on_each_suite! {
    random_policies_are_decided_alike
    files_alone_and_in_combinations_are_decided_alike
}

fn random(root: &Root) -> Random {
    Random::new(number("POLKIT_TESTS_SEED", 1) ^ u64::from(root.suite().polkit()))
}

fn actions(random: &mut Random) -> Vec<u8> {
    let mut registered: Vec<(String, [&str; 3], &str)> = ACTIONS
        .iter()
        .filter(|id| id.contains(".example."))
        .map(|id| ((*id).to_owned(), rules::answers(random), ""))
        .collect();
    if random.once_in(2) {
        registered[0].2 = "org.example.two  org.example.one";
        registered[2].2 = "org.example.two,org.example.one org.libvirt.unix.manage";
    }
    policy(&registered)
}

fn random_policies_are_decided_alike(root: &Root) {
    let host = Host::on(root);
    let mut random = random(root);
    let asked: Vec<String> = ACTIONS.iter().chain(&["org.example.unknown"]).map(|id| (*id).to_owned()).collect();
    let (mut tally, both) = (Tally::default(), details());
    for round in 0..4 * number("POLKIT_TESTS_ROUNDS", 1) {
        let mut files = vec![("/usr/share/polkit-1/actions/test.policy".to_owned(), actions(&mut random))];
        if root.suite().has_rules() {
            for number in 0..=random.below(4) {
                let place = random.pick(&["10-a", "48-b", "55-c", "9-d", ".e"]);
                files.push((
                    format!("/etc/polkit-1/rules.d/{place}{number}.rules"),
                    rules::rules(&mut random).into_bytes(),
                ));
            }
        }
        // On bookworm a check with pkla takes two processes: one round in four has any.
        let compat = root.suite() == Suite::Bookworm && round % 4 == 3;
        if root.suite() == Suite::Bullseye || compat {
            for number in 0..=random.below(3) {
                let top = random.pick(&["/etc/polkit-1/localauthority", "/var/lib/polkit-1/localauthority"]);
                let directory = random.pick(&["10-vendor.d", "50-local.d", "50-local", "90-mandatory.d", ".hidden.d"]);
                files.push((format!("{top}/{directory}/{number}.pkla"), rules::pkla(&mut random).into_bytes()));
            }
        }
        host.set(&files);
        let text: Vec<String> =
            files.iter().map(|(path, bytes)| format!("{path}\n{}", String::from_utf8_lossy(bytes))).collect();
        let mut compared = host.compare(
            &format!("round {round}"),
            &host.questions(if compat { &asked[..3] } else { &asked }, if compat { &both[..1] } else { &both }),
        );
        if let Some(first) = compared.different.first_mut() {
            first.push_str(&format!("\n{}", text.join("\n")));
        }
        tally.add(compared);
    }
    tally.settle(root, "random policies");
}

fn files_alone_and_in_combinations_are_decided_alike(root: &Root) {
    let has_rules = root.suite().has_rules();
    let (host, mut random, mut tally) = (Host::on(root), random(root), Tally::default());
    let mut files: Vec<(String, Vec<u8>)> = match std::env::var_os("POLKIT_TESTS_CORPUS").map(PathBuf::from) {
        Some(corpus) => std::fs::read_dir(&corpus)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .filter(|(name, _)| name.ends_with(if has_rules { ".rules" } else { ".pkla" }))
            .collect(),
        // Without one, files of our own, and a few random ones.
        None if has_rules => {
            let own = rules::RIGHT.iter().map(|text| (*text).to_owned());
            let random: Vec<String> = (0..3).map(|_| rules::rules(&mut random)).collect();
            let files = own.chain(random).enumerate();
            files.map(|(number, text)| (format!("rules-{number:03}__{number}-own.rules"), text.into_bytes())).collect()
        }
        None => {
            let random: Vec<String> = (0..3).map(|_| rules::pkla(&mut random)).collect();
            let files = rules::own_pkla().into_iter().chain(random).enumerate();
            files.map(|(number, text)| (format!("pkla-{number:03}__own.pkla"), text.into_bytes())).collect()
        }
    };
    files.sort();
    let mut sets: Vec<BTreeSet<usize>> = (0..files.len()).map(|number| BTreeSet::from([number])).collect();
    for _ in 0..number("POLKIT_TESTS_ROUNDS", 1) {
        sets.push((0..2 + random.below(5)).map(|_| random.below(files.len())).collect());
    }
    for set in sets {
        let chosen: Vec<&(String, Vec<u8>)> = set.into_iter().map(|number| &files[number]).collect();
        let mut named: BTreeSet<String> = chosen.iter().flat_map(|(_, bytes)| ids(bytes)).collect();
        named.insert("org.example.one".to_owned());
        // polkit's own test data has rules that never end, or run a program that does not: each costs polkitd 10 to 15 s.
        named.retain(|id| !id.contains("run_away") && !id.contains("helper_timeout"));
        let named: Vec<String> = named.into_iter().take(30).collect();
        let ours = named.iter().filter(|id| !host.has(id));
        let registered: Vec<_> = ours.map(|id| (id.clone(), rules::answers(&mut random), "")).collect();
        let mut placed = vec![("/usr/share/polkit-1/actions/test.policy".to_owned(), policy(&registered))];
        for (name, bytes) in &chosen {
            let own = name.rsplit("__").next().unwrap();
            let path = match has_rules {
                true => format!("/etc/polkit-1/rules.d/{own}"),
                false => format!("/etc/polkit-1/localauthority/{}.d/{own}", &name[..8]),
            };
            placed.push((path, bytes.clone()));
        }
        host.set(&placed);
        let names: Vec<&str> = chosen.iter().map(|(name, _)| name.as_str()).collect();
        tally.add(host.compare(&names.join(" + "), &host.questions(&named, &details())));
    }
    tally.settle(root, "files alone and in combinations");
}

#[test]
fn a_rule_that_ends_polkitd_is_said_to() {
    let returns = ["true", "1", "[\"yes\"]", "{}", "new String(\"yes\")"];
    for (suite, returns) in [(Suite::Bookworm, &returns[..1]), (Suite::Trixie, &returns), (Suite::Forky, &returns[..1])]
    {
        let Some(root) = require(suite) else { continue };
        for returned in returns {
            // A polkitd that hangs in its end cannot be restarted.
            let host = Host::on(&root);
            let rule = format!("polkit.addRule(function () {{ return {returned}; }});");
            let action = ("org.example.one".to_owned(), ["yes"; 3], "");
            host.set(&[
                ("/etc/polkit-1/rules.d/10-x.rules".to_owned(), rule.into_bytes()),
                ("/usr/share/polkit-1/actions/test.policy".to_owned(), policy(&[action])),
            ]);
            let asked = host.questions(&["org.example.one".to_owned()], &details()[..1]).remove(0);
            let ours = host.ours(std::slice::from_ref(&asked)).remove(0);
            assert!(ours["ends_polkitd"].is_string() && ours["verdict"] == "no", "{suite} {returned}: {ours}");
            assert!(!host.answers_at_once(&asked), "{suite} {returned}");
        }
    }
}

/// What polkitd logs of a rule's answer that is no result, and what we say of it. Of a rules file that could tell, objects are
/// made as polkitd makes them; of others, more quickly.
#[test]
fn a_rule_sees_the_same_subject_and_action() {
    let rule = r#"polkit.addRule(function (action, subject) {
        var seen = [], of = [subject, action, polkit, polkit.Result], i, key;
        for (i = 0; i < of.length; i += 1) {
            for (key in of[i]) {
                seen.push(key + ":" + typeof of[i][key]);
            }
        }
        seen.push(of[0].isInGroup.length, of[1].hasOwnProperty("lookup"), of[0].isInGroup("www-data"));
        return "saw " + seen.join() + " " + subject.toString().replace(/ pid=\d+/, "") + action;
    });"#;
    for suite in [Suite::Bookworm, Suite::Trixie, Suite::Forky] {
        let Some(root) = require(suite) else { continue };
        let host = Host::on(&root);
        for more in ["", "// Object"] {
            sees_the_same(&host, &format!("{rule}{more}"));
        }
    }
}

fn sees_the_same(host: &Host, rule: &str) {
    let action = "org.example.one".to_owned();
    host.set(&[
        ("/etc/polkit-1/rules.d/10-x.rules".to_owned(), rule.as_bytes().to_vec()),
        ("/usr/share/polkit-1/actions/test.policy".to_owned(), policy(&[(action.clone(), ["yes"; 3], "")])),
    ]);
    // One detail: of several the order is that of a hash table of GLib's.
    let details = BTreeMap::from([("unit".to_owned(), "nginx.service".to_owned())]);
    let asked = host.questions(std::slice::from_ref(&action), &[details]).remove(0);
    assert_eq!((host.real(std::slice::from_ref(&asked)), asked.session), (vec![Real::No], "none"));
    let log = host.bed.polkitd_log();
    let at = log.rfind("`saw ").unwrap_or_else(|| panic!("{log}"));
    let real = log[at + 1..].split('\'').next().unwrap();
    let real = &log[at + 1..at + 1 + log[at + 1..].find("' is not valid").unwrap_or(real.len())];
    let mut words = vec!["--user".to_owned(), asked.user.to_owned(), "--action".to_owned(), action];
    words.extend(asked.details.iter().flat_map(|(key, value)| ["--detail".to_owned(), format!("{key}={value}")]));
    let says = verdicts::explain_one(&host.bed, &words)["steps"][1]["says"].as_str().unwrap().to_owned();
    let ours = &says[says.find("saw ").unwrap()..says.find("` is not").unwrap_or(says.len())];
    let common = real.chars().zip(ours.chars()).take_while(|(real, ours)| real == ours).count();
    assert!(common >= ours.chars().count().min(990), "{rule}\npolkitd {real}\nours    {ours}");
}

/// A rules file can give all objects what polkitd then finds where it puts a property of the subject.
#[test]
fn what_all_objects_inherit_becomes_of_a_subject_what_polkitd_makes_of_it() {
    let properties =
        ["value: 7", "set: function () { }", "get: function () { return \"7\"; }", "value: 7, writable: true"];
    for suite in [Suite::Bookworm, Suite::Trixie, Suite::Forky] {
        let Some(root) = require(suite) else { continue };
        for name in ["seat", "pid", "user"] {
            for property in properties {
                // A polkitd that hangs in its end cannot be restarted.
                let host = Host::on(&root);
                let rule = format!(
                    "Object.defineProperty(Object.prototype, \"{name}\", {{{property}}});\n\
                     polkit.addRule(function (action, subject) {{ return subject.{name} == 7 ? \"auth_self\" : \"no\"; }});"
                );
                host.set(&[
                    ("/etc/polkit-1/rules.d/10-x.rules".to_owned(), rule.clone().into_bytes()),
                    (
                        "/usr/share/polkit-1/actions/test.policy".to_owned(),
                        policy(&[("org.example.one".to_owned(), ["yes"; 3], "")]),
                    ),
                ]);
                let asked = host.questions(&["org.example.one".to_owned()], &details()[..1]).remove(0);
                let ours = host.ours(std::slice::from_ref(&asked)).remove(0);
                if !host.answers_at_once(&asked) {
                    assert!(ours["ends_polkitd"].is_string(), "{suite} {rule}: {ours}");
                } else if ours["verdict"] != "depends" {
                    let compared = host.compare(&rule, std::slice::from_ref(&asked));
                    assert!(compared.different.is_empty(), "{suite} {:?}", compared.different);
                }
            }
        }
    }
}

/// The helper itself, without polkitd. `default` entries and the order of directories and files are seen best here.
#[test]
fn pkla_files_are_read_as_pkla_check_authorization_reads_them() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let (host, mut random, mut tally) = (Host::on(&root), random(&root), Tally::default());
    let corpus = std::env::var_os("POLKIT_TESTS_CORPUS").map(PathBuf::from);
    let mut trees: Vec<Vec<(String, Vec<u8>)>> = Vec::new();
    for entry in corpus.iter().flat_map(|corpus| std::fs::read_dir(corpus).unwrap()).map(|entry| entry.unwrap().path())
    {
        if entry.extension().is_some_and(|suffix| suffix == "pkla") {
            trees.push(vec![("/etc/polkit-1/localauthority/50-a.d/a.pkla".to_owned(), std::fs::read(entry).unwrap())]);
        }
    }
    for _ in 0..2 * number("POLKIT_TESTS_ROUNDS", 1) {
        let mut files = Vec::new();
        for number in 0..=random.below(4) {
            let top = random.pick(&["/etc/polkit-1/localauthority", "/var/lib/polkit-1/localauthority"]);
            let directory =
                random.pick(&["10-vendor.d", "50-local.d", "50-local", "5-x.d", "90-mandatory.d", ".hidden.d"]);
            let name = random.pick(&["a", "z", "B", ".dot"]);
            files.push((format!("{top}/{directory}/{name}{number}.pkla"), rules::pkla(&mut random).into_bytes()));
        }
        trees.push(files);
    }
    for files in trees {
        let mut actions: BTreeSet<String> = files.iter().flat_map(|(_, bytes)| ids(bytes)).collect();
        actions.extend(ACTIONS.iter().map(|id| (*id).to_owned()));
        let actions: Vec<String> = actions.into_iter().take(8).collect();
        // Nothing that pkla says is "auth_self_keep" by the action's own defaults alone, and decided by pkla.
        let ours = actions.iter().filter(|id| !host.has(id));
        let registered: Vec<_> = ours.map(|id| (id.clone(), ["auth_self_keep"; 3], "")).collect();
        let mut placed = files.clone();
        placed.push(("/usr/share/polkit-1/actions/test.policy".to_owned(), policy(&registered)));
        host.set(&placed);
        let asked = host.questions(&actions, &details()[..1]);
        let said = host.helper(&asked);
        for ((asked, said), ours) in asked.iter().zip(said).zip(host.ours(&asked)) {
            // A yes of an action that implies this one hides what the files say of this one.
            if !ours["decided_by"]["by_action"].is_null() {
                continue;
            }
            let by_pkla = ours["decided_by"]["kind"] == "pkla";
            let word = if by_pkla { ours["verdict"].as_str().unwrap_or_default() } else { "" };
            if word == said {
                tally.same += 1;
            } else {
                let text = files.iter().map(|(path, bytes)| format!("{path}\n{}", String::from_utf8_lossy(bytes)));
                let text: Vec<String> = text.collect();
                tally.different.push(format!("{asked:?}: helper {said:?}, ours {ours}\n{}", text.join("\n")));
            }
        }
    }
    tally.settle(&root, "pkla-check-authorization");
}
