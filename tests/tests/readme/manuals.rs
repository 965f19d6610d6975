//! The EXAMPLES of the manuals are true: each block is a valid file or a command that does what the manual says.

use polkit_tests::{FullBed, Root, Suite, product, require};

const AGENT_8: &str = include_str!("../../../agent/man/polkit-service-agent.8");
const AGENT_TOML_5: &str = include_str!("../../../agent/man/agent.toml.5");
const POLICY_GEN_1: &str = include_str!("../../../policy-gen/man/polkit-policy-gen.1");
const POLICY_TOML_5: &str = include_str!("../../../policy-gen/man/policy.toml.5");
const LIBVIRT_7: &str = include_str!("../../../policy-gen/man/polkit-policy-gen-libvirt.7");
const VERDICTS_7: &str = include_str!("../../../policy-gen/man/polkit-policy-gen-verdicts.7");

/// What the examples are about.
const PREPARE: &str = "
    for user in deploy kiosk ci; do useradd --system $user || exit 1; done
    for group in ops vm-operators; do groupadd $group || exit 1; done
    mkdir -p /tmp/examples/data && cd /tmp/examples && mount --bind / /mnt || exit 1
    echo \"authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'\" > error.log
    echo 'polkit.addRule(function (action, subject) {
        if (action.id == \"org.libvirt.unix.monitor\" && subject.isInGroup(\"ops\")) { return polkit.Result.YES; }
    });' > data/50-package.rules
    printf '[[grant]]\\nactions = [\"org.libvirt.unix.monitor\"]\\ngroups = [\"ops\"]\\nresult = \"yes\"\\n' > policy.toml";

/// The literal blocks and the one-line commands of a manual's EXAMPLES, as they are shown.
fn examples(manual: &str) -> Vec<String> {
    let (_, section) = manual.split_once(".Sh EXAMPLES\n").expect("a manual has EXAMPLES");
    let section = section.split("\n.Sh ").next().unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    let mut block: Option<String> = None;
    for line in section.lines() {
        match (&mut block, line) {
            (_, line) if line.starts_with(".Bd -literal") => block = Some(String::new()),
            (Some(_), ".Ed") => found.extend(block.take()),
            (Some(block), line) => block.push_str(&format!("{}\n", line.replace("\\e", "\\"))),
            (None, line) => found.extend(line.strip_prefix(".Dl ").map(|command| format!("# {command}\n"))),
        }
    }
    found
}

/// A step of a shell session: a file that `cat` shows, or a command.
enum Step {
    File(String, String),
    Command(String),
}

/// Reads a shell session: prompts, continuation lines, and files that end with an empty line.
fn steps(block: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = block.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("# ") else { continue };
        if let Some(path) = command.strip_prefix("cat ") {
            let mut text = String::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("# ")) {
                text.push_str(&format!("{line}\n"));
            }
            steps.push(Step::File(path.to_owned(), text));
            continue;
        }
        let mut command = command.to_owned();
        while command.ends_with('\\') {
            command.pop();
            command.push_str(lines.next().unwrap_or_default().trim_start());
        }
        steps.push(Step::Command(command));
    }
    steps
}

fn bed(root: &Root) -> FullBed {
    let bed = product::full(root).start();
    let _ = bed.exec(["sh", "-c", PREPARE]).success();
    bed
}

/// Carries out the shell sessions of a manual. Each command must end with this exit code and show this text, in this order.
fn session(bed: &FullBed, manual: &str, expected: &[(&str, i32, &str)]) {
    let mut expected = expected.iter();
    for step in examples(manual).iter().flat_map(|block| steps(block)) {
        match step {
            Step::File(path, text) => bed.write(path, 0o644, text),
            Step::Command(command) => {
                let (begins, code, shown) = expected.next().unwrap_or_else(|| panic!("not expected: {command}"));
                assert!(command.starts_with(begins), "{command}, and not {begins}");
                let output = bed.exec(["sh", "-c", &format!("cd /tmp/examples && {command}")]);
                assert_eq!(output.code(), Some(*code), "{command}: {output}");
                assert!(output.all().contains(shown), "{command}: {output}");
            }
        }
    }
    assert_eq!(expected.next(), None, "the manual has fewer commands");
}

fn the_examples_of_the_agent_work(root: &Root) {
    let bed = bed(root);
    session(
        &bed,
        AGENT_8,
        &[
            ("polkit-policy-gen install", 0, "wrote /etc/polkit-1/rules.d/46-polkit-policy-gen-agent.rules"),
            ("polkit-service-agent check", 0, "allow \"web-panel\": org.libvirt.unix.manage for unit apache2.service"),
            ("systemctl enable --now polkit-service-agent", 0, ""),
            ("polkit-service-agent test", 0, "allow"),
        ],
    );
}

fn the_examples_of_agent_toml_are_valid(root: &Root) {
    let bed = bed(root);
    let blocks = examples(AGENT_TOML_5);
    assert_eq!(blocks.len(), 8);
    for (number, block) in blocks.iter().enumerate() {
        if block.starts_with("[Service]") {
            bed.write("/etc/systemd/system/example.service", 0o644, block);
            let _ = bed.exec(["systemd-analyze", "verify", "example.service"]).success();
            continue;
        }
        let path = format!("/tmp/example-{number}.toml");
        bed.write(&path, 0o644, block);
        let check = ["polkit-service-agent", "check", "--config", &path];
        let output = if block.contains("session = \"own\"") {
            let _ = bed.exec(["chown", "kiosk", &path]).success();
            bed.exec_as("kiosk", check)
        } else {
            bed.exec(check)
        };
        assert!(output.success().stdout.contains("Rules, in their order"), "{block}");
    }
}

fn the_examples_of_policy_toml_are_valid(root: &Root) {
    let bed = bed(root);
    let blocks = examples(POLICY_TOML_5);
    assert_eq!(blocks.len(), 2);
    for block in &blocks {
        bed.write("/tmp/example.toml", 0o644, block);
        let planned = bed.exec(["polkit-policy-gen", "install", "/tmp/example.toml", "--dry-run"]);
        assert_eq!(planned.code(), Some(4), "there is something to install: {planned}");
        assert!(planned.stdout.contains("etc/polkit-1/rules.d/45-polkit-policy-gen.rules"), "{planned}");
    }
}

fn the_examples_of_the_generator_work(root: &Root) {
    let bed = bed(root);
    session(
        &bed,
        POLICY_GEN_1,
        &[
            ("polkit-policy-gen generate --group libvirt", 0, "subject.isInGroup(\"libvirt\")"),
            ("polkit-policy-gen install policy.toml --dry-run", 4, "45-polkit-policy-gen.rules"),
            ("polkit-policy-gen install policy.toml", 0, "wrote /etc/polkit-1/rules.d/45-polkit-policy-gen.rules"),
            ("polkit-policy-gen doctor --unit apache2.service", 1, "org.libvirt.unix.manage"),
            ("polkit-policy-gen doctor --error -", 1, "org.libvirt.unix.manage"),
        ],
    );
}

fn the_examples_of_libvirt_and_of_verdicts_work(root: &Root) {
    let bed = bed(root);
    session(
        &bed,
        VERDICTS_7,
        &[
            ("polkit-policy-gen explain --user www-data", 4, "an administrator must authenticate"),
            ("polkit-policy-gen explain --root /mnt", 4, "an administrator must authenticate"),
            ("polkit-policy-gen explain --user ci --group deploy", 4, "an administrator must authenticate"),
            ("polkit-policy-gen who --all --result yes", 0, "org.freedesktop.login1."),
            ("polkit-policy-gen check --target polkit:126 --strict data/", 0, ""),
        ],
    );
    let _ = bed.exec(["rm", "/tmp/examples/policy.toml"]).success();
    session(
        &bed,
        LIBVIRT_7,
        &[
            ("polkit-policy-gen libvirt --mode polkit", 0, ""),
            (
                "polkit-policy-gen install policy.toml --restart",
                0,
                "wrote /etc/polkit-1/rules.d/45-polkit-policy-gen.rules",
            ),
            ("polkit-policy-gen libvirt --mode acl", 0, ""),
        ],
    );
}

macro_rules! in_trixie_and_bookworm {
    ($($test:ident)*) => {
        mod trixie {
            $(#[test] fn $test() { if let Some(root) = super::require(super::Suite::Trixie) { super::$test(&root); } })*
        }
        mod bookworm {
            $(#[test] fn $test() { if let Some(root) = super::require(super::Suite::Bookworm) { super::$test(&root); } })*
        }
    };
}

in_trixie_and_bookworm! {
    the_examples_of_the_agent_work
    the_examples_of_agent_toml_are_valid
    the_examples_of_policy_toml_are_valid
    the_examples_of_the_generator_work
    the_examples_of_libvirt_and_of_verdicts_work
}
