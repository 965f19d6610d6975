//! What the grants of policy-gen cost polkitd in a check, against no rules, a chain of `if`s, and pkla; and how long they take to
//! be generated. Each kind has a bed of its own, and the beds are asked in turn.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use polkit_tests::light::LightBuilder;
use polkit_tests::{LightBed, Process, Root, program};

use crate::beds::{Client, policy, sleeping};
use crate::table::{Goal, Paired, Side, Table, paired};

/// How many grants there are.
const SIZES: [usize; 3] = [10, 1000, 10_000];
/// Named by the last of the grants, for www-data.
const LAST: &str = "org.example.bench.last";
/// Named by none of them.
pub const OTHER: &str = "org.example.other";
/// Where polkitd reads rules.
const RULES: &str = "/etc/polkit-1/rules.d/45-polkit-policy-gen.rules";
const PKLA: &str = "/etc/polkit-1/localauthority/45-polkit-policy-gen.d/polkit-policy-gen.pkla";

/// polkitd's time for a check with so many grants.
pub fn in_a_check(root: &Root, table: &mut Table) {
    let none = Asked::of(plain(root));
    for size in SIZES {
        let text = grants(size);
        let ours = Asked::of(plain(root).file(RULES, 0o644, generate(&text, "debian:13", "rules")));
        let chain = Asked::of(plain(root).file(RULES, 0o644, chain(size)));
        let grants = format!("light bed, {}, {size} grants", root.suite());
        let goal = Goal::AtMost(1.05, "≤ 1.05 ×");
        let last = ours.against(&none, LAST, 30, 200);
        table.compare("a check that the last grant answers, against no rules", &grants, "µs", last, goal);
        let other = ours.against(&none, OTHER, 30, 200);
        table.compare("a check that no grant is about, against no rules", &grants, "µs", other, goal);
        let ifs = ours.against(&chain, LAST, 10, 100);
        table.compare("a check that the last grant answers, against a chain of ifs", &grants, "µs", ifs, Goal::None);
    }
}

/// The same against pkla files, by polkit-pkla-compat.
pub fn against_pkla(root: &Root, table: &mut Table) {
    for size in SIZES {
        let text = grants(size);
        let ours = Asked::of(plain(root).file(RULES, 0o644, generate(&text, "debian:12", "rules")));
        let pkla = Asked::of(plain(root).with_pkla().file(PKLA, 0o644, generate(&text, "debian:12", "pkla")));
        let grants = format!("light bed, {}, {size} grants", root.suite());
        // Each check of the baseline runs a program, which reads all of the file.
        let pair = ours.against(&pkla, LAST, 5, 20);
        table.compare("a check that the last grant answers, against pkla", &grants, "µs", pair, Goal::None);
    }
}

/// How long it takes to make a rules file.
pub fn to_generate(table: &mut Table) {
    let text = grants(10_000);
    let mut times: Vec<f64> = (0..20)
        .map(|_| {
            let began = Instant::now();
            drop(generate(&text, "debian:13", "rules"));
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let way = format!("the whole program, {} KiB of policy, median of 20", text.len() / 1024);
    table.tell("generating 10,000 grants", &way, "ms", times[10], None, Goal::AtMost(100.0, "< 100 ms"));
}

/// A bed with a process to ask about.
pub struct Asked {
    client: std::cell::RefCell<Client>,
    process: Process,
    bed: LightBed,
}

impl Asked {
    pub fn of(builder: LightBuilder) -> Self {
        let bed = builder.start();
        let process = sleeping(&bed, "system.slice/asked.service");
        Self { client: Client::new(&bed).into(), process, bed }
    }

    pub fn bed(&self) -> &LightBed {
        &self.bed
    }

    fn median(&self, action: &str, checks: u32) -> f64 {
        self.client.borrow_mut().round(action, self.process.pid(), checks, 1).median
    }

    /// Against another one: so many rounds, of so many checks.
    pub fn against(&self, other: &Self, action: &str, rounds: usize, checks: u32) -> Paired {
        paired(
            rounds,
            |side| if side == Side::Ours { self.median(action, checks) } else { other.median(action, checks) },
        )
    }
}

/// polkitd and the client, and two actions that everybody may do.
pub fn plain(root: &Root) -> LightBuilder {
    let client = std::fs::read(program("bench-client")).expect("bench-client");
    let actions = policy(&[LAST, OTHER]).replace("auth_admin", "yes");
    LightBed::on(root).without_libvirtd().file("/usr/bin/bench-client", 0o755, client).file(
        "/usr/share/polkit-1/actions/org.example.bench.policy",
        0o644,
        actions,
    )
}

/// So many grants, each of an action of its own to a user and a group of its own; the last one of all those actions to www-data.
fn grants(size: usize) -> String {
    let grant = |number: usize| {
        format!(
            "[[grant]]\nactions='org.example.bench.a{number}'\nusers='u{number}'\ngroups='g{number}'\nresult='yes'\n"
        )
    };
    let others: String = (1..size).map(grant).collect();
    others + &format!("[[grant]]\nactions='{LAST}'\nusers='www-data'\ngroups='operators'\nresult='yes'\n")
}

/// The same, as rules are written by hand.
fn chain(size: usize) -> String {
    let test = |action: &str, user: &str, group: &str| {
        format!(
            "    if (action.id == \"{action}\" && (subject.user == \"{user}\" || subject.isInGroup(\"{group}\"))) {{ return \"yes\"; }}\n"
        )
    };
    let mut tests: Vec<String> = (1..size)
        .map(|number| test(&format!("org.example.bench.a{number}"), &format!("u{number}"), &format!("g{number}")))
        .collect();
    tests.push(test(LAST, "www-data", "operators"));
    // Duktape takes 65,535 constants in one function.
    let rules =
        tests.chunks(1000).map(|part| format!("polkit.addRule(function (action, subject) {{\n{}}});\n", part.concat()));
    rules.collect()
}

/// What the program makes of a policy.
pub fn generate(text: &str, target: &str, format: &str) -> Vec<u8> {
    let mut child = Command::new(program("polkit-policy-gen"))
        .args(["generate", "-", "--target", target, "--format", format])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("running polkit-policy-gen");
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads all of it");
    let output = child.wait_with_output().expect("polkit-policy-gen ends");
    assert!(output.status.success(), "polkit-policy-gen: {}", output.status);
    output.stdout
}
