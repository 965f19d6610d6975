//! `polkit-service-agent status`.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::Value;

use crate::{
    base::{paths, terminal},
    cli::client,
    config::{Origin, files_of},
    register::status,
};

/// What a user without root must know. The agent of a session has no name on the bus, so it cannot be asked.
const OF_THE_SYSTEM: &str =
    "`status` asks the agent of the system. The records of an agent in your own session are shown by `decisions --own`";
/// The agent cannot be reached.
const CANNOT_REACH: u8 = 3;

/// Shows the status of the running agent. Fails if polkitd leaked so many descriptors that the agent registers no more.
pub async fn run(json: bool) -> ExitCode {
    let answer = match client::text("Status").await {
        Ok(answer) => answer,
        Err(why) => {
            terminal::error(&why.to_string());
            if !rustix::process::geteuid().is_root() {
                terminal::error(OF_THE_SYSTEM);
            }
            return CANNOT_REACH.into();
        }
    };
    let Ok(mut status) = serde_json::from_str::<Value>(&answer) else {
        terminal::error("the reply of the agent is not JSON");
        return CANNOT_REACH.into();
    };
    let changed = changed_on_disk(&status, &files_of(&Origin::Host));
    if let (Some(changed), Some(configuration)) =
        (changed, status.get_mut("configuration").and_then(Value::as_object_mut))
    {
        configuration.insert("changed_on_disk".to_owned(), changed.into());
    }
    terminal::print(&if json { status.to_string() } else { status::to_text(&status) });
    if status.get("strained").and_then(Value::as_bool) == Some(true) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Whether a file of the configuration came, went or changed since the agent read it. `None` if the agent reads other files, by `--config`,
/// or does not say what it read.
fn changed_on_disk(status: &Value, now: &[PathBuf]) -> Option<bool> {
    let configuration = status.get("configuration")?;
    let read_at = configuration.get("read_microseconds")?.as_i64()?;
    let files: Option<Vec<&Path>> =
        configuration.get("files")?.as_array()?.iter().map(|path| path.as_str().map(Path::new)).collect();
    let files = files?;
    let is_of_host = |path: &&Path| [paths::CONFIG, paths::VENDOR_CONFIG].iter().any(|folder| path.starts_with(folder));
    if !files.iter().all(is_of_host) {
        return None;
    }
    Some(files != now || is_newer(now, read_at))
}

/// Whether a file changed after this time, in microseconds since 1970, or cannot be read. The time of the last change (ctime) cannot be set,
/// and changes also if an older file is moved to this place.
fn is_newer(files: &[PathBuf], than: i64) -> bool {
    let changed = |path: &PathBuf| {
        let metadata = path.metadata().ok()?;
        Some(metadata.ctime() * 1_000_000 + metadata.ctime_nsec() / 1_000)
    };
    files.iter().any(|path| changed(path).is_none_or(|changed| changed > than))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_is_newer_if_a_file_came_went_or_changed() {
        let of =
            |files: &[&str], read_at: i64| json!({ "configuration": { "files": files, "read_microseconds": read_at } });
        assert_eq!(changed_on_disk(&of(&[], 5), &[]), Some(false));
        assert_eq!(changed_on_disk(&of(&[], 5), &[PathBuf::from("/etc/polkit-service-agent/agent.toml")]), Some(true));
        assert_eq!(changed_on_disk(&of(&["/etc/polkit-service-agent/agent.toml"], 5), &[]), Some(true));
        assert_eq!(changed_on_disk(&of(&["/tmp/given.toml"], 5), &[]), None);
        assert_eq!(changed_on_disk(&json!({}), &[]), None);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros();
        let later = i64::try_from(now).unwrap() + 60_000_000;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.toml");
        std::fs::write(&file, "").unwrap();
        assert!(!is_newer(std::slice::from_ref(&file), later));
        let metadata = file.metadata().unwrap();
        let changed = metadata.ctime() * 1_000_000 + metadata.ctime_nsec() / 1_000;
        for (read_at, newer) in [(changed - 1, true), (changed, false), (changed + 1, false)] {
            assert_eq!(is_newer(std::slice::from_ref(&file), read_at), newer, "{}", read_at - changed);
        }
        assert!(is_newer(&[file], 5) && is_newer(&["/nonexistent".into()], later));
    }
}
