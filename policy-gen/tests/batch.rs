//! `explain --batch`: each line gets its own verdict, in order and without waiting for later lines.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests and their helpers fail by panicking")]

mod trees;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use trees::{Tree, text};

const REQUEST: &str = r#"{"user":"bob","action":"org.example.run"}"#;
/// The evaluator creates actions and subjects as polkitd does if a rules file could detect a difference, and in a faster way otherwise.
const MENTIONS_OBJECT: [&str; 2] = ["", " // Object"];

impl Tree {
    fn batch(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
        command.args(["explain", "--batch", "-", "--target", "polkit:126", "--root"]).arg(self.0.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    /// Evaluates `lines` and returns the verdict of each line.
    fn verdicts(&self, lines: &[&str]) -> Vec<String> {
        let mut child = self.batch();
        let mut input = child.stdin.take().unwrap();
        let lines = lines.join("\n");
        let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let answers = String::from_utf8(output.stdout).unwrap();
        let verdict = |line: &str| text(&serde_json::from_str::<Value>(line).unwrap()["verdict"]).to_owned();
        answers.lines().map(verdict).collect()
    }
}

#[test]
fn a_batch_prints_one_verdict_for_each_line_in_order() {
    let tree = Tree::with_rule("if (action.lookup('d') === 'go') { return 'yes'; }");
    let mut child = tree.batch();
    let mut input = child.stdin.take().unwrap();
    let requests = [
        r#"{"user":"bob","action":"org.example.run","details":{"d":"go"}}"#,
        r#"{"user":"bob","action":"org.example.run","session":"active"}"#,
        r#"{"user":"bob","action":"org.example.run","sesion":"active"}"#,
        r#"{"user":"unknown","action":"org.example.run"}"#,
        r#"{"user":"unknown","groups":[],"action":"org.example.run"}"#,
    ];
    input.write_all((requests.join("\n") + "\n").as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<&Value> = lines.iter().map(|line| &line["verdict"]).collect();
    assert_eq!(
        verdicts,
        ["yes".into(), "yes".into(), Value::Null, Value::Null, "auth_admin".into()].iter().collect::<Vec<_>>()
    );
    assert!(text(&lines[2]["error"]).contains("sesion") && text(&lines[3]["error"]).contains("unknown"));
    assert_eq!(output.status.code(), Some(2));
}

/// polkitd creates a new subject and action, with new methods, for each request; only global variables remain.
#[test]
fn a_request_does_not_change_the_objects_of_the_next_request() {
    for method in ["subject.isInGroup", "subject.isInNetGroup", "subject.toString", "action.lookup", "action.toString"]
    {
        for seen in [method, &format!("{method}.seen")] {
            let rule = format!("if ({method}.seen) {{ return 'no'; }} {seen} = {{seen: 1}}; return 'yes';");
            for more in MENTIONS_OBJECT {
                let tree = Tree::with_rule(&format!("{rule}{more}"));
                assert_eq!(tree.verdicts(&[REQUEST; 2]), ["yes"; 2], "{seen}");
            }
        }
    }
}

#[test]
fn a_verdict_is_printed_before_the_next_line_arrives() {
    let tree = Tree::with_rule("return 'yes';");
    let mut child = tree.batch();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut answered = |count: usize| {
        for _ in 0..count {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            assert!(line.starts_with(r#"{"verdict":"yes""#), "{line}");
        }
    };
    writeln!(input, "{REQUEST}").unwrap();
    answered(1);
    // Send more than one batch of lines, and the beginning of an unfinished line.
    let (begin, end) = REQUEST.split_at(9);
    write!(input, "{}{begin}", format!("{REQUEST}\n").repeat(300)).unwrap();
    answered(300);
    writeln!(input, "{end}").unwrap();
    answered(1);
    drop(input);
    assert_eq!(output.read_line(&mut String::new()).unwrap(), 0, "more verdicts than lines");
    assert!(child.wait().unwrap().success());
}

#[test]
fn slow_rules_of_a_large_batch_all_finish() {
    let tree = Tree::with_rule("var since = Date.now(); while (Date.now() - since < 100) { } return 'yes';");
    assert_eq!(tree.verdicts(&[REQUEST; 60]), ["yes"; 60]);
}

#[test]
fn a_rule_that_is_stopped_does_not_change_other_verdicts() {
    let tree = Tree::with_rule("if (action.lookup('d') === 'hang') { for (;;) { } } return 'yes';");
    let hang = r#"{"user":"bob","action":"org.example.run","details":{"d":"hang"}}"#;
    let mut lines = vec![REQUEST; 400];
    let mut expected = vec!["yes"; 400];
    (lines[100], expected[100]) = (hang, "depends");
    assert_eq!(tree.verdicts(&lines), expected);
}

/// Implying actions are evaluated after the other actions of their batch; their results belong to their own lines.
#[test]
fn results_of_implying_actions_belong_to_their_lines() {
    let tree = Tree::with_rule("if (action.id == 'org.example.over' && action.lookup('d') === 'go') { return 'yes'; }");
    tree.write(
        "usr/share/polkit-1/actions/y.policy",
        "<policyconfig><action id='org.example.over'><defaults/>\
         <annotate key='org.freedesktop.policykit.imply'>org.example.run</annotate></action></policyconfig>",
    );
    let go = r#"{"user":"bob","action":"org.example.run","details":{"d":"go"}}"#;
    let lines: Vec<&str> = (0..500).map(|number| if number % 3 == 0 { go } else { REQUEST }).collect();
    let expected: Vec<&str> = (0..500).map(|number| if number % 3 == 0 { "yes" } else { "auth_admin" }).collect();
    assert_eq!(tree.verdicts(&lines), expected);
}
