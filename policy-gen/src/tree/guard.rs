//! Refuses, as root, to work on files that other users may change.
//!
//! Root alone controls a file or directory if root owns it and only root may write it. A sticky directory, such as /tmp, may be on
//! the way if root owns the next component. In polkit's own directories polkitd's user counts as root, because packages up to
//! 0.122 give rules.d to that user. Callers other than root work with their own rights and without these checks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use polkit_config::bounded::kernel_text;
use polkit_config::names::Names;
use polkit_config::report::Problem;
use polkit_config::trust::Trust;

use crate::failure::Failure;

/// polkit's directories, in which polkitd's user may own files.
const POLKIT: [&str; 5] =
    ["etc/polkit-1", "run/polkit-1", "usr/local/share/polkit-1", "usr/share/polkit-1", "var/lib/polkit-1"];

/// The checks for the parts of a tree.
#[derive(Debug)]
pub struct Guard {
    root: PathBuf,
    kind: NodeKind,
    /// The first refusal.
    refusal: OnceLock<String>,
}

#[derive(Debug)]
enum NodeKind {
    Nothing,
    /// Only root may write, except for the files of this user in polkit's directories.
    Root {
        polkitd: u32,
    },
    /// As `Root`, but the directory itself may be sticky.
    Output {
        polkitd: u32,
    },
}

impl Guard {
    /// Checks nothing. `root` is an absolute path.
    pub(super) fn none(root: PathBuf) -> Self {
        Self { root, kind: NodeKind::Nothing, refusal: OnceLock::new() }
    }

    /// Checks that root alone controls each part of the tree, if the caller is root.
    pub(super) fn of_tree(&self) -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::none(self.root.clone());
        }
        let guard = Self { kind: NodeKind::Root { polkitd: 0 }, ..Self::none(self.root.clone()) };
        // The accounts identify polkitd's user only if root alone may write them.
        let accounts = guard.vet("etc/passwd").and_then(|()| guard.vet("etc/group"));
        let polkitd = if accounts.is_ok() { polkitd(&guard.root) } else { 0 };
        Self { kind: NodeKind::Root { polkitd }, ..guard }
    }

    /// Checks that no other user can redirect root, if the caller is root.
    pub(super) fn of_output(&self) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        let kind = if is_root { NodeKind::Output { polkitd: polkitd(&self.root) } } else { NodeKind::Nothing };
        Self { kind, ..Self::none(self.root.clone()) }
    }

    /// Checks `path` and the directories on the way.
    ///
    /// # Errors
    /// A sentence that names the other user.
    pub(super) fn vet(&self, path: &str) -> io::Result<()> {
        let is_polkits = POLKIT.iter().any(|directory| Path::new(path).starts_with(directory));
        let trust = |polkitd| Trust {
            root: &self.root,
            owner: if is_polkits { polkitd } else { 0 },
            sticky: false,
            name: path,
        };
        let vetted = match self.kind {
            NodeKind::Nothing => return Ok(()),
            NodeKind::Root { polkitd } => trust(polkitd).all(Path::new(path)),
            NodeKind::Output { polkitd } => trust(polkitd).all_or_sticky(Path::new(path)),
        };
        vetted.map(drop).map_err(|problem| {
            let text = sentence(&problem);
            let _ = self.refusal.set(text.clone());
            io::Error::other(text)
        })
    }

    /// Returns the problem if a user besides root, and polkitd's user in polkit's directories, may change `path`.
    pub(super) fn others(&self, path: &str) -> Option<Problem> {
        let is_polkits = POLKIT.iter().any(|directory| Path::new(path).starts_with(directory));
        let owner = if is_polkits { polkitd(&self.root) } else { 0 };
        Trust { root: &self.root, owner, sticky: false, name: path }.all(Path::new(path)).err()
    }

    /// Whether this user may own a file of the tree.
    pub(super) fn may_own(&self, uid: u32) -> bool {
        match self.kind {
            NodeKind::Nothing => true,
            NodeKind::Root { polkitd } | NodeKind::Output { polkitd } => uid == 0 || uid == polkitd,
        }
    }

    /// Checks that there was no refusal.
    ///
    /// # Errors
    /// [`Failure::Refused`] with the first refusal.
    pub(super) fn result(&self) -> Result<(), Failure> {
        self.refusal.get().map_or(Ok(()), |text| Err(Failure::Refused(format!("{text}\nNothing was changed."))))
    }
}

/// Returns the uid of polkitd's user in the tree at `root`; 0 if there is none.
fn polkitd(root: &Path) -> u32 {
    let names = if root == Path::new("/") { Ok(Names::Host) } else { Names::of_root(root) };
    let Ok(names) = names else { return 0 };
    let uid = |name| names.user(name).ok().flatten().map(|user| user.uid);
    ["polkitd", "polkituser"].into_iter().find_map(uid).unwrap_or(0)
}

/// Checks that root alone may replace the tree at `path`, if the caller is root.
///
/// # Errors
/// [`Failure::Refused`] with the other user and a remedy.
pub(super) fn top(path: &Path) -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let name = path.to_string_lossy();
    // In a user namespace, files of the host's root belong to the overflow user, and root is not the host's root.
    let trust = Trust::of_host(outside().unwrap_or(0), &name);
    let refused = |problem: Problem| Failure::Refused(format!("{}\n{HELP}", sentence(&problem)));
    trust.all(path).map(drop).map_err(refused)
}

const HELP: &str = "As root, polkit-policy-gen works only on a tree that root alone controls, including all directories above it. Run it as the owner of the \
     tree (`runuser -u USER -- polkit-policy-gen …`), or move the tree to a directory that only root may write. Nothing was changed.";

fn sentence(problem: &Problem) -> String {
    let help = problem.help.as_deref().map_or_else(String::new, |help| format!(": {help}"));
    format!("refusing to act as root on files of other users: {}{help}", problem.message)
}

/// Returns the overflow uid, which owns outside files, if the process is not in the initial user namespace.
fn outside() -> Option<u32> {
    let map = kernel_text("/proc/self/uid_map").ok()?;
    let first: Vec<&str> = map.lines().next()?.split_whitespace().collect();
    if first == ["0", "0", "4294967295"] {
        return None;
    }
    kernel_text("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok()
}
