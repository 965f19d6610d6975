//! The units and users of the host. One of the files with effects: it runs systemctl(1), and reads the files of logind, cron and the
//! kernel. It runs when a configuration is read, and never for a request.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use nix::unistd::User;
use polkit_agent_rules::{facts::Fact, rule::Named, unit_pattern::UnitPattern};

use crate::{
    base::{
        cgroups::{Cgroups, cgroup_root, uids_of},
        paths,
    },
    config::separation::{Host, Unit},
};

/// systemd runs here: sd_booted(3).
const BOOTED: &str = "/run/systemd/system";
/// The time limit of the system manager.
const WITHIN: Duration = Duration::from_secs(10);
/// The longest output, in bytes. A unit has about a hundred.
const LONGEST: u64 = 4 << 20;
const PROPERTIES: &str = "--property=Id,User,UID,Delegate,PAMName";
/// Shells that allow no login.
const NO_SHELLS: [&str; 4] = ["nologin", "false", "sync", ""];

/// Reads all loaded services, these units and these users.
#[must_use]
pub fn look(units: &[&UnitPattern], users: &[Named]) -> Host {
    Host {
        units: Path::new(BOOTED).exists().then(|| shown(units).ok()).flatten().map(|text| parse(&text)),
        people: users.iter().flat_map(people).collect(),
        uids: units.iter().filter_map(|unit| Some((unit.to_string(), uids(unit)?))).collect(),
        ptrace_scope: ptrace_scope(),
    }
}

/// The agent's unit does not see /proc/sys. A file that it does not see is unknown, not absent.
fn ptrace_scope() -> Fact<Option<u8>> {
    match fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope") {
        Ok(scope) => scope.trim().parse().map(Some).into(),
        Err(_) if Path::new("/proc/sys/kernel").exists() => Fact::Known(None),
        Err(_) => Fact::Unknown,
    }
}

/// The real uids, except root's, of the processes in these units.
fn uids(units: &UnitPattern) -> Option<Vec<u32>> {
    let pids = Cgroups::of_host(&cgroup_root().ok()?).ok()?.processes_of(units);
    let real = pids.into_iter().filter_map(|pid| uids_of(pid).ok()?.first().copied());
    Some(real.filter(|uid| *uid != 0).collect::<BTreeSet<_>>().into_iter().collect())
}

fn shown(units: &[&UnitPattern]) -> io::Result<String> {
    show(PROPERTIES, ["*.service".to_owned()].into_iter().chain(units.iter().map(ToString::to_string)))
}

/// The name by which systemd knows a unit, or `None` if no unit of that name exists. In the order of `names`, which are no patterns.
/// Nothing if the system manager does not respond.
#[must_use]
pub fn known_as(names: &[String]) -> Vec<(String, Option<String>)> {
    if names.is_empty() || !Path::new(BOOTED).exists() {
        return Vec::new();
    }
    let text = show("--property=Id,LoadState", names.iter().cloned()).unwrap_or_default();
    names.iter().cloned().zip(text.split("\n\n").map(loaded)).collect()
}

/// The name in a block of [`known_as`], if the unit exists.
fn loaded(block: &str) -> Option<String> {
    let value = |key: &str| block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value("Id").filter(|_| value("LoadState") != Some("not-found")).map(str::to_owned)
}

/// Runs `systemctl show`, with limits of time and length.
fn show(properties: &str, units: impl Iterator<Item = String>) -> io::Result<String> {
    let mut command = Command::new("systemctl");
    command.args(["show", properties, "--no-pager", "--"]).args(units);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = output.take(LONGEST).read_to_string(&mut text);
        // Fails if the output comes too late.
        let _ = sender.send(read.map(|_| text));
    });
    let text = receiver.recv_timeout(WITHIN);
    // Fails if the program has ended.
    let _ = child.kill();
    let _ = child.wait();
    text.map_err(|_| io::ErrorKind::TimedOut)?
}

/// Reads the output of `systemctl show`: lines of `KEY=VALUE`, with an empty line between two units.
fn parse(text: &str) -> Vec<Unit> {
    let unit = |block: &str| {
        let value = |key: &str| block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let set = |key: &str| value(key).filter(|value| !value.is_empty());
        Some(Unit {
            name: set("Id")?.to_owned(),
            user: set("User").map(str::to_owned),
            // A uid that is not set is the highest number, or text.
            uid: set("UID").and_then(|uid| uid.parse().ok()).filter(|uid| *uid != u32::MAX),
            is_delegated: value("Delegate") == Some("yes"),
            opens_sessions: set("PAMName").is_some(),
        })
    };
    text.split("\n\n").filter_map(unit).collect()
}

/// The other uses of a user: logins, a crontab, a session.
fn people(user: &Named) -> Vec<(String, &'static str)> {
    let name = &user.name;
    let account = User::from_name(name).ok().flatten();
    let shell = account.and_then(|account| account.shell.file_name()?.to_str().map(str::to_owned)).unwrap_or_default();
    let has = |is: bool, what: &'static str| is.then(|| (name.clone(), what));
    let exists = |folder: &str, file: &str| Path::new(folder).join(file).exists();
    let crontab =
        ["/var/spool/cron/crontabs", "/var/spool/cron"].iter().any(|folder| Path::new(folder).join(name).is_file());
    let manager = exists(paths::LOGIND, &format!("users/{}", user.id)) || exists("/var/lib/systemd/linger", name);
    [
        has(!NO_SHELLS.contains(&shell.as_str()), "logins (it has a shell)"),
        has(crontab, "a crontab"),
        has(manager, "a session or a manager of its own"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_of_systemctl_is_a_unit() {
        let text = "Id=pool.service\nUser=www-data\nUID=33\nDelegate=no\nPAMName=\n\n\
                    Id=ci.service\nUser=ci\nUID=4294967295\nDelegate=yes\nPAMName=login\n\n\
                    Id=root.service\nUser=\nUID=[not set]\nDelegate=no\n\nUser=other\n";
        let units = parse(text);
        let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
        assert_eq!(names, ["pool.service", "ci.service", "root.service"]);
        assert_eq!((units[0].uid, units[1].uid, units[2].uid), (Some(33), None, None));
        assert_eq!((units[0].is_delegated, units[1].is_delegated), (false, true));
        assert_eq!((units[0].opens_sessions, units[1].opens_sessions), (false, true));
        assert_eq!(units[2].user, None);
    }

    #[test]
    fn a_unit_that_was_not_found_has_no_name() {
        assert_eq!(loaded("Id=httpd.service\nLoadState=not-found"), None);
        assert_eq!(loaded("Id=apache2.service\nLoadState=loaded\n"), Some("apache2.service".to_owned()));
        assert_eq!(loaded("LoadState=masked\nId=web.service"), Some("web.service".to_owned()));
    }

    #[test]
    fn an_answer_that_is_none_has_no_units() {
        for text in ["", "\n\n\n", "no such unit", "Id=\n"] {
            assert_eq!(parse(text), [], "{text:?}");
        }
    }
}
