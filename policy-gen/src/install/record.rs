//! What was installed: `/var/lib/polkit-policy-gen/state.json`. `remove` works from it alone.
//!
//! Root alone may read it: it has the text of rules from directories that are closed to others.

mod valid;

use polkit_config::escape::escape;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use super::paths::{DIRECTORY, NAME, PENDING};
use crate::failure::Failure;
use crate::libvirt::conf::KeyRecord;
use crate::tree::{Contents, Tree};

/// The mode of that directory.
pub const DIRECTORY_MODE: u32 = 0o700;
/// The mode of the records.
pub const MODE: u32 = 0o600;
/// The largest record that is read, in bytes.
const SIZE_MAX: usize = 48 << 20;

/// Everything that is ours in a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Set while an installation runs. If one was cut short, each file is what it `was` or what it
    /// was to become.
    pub pending: bool,
    /// The files, by path.
    pub files: Vec<FileRecord>,
    /// The directories that we made, outermost first.
    pub directories: Vec<String>,
    /// The memberships.
    pub members: Vec<MemberRecord>,
    /// The configurations of others in which keys are ours, by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<EditRecord>,
}

/// A file that we wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Below the root, without a leading slash.
    pub path: String,
    /// Of what we wrote, in hexadecimal digits.
    pub sha256: String,
    /// What we wrote.
    pub text: String,
    /// What was there before us, to be put back.
    pub before: Option<Before>,
    /// Only in a pending record: the sha256 of what the file was, empty if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
}

/// A configuration of somebody else's in which keys are ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditRecord {
    /// Below the root, without a leading slash.
    pub path: String,
    /// Whether the file was not there before us.
    pub made: bool,
    /// The keys; in a pending record those of before as well.
    pub keys: Vec<KeyRecord>,
}

/// A file that was there before us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Its text.
    pub text: String,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// A membership that the policy wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRecord {
    /// The user's name.
    pub user: String,
    /// The group's name.
    pub group: String,
    /// Whether it was there before us: then it is not ours to take away.
    pub before: bool,
}

/// The sha256 of a file's bytes, in hexadecimal digits; of none, nothing.
#[must_use]
pub fn digest(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(String::new, |bytes| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

impl FileRecord {
    /// Whether this is the file as we left it.
    #[must_use]
    pub fn is_ours(&self, current: Option<&Contents>) -> bool {
        let current = digest(current.map(|contents| contents.bytes.as_slice()));
        current == self.sha256 || self.was.as_ref() == Some(&current)
    }
}

impl Record {
    /// Reads the record of a tree; an empty one if there is none.
    ///
    /// # Errors
    /// It cannot be read or understood: nothing may then be overwritten or removed.
    pub fn read(tree: &Tree) -> Result<Self, Failure> {
        for name in [PENDING, NAME] {
            let path = format!("{DIRECTORY}/{name}");
            let shown = tree.shown(&path);
            let contents = tree.read(&path).map_err(|error| {
                Failure::Unreachable(format!("cannot read the record of what was installed, {shown}: {error}"))
            })?;
            if let Some(contents) = contents {
                return Self::parse(&contents.bytes, &|uid| tree.may_own(uid)).map_err(|why| {
                    Failure::Refused(format!(
                        "the record of what was installed, {shown}, is damaged ({}): nothing was changed. \
                         Put it back from a backup, or move it away together with the files that it names",
                        escape(&why)
                    ))
                });
            }
        }
        Ok(Self::default())
    }

    /// Reads a record, and accepts only what we write. `may_own` says which users a file that is put back may belong to.
    ///
    /// # Errors
    /// What is wrong with it, for a sentence.
    pub fn parse(bytes: &[u8], may_own: &dyn Fn(u32) -> bool) -> Result<Self, String> {
        if bytes.len() > SIZE_MAX {
            return Err("it is larger than 48 MiB".to_owned());
        }
        let record: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        valid::check(&record, may_own)?;
        Ok(record)
    }

    /// The record as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        // A structure of strings, numbers and lists cannot fail to be written.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The file of this path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&FileRecord> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether nothing is installed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.members.is_empty() && self.edits.is_empty()
    }
}
