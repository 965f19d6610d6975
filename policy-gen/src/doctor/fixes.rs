//! What can be done, from the least privilege to the most: each fix with the commands that a person would type, and the steps
//! that `--fix` takes instead. Pure.

mod access;

pub use access::{access, join_group, read_only};

use super::facts::Facts;
use crate::emit::quote::shell;
use crate::target::Version;

/// One step of a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Run a program.
    Run(Vec<String>),
    /// Write a file that is not there yet; root's, 0644, with the directories above it.
    Write {
        /// Its path.
        path: String,
        /// Its text.
        text: String,
    },
    /// Give a file another place, as root's and 0644 there.
    Move {
        /// Where it is.
        from: String,
        /// Where it goes; nothing may be there.
        to: String,
    },
    /// Write the file as it is anew, as root's and 0644, so that polkitd reads it.
    Rewrite(String),
    /// Set the mode, and owner and group if they are named, of a directory.
    Directory {
        /// Its path.
        path: String,
        /// Its mode.
        mode: u32,
        /// Its owner's and its group's name.
        owner: Option<(String, String)>,
    },
    /// Put a user into a group.
    Join {
        /// The user.
        user: String,
        /// The group.
        group: String,
    },
    /// Install the policy of `/etc/polkit-policy-gen`.
    Install,
    /// Write all pkla files as one rules file.
    Convert(String),
    /// Take keys out of a configuration of libvirt's, by making comments of their lines.
    Unset {
        /// Its path.
        path: String,
        /// The keys.
        keys: Vec<&'static str>,
    },
    /// Restart polkitd.
    RestartPolkitd,
}

/// A way to put it right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fix {
    /// Its name, which stays.
    pub id: &'static str,
    /// Whether a person must do it.
    pub manual: bool,
    /// Whether who is let in by it is as good as root.
    pub root_equivalent: bool,
    /// What a person would type.
    pub commands: Vec<String>,
    /// What it grants.
    pub grants: String,
    /// What a person would type to have it back as it was.
    pub undo: Vec<String>,
    /// What `--fix` does.
    pub steps: Vec<Step>,
}

const NOTHING: &str = "nothing that was not meant to be granted already";

fn line(words: &[&str]) -> String {
    words.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" ")
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A fix that is a person's to do.
#[must_use]
pub fn manual(id: &'static str, commands: &[String], grants: &str) -> Fix {
    Fix { id, manual: true, commands: commands.to_vec(), grants: grants.to_owned(), ..Fix::default() }
}

/// Programs that are run one after the other.
#[must_use]
pub fn programs(id: &'static str, all: &[&[&str]], grants: &str, undo: &[String]) -> Fix {
    Fix {
        id,
        commands: all.iter().map(|words| line(words)).collect(),
        grants: grants.to_owned(),
        undo: undo.to_vec(),
        steps: all.iter().map(|words| Step::Run(owned(words))).collect(),
        ..Fix::default()
    }
}

/// polkitd is started anew.
#[must_use]
pub fn restart_polkitd(facts: &Facts) -> Fix {
    Fix {
        id: "restart-polkitd",
        commands: vec![restart_command(facts)],
        grants: NOTHING.to_owned(),
        undo: Vec::new(),
        steps: vec![Step::RestartPolkitd],
        ..Fix::default()
    }
}

fn restart_command(facts: &Facts) -> String {
    if facts.has_systemd {
        "systemctl restart polkit.service".to_owned()
    } else {
        "kill PID-OF-POLKITD    # the bus starts it again".to_owned()
    }
}

/// A file is made readable for polkitd.
#[must_use]
pub fn make_readable(path: &str, root_equivalent: bool) -> Fix {
    let shown = shell(path);
    Fix {
        id: "make-readable",
        root_equivalent,
        commands: vec![format!("install -o root -g root -m 0644 {shown} {shown}.new && mv {shown}.new {shown}")],
        grants: "what the file says".to_owned(),
        undo: vec![format!("chmod 0600 {shown}")],
        steps: vec![Step::Rewrite(path.to_owned())],
        ..Fix::default()
    }
}

/// A directory of polkit's gets the owner and mode that this version's package gives it.
#[must_use]
pub fn open_directory(path: &str, was: &str, facts: &Facts) -> Fix {
    let private = facts.version().is_some_and(|version| version < Version(123));
    let etc = path.starts_with("/etc/") || path.starts_with("/usr/share/polkit-1/rules.d") && private;
    let (mode, owner) = match (etc, private) {
        (true, true) => (0o700, ("polkitd", "root")),
        (true, false) => (0o750, ("root", "polkitd")),
        (false, _) => (0o755, ("root", "root")),
    };
    let owner = if path.ends_with("localauthority") { ("root", "polkitd") } else { owner };
    let mode = if path.ends_with("localauthority") { 0o750 } else { mode };
    let mut steps =
        vec![Step::Directory { path: path.to_owned(), mode, owner: Some((owner.0.to_owned(), owner.1.to_owned())) }];
    steps.push(Step::RestartPolkitd);
    let quoted = shell(path);
    Fix {
        id: "open-directory",
        commands: vec![
            format!("chown {}:{} {quoted}", owner.0, owner.1),
            format!("chmod {mode:04o} {quoted}"),
            restart_command(facts),
        ],
        grants: "what the files in it say".to_owned(),
        undo: vec![format!("chmod {was} {quoted}")],
        steps,
        ..Fix::default()
    }
}

/// A file is put where it is read.
#[must_use]
pub fn move_file(id: &'static str, from: &str, to: &str, root_equivalent: bool, facts: &Facts) -> Fix {
    let (shown_from, shown_to) = (shell(from), shell(to));
    let mut fix = Fix {
        id,
        root_equivalent,
        commands: vec![format!("install -o root -g root -m 0644 {shown_from} {shown_to} && rm {shown_from}")],
        grants: "what the file says".to_owned(),
        undo: vec![format!("mv {shown_to} {shown_from}")],
        steps: vec![Step::Move { from: from.to_owned(), to: to.to_owned() }],
        ..Fix::default()
    };
    old_polkitd(&mut fix, facts);
    fix
}

/// A file is laid aside.
#[must_use]
pub fn set_aside(path: &str, facts: &Facts) -> Fix {
    let to = format!("{path}.set-aside");
    let mut fix = Fix {
        id: "set-aside",
        commands: vec![line(&["mv", path, &to])],
        grants: "nothing; what the file grants or refuses is gone with it".to_owned(),
        undo: vec![line(&["mv", &to, path])],
        steps: vec![Step::Move { from: path.to_owned(), to }],
        ..Fix::default()
    };
    old_polkitd(&mut fix, facts);
    fix
}

/// polkit 0.105 looks for directories when it starts.
fn old_polkitd(fix: &mut Fix, facts: &Facts) {
    if facts.version().is_some_and(|version| version < Version::RULES) {
        fix.commands.push(restart_command(facts));
        fix.steps.push(Step::RestartPolkitd);
    }
}

/// All pkla files become rules, and these are laid aside.
#[must_use]
pub fn convert(files: &[String]) -> Fix {
    let path = "/etc/polkit-1/rules.d/49-polkit-policy-gen-pkla.rules";
    let aside = |file: &String| format!("{file}.set-aside");
    let mut fix = Fix {
        id: "convert-pkla",
        root_equivalent: true,
        commands: vec![line(&["polkit-policy-gen", "convert", "-o", path])],
        grants: "what the pkla files say, all of them".to_owned(),
        undo: vec![line(&["rm", path])],
        steps: vec![Step::Convert(path.to_owned())],
        ..Fix::default()
    };
    fix.commands.extend(files.iter().map(|file| line(&["mv", file, &aside(file)])));
    fix.undo.extend(files.iter().map(|file| line(&["mv", &aside(file), file])));
    fix.steps.extend(files.iter().map(|file| Step::Move { from: file.clone(), to: aside(file) }));
    fix
}

/// Keys are taken out of a configuration of libvirt's, and the daemon reads it anew.
#[must_use]
pub fn unset(id: &'static str, conf: &str, keys: &[&'static str], restart: &[&[&str]], grants: &str) -> Fix {
    let path = format!("/{conf}");
    let pattern = keys.iter().map(|key| format!("-e 's/^ *{key}/# &/'")).collect::<Vec<_>>().join(" ");
    let mut commands = vec![format!("sed -i {pattern} {}", shell(&path))];
    commands.extend(restart.iter().map(|words| line(words)));
    let mut steps = vec![Step::Unset { path: path.clone(), keys: keys.to_vec() }];
    steps.extend(restart.iter().map(|words| Step::Run(owned(words))));
    Fix { id, commands, grants: grants.to_owned(), undo: undo(&path, restart), steps, ..Fix::default() }
}

/// Has the lines back that were set aside: their mark is that of `libvirt::conf`.
fn undo(path: &str, restart: &[&[&str]]) -> Vec<String> {
    let back = format!("sed -i 's/^# set aside by polkit-policy-gen: //' {}", shell(path));
    std::iter::once(back).chain(restart.iter().map(|words| line(words))).collect()
}
