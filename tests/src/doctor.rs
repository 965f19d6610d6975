//! What the tests of the doctor share: healthy beds, scenarios that break them in one way, and what following the doctor comes to.

pub mod scenarios;

use std::path::Path;
use std::process::Command;

use crate::full::FullBuilder;
use crate::light::LightBuilder;
use crate::{Bed, FullBed, LightBed, Output, Root, Suite, layers, product_dir};
use serde_json::Value;

/// The action of most scenarios.
pub const MANAGE: &str = "org.libvirt.unix.manage";
/// Where rules of an administrator are.
pub const RULES: &str = "/etc/polkit-1/rules.d";
/// Where pkla files of an administrator are.
pub const PKLA: &str = "/etc/polkit-1/localauthority/50-local.d";

/// The program and what it needs, as files of a bed. bullseye's libc is older than the one that it is built against, so it
/// brings its own.
fn files(suite: Suite) -> Vec<(String, u32, Vec<u8>)> {
    let read = |path: &Path| std::fs::read(path).unwrap();
    let own = product_dir().join("polkit-policy-gen");
    let mut files = Vec::new();
    if suite != Suite::Bullseye {
        files.push(("/usr/bin/polkit-policy-gen".to_owned(), 0o755, read(&own)));
        files.push((
            "/usr/libexec/polkit-policy-gen-js".to_owned(),
            0o755,
            read(&product_dir().join("polkit-policy-gen-js")),
        ));
        return files;
    }
    let told = Command::new("ldd").arg(&own).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let mut loader = None;
    for path in told.split_whitespace().filter(|word| word.starts_with('/')) {
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        loader = loader.or_else(|| name.starts_with("ld-").then(|| name.to_owned()));
        files.push((format!("/opt/libc/{name}"), 0o755, read(Path::new(path))));
    }
    let start = format!("/opt/libc/{} --library-path /opt/libc", loader.expect("a loader"));
    let script = format!("#!/bin/sh\nexec {start} /opt/libc/polkit-policy-gen \"$@\"\n");
    files.push(("/opt/libc/polkit-policy-gen".to_owned(), 0o755, read(&own)));
    files.push(("/usr/bin/polkit-policy-gen".to_owned(), 0o755, script.into_bytes()));
    files
}

/// The root filesystem with the program.
fn installed(root: &Root) -> Root {
    layers::above(root, &format!("doctor-{}", root.suite()), || files(root.suite()))
}

/// A light bed with the program, still to be started.
pub fn builder(root: &Root) -> LightBuilder {
    LightBed::on(&installed(root))
}

/// A full bed with the program, still to be started.
pub fn full_builder(root: &Root) -> FullBuilder {
    FullBed::on(&installed(root))
}

/// A healthy full bed, perhaps with more in it.
pub fn healthy_full(root: &Root, change: impl FnOnce(FullBuilder) -> FullBuilder) -> FullBed {
    let bed = change(full_builder(root)).start();
    people(&bed);
    bed
}

/// Adds the people.
pub fn people(bed: &Bed) {
    let script = "
        for pair in alice:3001 bob:3002 carol:3003; do
            name=${pair%:*}; id=${pair#*:}
            echo \"$name:x:$id:$id::/home/$name:/bin/sh\" >> /etc/passwd
            echo \"$name:!:19000::::::\" >> /etc/shadow
            echo \"$name:x:$id:\" >> /etc/group
            mkdir -p /home/$name; chown $id:$id /home/$name
        done
        sed -i 's/^\\(libvirt:.*:\\)$/\\1carol/; s/^\\(libvirt:[^:]*:[^:]*:.*[^:]\\)$/\\1,carol/' /etc/group
        sed -i '/^libvirt:/s/carol,carol/carol/' /etc/group";
    sh(bed, script);
}

/// A healthy light bed.
pub fn healthy(root: &Root, change: impl FnOnce(LightBuilder) -> LightBuilder) -> LightBed {
    let bed = change(builder(root)).start();
    people(&bed);
    bed
}

/// Runs a script as root, which must succeed.
#[track_caller]
pub fn sh(bed: &Bed, script: &str) {
    let _ = bed.exec(["sh", "-ec", script]).success();
}

/// Runs the doctor as root.
pub fn doctor(bed: &Bed, arguments: &[&str]) -> Output {
    bed.exec([&["polkit-policy-gen", "doctor"], arguments].concat())
}

/// What the doctor found.
#[derive(Debug)]
pub struct Found {
    /// The exit code.
    pub exit: i32,
    /// The whole object.
    pub json: Value,
}

impl Found {
    /// The codes, in order.
    pub fn codes(&self) -> Vec<&str> {
        self.json["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
    }

    /// The fixes, in order.
    fn fixes(&self) -> impl Iterator<Item = &Value> {
        self.json["findings"].as_array().unwrap().iter().flat_map(|finding| finding["fixes"].as_array().unwrap())
    }

    /// The first fix that is not a person's to do.
    pub fn first_fix(&self) -> Option<&str> {
        self.fixes().filter(|fix| fix["manual"] == false).map(|fix| fix["id"].as_str().unwrap()).next()
    }
}

/// Asks the doctor for its object.
#[track_caller]
pub fn look(bed: &Bed, arguments: &[&str]) -> Found {
    look_as(bed, "root", arguments)
}

/// The same as another user.
#[track_caller]
pub fn look_as(bed: &Bed, user: &str, arguments: &[&str]) -> Found {
    let output = bed.exec_as(user, [&["polkit-policy-gen", "doctor", "--json"], arguments].concat());
    let json = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    Found { exit: output.code().unwrap(), json }
}

/// Whether `virsh list` works as that user. It asks for everything, as most programs do.
pub fn virsh(bed: &Bed, user: &str) -> bool {
    bed.exec_as(user, ["timeout", "15", "virsh", "-q", "-c", "qemu:///system", "list"]).status.success()
}

/// Whether polkitd says yes to a process of that user.
pub fn pkcheck(bed: &Bed, user: &str, action: &str) -> bool {
    bed.exec_as(user, ["timeout", "5", "sh", "-c", "exec pkcheck --action-id \"$1\" --process $$", "sh", action])
        .status
        .success()
}

/// A way to break a healthy bed.
pub struct Scenario {
    /// Its name, after the cause in the list of causes.
    pub name: &'static str,
    /// Where it can occur.
    pub suites: &'static [Suite],
    /// Changes the bed before it starts.
    pub before: fn(LightBuilder) -> LightBuilder,
    /// Breaks it.
    pub breaks: fn(&Bed),
    /// What the doctor is asked.
    pub asked: &'static [&'static str],
    /// What it must name first.
    pub code: &'static str,
    /// What fails, and must work after the fix: as www-data.
    pub works: fn(&Bed) -> bool,
    /// What a person does where nothing is carried out for him; nothing where `--fix` mends it.
    pub by_hand: Option<fn(&Bed)>,
    /// Whether it takes a full bed.
    pub full: bool,
}

/// All suites.
pub const ALL: &[Suite] = &Suite::ALL;
/// Those with rules in JavaScript.
pub const WITH_RULES: &[Suite] = &[Suite::Bookworm, Suite::Trixie, Suite::Forky];

/// What came of a scenario.
#[derive(Debug)]
pub struct Came {
    /// The scenario's name.
    pub name: &'static str,
    /// The suite of the bed.
    pub suite: Suite,
    /// The codes of the findings: `Ok` if the expected code is the first.
    pub found: Result<String, String>,
    /// The fixes that were carried out.
    pub fixed: String,
    /// What failed.
    pub wrong: Vec<String>,
}

/// Breaks a healthy bed, asks, follows the first fix, and tries.
pub fn run(root: &Root, scenario: &Scenario) -> Came {
    if scenario.full {
        run_in(&healthy_full(root, |builder| builder), scenario)
    } else {
        run_in(&healthy(root, scenario.before), scenario)
    }
}

fn run_in(bed: &Bed, scenario: &Scenario) -> Came {
    let mut wrong = Vec::new();
    (scenario.breaks)(bed);
    if (scenario.works)(bed) {
        wrong.push("what should fail works".to_owned());
    }
    let found = look(bed, scenario.asked);
    let codes = found.codes().join(" ");
    let first = found.codes().first().copied() == Some(scenario.code);
    if !first || found.exit != 1 {
        wrong.push(format!("wanted {} first, exit 1: {} {:#}", scenario.code, found.exit, found.json));
    }
    let before = state(bed);
    let not_evaluated = found.fixes().filter(|fix| fix["manual"] == false && fix["expected"].is_null());
    for fix in not_evaluated.filter(|_| !found.json["request"]["user"].is_null()) {
        wrong.push(format!("{} was not evaluated: {:#}", fix["id"], found.json));
    }
    let fixed = match (scenario.by_hand, found.first_fix()) {
        (Some(by_hand), id) => {
            by_hand(bed);
            let left = look(bed, scenario.asked);
            if !(scenario.works)(bed) || left.codes().contains(&scenario.code) {
                wrong.push(format!("by hand: {:#}", left.json));
            }
            id.map_or_else(|| "by hand".to_owned(), |id| format!("by hand (also {id})"))
        }
        (None, Some(id)) => fixed(bed, scenario, &found, id, &mut wrong),
        (None, None) => {
            wrong.push(format!("no fix: {:#}", found.json));
            "NO FIX".to_owned()
        }
    };
    if virsh(bed, "alice") || pkcheck(bed, "alice", MANAGE) || pkcheck(bed, "alice", "org.freedesktop.policykit.exec") {
        wrong.push("alice got something".to_owned());
    }
    // On two suites the fix is taken back, on the others what is left is followed.
    if let (None, Some(id), true) = (scenario.by_hand, found.first_fix(), undoes(bed))
        && let Err(why) = undone(bed, scenario, &found, id, &before)
    {
        wrong.push(format!("undoing {id}: {why}"));
    }
    Came { name: scenario.name, suite: bed.suite(), found: if first { Ok(codes) } else { Err(codes) }, fixed, wrong }
}

fn undoes(bed: &Bed) -> bool {
    matches!(bed.suite(), Suite::Bullseye | Suite::Trixie)
}

/// Carries a fix out, and tries what failed.
fn fixed(bed: &Bed, scenario: &Scenario, found: &Found, id: &str, wrong: &mut Vec<String>) -> String {
    let output = doctor(bed, &[scenario.asked, &["--fix", id, "--yes"]].concat());
    if output.code().is_none_or(|code| code > 1) {
        wrong.push(format!("--fix {id}: {output}"));
    }
    if !(scenario.works)(bed) {
        wrong.push(format!("--fix {id}: it does not work after it: {output} {:#}", found.json));
    }
    let mut done = vec![id.to_owned()];
    if !undoes(bed) && output.code() == Some(1) {
        match follow(bed, scenario.asked) {
            Ok(more) => done.extend(more),
            Err(left) => wrong.push(format!("{done:?} {output} {left}")),
        }
    }
    done.join(", ")
}

/// The files that fixes change, with modes, owners and content, and the groups.
fn state(bed: &Bed) -> String {
    let script = "
        all='/etc/polkit-1 /etc/polkit-policy-gen /etc/polkit-service-agent /etc/systemd/system
             /usr/share/polkit-1 /usr/local/share/polkit-1 /var/lib/polkit-1 /var/lib/polkit-policy-gen'
        # libvirt's daemons make folders below /etc/libvirt when they are ready; fixes change only the files.
        all=\"$all $(find /etc/libvirt -maxdepth 1 -type f)\"
        find /etc/polkit-1 /run/libvirt -maxdepth 0 -printf '%M %u:%g %p\n' 2>/dev/null
        # Empty directories of polkit-policy-gen may stay: packages bring them.
        find $all \\( ! -empty -o ! -path '*/polkit-policy-gen*' \\) -printf '%M %u:%g %p %l\n' 2>/dev/null |
            grep -v '^d.* /etc/polkit-policy-gen ' | sort
        find $all -type f -exec sha256sum {} + 2>/dev/null | sort -k 2
        cat /etc/group";
    bed.exec(["sh", "-c", script]).stdout
}

/// The lines of the first text that the second does not have.
fn differs<'a>(one: &'a str, other: &str) -> Vec<&'a str> {
    one.lines().filter(|line| !other.lines().any(|known| known == *line)).collect()
}

/// Takes a fix back by what it says undoes it: then the files are as they were before, and the finding is there again.
fn undone(bed: &Bed, scenario: &Scenario, found: &Found, id: &str, before: &str) -> Result<(), String> {
    let fix = found.fixes().find(|fix| fix["id"] == id).unwrap();
    let undo: Vec<&str> = fix["undo"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    if undo.is_empty() {
        return Ok(());
    }
    let output = bed.exec(["sh", "-ec", &undo.join("\n")]);
    let after = state(bed);
    if after != before {
        return Err(format!("not as before: {:#?} became {:#?}", differs(before, &after), differs(&after, before)));
    }
    let again = look(bed, scenario.asked);
    // Whether the file of a closed socket stays differs by version.
    let off = ["socket-refused", "socket-missing"];
    let same = |code: &&str| *code == scenario.code || (off.contains(code) && off.contains(&scenario.code));
    if output.status.success() && again.codes().iter().any(same) {
        Ok(())
    } else {
        Err(format!("{output} {:#}", again.json))
    }
}

/// Carries out the first fix that is not a person's to do, again and again, until there is none: their names. What is left then is a
/// person's to do.
pub fn follow(bed: &Bed, asked: &[&str]) -> Result<Vec<String>, String> {
    let mut done = Vec::new();
    loop {
        let found = look(bed, asked);
        let Some(id) = found.first_fix() else { return Ok(done) };
        if done.len() == 6 {
            return Err(format!("after {done:?}: {:#}", found.json));
        }
        let output = doctor(bed, &[asked, &["--fix", id, "--yes"]].concat());
        if output.code().is_none_or(|code| code > 1) {
            return Err(format!("after {done:?}: {output}"));
        }
        done.push(id.to_owned());
    }
}

/// Runs the scenarios whose names begin so and that can occur on this suite: half of them, so that each is run on half of its
/// suites, or with `POLKIT_TESTS_SCENARIO` all whose names contain that text (`POLKIT_TESTS_SCENARIO=` for all). Prints a table,
/// and fails with every failure.
pub fn run_all(root: &Root, scenarios: &[Scenario], beginnings: &[&str]) {
    let mut wrong = Vec::new();
    let wanted = std::env::var("POLKIT_TESTS_SCENARIO").ok();
    let turn = |number: usize, place: usize| scenarios[number].suites.len() == 1 || (number + place).is_multiple_of(2);
    let here = |(number, scenario): &(usize, &Scenario)| {
        if !beginnings.iter().any(|beginning| scenario.name.starts_with(beginning)) {
            return false;
        }
        let place = scenario.suites.iter().position(|suite| *suite == root.suite());
        place.is_some_and(|place| match &wanted {
            Some(wanted) => scenario.name.contains(wanted),
            None => turn(*number, place),
        })
    };
    for (_, scenario) in scenarios.iter().enumerate().filter(here) {
        let started = std::time::Instant::now();
        let came = run(root, scenario);
        let time = started.elapsed().as_secs_f32();
        let found = match &came.found {
            Ok(codes) | Err(codes) => codes,
        };
        let end = if came.wrong.is_empty() { "" } else { "  <- WRONG" };
        eprintln!(
            "{:38} {:8} found: {found:42} {time:4.1} s, fixed by: {}{end}",
            came.name,
            came.suite.to_string(),
            came.fixed
        );
        wrong.extend(came.wrong.iter().map(|why| format!("{} on {}: {why}", came.name, came.suite)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
