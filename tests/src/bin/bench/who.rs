//! All subjects of all actions, without polkitd, and what more rules cost.

use std::process::{Command, Stdio};
use std::time::Instant;

use polkit_tests::{LightBed, Root, program};

use crate::table::{Goal, Table};

const FILES: usize = 30;
/// The numbers of rules of which the growth is measured.
const GROWTH: [usize; 3] = [10, 100, 1_000];

/// A rule for one of the actions, which asks for a group first, as many do.
fn rule(number: usize, action: &str) -> String {
    format!(
        "polkit.addRule(function (action, subject) {{\n    if (subject.isInGroup(\"group{number}\") && action.id == \
         \"{action}\") {{\n        return polkit.Result.YES;\n    }}\n}});\n"
    )
}

/// `who --all` over 30 rules files, and over more and more rules.
pub fn of_all_actions(root: &Root, table: &mut Table) {
    let bed = LightBed::on(root).without_libvirtd().start();
    let folder = format!("/proc/{}/root", bed.pid1());
    let (seconds, actions) = who(&folder);
    let way = |rules: usize| format!("light bed, {}, {rules} rules; {} actions", root.suite(), actions.len());
    table.tell("who --all", &way(0), "s", seconds, None, Goal::None);
    for number in 0..FILES {
        let action = actions.get(number * 5 % actions.len()).map_or("org.example.none", String::as_str);
        bed.write(format!("/etc/polkit-1/rules.d/{}-x.rules", number + 60), 0o644, rule(number, action));
    }
    table.tell("who --all", &way(FILES), "s", who(&folder).0, None, Goal::AtMost(1.0, "< 1 s"));
    for number in 0..FILES {
        bed.remove(format!("/etc/polkit-1/rules.d/{}-x.rules", number + 60));
    }
    for rules in GROWTH {
        let text: String =
            (0..rules).filter_map(|number| Some(rule(number, actions.get(number % actions.len())?))).collect();
        bed.write("/etc/polkit-1/rules.d/60-x.rules", 0o644, text);
        table.tell("who --all, as rules grow", &way(rules), "s", who(&folder).0, None, Goal::None);
    }
}

/// Returns how long `who --all` takes, and the actions.
fn who(root: &str) -> (f64, Vec<String>) {
    let begun = Instant::now();
    let output = Command::new(program("polkit-policy-gen"))
        .args(["who", "--all", "--json", "--root", root])
        .stderr(Stdio::null())
        .output()
        .expect("starting who");
    let seconds = begun.elapsed().as_secs_f64();
    assert!(matches!(output.status.code(), Some(0 | 5)), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let action = |line: &str| Some(line.split_once("\"action\":\"")?.1.split('"').next()?.to_owned());
    (seconds, text.lines().filter_map(action).collect())
}
