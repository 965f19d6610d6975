//! The program and test trees: without polkitd and the bus, and without changes to the host.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub const GRANT: &str =
    "[[grant]]\nname = \"machines\"\nactions = [\"org.libvirt.unix.manage\"]\ngroups = [\"vm\"]\nresult = \"yes\"\n";

pub fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polkit-policy-gen"));
    // There is no bus: requests to the host's polkitd fail.
    command.args(arguments).env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus").stdin(Stdio::null());
    command
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Creates a tree with accounts and with rules.d as in Debian 13, except for its group.
pub fn tree() -> tempfile::TempDir {
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

pub fn policy(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// Returns every file and directory of a tree with mode and content.
pub fn state(root: &Path) -> Vec<String> {
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
