//! The files of a bed: an overlay of the root filesystem, and the mounts that a system expects.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind_recursive, mount_remount, unmount};
use rustix::process::{chdir, pivot_root};

use super::make::{bind, make_dir, make_file};

/// Devices of the host that a bed has, too.
const DEVICES: [&str; 8] = ["null", "zero", "full", "random", "urandom", "tty", "kvm", "net/tun"];

/// Mounts the bed's files and makes them the root. `dir` is the bed's folder on the host, seen as /bed.
pub(super) fn enter(root: &Path, dir: &Path, full: bool) -> Result<(), String> {
    let name = dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    rustix::system::sethostname(format!("bed-{name}").as_bytes()).map_err(|error| format!("sethostname: {error}"))?;
    let base = dir.join("n");
    make_dir(&base)?;
    tmpfs(&base, "mode=755")?;
    for part in ["upper", "work", "root"] {
        make_dir(&base.join(part))?;
    }
    let new = base.join("root");
    overlay(root, &base, &new)?;
    kernel(&new, full)?;
    devices(&new)?;
    tmpfs(&make_dir(&new.join("run"))?, "mode=755")?;
    tmpfs(&make_dir(&new.join("tmp"))?, "mode=1777")?;
    make_dir(&new.join("run/lock"))?;
    bind(dir, &make_dir(&new.join("bed"))?)?;
    identity(&new, &name)?;
    if full {
        super::systemd::prepare(&new, dir)?;
    }
    pivot(&new)
}

fn overlay(root: &Path, base: &Path, new: &Path) -> Result<(), String> {
    let (root, base) = (root.display(), base.display());
    let options = format!("lowerdir={root},upperdir={base}/upper,workdir={base}/work");
    attach("overlay", new, MountFlags::empty(), &options)
}

/// /proc, /sys and the cgroups. A full bed's systemd runs as root, and must not retune the host's kernel.
fn kernel(new: &Path, full: bool) -> Result<(), String> {
    let (proc, sys) = (new.join("proc"), new.join("sys"));
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    attach("proc", &proc, flags, "")?;
    if full {
        // This one is the bed's own, and a test may choose the next pid by it: it stays writable below the read-only mount.
        let last_pid = proc.join("sys/kernel/ns_last_pid");
        bind(&last_pid, &last_pid)?;
        let settings = proc.join("sys");
        mount_bind_recursive(&settings, &settings).map_err(|error| format!("binding /proc/sys: {error}"))?;
        mount_remount(&settings, MountFlags::BIND | MountFlags::RDONLY | flags, "")
            .map_err(|error| format!("making /proc/sys read-only: {error}"))?;
    }
    attach("sysfs", &sys, flags | MountFlags::RDONLY, "")?;
    attach("cgroup2", &sys.join("fs/cgroup"), flags, "")
}

fn devices(new: &Path) -> Result<(), String> {
    let dev = new.join("dev");
    // Devices that a test makes are to work, as in a real /dev.
    attach("tmpfs", &dev, MountFlags::NOSUID, "mode=755")?;
    for name in DEVICES {
        let (host, own) = (Path::new("/dev").join(name), dev.join(name));
        if host.exists() {
            own.parent().map_or(Ok(()), |parent| make_dir(parent).map(|_| ()))?;
            make_file(&own)?;
            bind(&host, &own)?;
        }
    }
    make_dir(&dev.join("mqueue"))?;
    tmpfs(&make_dir(&dev.join("shm"))?, "mode=1777")?;
    let terminals = make_dir(&dev.join("pts"))?;
    attach("devpts", &terminals, MountFlags::empty(), "newinstance,ptmxmode=0666,mode=620,gid=5")?;
    for (name, target) in
        [("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")]
    {
        symlink(target, dev.join(name)).map_err(|error| format!("linking /dev/{name}: {error}"))?;
    }
    Ok(())
}

/// What tells one machine from another, and what would send it to the network or to disks of the host.
fn identity(new: &Path, name: &str) -> Result<(), String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/uuid").map_err(|error| format!("a machine id: {error}"))?;
    let files = [
        ("machine-id", id.replace('-', "")),
        ("hostname", format!("bed-{name}\n")),
        ("hosts", format!("127.0.0.1 localhost bed-{name}\n::1 localhost\n")),
        ("resolv.conf", String::new()),
        ("fstab", String::new()),
    ];
    for (file, text) in files {
        let path = new.join("etc").join(file);
        // A link would lead out of the bed, which is not the root yet.
        let _ = fs::remove_file(&path);
        fs::write(&path, text).map_err(|error| format!("writing /etc/{file}: {error}"))?;
    }
    Ok(())
}

fn pivot(new: &Path) -> Result<(), String> {
    make_dir(&new.join("oldroot"))?;
    chdir(new).map_err(|error| format!("chdir: {error}"))?;
    pivot_root(".", "oldroot").map_err(|error| format!("pivot_root: {error}"))?;
    unmount("/oldroot", UnmountFlags::DETACH).map_err(|error| format!("unmounting the old root: {error}"))?;
    chdir("/").map_err(|error| format!("chdir: {error}"))?;
    fs::remove_dir("/oldroot").map_err(|error| format!("removing /oldroot: {error}"))
}

fn attach(kind: &str, target: &Path, flags: MountFlags, options: &str) -> Result<(), String> {
    let data = CString::new(options).map_err(|error| format!("mount options: {error}"))?;
    mount(kind, target, kind, flags, data.as_c_str()).map_err(|error| format!("mounting {kind}: {error}"))
}

fn tmpfs(target: &Path, options: &str) -> Result<(), String> {
    attach("tmpfs", target, MountFlags::NOSUID.union(MountFlags::NODEV), options)
}
