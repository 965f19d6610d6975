//! Whether pids and uids mean the same to the agent and to polkitd. One of the files with effects.

use std::{fs, os::unix::fs::MetadataExt};

/// Compares the agent's pid and user namespaces with polkitd's.
///
/// # Errors
/// Says which differs, or what could not be read.
pub fn same_as(polkitd: u32) -> Result<(), String> {
    for kind in ["pid", "user"] {
        let ours = inode("self", kind)?;
        let theirs = inode(&polkitd.to_string(), kind)?;
        if ours != theirs {
            return Err(format!(
                "polkitd (pid {polkitd}) is in another {kind} namespace: its pids and uids are not the agent's. \
                 Run the agent on the host or in the container where polkitd runs"
            ));
        }
    }
    Ok(())
}

fn inode(process: &str, kind: &str) -> Result<u64, String> {
    let path = format!("/proc/{process}/ns/{kind}");
    fs::metadata(&path).map(|meta| meta.ino()).map_err(|error| format!("cannot read {path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_in_its_own_namespaces() {
        assert!(same_as(std::process::id()).is_ok());
    }

    #[test]
    fn a_polkitd_that_cannot_be_seen_is_not_in_ours() {
        assert!(same_as(0).unwrap_err().contains("/proc/0/ns/pid"));
    }
}
