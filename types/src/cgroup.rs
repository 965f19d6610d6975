//! The unit, the session and the owner of a process, read from its cgroup path.
//!
//! A user may create any number of cgroups below the user's own cgroup, with any names: an unprivileged
//! `systemd-run --user` creates `/user.slice/user-1001.slice/user@1001.service/system.slice/pool.service`. The unit is
//! therefore the first component after the leading slices, because only the system manager creates those components. It is
//! never the last component and never a component in the middle. `sd_pid_get_unit()` does the same (systemd 247 to 262).

/// Returns the path in the unified hierarchy from the text of `/proc/PID/cgroup`: the line that starts with `0::`. Hosts
/// with cgroup v1 hierarchies have other lines before it.
#[must_use]
pub fn unified(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::")).filter(|path| path.starts_with('/'))
}

/// Returns the cgroup below which the system manager keeps its units, from the path of pid 1: `/` on a host, a longer path
/// in a container without a cgroup namespace.
#[must_use]
pub fn root_of(path_of_pid_1: &str) -> &str {
    path_of_pid_1.strip_suffix("/init.scope").unwrap_or(path_of_pid_1).trim_end_matches('/')
}

/// Returns the path relative to the manager's root. `None` if the path is outside this root: no unit of this manager
/// contains such a process.
#[must_use]
pub fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(root)?;
    let outside = rest.split('/').any(|part| part == "..");
    (rest.starts_with('/') && !outside).then_some(rest)
}

/// Returns the system unit of a process with this path. A path that consists of slices only has no unit.
#[must_use]
pub fn unit(path: &str) -> Option<&str> {
    let name = after_slices(path).next()?;
    // systemd escapes names that clash with the kernel's cgroup files with a leading underscore.
    let name = name.strip_prefix('_').unwrap_or(name);
    is_unit_name(name).then_some(name)
}

/// Returns the cgroup of the unit itself: the part of the path up to and including the unit.
#[must_use]
pub fn unit_path(path: &str) -> Option<&str> {
    unit(path)?;
    let slices = parts(path).take_while(|part| is_slice_name(part)).count();
    let mut ends = path.match_indices('/').skip(1).map(|(position, _)| position).skip(slices);
    Some(ends.next().map_or(path, |end| path.get(..end).unwrap_or(path)))
}

/// Returns the logind session of a process with this path.
#[must_use]
pub fn session(path: &str) -> Option<&str> {
    let id = unit(path)?.strip_prefix("session-")?.strip_suffix(".scope")?;
    let valid = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    valid.then_some(id)
}

/// Returns the uid of the user slice (`user-UID.slice`) that contains this path, for sessions and for user managers.
#[must_use]
pub fn owner(path: &str) -> Option<u32> {
    let slice = parts(path).take_while(|part| is_slice_name(part)).last()?;
    slice.strip_prefix("user-")?.strip_suffix(".slice")?.parse().ok()
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn after_slices(path: &str) -> impl Iterator<Item = &str> {
    parts(path).skip_while(|part| is_slice_name(part))
}

/// Whether `name` is a valid slice name.
#[must_use]
pub fn is_slice_name(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".slice") else { return false };
    let well_formed = !stem.is_empty() && !stem.starts_with('-') && !stem.ends_with('-') && !stem.contains("--");
    stem == "-" || (well_formed && !stem.contains('@') && is_stem(stem))
}

/// The unit types with processes of their own. Slices are skipped before this list is used.
const WITH_PROCESSES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// Whether `name` is a valid name of a running unit: `name.service` or `name@instance.service`, but not the template
/// `name@.service`.
#[must_use]
pub fn is_unit_name(name: &str) -> bool {
    let Some(stem) = WITH_PROCESSES.iter().find_map(|suffix| name.strip_suffix(suffix)) else { return false };
    let template = stem.split_once('@').is_some_and(|(prefix, instance)| prefix.is_empty() || instance.is_empty());
    name.len() <= 255 && !stem.is_empty() && !template && is_stem(stem)
}

fn is_stem(stem: &str) -> bool {
    stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte))
}

#[cfg(test)]
mod tests;
