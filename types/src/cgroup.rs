//! What a cgroup path says about a process: its unit, its session, its owner.
//!
//! A user may own any number of cgroups below his own, and name them as he likes: `/user.slice/user-1001.slice/
//! user@1001.service/system.slice/pool.service` is a path that an unprivileged `systemd-run --user` makes. So the answer
//! is never the last component, nor one found somewhere in the path, but the first after the leading slices: those
//! are the system manager's alone. This is what `sd_pid_get_unit()` does (systemd 247 to 262).

/// The path of the unified hierarchy in the text of `/proc/PID/cgroup`: the line that starts with `0::`. Hosts with the
/// old hierarchies have other lines before it.
#[must_use]
pub fn unified(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::")).filter(|path| path.starts_with('/'))
}

/// The root below which the system manager keeps its units, from the path of its own process (pid 1): `/` on a host, more
/// in a container that has no cgroup namespace.
#[must_use]
pub fn root_of(path_of_pid_1: &str) -> &str {
    path_of_pid_1.strip_suffix("/init.scope").unwrap_or(path_of_pid_1).trim_end_matches('/')
}

/// A path below the root, as the system manager sees it. `None` for one elsewhere: such a process is in no unit of this
/// manager, and nothing is known of it.
#[must_use]
pub fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(root)?;
    let outside = rest.split('/').any(|part| part == "..");
    (rest.starts_with('/') && !outside).then_some(rest)
}

/// The unit of the system manager that a process with this path belongs to. A path in slices alone has none.
#[must_use]
pub fn unit(path: &str) -> Option<&str> {
    let name = after_slices(path).next()?;
    // A leading underscore protects names that would clash with the kernel's own files.
    let name = name.strip_prefix('_').unwrap_or(name);
    is_unit_name(name).then_some(name)
}

/// The part of a path that is its unit's own, and below which everything is the unit's.
#[must_use]
pub fn unit_path(path: &str) -> Option<&str> {
    unit(path)?;
    let slices = parts(path).take_while(|part| is_slice_name(part)).count();
    let mut ends = path.match_indices('/').skip(1).map(|(position, _)| position).skip(slices);
    Some(ends.next().map_or(path, |end| path.get(..end).unwrap_or(path)))
}

/// The logind session that a process with this path belongs to.
#[must_use]
pub fn session(path: &str) -> Option<&str> {
    let id = unit(path)?.strip_prefix("session-")?.strip_suffix(".scope")?;
    let valid = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    valid.then_some(id)
}

/// The user whose slice (`user-UID.slice`) a process with this path is in, whether in a session or in his own manager.
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

/// Whether `name` can be a slice.
#[must_use]
pub fn is_slice_name(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".slice") else { return false };
    let well_formed = !stem.is_empty() && !stem.starts_with('-') && !stem.ends_with('-') && !stem.contains("--");
    stem == "-" || (well_formed && !stem.contains('@') && is_stem(stem))
}

/// The kinds of units that have processes of their own. Slices have been passed over before.
const WITH_PROCESSES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// Whether `name` can be the name of a unit that runs: `name.service`, `name@instance.service`, never `name@.service`.
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
