//! Users who log in, in a full bed with the agent's unit.

use crate::polkit::{Verdict, subject};
use crate::{Bed, FullBed, Polkit, Root};

use super::by_hand::{CONFIG_FILE, MANAGE, PROBE, full};
use super::until;

/// The uid of the user `kiosk`.
pub const KIOSK: u32 = 2000;
/// The uid of the user `guest`.
pub const GUEST: u32 = 2001;

/// The users of these tests authenticate as themselves for libvirt's action.
const RULE: &str = r#"
polkit.addRule(function (action, subject) {
    if (action.id === "org.libvirt.unix.manage") {
        return polkit.Result.AUTH_SELF;
    }
});
"#;

/// A full bed with the two users, the agent's configuration, and the drop-in for sessions if wanted. The agent is not
/// started yet.
pub fn bed(root: &Root, config: &str, drop_in: bool) -> FullBed {
    let bed = full(root)
        .without_libvirtd()
        .file(CONFIG_FILE, 0o644, config)
        .file("/etc/polkit-1/rules.d/46-agent.rules", 0o644, RULE)
        .start();
    for (user, uid) in [("kiosk", KIOSK), ("guest", GUEST)] {
        let _ = bed.exec(["useradd", "--create-home", "--uid", &uid.to_string(), user]).success();
    }
    if drop_in {
        let from = "/usr/share/doc/polkit-service-agent/examples/sessions.conf";
        let to = "/etc/systemd/system/polkit-service-agent.service.d/sessions.conf";
        let _ = bed.exec(["install", "-D", "-m", "0644", from, to]).success();
        let _ = bed.exec(["systemctl", "daemon-reload"]).success();
    }
    bed
}

/// A user who is logged in at the seat, by a unit of that name.
pub struct Session {
    /// logind's id.
    pub id: String,
    /// The first process, which sleeps.
    pub pid: u32,
    /// The session's cgroup.
    pub cgroup: String,
    unit: String,
}

impl Session {
    /// Logs a user in, and waits for the session.
    pub fn of(bed: &Bed, user: &str, unit: &str) -> Self {
        Self::running(bed, user, unit, &["sleep", "1000"])
    }

    /// Logs a user in without a seat, as ssh does.
    pub fn without_a_seat(bed: &Bed, user: &str, unit: &str) -> Self {
        let user = format!("--property=User={user}");
        let run = ["systemd-run", "--quiet", &format!("--unit={unit}"), "--property=PAMName=login", &user];
        let environment = ["--setenv=XDG_SESSION_TYPE=tty", "--setenv=XDG_SESSION_CLASS=user", "--"];
        let _ = bed.exec(run.iter().chain(&environment).chain(&["sleep", "1000"])).success();
        Self::of_running(bed, unit)
    }

    /// Logs a user in who runs a program.
    pub fn running(bed: &Bed, user: &str, unit: &str, argv: &[&str]) -> Self {
        let user = format!("--property=User={user}");
        let run = ["systemd-run", "--quiet", &format!("--unit={unit}"), "--property=PAMName=login", &user];
        let environment =
            ["--setenv=XDG_SEAT=seat0", "--setenv=XDG_SESSION_TYPE=x11", "--setenv=XDG_SESSION_CLASS=user", "--"];
        let _ = bed.exec(run.iter().chain(&environment).chain(argv)).success();
        Self::of_running(bed, unit)
    }

    /// Starts a unit that logs a user in.
    pub fn of_unit(bed: &Bed, unit: &str) -> Self {
        let _ = bed.exec(["systemctl", "start", unit]).success();
        Self::of_running(bed, unit)
    }

    fn of_running(bed: &Bed, unit: &str) -> Self {
        let shown =
            || bed.exec(["systemctl", "show", "--value", "--property=MainPID", unit]).success().text().to_owned();
        let cgroup = || bed.exec(["sed", "-n", "s/^0:://p", &format!("/proc/{}/cgroup", shown())]).text().to_owned();
        until(|| cgroup().ends_with(".scope"));
        let cgroup = cgroup();
        let name = cgroup.rsplit('/').next().expect("a name");
        let id = name.trim_start_matches("session-").trim_end_matches(".scope").to_owned();
        Self { id, pid: shown().parse().expect("a pid"), cgroup: cgroup[1..].to_owned(), unit: unit.to_owned() }
    }

    /// Ends the session, and waits until logind has forgotten it.
    pub fn log_out(self, bed: &Bed) {
        let _ = bed.exec(["systemctl", "stop", &self.unit]);
        until(|| !bed.exists(format!("/run/systemd/sessions/{}", self.id)));
    }
}

/// Asks about libvirt's action for a process, as a mechanism that takes it for one of that user.
pub fn ask(bed: &Bed, pid: u32, uid: u32) -> Verdict {
    Polkit::of(bed).check(&subject(bed, pid, uid), MANAGE)
}

/// Whether a process has an agent that refuses.
pub fn is_refused(bed: &Bed, pid: u32, uid: u32) -> bool {
    Polkit::of(bed).check(&subject(bed, pid, uid), PROBE) == Verdict::No
}

/// Waits until a process of a user has an agent.
pub fn until_served(bed: &Bed, pid: u32, uid: u32) {
    until(|| is_refused(bed, pid, uid));
}

/// What the agent's unit has said.
pub fn log(bed: &FullBed) -> String {
    bed.journal(["--unit=polkit-service-agent", "--output=cat"])
}

/// What `status --json` says.
pub fn status(bed: &Bed) -> String {
    bed.exec(["polkit-service-agent", "status", "--json"]).success().stdout
}
