//! A rules file can only compute in the engine that runs it. In debug builds, the engine itself attempts everything else after it
//! has dropped its privileges. Needs root to run the engine as several users.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]
#![cfg(debug_assertions)]

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use polkit_policy_gen::verdict::wire::{End, EngineReply, EngineRequest, Load, Message, PROTOCOL};

/// Makes the engine attempt everything that a rule must not do.
const ATTEMPT: &str = "polkit.addRule(function () { return polkit.spawn([\"polkit-policy-gen-js: attempts\"]); });\n";
/// Uses what a rule may use, including a clock, random numbers and much memory.
const COMPUTE: &str = "polkit.addRule(function () { var all = []; for (var i = 0; i < 200000; i++) { all.push('x' + i); } \
                       return [all.length, new Date().getFullYear() > 2000, Math.random() < 1, /a+/.test('aa'), \
                       isFinite(new Date().getTimezoneOffset())].join(); });\n";

fn line(message: &Message) -> Vec<u8> {
    [serde_json::to_vec(message).unwrap(), b"\n".to_vec()].concat()
}

/// Copies the engine to a directory where every user can start it.
fn engine() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let path = folder.path().join("engine");
    // By another process: a test that forks would inherit the descriptor that writes the program, and exec would fail.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_polkit-policy-gen-js")).arg(&path).status().unwrap();
    assert!(copied.success());
    (folder, path)
}

/// Starts the engine as `user`, calls `then` with its process id and returns the result of the rule in `text`.
fn run(text: &str, user: Option<u32>, arguments: &[&str], then: impl FnOnce(u32)) -> String {
    let (_folder, path) = engine();
    let mut command = Command::new(path);
    command.arg(PROTOCOL).args(arguments).env_clear().current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut answer = String::new();
    input.write_all(&line(&Message::Load(Load { path: "a.rules".into(), bytes: text.len() }))).unwrap();
    input.write_all(text.as_bytes()).unwrap();
    let _ = output.read_line(&mut answer).unwrap();
    assert!(answer.contains("\"error\":null"), "{answer}");
    then(child.id());
    let ask = EngineRequest { action: "org.example.x".into(), user: "alice".into(), ..EngineRequest::default() };
    input.write_all(&line(&Message::Request(ask))).unwrap();
    answer.clear();
    let _ = output.read_line(&mut answer).unwrap();
    drop(input);
    let mut rest = String::new();
    let _ = output.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{answer}");
    let End::Text(text) = serde_json::from_str::<EngineReply>(&answer).unwrap().end else { return answer };
    text
}

fn users() -> Vec<Option<u32>> {
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root { vec![None, Some(3001)] } else { vec![None] }
}

#[test]
fn a_rule_gets_no_file_no_socket_no_process_and_no_signal() {
    for user in users() {
        let reply = run(ATTEMPT, user, &[], |_| ());
        let outcomes: Vec<(&str, &str)> = reply.split(' ').map(|word| word.split_once('=').unwrap()).collect();
        assert!(outcomes.len() > 10, "{reply}");
        // EPERM: the filter refused the call. Any other error has another cause.
        let permitted: Vec<_> = outcomes.into_iter().filter(|(_, outcome)| *outcome != "1").collect();
        assert_eq!(permitted, [], "started by {user:?}");
    }
}

#[test]
fn a_rule_can_compute_under_the_filter() {
    for user in users() {
        assert_eq!(run(COMPUTE, user, &[], |_| ()), "200000,true,true,true,true", "started by {user:?}");
    }
}

#[test]
fn the_engine_runs_as_polkitd_or_the_user_nobody_and_cannot_become_root() {
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let ids = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(field("NoNewPrivs:"), "1");
        if cfg!(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")) {
            assert_eq!(field("Seccomp:"), "2");
        }
        (field("Uid:"), field("Gid:"), field("Groups:"), field("CapPrm:"))
    };
    if !is_root {
        return;
    }
    for (arguments, uid) in [(&["990", "991"][..], "990"), (&[], "65534"), (&["0", "0"], "65534")] {
        let gid = if uid == "990" { "991" } else { "65534" };
        let _ = run(COMPUTE, None, arguments, |pid| {
            let all = |id: &str| [id; 4].join(" ");
            assert_eq!(ids(pid), (all(uid), all(gid), String::new(), "0000000000000000".to_owned()), "{arguments:?}");
        });
    }
}
