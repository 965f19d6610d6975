//! Validates a record. Root writes and removes files by the record, so it is treated as untrusted input.

use polkit_config::names::check_name;

use super::{EditRecord, FileRecord, OldFile, Record, digest};
use crate::install::paths::{is_configuration, is_directory, is_file};
use crate::tree::MODE_MAX;

/// Limit of files, directories, memberships and configurations.
const ENTRIES_MAX: usize = 100_000;
/// Length limit of a text in bytes.
const TEXT_MAX: usize = 16 << 20;
/// The configuration keys that polkit-policy-gen edits.
const KEYS: [&str; 4] = ["auth_unix_rw", "access_drivers", "unix_sock_group", "unix_sock_rw_perms"];

/// Validates a record. `may_own` returns whether a restored file may belong to a user.
///
/// # Errors
/// The first entry that this program never writes, for a sentence.
pub fn check(record: &Record, may_own: &dyn Fn(u32) -> bool) -> Result<(), String> {
    let Record { pending: _, files, directories, members, edits, sources } = record;
    // Only shown.
    let tables = sources.iter().map(|source| source.tables.len()).sum();
    if [files.len(), directories.len(), members.len(), edits.len(), sources.len(), tables]
        .into_iter()
        .any(|length| length > ENTRIES_MAX)
    {
        return Err("there are too many entries".to_owned());
    }
    files.iter().try_for_each(|record| file(record, may_own))?;
    edits.iter().try_for_each(edit)?;
    if let Some(other) = directories.iter().find(|path| !is_directory(path)) {
        return Err(format!("the directory `{other}` is never created"));
    }
    for name in members.iter().flat_map(|member| [&member.user, &member.group]) {
        // Tools take these names as arguments, and some split arguments at commas.
        if check_name(name).is_err() || name.starts_with('-') || name.contains(',') {
            return Err(format!("`{name}` is not the name of a user or group"));
        }
    }
    Ok(())
}

fn file(record: &FileRecord, may_own: &dyn Fn(u32) -> bool) -> Result<(), String> {
    let FileRecord { path, sha256, text, before, was } = record;
    if !is_file(path) {
        return Err(format!("the file `{path}` is never written"));
    }
    if digest(Some(text.as_bytes())) != *sha256 {
        return Err(format!("the text of `{path}` does not match its sha256"));
    }
    if was.as_ref().is_some_and(|was| !was.is_empty() && !is_digest(was)) {
        return Err(format!("the value `was` of `{path}` is not a sha256"));
    }
    let texts = [Some(text), before.as_ref().map(|before| &before.text)];
    if texts.into_iter().flatten().any(|text| text.len() > TEXT_MAX) {
        return Err(format!("the text of `{path}` is larger than 16 MiB"));
    }
    match before {
        Some(OldFile { mode, .. }) if *mode > MODE_MAX => Err(format!(
            "`{path}` has the old mode {mode:04o}: set-user-ID, set-group-ID and sticky bits are never restored"
        )),
        Some(OldFile { uid, .. }) if !may_own(*uid) => {
            Err(format!("`{path}` has the old owner {uid}: root restores only files of root"))
        }
        _ => Ok(()),
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn edit(record: &EditRecord) -> Result<(), String> {
    let EditRecord { path, made: _, keys } = record;
    if !is_configuration(path) {
        return Err(format!("the configuration `{path}` is never edited"));
    }
    for key in keys {
        if !KEYS.contains(&key.key.as_str()) || !key.is_of_its_key() {
            return Err(format!("the key `{}` of `{path}` is never set", key.key));
        }
    }
    if keys.len() > ENTRIES_MAX { Err(format!("there are too many keys of `{path}`")) } else { Ok(()) }
}
