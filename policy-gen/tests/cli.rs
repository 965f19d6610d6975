//! What the command line makes of options and policies.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, in what it is helped by, too")]

mod program;

use std::os::unix::fs::PermissionsExt as _;

use program::{GRANT, err, out, policy, run, state, tree};

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
