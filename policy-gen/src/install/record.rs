//! The record of the installed files: `/var/lib/polkit-policy-gen/state.json`. `remove` uses only the record.
//!
//! Only root may read it, because it contains rules from directories that only root and polkitd may read.

mod valid;

use polkit_config::escape::escape;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use super::paths::{DIRECTORY, NAME, PENDING};
use crate::failure::Failure;
use crate::libvirt::conf::KeyRecord;
use crate::tree::{Contents, Tree};

/// The mode of the directory.
pub const DIRECTORY_MODE: u32 = 0o700;
/// The mode of the records.
pub const MODE: u32 = 0o600;
/// Size limit of a record in bytes.
const SIZE_MAX: usize = 48 << 20;

/// Everything that polkit-policy-gen installed in a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Set during an installation. After an interruption each file has either its old (`was`) or its new content.
    pub pending: bool,
    /// The files.
    pub files: Vec<FileRecord>,
    /// The created directories, the outermost first.
    pub directories: Vec<String>,
    /// The memberships of the policy.
    pub members: Vec<MemberRecord>,
    /// The edited configuration files of other packages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<EditRecord>,
    /// The policy files from which all this was generated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceRecord>,
}

/// A policy file from which something is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRecord {
    /// The path, or `standard input`.
    pub name: String,
    /// The tables of the file, one sentence each.
    pub tables: Vec<String>,
    /// Since when these tables are installed, in seconds since 1970.
    pub since: u64,
}

/// An installed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// The path relative to the root, without a leading slash.
    pub path: String,
    /// The SHA-256 of the installed content, in hexadecimal digits.
    pub sha256: String,
    /// The installed content.
    pub text: String,
    /// The file that existed before, to restore it.
    pub before: Option<OldFile>,
    /// Only in a pending record: the SHA-256 of the old content, empty if the file did not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
}

/// A configuration file of another package with edited keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditRecord {
    /// The path relative to the root, without a leading slash.
    pub path: String,
    /// Whether polkit-policy-gen created the file.
    pub made: bool,
    /// The edited keys; in a pending record also the old ones.
    pub keys: Vec<KeyRecord>,
}

/// A file that existed before the installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldFile {
    /// The content.
    pub text: String,
    /// The permission bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// A membership of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRecord {
    /// The user name.
    pub user: String,
    /// The group name.
    pub group: String,
    /// Whether the membership existed before. Then `remove` keeps it.
    pub before: bool,
}

/// Returns the SHA-256 of a file's content in hexadecimal digits; an empty text for no file.
#[must_use]
pub fn digest(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(String::new, |bytes| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

impl FileRecord {
    /// Whether the current file is the installed one.
    #[must_use]
    pub fn is_ours(&self, current: Option<&Contents>) -> bool {
        let current = digest(current.map(|contents| contents.bytes.as_slice()));
        current == self.sha256 || self.was.as_ref() == Some(&current)
    }
}

impl Record {
    /// Reads the record of a tree; an empty record if there is none.
    ///
    /// # Errors
    /// The record is unreadable or invalid. Nothing may be overwritten or removed then.
    pub fn read(tree: &Tree) -> Result<Self, Failure> {
        for name in [PENDING, NAME] {
            let path = format!("{DIRECTORY}/{name}");
            let shown = tree.shown(&path);
            let contents = tree.read(&path).map_err(|error| {
                Failure::Unreachable(format!("cannot read the record of the installed files, {shown}: {error}"))
            })?;
            if let Some(contents) = contents {
                return Self::parse(&contents.bytes, &|uid| tree.may_own(uid)).map_err(|why| {
                    Failure::Refused(format!(
                        "the record of the installed files, {shown}, is damaged ({}). Nothing was changed. \
                         Restore it from a backup, or move it away together with the files that it names",
                        escape(&why)
                    ))
                });
            }
        }
        Ok(Self::default())
    }

    /// Parses a record and accepts only records that this program writes. `may_own` returns whether a restored file may belong to a
    /// user.
    ///
    /// # Errors
    /// The reason why the record is invalid, for a sentence.
    pub fn parse(bytes: &[u8], may_own: &dyn Fn(u32) -> bool) -> Result<Self, String> {
        if bytes.len() > SIZE_MAX {
            return Err("the file is larger than 48 MiB".to_owned());
        }
        let record: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        valid::check(&record, may_own)?;
        Ok(record)
    }

    /// Formats the record as JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Serializing a structure of strings, numbers and lists cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Returns the file with this path.
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

#[cfg(test)]
mod tests;
