//! Processes in units, for queries to polkitd: those of a running unit, or an idle process in a transient unit.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use polkit_config::bounded::kernel_text;
use polkit_config::escape::escape;
use polkit_config::names::User;
use polkit_dbus::Subject;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::probe_process::subject;
use crate::install::units::has_systemd;

/// The mount point of cgroups.
const CGROUPS: &str = "/sys/fs/cgroup";
/// The search path for tools, instead of the caller's.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// The time until the idle process ends by itself.
const IDLE: &str = "30";

/// A process in a unit.
#[derive(Debug)]
pub struct UnitProcess {
    /// The uid.
    pub uid: u32,
    /// Whether the unit has `NoNewPrivileges=yes`.
    pub no_new_privileges: bool,
    pid: u32,
    pidfd: OwnedFd,
    /// The transient unit, to be stopped.
    transient: Option<String>,
}

impl UnitProcess {
    /// Returns a process of a running unit: one of `user`, or of any ordinary user. If the unit does not exist, starts a transient unit
    /// with this name and an idle process of `user`, or of `other`.
    ///
    /// # Errors
    /// The reason why there is no such process, for a sentence after "not tested: ".
    pub fn of(unit: &str, user: Option<&User>, other: Option<&User>, no_new_privileges: bool) -> Result<Self, String> {
        if !has_systemd() {
            return Err("systemd does not run here".to_owned());
        }
        let state = State::of(unit)?;
        if state.get("ActiveState") == "active" {
            return Self::running(unit, &state, user);
        }
        if state.get("LoadState") != "not-found" {
            return Err(format!("{} does not run; start it, and run install again", escape(unit)));
        }
        if !unit.ends_with(".service") {
            return Err(format!("there is no {}", escape(unit)));
        }
        let user = user.or(other).ok_or("there is no such user")?;
        Self::transient(unit, user, no_new_privileges)
    }

    /// Returns the pidfd.
    #[must_use]
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Returns the process by its pid, for which polkit does not know the unit.
    #[must_use]
    pub fn by_pid(&self) -> Option<Subject> {
        subject(self.pid, self.uid)
    }

    fn running(unit: &str, state: &State, user: Option<&User>) -> Result<Self, String> {
        let cgroup = state.get("ControlGroup");
        let processes = kernel_text(format!("{CGROUPS}{cgroup}/cgroup.procs")).unwrap_or_default();
        let is_wanted = |uid: u32| user.map_or(uid != 0, |user| user.uid == uid);
        for pid in processes.lines().filter_map(|line| line.parse().ok()) {
            let Some(pidfd) = open(pid) else { continue };
            if let Some(uid) = uid_of(pid).filter(|uid| is_wanted(*uid)) {
                let no_new_privileges = state.get("NoNewPrivileges") == "yes";
                return Ok(Self { uid, no_new_privileges, pid, pidfd, transient: None });
            }
        }
        let whose = user.map_or_else(|| "an ordinary user".to_owned(), |user| escape(&user.name));
        Err(format!("{} has no process of {whose}", escape(unit)))
    }

    fn transient(unit: &str, user: &User, no_new_privileges: bool) -> Result<Self, String> {
        let failed = |why: &str| format!("a transient unit {} could not be started: {why}", escape(unit));
        let privileges = format!("--property=NoNewPrivileges={}", if no_new_privileges { "yes" } else { "no" });
        let (name, uid) = (format!("--unit={unit}"), format!("--uid={}", user.uid));
        let words = ["--quiet", "--collect", "--service-type=exec", &name, &uid, &privileges, "sleep", IDLE];
        let output = run("systemd-run", &words).map_err(|error| failed(&error))?;
        if !output.status.success() {
            return Err(failed(&escape(String::from_utf8_lossy(&output.stderr).trim())));
        }
        let stop = Some(unit.to_owned());
        let state = State::of(unit)?;
        let pid = state.get("MainPID").parse().ok();
        match pid.and_then(|pid| Some((pid, open(pid)?))) {
            Some((pid, pidfd)) => Ok(Self { uid: user.uid, no_new_privileges, pid, pidfd, transient: stop }),
            None => {
                stop_unit(unit);
                Err(failed("its process ended"))
            }
        }
    }
}

impl Drop for UnitProcess {
    fn drop(&mut self) {
        if let Some(unit) = &self.transient {
            stop_unit(unit);
        }
    }
}

fn stop_unit(unit: &str) {
    let _ = run("systemctl", &["stop", "--quiet", "--", unit]);
}

/// The properties of a unit.
struct State(String);

impl State {
    fn of(unit: &str) -> Result<Self, String> {
        let properties = "--property=LoadState,ActiveState,MainPID,ControlGroup,NoNewPrivileges";
        let output = run("systemctl", &["show", properties, "--", unit])?;
        Ok(Self(String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    fn get(&self, key: &str) -> &str {
        self.0.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or("")
    }
}

fn open(pid: u32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(i32::try_from(pid).ok()?)?, PidfdFlags::empty()).ok()
}

/// Returns the real uid of a process. The caller holds its pidfd.
fn uid_of(pid: u32) -> Option<u32> {
    let path = format!("/proc/{pid}/status");
    let status = kernel_text(Path::new(&path)).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?.parse().ok()
}

fn run(program: &str, words: &[&str]) -> Result<Output, String> {
    let mut command = Command::new(program);
    command.args(words).env_clear().env("PATH", PATH).env("LC_ALL", "C").stdin(Stdio::null());
    command.output().map_err(|error| format!("cannot run {program}: {error}"))
}
