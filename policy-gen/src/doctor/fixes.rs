//! The fixes, from the least privilege to the most. Each fix has the commands for a manual fix, and the steps of `--fix`. Pure.

mod access;
pub mod enable;
mod tables;

pub use access::{EXEC, access, bind, grant_for, is_root_equivalent, join_group, read_only, start, writes_a_file};

use super::facts::Facts;
use crate::emit::quote::shell;
use crate::target::Version;

/// The agent's unit.
pub const AGENT: &str = "polkit-service-agent.service";

/// One step of a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Run a program.
    Run(Vec<String>),
    /// Create a file, owned by root and with mode 0644, and its directories.
    Write {
        /// The path.
        path: String,
        /// The content.
        text: String,
    },
    /// Move a file. It is owned by root and has mode 0644 afterwards.
    Move {
        /// The old path.
        from: String,
        /// The new path, which must not exist.
        to: String,
    },
    /// Remove a file.
    Remove(String),
    /// Rewrite a file with the same content, owned by root and with mode 0644, so that polkitd can read it.
    Rewrite(String),
    /// Set the mode of a directory, and optionally its owner and group.
    Directory {
        /// The path.
        path: String,
        /// The mode.
        mode: u32,
        /// The names of owner and group.
        owner: Option<(String, String)>,
    },
    /// Add a user to a group.
    Join {
        /// The user.
        user: String,
        /// The group.
        group: String,
    },
    /// Install the policy of `/etc/polkit-policy-gen`.
    Install,
    /// Install the policy that is left in `/etc/polkit-policy-gen`, or remove what is installed if none is left.
    Withdraw,
    /// Convert all pkla files to one rules file.
    Convert(String),
    /// Comment out keys in a configuration file of libvirt.
    Unset {
        /// The path.
        path: String,
        /// The keys.
        keys: Vec<&'static str>,
    },
    /// Enable and start the agent, or reload it if it runs.
    Agent,
    /// Restart polkitd.
    RestartPolkitd,
}

/// A fix for a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fix {
    /// The stable id of the fix.
    pub id: &'static str,
    /// Whether it must be applied by hand.
    pub manual: bool,
    /// Whether it grants root-equivalent access.
    pub root_equivalent: bool,
    /// The commands for a manual fix.
    pub commands: Vec<String>,
    /// What it grants, as an object of "grants".
    pub grants: String,
    /// The commands that undo it.
    pub undo: Vec<String>,
    /// The steps of `--fix`.
    pub steps: Vec<Step>,
    /// polkit's decision about the request with this fix, if it was evaluated.
    pub expected: Option<String>,
}

const NOTHING: &str = "nothing beyond what the files already grant";

fn line(words: &[&str]) -> String {
    words.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" ")
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A fix that must be applied by hand.
#[must_use]
pub fn manual(id: &'static str, commands: &[String], grants: &str) -> Fix {
    Fix { id, manual: true, commands: commands.to_vec(), grants: grants.to_owned(), ..Fix::default() }
}

/// A fix that runs programs in sequence.
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

/// A fix that restarts polkitd.
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

/// A fix that makes a file readable for polkitd.
#[must_use]
pub fn make_readable(path: &str, was: &str, root_equivalent: bool) -> Fix {
    let shown = shell(path);
    Fix {
        id: "make-readable",
        root_equivalent,
        commands: vec![format!("install -o root -g root -m 0644 {shown} {shown}.new && mv {shown}.new {shown}")],
        grants: "what the file grants".to_owned(),
        undo: vec![format!("chmod {was} {shown}")],
        steps: vec![Step::Rewrite(path.to_owned())],
        ..Fix::default()
    }
}

/// A fix that sets owner and mode of a polkit directory to those of this version's package.
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
        grants: "what its files grant".to_owned(),
        undo: vec![format!("chmod {was} {quoted}")],
        steps,
        ..Fix::default()
    }
}

/// A fix that moves a file to a directory that polkit reads.
#[must_use]
pub fn move_file(id: &'static str, from: &str, to: &str, root_equivalent: bool, facts: &Facts) -> Fix {
    let (shown_from, shown_to) = (shell(from), shell(to));
    let mut fix = Fix {
        id,
        root_equivalent,
        commands: vec![format!("install -o root -g root -m 0644 {shown_from} {shown_to} && rm {shown_from}")],
        grants: "what the file grants".to_owned(),
        undo: vec![format!("mv {shown_to} {shown_from}")],
        steps: vec![Step::Move { from: from.to_owned(), to: to.to_owned() }],
        ..Fix::default()
    };
    old_polkitd(&mut fix, facts);
    fix
}

/// A fix that renames a file, so that polkit no longer reads it.
#[must_use]
pub fn set_aside(path: &str, facts: &Facts) -> Fix {
    let to = format!("{path}.set-aside");
    let mut fix = Fix {
        id: "set-aside",
        commands: vec![line(&["mv", path, &to])],
        grants: "nothing; the grants and refusals of the file end".to_owned(),
        undo: vec![line(&["mv", &to, path])],
        steps: vec![Step::Move { from: path.to_owned(), to }],
        ..Fix::default()
    };
    old_polkitd(&mut fix, facts);
    fix
}

/// Adds a restart for polkit 0.105, which looks for new directories only at its start.
fn old_polkitd(fix: &mut Fix, facts: &Facts) {
    if facts.version().is_some_and(|version| version < Version::RULES) {
        fix.commands.push(restart_command(facts));
        fix.steps.push(Step::RestartPolkitd);
    }
}

/// A fix that converts all pkla files to rules and sets them aside.
#[must_use]
pub fn convert(files: &[String]) -> Fix {
    let path = "/etc/polkit-1/rules.d/49-polkit-policy-gen-pkla.rules";
    let aside = |file: &String| format!("{file}.set-aside");
    let mut fix = Fix {
        id: "convert-pkla",
        root_equivalent: true,
        commands: vec![line(&["polkit-policy-gen", "convert", "-o", path])],
        grants: "what all pkla files grant".to_owned(),
        undo: vec![line(&["rm", path])],
        steps: vec![Step::Convert(path.to_owned())],
        ..Fix::default()
    };
    fix.commands.extend(files.iter().map(|file| line(&["mv", file, &aside(file)])));
    fix.undo.extend(files.iter().map(|file| line(&["mv", &aside(file), file])));
    fix.steps.extend(files.iter().map(|file| Step::Move { from: file.clone(), to: aside(file) }));
    fix
}

/// A fix that comments out keys of a libvirt configuration and restarts the daemon.
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

/// Returns the commands that restore commented-out lines. The mark is that of `libvirt::conf`.
fn undo(path: &str, restart: &[&[&str]]) -> Vec<String> {
    let back = format!("sed -i 's/^# set aside by polkit-policy-gen: //' {}", shell(path));
    std::iter::once(back).chain(restart.iter().map(|words| line(words))).collect()
}

#[cfg(test)]
mod tests;
