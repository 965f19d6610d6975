//! Short-lived processes for queries to polkitd.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use polkit_config::bounded::kernel_text;
use polkit_config::escape::escape;
use polkit_config::names::User;
use polkit_dbus::{Process, StartTime, Subject, SubjectPid, SubjectUid};

/// Time limit for the start of the process.
const START: Duration = Duration::from_secs(10);

/// An idle process of a user, as the subject of queries.
pub struct ProbeProcess {
    child: Child,
    /// The process as a polkit subject.
    pub subject: Subject,
}

impl ProbeProcess {
    /// Starts a process of `user`.
    ///
    /// The user can trace this process and control it. It therefore inherits neither environment nor terminal: setsid(1)
    /// detaches it before it drops root.
    ///
    /// # Errors
    /// setsid(1) or setpriv(1) cannot be run, or they take too long.
    pub fn of(user: &User) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| {
            format!("cannot start a process of `{}` for the query: {error}", escape(&user.name))
        };
        let mut command = Command::new("setsid");
        command.arg("setpriv").arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid));
        command.args(["--clear-groups", "sleep", "30"]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| failed(&error))?;
        let mut probe = Self { child, subject: Subject::Session(String::new()) };
        let deadline = Instant::now() + START;
        while !probe.is_ready(user.uid) {
            if Instant::now() > deadline || !matches!(probe.child.try_wait(), Ok(None)) {
                return Err(failed(&"setsid and setpriv (util-linux) did not start it"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        probe.subject =
            subject(probe.child.id(), user.uid).ok_or_else(|| failed(&"its entry in /proc is unreadable"))?;
        Ok(probe)
    }

    /// Whether the process runs the last of the three programs, as the user.
    fn is_ready(&self, uid: u32) -> bool {
        let status = kernel_text(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let uids = vec![uid.to_string(); 4].join("\t");
        field("Name:") == Some("sleep") && field("Uid:") == Some(&uids)
    }
}

/// Returns a process with its start time as a polkit subject; `None` if it does not exist.
#[must_use]
pub fn subject(pid: u32, uid: u32) -> Option<Subject> {
    let stat = kernel_text(format!("/proc/{pid}/stat")).ok()?;
    // Field 22. Fields are counted after the last parenthesis, because the process name may contain anything.
    let started = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let (pid, uid) = (SubjectPid::new(pid).ok()?, SubjectUid::new(uid).ok()?);
    Some(Subject::Process(Process { pid, start_time: StartTime(started), uid }))
}

impl Drop for ProbeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_on_the_wire_has_its_pid_uid_and_start() {
        let pid = std::process::id();
        let Some(Subject::Process(process)) = subject(pid, 33) else { panic!() };
        assert_eq!((process.pid, process.uid), (SubjectPid::new(pid).unwrap(), SubjectUid::new(33).unwrap()));
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        // The name of the process is field 2, in parentheses.
        let fields: Vec<&str> = stat.split_once(") ").unwrap().1.split(' ').collect();
        assert_eq!(process.start_time, StartTime(fields[22 - 3].parse().unwrap()));
        assert_eq!(subject(u32::MAX, 33), None);
    }
}
