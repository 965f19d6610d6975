//! The boundary of the agent's kernel: what an auditor must read to trust a "yes".

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The most lines of code, without tests, comments and blank lines.
const MOST: usize = 3000;
/// The kernel.
const FOLDERS: [&str; 2] = ["agent/rules/src", "agent/src/kernel"];

fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines of code of one file, without the tests at its end.
fn lines_of_code(text: &str) -> usize {
    let program = text.split("#[cfg(test)]\nmod tests").next().unwrap().split("#[cfg(test)]\n#[expect").next().unwrap();
    program.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// Whether a file holds only tests: `tests.rs`, the files of a folder `tests`, and the model of the approval queue.
fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs")
        || path.ends_with("model.rs")
        || path.parent().is_some_and(|folder| folder.ends_with("tests"))
}

#[test]
fn the_kernel_has_at_most_3000_lines_of_code() {
    let mut paths = Vec::new();
    FOLDERS.iter().for_each(|folder| sources(&top().join(folder), &mut paths));
    let lines: BTreeMap<PathBuf, usize> = paths
        .into_iter()
        .filter(|path| !is_test(path))
        .map(|path| (path.strip_prefix(top()).unwrap().to_owned(), lines_of_code(&fs::read_to_string(&path).unwrap())))
        .collect();
    let all: usize = lines.values().sum();
    assert!(lines.len() > 20 && all > 1000, "the kernel was not found: {lines:?}");
    assert!(all <= MOST, "the kernel has {all} lines of code: {lines:#?}");
}

#[test]
fn code_is_counted_without_comments_blank_lines_and_tests() {
    assert_eq!(lines_of_code("//! x\n\nuse a;\n/// y\nfn b() {}\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n"), 2);
    assert_eq!(lines_of_code("fn a() {\n    // why\n    b();\n}\n#[cfg(test)]\npub fn c() {}\n"), 5);
}

#[test]
fn files_of_tests_are_told_from_files_of_the_kernel() {
    for path in ["agent/rules/src/verdict/tests.rs", "agent/rules/src/verdict/tests/sessions.rs"] {
        assert!(is_test(Path::new(path)), "{path}");
    }
    for path in ["agent/rules/src/verdict.rs", "agent/src/kernel/latest.rs", "agent/src/kernel/tests_of/reply.rs"] {
        assert!(!is_test(Path::new(path)), "{path}");
    }
}

/// The names of all packages that a package needs, build scripts and procedural macros included.
fn dependencies(package: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--package", package])
        .current_dir(top())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

#[test]
fn the_crate_of_rules_needs_no_runtime_no_bus_no_system_calls_and_no_command_line() {
    const BANNED: [&str; 8] = ["tokio", "zbus", "rustix", "nix", "libc", "clap", "polkit-dbus", "polkit-config"];
    let found = dependencies("polkit-agent-rules");
    assert!(found.contains("polkit-types") && found.contains("jiff"), "{found:?}");
    let banned: Vec<&str> = BANNED.into_iter().filter(|name| found.contains(*name)).collect();
    assert!(banned.is_empty(), "{banned:?} of {found:?}");
    let agent = dependencies("polkit-service-agent");
    assert!(BANNED.iter().all(|name| agent.contains(*name)), "the check would find each of them: {agent:?}");
}
