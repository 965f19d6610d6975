//! Who besides root may change what root works on.
//!
//! Root alone controls a file or directory that root owns and that only root may write. A directory with the sticky bit, as /tmp,
//! may be on the way if the next component is root's. Below polkit's own directories polkitd's user counts as root: up to 0.122
//! its packages give rules.d to that user. A caller other than root works with the caller's own rights, without any of these demands.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use polkit_config::bounded::kernel_text;
use polkit_config::names::Names;
use polkit_config::report::Problem;
use polkit_config::trust::Trust;

use crate::failure::Failure;

/// Directories of polkit's, in which polkitd's user may own files.
const POLKIT: [&str; 5] =
    ["etc/polkit-1", "run/polkit-1", "usr/local/share/polkit-1", "usr/share/polkit-1", "var/lib/polkit-1"];

/// What is demanded of each part of a tree.
#[derive(Debug)]
pub struct Guard {
    root: PathBuf,
    kind: Kind,
    /// The first thing that was refused.
    refusal: OnceLock<String>,
}

#[derive(Debug)]
enum Kind {
    Nothing,
    /// Root's alone, but for the files of this user in polkit's directories.
    Root {
        polkitd: u32,
    },
    /// As that, but the directory itself may have the sticky bit.
    Output {
        polkitd: u32,
    },
}

impl Guard {
    /// Demands nothing of the tree at `root`, which is an absolute path.
    pub(super) fn none(root: PathBuf) -> Self {
        Self { root, kind: Kind::Nothing, refusal: OnceLock::new() }
    }

    /// Demands that root alone controls each part of the tree, if the caller is root.
    pub(super) fn of_tree(&self) -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::none(self.root.clone());
        }
        let guard = Self { kind: Kind::Root { polkitd: 0 }, ..Self::none(self.root.clone()) };
        // The accounts say which user is polkitd's only where root alone may write them.
        let accounts = guard.vet("etc/passwd").and_then(|()| guard.vet("etc/group"));
        let polkitd = if accounts.is_ok() { polkitd(&guard.root) } else { 0 };
        Self { kind: Kind::Root { polkitd }, ..guard }
    }

    /// Demands that no other user can lead root elsewhere, if the caller is root.
    pub(super) fn of_output(&self) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        let kind = if is_root { Kind::Output { polkitd: polkitd(&self.root) } } else { Kind::Nothing };
        Self { kind, ..Self::none(self.root.clone()) }
    }

    /// Demands it of what is at `path`, and of the way to it.
    ///
    /// # Errors
    /// Who else may write there.
    pub(super) fn vet(&self, path: &str) -> io::Result<()> {
        let is_polkits = POLKIT.iter().any(|directory| Path::new(path).starts_with(directory));
        let trust = |polkitd| Trust {
            root: &self.root,
            owner: if is_polkits { polkitd } else { 0 },
            sticky: false,
            name: path,
        };
        let vetted = match self.kind {
            Kind::Nothing => return Ok(()),
            Kind::Root { polkitd } => trust(polkitd).all(Path::new(path)),
            Kind::Output { polkitd } => trust(polkitd).all_or_sticky(Path::new(path)),
        };
        vetted.map(drop).map_err(|problem| {
            let text = sentence(&problem);
            let _ = self.refusal.set(text.clone());
            io::Error::other(text)
        })
    }

    /// Who besides root, and polkitd's user in polkit's directories, may change what is at `path`, for any caller.
    pub(super) fn others(&self, path: &str) -> Option<Problem> {
        let is_polkits = POLKIT.iter().any(|directory| Path::new(path).starts_with(directory));
        let owner = if is_polkits { polkitd(&self.root) } else { 0 };
        Trust { root: &self.root, owner, sticky: false, name: path }.all(Path::new(path)).err()
    }

    /// Whether a file may be given to this user.
    pub(super) fn may_own(&self, uid: u32) -> bool {
        match self.kind {
            Kind::Nothing => true,
            Kind::Root { polkitd } | Kind::Output { polkitd } => uid == 0 || uid == polkitd,
        }
    }

    /// Whether nothing was refused.
    ///
    /// # Errors
    /// [`Failure::Refused`] with the first refusal.
    pub(super) fn result(&self) -> Result<(), Failure> {
        self.refusal.get().map_or(Ok(()), |text| Err(Failure::Refused(format!("{text}\nNothing was changed."))))
    }
}

/// The user that polkitd runs as, by the accounts of the tree at `root`; root where there is none.
fn polkitd(root: &Path) -> u32 {
    let names = if root == Path::new("/") { Ok(Names::Host) } else { Names::of_root(root) };
    let Ok(names) = names else { return 0 };
    let uid = |name| names.user(name).ok().flatten().map(|user| user.uid);
    ["polkitd", "polkituser"].into_iter().find_map(uid).unwrap_or(0)
}

/// Demands that root alone may replace the tree at `path`, if the caller is root.
///
/// # Errors
/// [`Failure::Refused`] that says who else may, and what to do.
pub(super) fn top(path: &Path) -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let name = path.to_string_lossy();
    // In a user namespace the host's own directories show as those of the overflow user. There root is not the host's.
    let trust = Trust::of_host(outside().unwrap_or(0), &name);
    let refused = |problem: Problem| Failure::Refused(format!("{}\n{HELP}", sentence(&problem)));
    trust.all(path).map(drop).map_err(refused)
}

const HELP: &str = "Root works only on a tree that root alone controls, with all directories above it. Run this as the user who owns the \
     tree (`runuser -u USER -- polkit-policy-gen …`), or move the tree where only root may write. Nothing was changed.";

fn sentence(problem: &Problem) -> String {
    let help = problem.help.as_deref().map_or_else(String::new, |help| format!(": {help}"));
    format!("refusing to act as root on files of others: {}{help}", problem.message)
}

/// The user whom the files of those outside show, if this is not the host's own user namespace.
fn outside() -> Option<u32> {
    let map = kernel_text("/proc/self/uid_map").ok()?;
    let first: Vec<&str> = map.lines().next()?.split_whitespace().collect();
    if first == ["0", "0", "4294967295"] {
        return None;
    }
    kernel_text("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok()
}
