//! Installations that are cut short: by a signal, by a full disk, by a file system that is read-only. Each file is the old one
//! or the new one, and what is left is finished, or taken away, by the next run.
//!
//! `POLKIT_TESTS_INTERRUPTIONS` is how many there are (40 by default):
//! `POLKIT_TESTS_INTERRUPTIONS=1000 cargo test -p polkit-tests --test 440_interrupted -- --nocapture`.

use std::collections::BTreeMap;

use polkit_tests::{LightBed, Suite, program, require};

/// The tree that is installed into: a file system of its own, so that it can be filled up.
const IMAGE: &str = "mkdir -p /img && mount -t tmpfs -o size=2m,mode=755 none /img && cd /img &&
    mkdir -p etc/polkit-1/rules.d var/lib/dpkg &&
    printf 'root:x:0:0::/:/bin/sh\\nwww-data:x:33:33::/:/bin/sh\\nbob:x:3002:3002::/:/bin/sh\\n' > etc/passwd &&
    printf 'root:x:0:\\nwww-data:x:33:\\nvm:x:3100:alice\\n' > etc/group && printf 'vm:!::alice\\n' > etc/gshadow &&
    printf 'www-data:*:1::::::\\n' > etc/shadow &&
    printf 'Package: polkitd\\nStatus: install ok installed\\nVersion: 126-2\\n' > var/lib/dpkg/status";

/// Every file of the tree but the record, with its mode and digest; and what an installation leaves while it runs.
const STATE: &str = "cd /img && find . -type f ! -path './var/lib/polkit-policy-gen/*' ! -name fill > /tmp/files &&
    xargs -r stat -c '%a  %n' < /tmp/files && xargs -r sha256sum < /tmp/files";

/// Files by path, with what is in them.
type State = BTreeMap<String, String>;

fn policy(result: &str, member: &str) -> String {
    let many: String = (0..200).map(|number| format!("'org.example.a{number}', ")).collect();
    format!(
        "[[grant]]\nactions = [{many}]\nusers = ['bob']\nresult = '{result}'\n\
         [[agent]]\nactions = ['a.b']\nusers = ['www-data']\n[[member]]\nuser = '{member}'\ngroup = 'vm'\n"
    )
}

fn state(bed: &LightBed) -> State {
    let output = bed.exec(["sh", "-c", STATE]).success();
    let mut state = State::new();
    for (content, path) in output.stdout.lines().filter_map(|line| line.rsplit_once("  ")) {
        state.entry(path.to_owned()).or_default().push_str(&format!("{content} "));
    }
    state
}

fn is_temporary(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with('.'))
}

/// How an installation is cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Killed,
    FullDisk,
    ReadOnly,
}

/// The script for it, with numbers that differ from round to round.
fn interrupted(way: Way, round: usize, path: &str, whole: f64) -> String {
    let install = format!("polkit-policy-gen install {path} --replace --root /img");
    match way {
        // At a moment between its start and its end. (No time at all would be no limit.)
        Way::Killed => {
            let seconds = whole * ((1 + round * 37 % 101) as f64 / 100.0);
            format!("timeout --signal=KILL {seconds:.4} {install}")
        }
        Way::FullDisk => {
            let left = round * 5 % 29 * 12;
            format!(
                "free=$(df --output=avail -k /img | tail -1); fallocate -l $(((free - {left}) * 1024)) /img/fill; {install}; \
                 status=$?; rm -f /img/fill; exit $status"
            )
        }
        Way::ReadOnly => {
            format!("mount -o remount,ro /img; {install}; status=$?; mount -o remount,rw /img; exit $status")
        }
    }
}

#[test]
fn an_installation_that_is_cut_short_leaves_the_old_files_or_the_new_ones_and_the_next_run_finishes() {
    let Some(root) = require(Suite::Trixie) else { return };
    let rounds = std::env::var("POLKIT_TESTS_INTERRUPTIONS").map_or(40, |rounds| rounds.parse().expect("a number"));
    let bed = LightBed::on(&root).without_libvirtd().start();
    bed.copy_in(program("polkit-policy-gen"), "/usr/bin/polkit-policy-gen", 0o755);
    let _ = bed.exec(["sh", "-c", IMAGE]).success();
    let run = |arguments: &[&str]| bed.exec([&["polkit-policy-gen"], arguments, &["--root", "/img"]].concat());
    let before = state(&bed);
    let policies = ["/root/a.toml", "/root/b.toml"];
    bed.write(policies[0], 0o600, policy("yes", "bob"));
    bed.write(policies[1], 0o600, policy("no", "www-data"));
    let installed = policies.map(|path| {
        let _ = run(&["install", path, "--replace"]).success();
        let installed = state(&bed);
        let _ = run(&["remove"]).success();
        assert_eq!(state(&bed), before);
        installed
    });
    // Seconds that an installation takes, about: adjusted as it goes, since others use the machine, too.
    let mut whole = 0.02;
    let mut seen: BTreeMap<(Way, &str), usize> = BTreeMap::new();
    let mut old = before.clone();
    for round in 0..rounds {
        let way = match round % 10 {
            0..6 => Way::Killed,
            6..9 => Way::FullDisk,
            _ => Way::ReadOnly,
        };
        let (path, new) = (policies[round % 2], &installed[round % 2]);
        let ended = bed.exec(["sh", "-c", &interrupted(way, round, path, whole)]);
        let found = state(&bed);
        let there: State =
            found.iter().filter(|(path, _)| !is_temporary(path)).map(|(p, c)| (p.clone(), c.clone())).collect();
        for (path, content) in &there {
            let known = [old.get(path), new.get(path)].contains(&Some(content));
            assert!(known, "{way:?} {round}: {path} is neither old nor new: {content}\n{ended}");
        }
        for (path, _) in old.iter().filter(|(path, _)| new.contains_key(*path)) {
            assert!(there.contains_key(path), "{way:?} {round}: {path} is gone\n{ended}");
        }
        let outcome = if there == old {
            "old"
        } else if there == *new {
            "new"
        } else {
            assert_eq!(way, Way::Killed, "{round}: half done\n{ended}");
            assert!(bed.exists("/img/var/lib/polkit-policy-gen/pending.json"), "{round}: half done, and not on record");
            "both"
        };
        *seen.entry((way, outcome)).or_default() += 1;
        if way == Way::Killed {
            whole *= if ended.code() == Some(0) { 0.9 } else { 1.05 };
        } else {
            let done = ended.code() == Some(0);
            assert_eq!(done, outcome == "new", "{ended}");
            assert!(done || ended.stderr.contains("Nothing was changed."), "{ended}");
            assert_eq!(there, found, "something is left over\n{ended}");
        }
        // Without --force: what was left is known to be ours.
        old = if round % 5 == 4 {
            let _ = run(&["remove"]).success();
            before.clone()
        } else {
            let _ = run(&["install", path, "--replace"]).success();
            new.clone()
        };
        assert_eq!(state(&bed), old, "{way:?} {round}: what was finished is not as it should be");
    }
    println!("{rounds} interrupted installations: {seen:?}");
    let count = |way, outcome| seen.get(&(way, outcome)).copied().unwrap_or(0);
    assert!(
        count(Way::Killed, "old") > 0 && count(Way::FullDisk, "old") > 0 && count(Way::ReadOnly, "old") > 0,
        "{seen:?}"
    );
    let _ = run(&["remove"]).success();
    assert_eq!(state(&bed), before);
    assert!(!bed.exists("/img/var/lib/polkit-policy-gen"));
}
