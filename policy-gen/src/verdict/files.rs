//! The files that a polkit reads, in its order, and those that lie there and are not read, with the reason.

use std::collections::BTreeMap;
use std::fs::File as OpenFile;
use std::io::{self, Read as _};

use polkit_config::names::Names;
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::implicit::{self, Action};
use super::pkla::{self, Pkla, Reader, Store};
use crate::failure::Failure;
use crate::target::{Target, Version};
use crate::tree::Tree;

/// The first polkit that reads below `/run` and `/usr/local/share`, too.
const FOUR_DIRECTORIES: Version = Version(126);
/// The largest file that is read, in bytes. polkitd has no limit.
const SIZE_MAX: u64 = 64 << 20;
/// Where rules and actions may lie, in the order of their paths, and whether a polkit before 126 looks there for rules.
const PLACES: [(&str, bool); 4] = [
    ("etc/polkit-1", true),
    ("run/polkit-1", false),
    ("usr/local/share/polkit-1", false),
    ("usr/share/polkit-1", true),
];
/// The two halves of pkla, in the order in which they are sorted for equal names.
const PKLA: [&str; 2] = ["var/lib/polkit-1/localauthority", "etc/polkit-1/localauthority"];

/// A file that lies where polkit's files lie, and is not read, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PassedOver {
    /// The file, or the directory.
    pub file: String,
    /// The line that is to blame, from 1.
    pub line: Option<usize>,
    /// Why.
    pub why: String,
}

/// A rules file that polkitd runs.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Its path, as the user knows it.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// An action and the file that registers it.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The action.
    pub action: Action,
    /// The file.
    pub file: String,
    /// Another file that says otherwise, where it is not certain which of the two counts (before 126).
    pub rival: Option<String>,
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Files {
    /// The actions, by id.
    pub actions: BTreeMap<String, Registered>,
    /// The rules, in the order in which they are run.
    pub rules: Vec<Rules>,
    /// The pkla files, where something reads them.
    pub pkla: Option<Pkla>,
    /// What is not read.
    pub passed_over: Vec<PassedOver>,
    /// What we may not look at, and polkitd may.
    pub closed_to_us: Vec<String>,
}

/// Finds and reads the files of the polkit that `target` says.
///
/// # Errors
/// The accounts cannot be looked up.
pub fn read(tree: &Tree, names: &Names, target: Target) -> Result<Files, Failure> {
    let mut search = Search { tree, daemon: Daemon::of(names, target)?, passed_over: Vec::new(), closed: Vec::new() };
    let actions = search.actions(target.version);
    let has_rules = target.version >= Version::RULES;
    let rules = search.rules(target.version, has_rules);
    let compat = rules.iter().any(|rules| rules.path.ends_with("/49-polkit-pkla-compat.rules"));
    let reader = if has_rules { Reader::Compat } else { Reader::Native };
    let pkla = if !has_rules || compat { Some(search.pkla(reader)) } else { search.unread_pkla(target.version) };
    let (mut passed_over, closed_to_us) = (search.passed_over, search.closed);
    passed_over.sort();
    Ok(Files { actions, rules, pkla, passed_over, closed_to_us })
}

/// A tree of pkla files by itself.
#[derive(Clone, Debug)]
pub struct PklaFiles {
    /// The entries.
    pub pkla: Pkla,
    /// What is not read.
    pub passed_over: Vec<PassedOver>,
    /// What we may not look at, and polkitd may.
    pub closed_to_us: Vec<String>,
}

/// Reads the pkla files of a tree, whether or not something there reads them: as polkit 0.105 does where `target` is one, and as
/// polkit-pkla-compat else.
///
/// # Errors
/// The accounts cannot be looked up.
pub fn pkla(tree: &Tree, names: &Names, target: Target) -> Result<PklaFiles, Failure> {
    let mut search = Search { tree, daemon: Daemon::of(names, target)?, passed_over: Vec::new(), closed: Vec::new() };
    let pkla = search.pkla(if target.version >= Version::RULES { Reader::Compat } else { Reader::Native });
    search.passed_over.sort();
    Ok(PklaFiles { pkla, passed_over: search.passed_over, closed_to_us: search.closed })
}

/// The user that polkitd reads files as: root up to 0.105, then one of its own.
enum Daemon {
    Root,
    User { uid: u32, gids: Vec<u32> },
}

impl Daemon {
    fn of(names: &Names, target: Target) -> Result<Self, Failure> {
        let unreachable = |error: polkit_config::names::LookupError| Failure::Unreachable(error.to_string());
        if target.version < Version::RULES {
            return Ok(Self::Root);
        }
        for name in ["polkitd", "polkituser"] {
            if let Some(user) = names.user(name).map_err(unreachable)? {
                let gids = names.groups_of(&user).map_err(unreachable)?;
                return Ok(Self::User { uid: user.uid, gids });
            }
        }
        // No account, as in a tree that holds nothing but polkit's files: there is nobody whom a mode could keep out.
        Ok(Self::Root)
    }

    /// Whether it has these rights (of `rwx`, 4, 2 and 1), by the one of the three classes that it belongs to.
    fn may(&self, right: u32, stat: &rustix::fs::Stat) -> bool {
        let Self::User { uid, gids } = self else { return true };
        let class = match () {
            () if stat.st_uid == *uid => 6,
            () if gids.contains(&stat.st_gid) => 3,
            () => 0,
        };
        (stat.st_mode >> class) & right == right
    }
}

const READ: u32 = 4;
const ENTER: u32 = 1;

struct Search<'a> {
    tree: &'a Tree,
    daemon: Daemon,
    passed_over: Vec<PassedOver>,
    closed: Vec<String>,
}

impl Search<'_> {
    fn actions(&mut self, version: Version) -> BTreeMap<String, Registered> {
        let mut actions: BTreeMap<String, Registered> = BTreeMap::new();
        let mut done = Vec::new();
        for (place, _) in PLACES {
            // Up to 125 there is one directory for actions alone.
            let reads = version >= FOUR_DIRECTORIES || place == "usr/share/polkit-1";
            for (path, name) in self.list(&format!("{place}/actions"), ".policy", reads, version) {
                if done.contains(&name) {
                    self.pass_over(&path, None, "a file of this name was read before it");
                    continue;
                }
                let Some(bytes) = self.read(&path) else { continue };
                let (found, error) = implicit::parse(&bytes);
                match error {
                    Some((line, why)) => {
                        let why = format!("polkitd stops reading here: {why}");
                        self.pass_over(&path, Some(line), &why);
                    }
                    None => done.push(name),
                }
                let file = self.tree.shown(&path);
                for action in found {
                    let earlier = actions.get(&action.id).filter(|earlier| {
                        let same =
                            (earlier.action.results, &earlier.action.implies) == (action.results, &action.implies);
                        version < FOUR_DIRECTORIES && !same && earlier.file != file
                    });
                    let rival = earlier.map(|earlier| earlier.file.clone());
                    actions.insert(action.id.clone(), Registered { action, file: file.clone(), rival });
                }
            }
        }
        actions
    }

    fn rules(&mut self, version: Version, has_rules: bool) -> Vec<Rules> {
        let mut found = Vec::new();
        for (place, always) in PLACES {
            let reads = has_rules && (always || version >= FOUR_DIRECTORIES);
            found.extend(self.list(&format!("{place}/rules.d"), ".rules", reads, version));
        }
        // By name, and for equal names by path.
        found.sort_by(|(path, name), (other_path, other)| (name, path).cmp(&(other, other_path)));
        let read = |(path, _): (String, String)| {
            let bytes = self.read(&path)?;
            Some(Rules { path: self.tree.shown(&path), bytes })
        };
        found.into_iter().filter_map(read).collect()
    }

    fn pkla(&mut self, reader: Reader) -> Pkla {
        let mut stores = Vec::new();
        for (number, top) in PKLA.iter().enumerate() {
            if !self.enter(top) {
                continue;
            }
            for name in self.tree.names(top).unwrap_or_default() {
                let path = format!("{top}/{name}");
                if name.ends_with(".pkla") && !self.tree.has_directory(&path).unwrap_or(false) {
                    self.pass_over(
                        &path,
                        None,
                        "files in this directory are not read, only those of its sub-directories",
                    );
                    continue;
                }
                if !self.tree.has_directory(&path).unwrap_or(false) {
                    continue;
                }
                stores.push(Store { key: format!("{name}-{number}"), files: self.pkla_files(&path) });
            }
        }
        stores.sort_by(|a, b| a.key.cmp(&b.key));
        Pkla { reader, stores }
    }

    fn pkla_files(&mut self, directory: &str) -> Vec<pkla::File> {
        let mut files = Vec::new();
        if !self.enter(directory) {
            return files;
        }
        for name in self.tree.names(directory).unwrap_or_default() {
            let path = format!("{directory}/{name}");
            if self.tree.has_directory(&path).unwrap_or(false) {
                continue;
            }
            if !name.ends_with(".pkla") || name.starts_with('.') {
                let why =
                    if name.starts_with('.') { "its name begins with a dot" } else { "its name does not end in .pkla" };
                self.pass_over(&path, None, why);
                continue;
            }
            let Some(bytes) = self.read(&path) else { continue };
            let (entries, dropped) = pkla::parse(&bytes);
            let whole = entries.is_empty() && super::keyfile::parse(&bytes).is_err();
            for dropped in dropped {
                self.pass_over(&path, Some(dropped.line), &dropped.why);
            }
            if !whole {
                files.push(pkla::File { path: self.tree.shown(&path), entries });
            }
        }
        files
    }

    /// Names the pkla files that nothing reads.
    fn unread_pkla(&mut self, version: Version) -> Option<Pkla> {
        for top in PKLA {
            for directory in self.tree.names(top).unwrap_or_default() {
                for name in self.tree.names(&format!("{top}/{directory}")).unwrap_or_default() {
                    if name.ends_with(".pkla") {
                        let why = format!(
                            "polkit {version} reads no pkla files without polkit-pkla-compat (Debian: polkitd-pkla)"
                        );
                        self.pass_over(&format!("{top}/{directory}/{name}"), None, &why);
                    }
                }
            }
        }
        None
    }

    /// The files of a directory that have this suffix, with path and name, by name.
    fn list(&mut self, directory: &str, suffix: &str, reads: bool, version: Version) -> Vec<(String, String)> {
        let names = match self.tree.names(directory) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                if reads {
                    self.closed.push(self.tree.shown(directory));
                }
                return Vec::new();
            }
            Err(_) => return Vec::new(),
        };
        let wanted: Vec<String> = names.into_iter().filter(|name| name.ends_with(suffix)).collect();
        if !reads {
            for name in &wanted {
                self.pass_over(
                    &format!("{directory}/{name}"),
                    None,
                    &format!("polkit {version} does not read this directory"),
                );
            }
            return Vec::new();
        }
        if !wanted.is_empty() && !self.enter(directory) {
            return Vec::new();
        }
        wanted.into_iter().map(|name| (format!("{directory}/{name}"), name)).collect()
    }

    /// Whether polkitd can list a directory; else it is passed over.
    fn enter(&mut self, directory: &str) -> bool {
        if !self.tree.has_directory(directory).unwrap_or(true) {
            return false;
        }
        let blocked = prefixes(directory).find_map(|above| {
            let stat = self.stat(above)?;
            let right = if above == directory { READ } else { ENTER };
            (!self.daemon.may(right, &stat)).then(|| (above.to_owned(), stat.st_mode & 0o7777))
        });
        if self.tree.names(directory).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
            self.closed.push(self.tree.shown(directory));
        }
        let Some((above, mode)) = blocked else { return true };
        let why = format!("polkitd's user cannot read {} (mode {mode:04o})", self.tree.shown(&above));
        self.pass_over(directory, None, &why);
        false
    }

    fn stat(&self, path: &str) -> Option<rustix::fs::Stat> {
        let opened = self.tree.open_in(path, OFlags::PATH).ok()?;
        rustix::fs::fstat(&opened).ok()
    }

    /// The bytes of a file, where polkitd and we can read it.
    fn read(&mut self, path: &str) -> Option<Vec<u8>> {
        let Some(stat) = self.stat(path) else {
            self.pass_over(path, None, "there is nothing at the end of this link");
            return None;
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            self.pass_over(path, None, "it is not a regular file");
            return None;
        }
        let closed = prefixes(path).find(|above| {
            let right = if *above == path { READ } else { ENTER };
            self.stat(above).is_some_and(|stat| !self.daemon.may(right, &stat))
        });
        if let Some(closed) = closed {
            let mode = self.stat(closed).map_or(0, |stat| stat.st_mode & 0o7777);
            let why = format!("polkitd's user cannot read {} (mode {mode:04o})", self.tree.shown(closed));
            self.pass_over(path, None, &why);
            return None;
        }
        let mut bytes = Vec::new();
        let opened = self.tree.open_in(path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(|errno| {
            if errno == Errno::ACCESS {
                self.closed.push(self.tree.shown(path));
            }
            errno.to_string()
        });
        let read = opened.and_then(|opened| {
            OpenFile::from(opened).take(SIZE_MAX).read_to_end(&mut bytes).map_err(|error| error.to_string())
        });
        if let Err(error) = read {
            self.pass_over(path, None, &format!("it cannot be read: {error}"));
            return None;
        }
        Some(bytes)
    }

    fn pass_over(&mut self, path: &str, line: Option<usize>, why: &str) {
        let file = self.tree.shown(path);
        self.passed_over.push(PassedOver { file, line, why: why.to_owned() });
    }
}

/// `a`, `a/b`, `a/b/c` of `a/b/c`.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end))
}
