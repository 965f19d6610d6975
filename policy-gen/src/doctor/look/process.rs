//! A process as policy can name it: its user, its program and its system service.

use std::fs;

use polkit_config::bounded::kernel_text;
use polkit_config::cgroup;

/// A process, as far as policy can name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenProcess {
    /// The uid.
    pub uid: u32,
    /// The system service.
    pub service: Option<String>,
    /// The program, if it is readable.
    pub program: Option<String>,
}

/// Reads a process; `None` if it has ended.
#[must_use]
pub fn seen_process(pid: u32) -> Option<SeenProcess> {
    let status = kernel_text(format!("/proc/{pid}/status")).ok()?;
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?.parse().ok()?;
    let cgroups = kernel_text(format!("/proc/{pid}/cgroup")).ok()?;
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok().map(|exe| exe.to_string_lossy().into_owned());
    Some(SeenProcess { uid, service: service(managed(&cgroups)).map(str::to_owned), program })
}

/// Returns the cgroup path relative to the system manager's root, from the text of `cgroup`; empty outside this root.
pub(super) fn managed(text: &str) -> &str {
    let first = kernel_text("/proc/1/cgroup").unwrap_or_default();
    let root = cgroup::unified(&first).map_or("", cgroup::root_of);
    cgroup::unified(text).and_then(|path| cgroup::below(path, root)).unwrap_or_default()
}

/// Returns the system service of a path. Units of user managers do not count, because users choose their names.
pub(super) fn service(managed: &str) -> Option<&str> {
    cgroup::unit(managed).filter(|unit| unit.ends_with(".service") && !unit.starts_with("user@"))
}
