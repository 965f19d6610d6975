//! What runs inside a bed, or on the way into it: the programs `bed-init` and `bed-exec`.

mod light;
mod make;
mod mounts;
mod systemd;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// The search path inside of a bed.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The kind of a light bed in the host's pid, network and cgroup namespaces.
pub(crate) const SHARING: &str = "sharing";

/// `bed-init launch KIND ROOT DIR CGROUP PARENT`: joins the bed's cgroup, sees to it that it is killed when its parent is,
/// and becomes unshare(1), whose child is the bed's PID 1.
///
/// # Errors
/// If a step fails, with the step.
pub fn launch(kind: &str, root: &str, dir: &str, cgroup: &Path, parent: &str) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| format!("PR_SET_PDEATHSIG: {error}"))?;
    if getppid().map(|pid| pid.as_raw_nonzero().to_string()) != Some(parent.to_owned()) {
        return Err("the test has ended already".to_owned());
    }
    join(cgroup)?;
    forget_login();
    let own = std::env::current_exe().map_err(|error| format!("own path: {error}"))?;
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--uts", "--ipc", "--propagation=private", "--fork", "--kill-child"]);
    if kind != SHARING {
        unshare.args(["--pid", "--net", "--cgroup"]);
    }
    let error = unshare.arg(own).args(["init", kind, root, dir]).exec();
    Err(format!("becoming unshare: {error}"))
}

/// `bed-init init KIND ROOT DIR`: PID 1 of a bed.
///
/// # Errors
/// If a step fails, with the step.
pub fn init(kind: &str, root: &Path, dir: &Path) -> Result<(), String> {
    // The host's /proc is still mounted here, and tells the pid of the host.
    let pid = fs::read_link("/proc/self").map_err(|error| format!("reading /proc/self: {error}"))?;
    println!("pid {}", pid.display());
    let full = kind == "full";
    mounts::enter(root, dir, full)?;
    println!("mounted");
    let mut lines = io::stdin().lock();
    let mut line = String::new();
    lines.read_line(&mut line).map_err(|error| format!("reading the word to go: {error}"))?;
    drop(lines);
    match line.trim_end() {
        "go" if full => systemd::become_systemd(),
        "go" => light::run(false, kind != SHARING),
        "go libvirtd" if kind != SHARING => light::run(true, true),
        _ => Err(format!("{line:?} is no word to go")),
    }
}

/// `bed-exec CGROUP PID1 COMMAND…`: joins the cgroup and the namespaces of the bed, and becomes the command.
///
/// # Errors
/// If a step fails, with the step.
pub fn enter(cgroup: &Path, pid1: &OsStr, command: &[OsString]) -> Result<(), String> {
    // Another exec may have made it just now.
    fs::create_dir_all(cgroup).map_err(|error| format!("making {}: {error}", cgroup.display()))?;
    join(cgroup)?;
    forget_login();
    let error = Command::new("/usr/bin/nsenter")
        .arg("--target")
        .arg(pid1)
        .args(["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--wd", "--"])
        .args(command)
        .env_clear()
        .envs([("PATH", PATH), ("LANG", "C.UTF-8"), ("TERM", "dumb")])
        .exec();
    Err(format!("becoming nsenter: {error}"))
}

/// The user who runs the tests has logged in, and a bed's processes are of no login. (A kernel that forbids this has no tests of logins.)
fn forget_login() {
    let _ = fs::write("/proc/self/loginuid", u32::MAX.to_string());
}

/// Moves the running process. This comes before the namespaces: a process outside of the root of its cgroup namespace reads
/// `/../` in /proc/PID/cgroup.
fn join(cgroup: &Path) -> Result<(), String> {
    fs::write(cgroup.join("cgroup.procs"), "0").map_err(|error| format!("joining {}: {error}", cgroup.display()))
}
