//! What a grant by the unit of the subject costs polkitd in a check, against no rules, in processor time. Both are measured in one bed: the
//! rule is added and removed for each pair, because two polkitds differ by more than the rule costs.

use std::time::Duration;

use polkit_tests::{FullBed, Root, program};

use crate::beds::{Client, policy};
use crate::checks::sleeping_unit;
use crate::grants::generate;
use crate::table::{Goal, Paired, Side, Table, paired};

/// The action of the grant. Everybody may do it without the grant as well, so that both sides end in the same way.
const GRANTED: &str = "org.example.bench.granted";
/// An action that no grant is about.
const OTHER: &str = "org.example.other";
/// An action of the same grant that no user may do without it: it shows whether the rule is in force.
const MARK: &str = "org.example.bench.mark";
const ACTIONS: &str = "/usr/share/polkit-1/actions";
const RULES: &str = "/etc/polkit-1/rules.d/45-polkit-policy-gen.rules";
const ROUNDS: usize = 8;
const CHECKS: u32 = 500;

/// The shapes of grants: for a user in a unit, for every user in one of several units, and the largest rule per grant.
fn shapes() -> [(&'static str, String); 3] {
    let actions = format!("actions = ['{GRANTED}', '{MARK}']\nresult = 'yes'\n");
    let other = |number| {
        format!("[[grant]]\nactions = ['org.example.bench.a{number}']\nresult = 'yes'\nunit = 'u{number}.service'\n")
    };
    let others: String = (1..32).map(other).collect();
    [
        ("a user in a unit", format!("[[grant]]\n{actions}users = ['www-data']\nunit = 'asked.service'\n")),
        ("a pattern of units", format!("[[grant]]\n{actions}unit = ['a@*.service', 'ask*.service']\n")),
        ("32 grants for units", format!("{others}[[grant]]\n{actions}unit = 'asked.service'\n")),
    ]
}

/// The processor time that polkitd has used, in microseconds.
fn processor_time(bed: &FullBed) -> f64 {
    let text = bed.read("/sys/fs/cgroup/system.slice/polkit.service/cpu.stat");
    let used = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
    used.and_then(|used| used.parse().ok()).unwrap_or_else(|| panic!("no usage_usec: {text}"))
}

/// Waits until polkitd does nothing: it reads a directory again some time after a change.
fn until_idle(bed: &FullBed) {
    let mut before = processor_time(bed);
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let now = processor_time(bed);
        if now - before < 1000.0 {
            return;
        }
        before = now;
    }
}

/// polkitd's time for a check of a process by its pidfd. With and without rules polkitd asks systemd for the unit of the process.
pub fn in_a_check(root: &Root, table: &mut Table) {
    let client = std::fs::read(program("bench-client")).expect("bench-client");
    let actions = policy(&[GRANTED, OTHER]).replace("auth_admin", "yes");
    let bed = FullBed::on(root)
        .without_libvirtd()
        .file("/usr/bin/bench-client", 0o755, client)
        .file(&format!("{ACTIONS}/org.example.bench.policy"), 0o644, actions)
        .file(&format!("{ACTIONS}/org.example.mark.policy"), 0o644, policy(&[MARK]))
        .start();
    let process = sleeping_unit(&bed, "asked");
    let mut client = Client::new(&bed);
    let mut measure = |action: &str, text: Option<&[u8]>| {
        let mut set = |text: Option<&[u8]>| {
            // A file that is written again would be read again.
            if bed.exists(RULES) != text.is_some() {
                match text {
                    Some(text) => bed.write(RULES, 0o644, text),
                    None => bed.remove(RULES),
                }
                client.until_allowed_by_pidfd(MARK, process, text.is_some());
                until_idle(&bed);
            }
            // The first checks of a new engine are slower.
            let _ = client.round_by_pidfd(action, process, 20);
            let before = processor_time(&bed);
            let _ = client.round_by_pidfd(action, process, CHECKS);
            (processor_time(&bed) - before) / f64::from(CHECKS)
        };
        paired(ROUNDS, |side| set(text.filter(|_| side == Side::Ours)))
    };
    let mut tell = |figure: &str, shape: &str, pair: Paired, goal| {
        table.compare(figure, &format!("full bed, {}, {shape}", root.suite()), "µs", pair, goal);
    };
    let (granted, other) = ("a check that a grant by unit answers", "a check that no grant by unit is about");
    let goal = Goal::AtMost(1.02, "≤ 1.02 ×");
    for (shape, text) in shapes() {
        let text = generate(&text, "debian:13", "rules");
        tell(&format!("{granted}, against no rules"), shape, measure(GRANTED, Some(&text)), goal);
        tell(&format!("{other}, against no rules"), shape, measure(OTHER, Some(&text)), goal);
    }
    tell("no rules, against no rules", "the error of these figures", measure(GRANTED, None), Goal::None);
}
