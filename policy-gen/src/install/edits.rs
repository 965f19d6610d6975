//! Edits keys in configuration files of other packages. Pure.

use std::collections::BTreeSet;

use super::paths::is_command;
use super::plan::{Change, Conflict, Current, NewFile, Plan, unified};
use super::record::{EditRecord, Record};
use crate::libvirt::conf::{self, Edit, EditResult, Key};
use crate::libvirt::daemons::DROP_IN;

/// The mode of a new configuration file.
const MODE: u32 = 0o644;

impl Plan {
    /// Plans to set exactly these keys. Earlier edits are undone first, so that each edit is relative to the file of other authors.
    ///
    /// # Errors
    /// A file that cannot be edited. No change may be made then, because the rest of the policy may depend on it.
    pub fn edit(&mut self, edits: &[Edit], record: &Record, current: &Current) -> Result<(), String> {
        let recorded = record.edits.iter().map(|edit| edit.path.as_str());
        let paths: BTreeSet<&str> = edits.iter().map(|edit| edit.path.as_str()).chain(recorded).collect();
        for &path in &paths {
            let keys = edits.iter().find(|edit| edit.path == path).map_or(&[][..], |edit| &edit.keys);
            self.edit_one(path, keys, record, current).map_err(|error| format!("cannot edit /{path}: {error}"))?;
        }
        let is_edit = |path: &str| paths.contains(path);
        self.changes.sort_by_key(|change| rank(change, is_edit(&change.path)));
        Ok(())
    }

    fn edit_one(&mut self, path: &str, keys: &[Key], record: &Record, current: &Current) -> Result<(), String> {
        let recorded = record.edits.iter().find(|edit| edit.path == path);
        let contents = current.get(path);
        let text = match contents {
            Some(contents) => std::str::from_utf8(&contents.bytes).map_err(|_| "it is not UTF-8".to_owned())?,
            None => "",
        };
        let known = recorded.map_or(&[][..], |recorded| &recorded.keys);
        let undone = conf::undo(text, known)?;
        let EditResult { text: wanted, ours, clashes } = conf::apply(&undone.text, keys, known)?;
        let made = recorded.map_or(contents.is_none(), |recorded| recorded.made);
        let record = |keys| EditRecord { path: path.to_owned(), made, keys };
        let both = [known, ours.as_slice()].concat();
        if !both.is_empty() {
            self.pending.edits.push(record(both));
        }
        if !ours.is_empty() {
            self.done.edits.push(record(ours));
        }
        // A file that polkit-policy-gen created is removed with its keys, unless it has other content.
        let gone = wanted.is_empty() && made;
        if wanted == text && (contents.is_none() || !gone) {
            return Ok(());
        }
        let messages = undone.clashes.into_iter().chain(clashes);
        self.conflicts
            .extend(messages.map(|clash| Conflict { message: format!("/{path}, {clash}"), diff: String::new() }));
        self.diff.push_str(&unified(path, text, &wanted, (contents.is_some(), !gone)));
        let (mode, owner) = contents.map_or((MODE, None), |it| (it.mode, Some((it.uid, it.gid))));
        let to = (!gone).then(|| NewFile { bytes: wanted.into_bytes(), mode, owner });
        self.changes.push(Change { path: path.to_owned(), to });
        Ok(())
    }
}

/// Returns the rank of a change. The order leaves no excess access after an interruption: a socket is closed before its daemon stops
/// asking polkit, and the daemon asks again before the socket is opened. Access control is enabled before users are allowed, and
/// disabled after them.
fn rank(change: &Change, is_edit: bool) -> u8 {
    // The unit of a command exists before a user may start it, and until no user may.
    let comes_first = change.path.ends_with(DROP_IN) || is_command(&change.path);
    match (is_edit, comes_first == change.to.is_some()) {
        (true, _) => 1,
        (false, true) => 0,
        (false, false) => 2,
    }
}

#[cfg(test)]
#[path = "edits_tests.rs"]
mod tests;
