//! The program itself, on trees of its own: no polkitd, no bus, and nothing of the host is touched.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, in what it is helped by, too")]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const GRANT: &str =
    "[[grant]]\nname = \"machines\"\nactions = [\"org.libvirt.unix.manage\"]\ngroups = [\"vm\"]\nresult = \"yes\"\n";

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    // No bus: what would ask the host's polkitd fails.
    command.args(arguments).env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus").stdin(Stdio::null());
    command
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A tree with accounts, and rules.d as Debian 13 has it but for its group.
fn tree() -> tempfile::TempDir {
    let root = tempfile::Builder::new().prefix("tree").tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("etc/passwd", "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/sh\nbob:x:3002:3002::/:/bin/sh\n");
    write("etc/group", "root:x:0:\nwww-data:x:33:\nvm:x:3100:alice\n");
    write("etc/shadow", "root:*:1::::::\nwww-data:*:1::::::\nbob:$y$x:1::::::\n");
    write("etc/gshadow", "root:*::\nwww-data:!::\nvm:!::alice\n");
    write("var/lib/dpkg/status", "Package: polkitd\nStatus: install ok installed\nVersion: 126-2\n");
    std::fs::create_dir_all(root.path().join("etc/polkit-1/rules.d")).unwrap();
    root
}

fn policy(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// Every file and directory of a tree with mode and content.
fn state(root: &Path) -> Vec<String> {
    fn walk(path: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let text = if meta.is_file() { std::fs::read_to_string(&path).unwrap() } else { String::new() };
            found.push(format!("{} {:o} {}:{} {text}", path.display(), meta.mode(), meta.uid(), meta.gid()));
            if meta.is_dir() {
                walk(&path, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(root, &mut found);
    found.sort();
    found
}

#[test]
fn options_make_a_policy_without_a_file() {
    let arguments = ["generate", "--group", "vm", "--action", "org.libvirt.unix.manage", "--result", "yes"];
    let output = run(&[&arguments[..], &["--target", "debian:13"]].concat());
    assert!(output.status.success() && out(&output).contains("groups: {\"$vm\": 0}"), "{output:?}");
    assert!(err(&output).contains("`org.libvirt.unix.manage` is root-equivalent") && err(&output).contains("virsh -r"));
    let pkla = run(&[&arguments[..], &["--target", "debian:11"]].concat());
    assert!(out(&pkla).contains("Identity=unix-group:vm\nAction=org.libvirt.unix.manage\nResultAny=yes\n"), "{pkla:?}");
    let host = run(&arguments);
    assert_eq!(host.status.code(), Some(3), "{host:?}");
    assert!(err(&host).contains("apt install polkitd") && err(&host).contains("--target"));
}

#[test]
fn hostile_options_are_refused_or_are_data() {
    let with =
        |name: &str| run(&["generate", "--user", name, "--action", "a.b", "--result", "no", "--target", "polkit:122"]);
    for name in ["a\nb", "", "a:b", " ", "\u{1b}[31m"] {
        let output = with(name);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(err(&output).contains("<command line>:3:10") && !err(&output).contains('\u{1b}'), "{output:?}");
    }
    assert!(out(&with("a\"b")).contains("{\"$a\\\"b\": 0}"));
    assert!(err(&with("\u{1f600}")).contains("a rule can never match"));
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        &["generate"][..],
        &["generate", "--group", "vm"],
        &["generate", "x.toml", "--group", "vm"],
        &["generate", "--target", "debian:10", "x.toml"],
        &["frobnicate"],
        &["install", "--root", "/nonexistent", "--no-such-option"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn several_files_are_told_apart_or_go_to_a_directory() {
    let text = format!(
        "{GRANT}[[agent]]\nactions = ['a.b']\nusers = ['www-data']\n[[member]]\nuser = 'www-data'\ngroup = 'kvm'\n"
    );
    let (folder, path) = policy(&text);
    let together = run(&["generate", &path, "--target", "debian:13"]);
    let heads: Vec<String> =
        out(&together).lines().filter(|line| line.contains(" File: ")).map(str::to_owned).collect();
    assert_eq!(
        heads,
        [
            "// File: /etc/polkit-1/rules.d/45-polkit-policy-gen.rules",
            "// File: /etc/polkit-1/rules.d/46-polkit-policy-gen-agent.rules",
            "# File: /etc/sysusers.d/polkit-policy-gen.conf"
        ]
    );
    let one = folder.path().join("one.rules");
    let refused = run(&["generate", &path, "--target", "debian:13", "-o", one.to_str().unwrap()]);
    assert!(
        refused.status.code() == Some(2) && err(&refused).contains("name a directory") && !one.exists(),
        "{refused:?}"
    );
    let directory = folder.path().to_str().unwrap();
    assert!(run(&["generate", &path, "--target", "debian:13", "-o", directory]).status.success());
    let alone = std::fs::read_to_string(folder.path().join("45-polkit-policy-gen.rules")).unwrap();
    assert!(alone.starts_with("// Written by polkit-policy-gen from ") && out(&together).contains(&alone));
    let (_folder, single) = policy(GRANT);
    assert!(run(&["generate", &single, "--target", "debian:13", "-o", one.to_str().unwrap()]).status.success());
    assert_eq!(std::fs::metadata(&one).unwrap().permissions().mode() & 0o7777, 0o644);
}

#[test]
fn a_tree_is_installed_into_and_is_the_same_after_removal() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let before = state(root.path());
    let (_folder, path) = policy(&format!("{GRANT}[[member]]\nuser = 'www-data'\ngroup = 'vm'\n"));
    let dry = run(&["install", &path, "--root", dir, "--dry-run"]);
    assert!(dry.status.code() == Some(4) && out(&dry).contains("\n+member www-data vm"), "{dry:?}");
    assert_eq!(run(&["diff", &path, "--root", dir]).status.code(), Some(4));
    assert_eq!(state(root.path()), before);
    assert_eq!(run(&["install", &path, "--root", dir]).status.code(), Some(0));
    assert_eq!(
        std::fs::read_to_string(root.path().join("etc/gshadow")).unwrap().lines().last(),
        Some("vm:!::alice,www-data")
    );
    assert_eq!(run(&["diff", &path, "--root", dir]).status.code(), Some(0));
    let installed = state(root.path());
    assert!(out(&run(&["install", &path, "--root", dir])).starts_with("nothing to change"));
    assert_eq!(state(root.path()), installed);
    let removed = run(&["remove", "--root", dir]);
    assert!(removed.status.success(), "{removed:?}");
    assert_eq!(state(root.path()), before);
}

#[test]
fn the_policy_of_a_tree_is_the_default_and_its_fragments_count() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let none = run(&["diff", "--root", dir]);
    assert!(none.status.code() == Some(2) && err(&none).contains("etc/polkit-policy-gen/policy.toml"), "{none:?}");
    let own = root.path().join("etc/polkit-policy-gen");
    std::fs::create_dir_all(own.join("policy.d")).unwrap();
    std::fs::write(own.join("policy.toml"), GRANT).unwrap();
    std::fs::write(own.join("policy.d/20-b.toml"), GRANT.replace("machines", "second")).unwrap();
    std::fs::write(own.join("policy.d/10-a.toml"), GRANT.replace("machines", "first")).unwrap();
    std::fs::write(own.join("policy.d/60-c.toml"), GRANT.replace("machines", "fourth")).unwrap();
    std::fs::write(own.join("policy.d/30-masked.toml"), "").unwrap();
    let shown = out(&run(&["diff", "--root", dir]));
    let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} in {shown}"));
    assert!(at("// 0: first") < at("// 1: second") && at("// 1: second") < at("// 2: machines"));
    assert!(at("// 2: machines") < at("// 3: fourth"));
    let origin = "from /etc/polkit-policy-gen/policy.d/10-a.toml, /etc/polkit-policy-gen/policy.d/20-b.toml, \
                  /etc/polkit-policy-gen/policy.toml, /etc/polkit-policy-gen/policy.d/60-c.toml. ";
    assert!(shown.contains(origin), "{shown}");
}

#[test]
fn all_that_is_wrong_with_a_policy_is_shown_with_its_line() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let before = state(root.path());
    let text = "[[grant]]\nactions = 'a.b'\ngruops = ['vm']\nresult = 'perhaps'\n[[agent]]\nactions = ['a.b']\nusers = ['bob']\n\
                [[member]]\nuser = 'bbo'\ngroup = 'vmm'\n";
    let (_folder, path) = policy(text);
    let refused = run(&["install", &path, "--root", dir]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    for expected in [
        "error: [[grant]] names nobody",
        "did you mean `groups`?",
        "error: `perhaps` is not a result of polkit",
        "error: `bob` has a usable password",
        "error: there is no user `bbo`",
        "policy.toml:10:9",
    ] {
        assert!(err(&refused).contains(expected), "{expected}: {}", err(&refused));
    }
    assert_eq!(state(root.path()), before);
    for (bytes, expected) in [(vec![b'#'; 10 << 20], "larger than 1 MiB"), (b"# \xe9\n".to_vec(), "policy.toml:1:3")] {
        std::fs::write(&path, bytes).unwrap();
        let refused = run(&["install", &path, "--root", dir]);
        assert!(refused.status.code() == Some(1) && err(&refused).contains(expected), "{refused:?}");
    }
}

#[test]
fn a_package_s_tree_needs_neither_accounts_nor_polkit() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().to_str().unwrap();
    let (_folder, path) = policy(&format!("{GRANT}[[member]]\nuser = 'www-data'\ngroup = 'kvm'\n"));
    let unknown = run(&["install", &path, "--root", dir, "--vendor", "--create", "--mkdir"]);
    assert!(unknown.status.code() == Some(3) && err(&unknown).contains("--target"), "{unknown:?}");
    for target in ["debian:12", "debian:13"] {
        let installed = run(&["install", &path, "--root", dir, "--vendor", "--create", "--mkdir", "--target", target]);
        assert!(installed.status.success(), "{installed:?}");
        assert!(root.path().join("usr/share/polkit-1/rules.d/45-polkit-policy-gen.rules").is_file());
        assert!(root.path().join("usr/lib/sysusers.d/polkit-policy-gen.conf").is_file());
        assert!(!out(&installed).contains("added www-data"), "there is no group file to add it to: {installed:?}");
        assert!(run(&["remove", "--root", dir]).status.success());
        assert_eq!(state(root.path()), [""; 0], "{target}");
    }
}

#[test]
fn who_may_write_a_tree_needs_not_be_root() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let (folder, path) = policy(GRANT);
    let mut install = command(&["install", &path, "--root", dir]);
    if rustix::process::geteuid().is_root() {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Command::new("chown").args(["-R", "65534:65534", dir]).status().unwrap().success());
        install.uid(65534).gid(65534);
        // The build directory need not be open to everybody.
        let program = folder.path().join("polkit-policy-gen");
        std::fs::copy(env!("CARGO_BIN_EXE_polkit-policy-gen"), &program).unwrap();
        install = Command::new(program);
        install.args(["install", &path, "--root", dir]).uid(65534).gid(65534).current_dir("/");
    }
    let output = install.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(err(&output).contains("these files belong to you and not to root"), "{output:?}");
}

#[test]
fn an_installation_that_is_killed_leaves_each_file_old_or_new_and_the_next_one_finishes() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let text = |result: &str| {
        format!(
            "{}[[agent]]\nactions = ['a.b']\nusers = ['www-data']\n[[member]]\nuser = 'www-data'\ngroup = 'vm'\n",
            GRANT.replace("\"yes\"", &format!("\"{result}\""))
        )
    };
    let (_yes, yes) = policy(&text("yes"));
    let (_no, no) = policy(&text("no"));
    let rules = root.path().join("etc/polkit-1/rules.d/45-polkit-policy-gen.rules");
    let mut killed = 0;
    for round in 0..60 {
        let (path, word) = if round % 2 == 0 { (&yes, "\"yes\"") } else { (&no, "\"no\"") };
        let mut child =
            command(&["install", path, "--root", dir]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(300 * (round % 30)));
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().signal().is_some());
        if let Ok(found) = std::fs::read_to_string(&rules) {
            assert!(found.ends_with("}());\n"), "half a file: {found}");
        }
        if round % 3 == 2 {
            let finished = run(&["install", path, "--root", dir]);
            assert!(finished.status.success(), "{finished:?}");
            assert!(std::fs::read_to_string(&rules).unwrap().contains(word));
        }
    }
    assert!(killed > 0, "every installation was done before it could be killed");
    assert!(run(&["remove", "--root", dir]).status.success());
    let left: Vec<String> =
        state(root.path()).into_iter().filter(|line| line.contains("policy-gen") || line.contains("/.")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(std::fs::read_to_string(root.path().join("etc/group")).unwrap().lines().last(), Some("vm:x:3100:alice"));
}

#[test]
fn what_is_left_of_an_installation_that_was_killed_at_its_very_end_is_swept_by_the_next() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let (_folder, path) = policy(GRANT);
    assert!(run(&["install", &path, "--root", dir]).status.success());
    let installed = state(root.path());
    // All files are there, and the second names of the old ones; the record of what was to be done is not gone yet.
    let record = root.path().join("var/lib/polkit-policy-gen");
    let done = std::fs::read_to_string(record.join("state.json")).unwrap();
    std::fs::write(record.join("pending.json"), done.replace("\"pending\": false", "\"pending\": true")).unwrap();
    std::fs::write(root.path().join("etc/polkit-1/rules.d/.45-polkit-policy-gen.rules.old"), "old").unwrap();
    let finished = run(&["install", &path, "--root", dir]);
    assert!(out(&finished).contains("finished an installation that was cut short"), "{finished:?}");
    assert_eq!(state(root.path()), installed);
    assert!(out(&run(&["install", &path, "--root", dir])).starts_with("nothing to change"));
}

#[test]
fn a_hook_whose_program_polkitd_cannot_run_is_warned_of() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let (_folder, path) = policy("[[hook]]\nactions = ['a.b']\n[[hook]]\nactions = ['a.c']\non_failure = 'no'\n");
    let absent = run(&["diff", &path, "--root", dir]);
    assert_eq!(absent.status.code(), Some(4), "{absent:?}");
    let program = polkit_policy_gen::emit::hook::PROGRAM;
    for expected in [
        &format!("warning: `hook 1` asks nobody: there is no program {program}"),
        "polkit's other rules decide",
        "its actions are refused to everybody but root",
        "warning: `hook 2` refuses its actions to everybody but root whom the agent does not allow",
    ] {
        assert!(err(&absent).contains(expected), "{expected}: {}", err(&absent));
    }
    let inside = root.path().join(program.trim_start_matches('/'));
    std::fs::create_dir_all(inside.parent().unwrap()).unwrap();
    std::fs::write(&inside, "").unwrap();
    let mode = |mode| std::fs::set_permissions(&inside, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o750);
    let closed = run(&["diff", &path, "--root", dir]);
    assert!(err(&closed).contains("has the mode 0750, and polkitd's user cannot run it"), "{closed:?}");
    mode(0o755);
    assert!(!err(&run(&["diff", &path, "--root", dir])).contains("asks nobody"));
}

#[test]
fn a_grant_that_a_refusing_hook_covers_is_warned_of() {
    let text = "[[hook]]\nactions = ['a.b']\non_failure = 'no'\n[[hook]]\nactions = ['a.c']\n\
                [[grant]]\nactions = ['a.b', 'a.c']\nusers = ['www-data']\nresult = 'yes'\n";
    let (_folder, path) = policy(text);
    let output = run(&["generate", &path, "--target", "debian:13"]);
    assert!(output.status.success(), "{output:?}");
    assert!(err(&output).contains("`grant 1` never answers a.b: `hook 1` does"), "{output:?}");
    assert!(!err(&output).contains("never answers a.c"), "{output:?}");
}

#[test]
fn a_second_name_of_one_id_is_warned_of() {
    let root = tree();
    let passwd = root.path().join("etc/passwd");
    std::fs::write(&passwd, std::fs::read_to_string(&passwd).unwrap() + "toor:x:33:33::/:/bin/sh\n").unwrap();
    let (_folder, path) = policy("[[grant]]\nactions = ['a.b']\nusers = ['toor', 'gone']\nresult = 'yes'\n");
    let output = run(&["diff", &path, "--root", root.path().to_str().unwrap()]);
    assert!(err(&output).contains("warning: polkit knows the user `toor` as `www-data`"), "{output:?}");
    assert!(err(&output).contains("warning: there is no user `gone`"), "{output:?}");
}

#[test]
fn what_is_called_otherwise_here_is_said() {
    let root = tree();
    let dir = root.path().to_str().unwrap();
    let rules = root.path().join("usr/share/polkit-1/rules.d");
    std::fs::create_dir_all(&rules).unwrap();
    std::fs::write(rules.join("60-libvirt.rules"), "if (subject.isInGroup(\"libvirt\")) { return 'yes'; }\n").unwrap();
    let text = "[[grant]]\nactions = ['a.b']\nusers = ['apache']\ngroups = ['libvirtd', 'wheel']\nresult = 'yes'\n\
                [[member]]\nuser = 'http'\ngroup = 'libvirt-qemu'\n";
    let (_folder, path) = policy(text);
    let output = run(&["diff", &path, "--root", dir]);
    for expected in [
        "help: web servers run as `www-data` here\n",
        "help: /usr/share/polkit-1/rules.d/60-libvirt.rules names the group `libvirt`\n",
        "warning: there is no group `wheel`: the grant gives nobody anything",
        "error: there is no user `http`",
        "60-libvirt.rules names the group `libvirt`; correct the name",
    ] {
        assert!(err(&output).contains(expected), "{expected}: {}", err(&output));
    }
}

#[test]
fn what_no_mechanism_tells_is_refused_or_warned_of() {
    let text = "[[grant]]\nactions = ['org.libvirt.unix.manage']\nusers = ['bob']\ndetails = { domain_name = 'web-*' }\nresult = 'yes'\n\
                [[grant]]\nname = 'fence'\nactions = ['org.libvirt.api.domain.start']\nusers = ['bob']\ndetails = { name = 'web-*' }\nresult = 'no'\n\
                [[grant]]\nname = 'keeper'\nactions = ['org.libvirt.api.*']\nusers = ['bob']\nresult = 'auth_admin_keep'\n";
    let (_folder, path) = policy(text);
    let output = run(&["generate", &path, "--target", "debian:13"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for expected in [
        "error: `grant 1` never answers org.libvirt.unix.manage, which comes without details",
        "warning: `name` is not a detail that org.libvirt.api.domain.start is known to come with",
        "warning: who has authenticated for `keeper` passes `fence` for some minutes",
    ] {
        assert!(err(&output).contains(expected), "{expected}: {}", err(&output));
    }
}

#[test]
fn a_pattern_is_told_by_the_root_equivalent_actions_that_it_covers() {
    let (_folder, path) =
        policy("[[grant]]\nactions = ['org.freedesktop.systemd1.*']\nusers = ['bob']\nresult = 'yes'\n");
    let output = run(&["generate", &path, "--target", "debian:13"]);
    for id in ["manage-units", "manage-unit-files", "reload-daemon"] {
        assert!(
            err(&output).contains(&format!("note: `org.freedesktop.systemd1.{id}` is root-equivalent")),
            "{output:?}"
        );
    }
    let (_folder, path) =
        policy("[[grant]]\nactions = ['org.freedesktop.systemd1.*']\nusers = ['bob']\nresult = 'auth_admin'\n");
    assert_eq!(err(&run(&["generate", &path, "--target", "debian:13"])), "");
}
