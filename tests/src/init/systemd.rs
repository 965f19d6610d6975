//! A full bed's PID 1: systemd itself.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::make::{bind, make_dir, make_file};

/// Units that are of no use in a bed, would wait for hardware, or would touch the host's kernel.
const MASKED: &[&str] = &[
    "apache-htcacheclean.service",
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "getty@tty1.service",
    "libvirt-guests.service",
    "logrotate.timer",
    "phpsessionclean.timer",
    "proc-sys-fs-binfmt_misc.automount",
    "ssh.service",
    "ssh.socket",
    "sshd-unix-local.socket",
    "sshd-vsock.socket",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-modules-load.service",
    "systemd-networkd-wait-online.service",
    "systemd-random-seed.service",
    "systemd-sysctl.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-udev-trigger.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udevd.service",
];

/// What systemd may not do to the host.
const DROPPED: &str = "-sys_time,-sys_module,-sys_rawio,-mac_admin,-mac_override";

/// Masks units, and gives systemd a console: a plain file in the bed's folder.
pub(super) fn prepare(new: &Path, dir: &Path) -> Result<(), String> {
    let units = make_dir(&new.join("etc/systemd/system"))?;
    for unit in MASKED {
        let _ = fs::remove_file(units.join(unit));
        symlink("/dev/null", units.join(unit)).map_err(|error| format!("masking {unit}: {error}"))?;
    }
    let console = dir.join("console");
    make_file(&console)?;
    make_file(&new.join("dev/console"))?;
    bind(&console, &new.join("dev/console"))
}

/// Becomes systemd. Returns only if that fails.
pub(super) fn become_systemd() -> Result<(), String> {
    super::light::loopback()?;
    let console = || File::options().append(true).open("/bed/console").map_err(|error| format!("the console: {error}"));
    let error = Command::new("setpriv")
        .args(["--bounding-set", DROPPED, "/lib/systemd/systemd"])
        .args(["systemd.unit=multi-user.target", "systemd.show_status=false"])
        .env_clear()
        .envs([("container", "bed"), ("PATH", super::PATH), ("LANG", "C.UTF-8")])
        .stdin(Stdio::null())
        .stdout(console()?)
        .stderr(console()?)
        .exec();
    Err(format!("becoming systemd: {error}"))
}
