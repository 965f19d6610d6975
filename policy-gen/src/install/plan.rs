//! Computes the changes from the desired state, the record and the current state. Pure.

use std::collections::{BTreeMap, BTreeSet};

use similar::TextDiff;

use super::record::{FileRecord, MemberRecord, OldFile, Record, SourceRecord, digest};
use crate::emit::File;
use crate::tree::Contents;

/// The mode of all written files, independent of the umask.
const MODE: u32 = 0o644;

/// The current files, by path.
pub type Current = BTreeMap<String, Contents>;

/// One change to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path relative to the root.
    pub path: String,
    /// The new file; `None` removes the file.
    pub to: Option<NewFile>,
}

/// A new file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// The content.
    pub bytes: Vec<u8>,
    /// The permission bits.
    pub mode: u32,
    /// Owner and group; by default root if the caller is root, otherwise the caller.
    pub owner: Option<(u32, u32)>,
}

/// A change to a membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// The user name.
    pub user: String,
    /// The group name.
    pub group: String,
    /// Whether the membership is added or removed.
    pub add: bool,
}

/// A manual change of an installed file, or an existing file at the path of a new file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The message with the path and the reason.
    pub message: String,
    /// The diff from the installed to the current content.
    pub diff: String,
}

/// All changes.
#[derive(Debug, Default)]
pub struct Plan {
    /// The changes to files.
    pub changes: Vec<Change>,
    /// The changes to memberships.
    pub members: Vec<MemberChange>,
    /// Whether an earlier installation was interrupted, so that its record and its temporary files must be cleaned up.
    pub unfinished: bool,
    /// Whether the recorded policy files change.
    pub sources_change: bool,
    /// The conflicts with manual changes.
    pub conflicts: Vec<Conflict>,
    /// The record during the installation.
    pub pending: Record,
    /// The record after the installation.
    pub done: Record,
    /// The unified diff of the changes.
    pub diff: String,
}

impl Plan {
    /// Whether there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.members.is_empty()
    }
}

/// Plans to have exactly `wanted` installed; an empty list removes everything. `is_member` returns the current memberships.
#[must_use]
pub fn plan(
    wanted: &[File],
    wanted_members: &[(String, String)],
    record: &Record,
    current: &Current,
    is_member: &dyn Fn(&str, &str) -> bool,
) -> Plan {
    let ours = |pending| Record { pending, directories: record.directories.clone(), ..Record::default() };
    let mut plan = Plan { pending: ours(true), done: ours(false), unfinished: record.pending, ..Plan::default() };
    plan.pending.members.clone_from(&record.members);
    let mut wanted: BTreeMap<String, &str> = wanted.iter().map(|file| (file.path(), file.text.as_str())).collect();
    let paths: BTreeSet<String> =
        wanted.keys().cloned().chain(record.files.iter().map(|file| file.path.clone())).collect();
    for path in paths {
        let wanted = wanted.remove(&path);
        plan.file(&path, wanted, record.file(&path), current.get(&path));
    }
    plan.members(wanted_members, record, is_member);
    plan
}

impl Plan {
    /// Records the policy files. A file whose tables are already installed keeps its time.
    pub fn sources(&mut self, wanted: &[SourceRecord], record: &Record) {
        let known = |one: &SourceRecord| {
            record.sources.iter().find(|known| known.name == one.name && known.tables == one.tables)
        };
        // A policy without an effect on the tree is not installed.
        let wanted = if self.done.is_empty() { &[] } else { wanted };
        self.done.sources = wanted.iter().map(|one| known(one).unwrap_or(one).clone()).collect();
        self.pending.sources.clone_from(&self.done.sources);
        self.sources_change = self.done.sources != record.sources;
    }

    fn file(&mut self, path: &str, wanted: Option<&str>, recorded: Option<&FileRecord>, current: Option<&Contents>) {
        let before = match recorded {
            Some(recorded) => recorded.before.clone(),
            None => match current.map(before).transpose() {
                Ok(before) => before,
                Err(message) => {
                    self.conflicts.push(Conflict { message: format!("/{path} {message}"), diff: String::new() });
                    return;
                }
            },
        };
        let to = match (wanted, &before) {
            (Some(text), _) => Some(NewFile { bytes: text.as_bytes().to_vec(), mode: MODE, owner: None }),
            (None, Some(before)) => Some(NewFile {
                bytes: before.text.as_bytes().to_vec(),
                mode: before.mode,
                owner: Some((before.uid, before.gid)),
            }),
            (None, None) => None,
        };
        if let Some(text) = wanted {
            let file = FileRecord {
                path: path.to_owned(),
                sha256: digest(Some(text.as_bytes())),
                text: text.to_owned(),
                before,
                was: None,
            };
            let was = Some(digest(current.map(|contents| contents.bytes.as_slice())));
            self.pending.files.push(FileRecord { was, ..file.clone() });
            self.done.files.push(file);
        } else if let Some(recorded) = recorded {
            let was = recorded.before.as_ref().map_or_else(String::new, |before| digest(Some(before.text.as_bytes())));
            self.pending.files.push(FileRecord { was: Some(was), ..recorded.clone() });
        }
        let bytes = |contents: Option<&Contents>| contents.map(|contents| contents.bytes.clone());
        if bytes(current) == to.as_ref().map(|to| to.bytes.clone()) {
            return;
        }
        self.conflicts.extend(conflict(path, wanted.is_some(), recorded, current));
        let shown = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        self.diff.push_str(&unified(
            path,
            &shown(current.map(|contents| contents.bytes.as_slice())),
            &shown(to.as_ref().map(|to| to.bytes.as_slice())),
            (current.is_some(), to.is_some()),
        ));
        self.changes.push(Change { path: path.to_owned(), to });
    }

    fn members(&mut self, wanted: &[(String, String)], record: &Record, is_member: &dyn Fn(&str, &str) -> bool) {
        let pairs: BTreeSet<(String, String)> = wanted.iter().cloned().collect();
        for (user, group) in &pairs {
            let now = is_member(user, group);
            let recorded = record.members.iter().find(|member| member.user == *user && member.group == *group);
            let before = recorded.map_or(now, |recorded| recorded.before);
            if recorded.is_some() && !now && !record.pending {
                let message = format!("`{user}` was removed from `{group}` by hand");
                self.conflicts.push(Conflict { message, diff: String::new() });
            }
            let kept = MemberRecord { user: user.clone(), group: group.clone(), before };
            if recorded.is_none() {
                self.pending.members.push(kept.clone());
            }
            self.done.members.push(kept);
            if !now {
                self.member(user, group, true);
            }
        }
        for member in &record.members {
            let pair = (member.user.clone(), member.group.clone());
            if !pairs.contains(&pair) && !member.before && is_member(&member.user, &member.group) {
                self.member(&member.user, &member.group, false);
            }
        }
    }

    fn member(&mut self, user: &str, group: &str, add: bool) {
        let sign = if add { '+' } else { '-' };
        self.diff.push_str(&format!("{sign}member {user} {group}\n"));
        self.members.push(MemberChange { user: user.to_owned(), group: group.to_owned(), add });
    }
}

fn before(contents: &Contents) -> Result<OldFile, String> {
    let text = String::from_utf8(contents.bytes.clone()).map_err(|_| {
        "is not from polkit-policy-gen and is not UTF-8, so it could not be restored: move it away".to_owned()
    })?;
    Ok(OldFile { text, mode: contents.mode, uid: contents.uid, gid: contents.gid })
}

fn conflict(path: &str, wanted: bool, recorded: Option<&FileRecord>, current: Option<&Contents>) -> Option<Conflict> {
    let now = current.map(|contents| String::from_utf8_lossy(&contents.bytes).into_owned());
    let message = match (recorded, &now) {
        (Some(recorded), _) if recorded.is_ours(current) => return None,
        (None, None) => return None,
        (Some(_), None) if !wanted => return None,
        (Some(_), Some(_)) => format!("/{path} was changed by hand since it was installed"),
        (Some(_), None) => format!("/{path} was removed by hand since it was installed"),
        (None, Some(_)) => format!("/{path} exists and is not from polkit-policy-gen"),
    };
    let ours = recorded.map_or("", |recorded| recorded.text.as_str());
    let diff = if recorded.is_some() {
        unified(path, ours, now.as_deref().unwrap_or(""), (true, now.is_some()))
    } else {
        String::new()
    };
    Some(Conflict { message, diff })
}

/// Formats a unified diff. A missing file is `/dev/null`.
#[must_use]
pub fn unified(path: &str, from: &str, to: &str, (was, is): (bool, bool)) -> String {
    let name = |side: &str, there: bool| if there { format!("{side}/{path}") } else { "/dev/null".to_owned() };
    TextDiff::from_lines(from, to).unified_diff().header(&name("a", was), &name("b", is)).to_string()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
