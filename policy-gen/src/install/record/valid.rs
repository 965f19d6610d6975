//! Whether a record can be one of ours. It says what root writes and takes away, so it is believed no more than any input.

use polkit_config::names::check_name;

use super::{Before, EditRecord, FileRecord, Record, digest};
use crate::install::paths::{is_configuration, is_directory, is_file};
use crate::tree::MODE_MAX;

/// As many files, directories, memberships and configurations may be in one.
const ENTRIES_MAX: usize = 100_000;
/// The longest text in one, in bytes.
const TEXT_MAX: usize = 16 << 20;
/// The keys that are ever set in a configuration.
const KEYS: [&str; 4] = ["auth_unix_rw", "access_drivers", "unix_sock_group", "unix_sock_rw_perms"];

/// Checks all of a record. `may_own` says which users a file that is put back may belong to.
///
/// # Errors
/// The first thing that we never write, for a sentence.
pub fn check(record: &Record, may_own: &dyn Fn(u32) -> bool) -> Result<(), String> {
    let Record { pending: _, files, directories, members, edits } = record;
    if [files.len(), directories.len(), members.len(), edits.len()].into_iter().any(|length| length > ENTRIES_MAX) {
        return Err("it has too many entries".to_owned());
    }
    files.iter().try_for_each(|record| file(record, may_own))?;
    edits.iter().try_for_each(edit)?;
    if let Some(other) = directories.iter().find(|path| !is_directory(path)) {
        return Err(format!("it names the directory `{other}`, which is never made"));
    }
    for name in members.iter().flat_map(|member| [&member.user, &member.group]) {
        // The tools that change memberships take it as an argument, and several of them are separated by commas.
        if check_name(name).is_err() || name.starts_with('-') || name.contains(',') {
            return Err(format!("it names `{name}`, which is no user or group"));
        }
    }
    Ok(())
}

fn file(record: &FileRecord, may_own: &dyn Fn(u32) -> bool) -> Result<(), String> {
    let FileRecord { path, sha256, text, before, was } = record;
    if !is_file(path) {
        return Err(format!("it names the file `{path}`, which is never written"));
    }
    if digest(Some(text.as_bytes())) != *sha256 {
        return Err(format!("the text of `{path}` does not have its sha256"));
    }
    if was.as_ref().is_some_and(|was| !was.is_empty() && !is_digest(was)) {
        return Err(format!("what it says of `{path}` before is no sha256"));
    }
    let texts = [Some(text), before.as_ref().map(|before| &before.text)];
    if texts.into_iter().flatten().any(|text| text.len() > TEXT_MAX) {
        return Err(format!("the text of `{path}` is larger than 16 MiB"));
    }
    match before {
        Some(Before { mode, .. }) if *mode > MODE_MAX => {
            Err(format!("it says that `{path}` had the mode {mode:04o}: set-user-ID and the like are never put back"))
        }
        Some(Before { uid, .. }) if !may_own(*uid) => {
            Err(format!("it says that `{path}` belonged to the user {uid}: root puts back only files of root"))
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
        return Err(format!("it names the configuration `{path}`, which is never edited"));
    }
    for key in keys {
        if !KEYS.contains(&key.key.as_str()) || !key.is_of_its_key() {
            return Err(format!("it names a key of `{path}` that is never set: `{}`", key.key));
        }
    }
    if keys.len() > ENTRIES_MAX { Err(format!("it has too many keys of `{path}`")) } else { Ok(()) }
}
