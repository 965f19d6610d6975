//! A light bed's PID 1: starts the daemons, takes commands, and collects the dead.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait, waitpid};

/// How long a daemon may take to answer.
const START: Duration = Duration::from_secs(30);

/// How often the dead are collected.
const REAP_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };

const BUS_SOCKET: &str = "/run/dbus/system_bus_socket";
const LIBVIRT_SOCKET: &str = "/run/libvirt/libvirt-sock";

/// Where polkitd is: since 121, in Debian until bookworm, in 0.105.
const POLKITD: [&str; 3] = ["/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd", "/usr/lib/policykit-1/polkitd"];

/// Starts the daemons, says `ready`, and serves until killed.
pub(super) fn run(libvirtd: bool, own_network: bool) -> Result<(), String> {
    if own_network {
        loopback()?;
    }
    // Without these folders polkitd complains that it cannot watch logind.
    for dir in ["dbus", "libvirt", "systemd/seats", "systemd/sessions", "systemd/users", "systemd/machines"] {
        fs::create_dir_all(Path::new("/run").join(dir)).map_err(|error| format!("making /run/{dir}: {error}"))?;
    }
    start("dbus-daemon", &["--system", "--nofork", "--nopidfile", "--syslog-only"], "dbus.log")?;
    wait_for("the bus", "dbus.log", is_open_to_all)?;
    let mut polkitd = start_polkitd()?;
    if libvirtd {
        start("libvirtd", &[], "libvirtd.log")?;
    }
    start_helper_socket()?;
    wait_for("polkitd", "polkitd.log", polkitd_has_its_name)?;
    if libvirtd {
        wait_for("libvirtd", "libvirtd.log", || Path::new(LIBVIRT_SOCKET).exists())?;
    }
    println!("ready");
    let stdin = io::stdin();
    loop {
        let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
        let heard = poll(&mut polled, Some(&REAP_EVERY)).map_err(|error| format!("poll: {error}"))?;
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        if heard == 0 {
            continue;
        }
        let mut line = String::new();
        if stdin.read_line(&mut line).map_err(|error| format!("reading a command: {error}"))? == 0 {
            return Ok(());
        }
        match command(line.trim_end(), &mut polkitd) {
            Ok(()) => println!("ok"),
            Err(error) => println!("failed: {error}"),
        }
    }
}

/// Brings up the network that a bed has: its own loopback.
pub(super) fn loopback() -> Result<(), String> {
    let status = Command::new("ip").args(["link", "set", "lo", "up"]).env("PATH", super::PATH).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        status => Err(format!("bringing lo up: {status:?}")),
    }
}

fn command(line: &str, polkitd: &mut Pid) -> Result<(), String> {
    match line {
        "stop polkitd" => {
            stop(*polkitd);
            Ok(())
        }
        "restart polkitd" => {
            stop(*polkitd);
            *polkitd = start_polkitd()?;
            wait_for("polkitd", "polkitd.log", polkitd_has_its_name)
        }
        _ => Err(format!("{line:?} is no command")),
    }
}

/// Ends a child of this process. One that has ended already is fine.
fn stop(pid: Pid) {
    if kill_process(pid, Signal::TERM).is_ok() {
        let _ = waitpid(Some(pid), WaitOptions::empty());
    }
}

fn start_polkitd() -> Result<Pid, String> {
    let program = POLKITD.into_iter().find(|path| Path::new(path).exists()).ok_or("there is no polkitd")?;
    // -r: takes the name from a polkitd that the bus may have started meanwhile.
    start(program, &["-r"], "polkitd.log")
}

/// Whether every user may connect to the bus: dbus-daemon creates the socket first, and opens it to others then.
fn is_open_to_all() -> bool {
    Path::new(BUS_SOCKET).metadata().is_ok_and(|socket| socket.permissions().mode() & 0o002 != 0)
}

/// From polkit 127 on the helper that checks passwords is not setuid: systemd starts it for each connection to a socket.
fn start_helper_socket() -> Result<(), String> {
    const HELPER: &str = "/usr/lib/polkit-1/polkit-agent-helper-1";
    const SOCKET: &str = "/run/polkit/agent-helper.socket";
    let setuid = fs::metadata(HELPER).map(|file| file.permissions().mode() & 0o4000 != 0);
    if setuid.unwrap_or(true) {
        return Ok(());
    }
    fs::create_dir_all("/run/polkit").map_err(|error| format!("making /run/polkit: {error}"))?;
    let arguments = ["--accept", "--inetd", "-l", SOCKET, HELPER, "--socket-activated"];
    start("systemd-socket-activate", &arguments, "helper.log")?;
    wait_for("the helper's socket", "helper.log", || Path::new(SOCKET).exists())?;
    fs::set_permissions(SOCKET, fs::Permissions::from_mode(0o666)).map_err(|error| format!("chmod {SOCKET}: {error}"))
}

/// Starts a daemon, with its output in the bed's folder.
fn start(program: &str, arguments: &[&str], log: &str) -> Result<Pid, String> {
    let open = || File::options().create(true).append(true).open(Path::new("/bed").join(log));
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs([("PATH", super::PATH), ("LANG", "C.UTF-8"), ("HOME", "/root")])
        .stdin(Stdio::null())
        .stdout(open().map_err(|error| format!("opening {log}: {error}"))?)
        .stderr(open().map_err(|error| format!("opening {log}: {error}"))?)
        .spawn()
        .map_err(|error| format!("starting {program}: {error}"))?;
    Ok(Pid::from_child(&child))
}

fn polkitd_has_its_name() -> bool {
    let status = Command::new("dbus-send")
        .args(["--system", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetNameOwner"])
        .arg("string:org.freedesktop.PolicyKit1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// With what its log says, if it does not get there.
fn wait_for(what: &str, log: &str, ready: impl Fn() -> bool) -> Result<(), String> {
    let started = Instant::now();
    while !ready() {
        if started.elapsed() > START {
            let said = fs::read_to_string(Path::new("/bed").join(log)).unwrap_or_default();
            // The answer is one line.
            return Err(format!("{what} did not start in {} s; {log}: {said:?}", START.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    Ok(())
}
