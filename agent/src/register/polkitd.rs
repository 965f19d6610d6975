//! polkitd as a process: its namespaces, and the number of files that it can open. One of the files with effects.

use std::{fs, os::unix::fs::MetadataExt, time::Duration};

/// How often, and how long apart, the bus is asked whether polkitd is the same process.
const TRIES: u32 = 10;
const APART: Duration = Duration::from_millis(50);

/// Compares the pid and user namespaces of the agent with those of polkitd.
///
/// # Errors
/// The namespace that differs, or the file that could not be read.
pub fn same_namespaces(polkitd: u32) -> Result<(), String> {
    for kind in ["pid", "user"] {
        let ours = inode("self", kind)?;
        let theirs = inode(&polkitd.to_string(), kind)?;
        if ours != theirs {
            return Err(format!(
                "polkitd (pid {polkitd}) is in another {kind} namespace: its pids and uids are not the agent's; \
                 run the agent on the host or in the container where polkitd runs"
            ));
        }
    }
    Ok(())
}

/// Whether polkitd is another process by now, or none. `now` asks the bus for its pid; the bus notices the end of a process a moment
/// later than `/proc`.
pub async fn has_ended(polkitd: u32, mut now: impl AsyncFnMut() -> Option<u32>) -> bool {
    for _ in 0..TRIES {
        if now().await != Some(polkitd) {
            return true;
        }
        tokio::time::sleep(APART).await;
    }
    false
}

/// polkitd's soft limit of open files, for counting the descriptors that it leaked. If it cannot be read, it is systemd's default.
#[must_use]
pub fn open_files(polkitd: u32) -> u64 {
    const USUAL: u64 = 1024;
    let limits = fs::read_to_string(format!("/proc/{polkitd}/limits")).unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(USUAL)
}

fn inode(process: &str, kind: &str) -> Result<u64, String> {
    let path = format!("/proc/{process}/ns/{kind}");
    fs::metadata(&path).map(|meta| meta.ino()).map_err(|error| format!("cannot read {path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_read_or_is_the_default() {
        let mine = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap();
        assert_eq!(open_files(std::process::id()), mine);
        assert_eq!(open_files(0), 1024);
    }

    #[tokio::test]
    async fn a_polkitd_has_ended_if_the_bus_soon_has_another_one_or_none() {
        for after in [None, Some(8)] {
            let mut asked = 0;
            let ended = has_ended(7, async || {
                asked += 1;
                if asked < 3 { Some(7) } else { after }
            });
            assert!(ended.await, "{after:?}");
        }
        assert!(!has_ended(7, async || Some(7)).await);
    }

    #[test]
    fn a_polkitd_in_an_unknown_namespace_is_refused() {
        assert!(same_namespaces(0).unwrap_err().contains("/proc/0/ns/pid"));
    }
}
