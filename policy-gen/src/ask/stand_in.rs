//! A process to ask polkitd about.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use polkit_config::bounded::kernel_text;
use polkit_config::escape::escape;
use polkit_config::names::User;
use polkit_dbus::{Process, StartTime, Subject, SubjectPid, SubjectUid};

/// How long it may take to start.
const START: Duration = Duration::from_secs(2);

/// A process of a user that does nothing but be asked about.
pub struct StandIn {
    child: Child,
    /// The process, as a mechanism names it to polkit.
    pub subject: Subject,
}

impl StandIn {
    /// Starts one.
    ///
    /// The user can trace the process and so become it. It therefore gets nothing of ours: no
    /// environment, and no terminal, which it loses (setsid) before it stops being root.
    ///
    /// # Errors
    /// setsid(1) or setpriv(1) cannot be run, or do not come to it in time.
    pub fn of(user: &User) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| {
            format!("starting a process of `{}` to ask about: {error}", escape(&user.name))
        };
        let mut command = Command::new("setsid");
        command.arg("setpriv").arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid));
        command.args(["--clear-groups", "sleep", "30"]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| failed(&error))?;
        let mut stand_in = Self { child, subject: Subject::Session(String::new()) };
        let deadline = Instant::now() + START;
        while !stand_in.is_ready(user.uid) {
            if Instant::now() > deadline || !matches!(stand_in.child.try_wait(), Ok(None)) {
                return Err(failed(&"setsid and setpriv (util-linux) did not start it"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let pid = stand_in.child.id();
        let stat = kernel_text(format!("/proc/{pid}/stat"));
        // Field 22, counted from the last parenthesis, after which field 3 begins: the name may hold anything.
        let started = stat.ok().and_then(|stat| stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok());
        let subject = || {
            let (pid, uid) = (SubjectPid::new(pid).ok()?, SubjectUid::new(user.uid).ok()?);
            Some(Subject::Process(Process { pid, start_time: StartTime(started?), uid }))
        };
        stand_in.subject = subject().ok_or_else(|| failed(&"it cannot be found in /proc"))?;
        Ok(stand_in)
    }

    /// Whether it is the last program of the three, and the user's.
    fn is_ready(&self, uid: u32) -> bool {
        let status = kernel_text(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let uids = vec![uid.to_string(); 4].join("\t");
        field("Name:") == Some("sleep") && field("Uid:") == Some(&uids)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
