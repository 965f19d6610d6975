//! The harness itself: beds start, are isolated from the host and from each other, and leave nothing behind.

use std::path::Path;

use polkit_tests::{Bed, FullBed, LightBed, Root, Suite, on_each_suite, program, require};

on_each_suite! {
    a_light_bed_runs_the_polkit_of_its_suite
    a_full_bed_boots_without_a_failed_unit
    virsh_gets_the_error_that_this_project_exists_for
}

fn a_light_bed_runs_the_polkit_of_its_suite(root: &Root) {
    let bed = LightBed::on(root).without_libvirtd().start();
    let version = bed.exec([
        "dbus-send",
        "--system",
        "--print-reply=literal",
        "--dest=org.freedesktop.PolicyKit1",
        "/org/freedesktop/PolicyKit1/Authority",
        "org.freedesktop.DBus.Properties.Get",
        "string:org.freedesktop.PolicyKit1.Authority",
        "string:BackendVersion",
    ]);
    let version = version.success();
    let number = version.text().split_whitespace().last().unwrap().trim_start_matches("0.").to_owned();
    assert_eq!(number, bed.suite().polkit().to_string(), "{version}");
}

fn a_full_bed_boots_without_a_failed_unit(root: &Root) {
    let bed = FullBed::on(root).start();
    let failed = bed.exec(["systemctl", "--failed", "--plain", "--no-legend"]).success();
    assert_eq!(failed.text(), "");
    let unit = bed.systemd_run(["--unit=psa-test", "cat", "/proc/self/cgroup"]).success();
    assert_eq!(unified_cgroup(&unit.stdout), "/system.slice/psa-test.service");
    let journal = bed.journal(["--unit=psa-test", "--output=cat"]);
    assert!(journal.contains("psa-test.service"), "{journal}");
}

fn virsh_gets_the_error_that_this_project_exists_for(root: &Root) {
    let bed = LightBed::on(root).start();
    let list = bed.exec_as("www-data", ["virsh", "-c", "qemu:///system", "list"]).failure();
    let error =
        "authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'";
    assert!(list.stderr.contains(error), "{list}");
}

/// The path of the line that starts with `0::`; the machine may have lines of cgroup v1 before it.
fn unified_cgroup(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_else(|| panic!("no cgroup2 line in {text:?}"))
}

#[test]
fn a_full_bed_keeps_the_host_s_kernel_settings_read_only() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = FullBed::on(&root).without_libvirtd().mask("apache2.service").start();
    for setting in ["kernel/panic", "vm/swappiness"] {
        let path = format!("/proc/sys/{setting}");
        let write = bed.exec(["sh", "-c", &format!("cat {path} > {path}")]).failure();
        assert!(write.stderr.contains("Read-only file system"), "{write}");
    }
    let _ = bed.exec(["sh", "-c", "echo 4000 > /proc/sys/kernel/ns_last_pid"]).success();
    let state = bed.exec(["systemctl", "is-active", "apache2.service", "libvirtd.service"]).failure();
    assert_eq!(state.text(), "inactive\ninactive");
}

#[test]
fn programs_run_as_the_user_asked_for_with_its_groups() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = light(&root);
    let _ = bed.exec(["usermod", "--append", "--groups", "libvirt", "www-data"]).success();
    assert_eq!(bed.exec_as("www-data", ["id", "-Gn"]).success().text(), "www-data libvirt");
    assert_eq!(bed.exec_as("www-data", ["sh", "-c", "echo $HOME"]).success().text(), "/var/www");
    assert_eq!(bed.exec(["id", "-u"]).success().text(), "0");
    assert_eq!(bed.exec(["sh", "-c", "exit 7"]).code(), Some(7));
}

#[test]
fn a_spawned_program_has_pipes_and_tells_its_pid() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = light(&root);
    let mut cat = bed.spawn_as("www-data", ["sh", "-c", "echo $$; read line; echo \"got $line\"; echo problem >&2"]);
    assert_eq!(cat.line(), cat.pid().to_string());
    assert!(bed.start_time(cat.pid()).is_some());
    cat.say("hello");
    let output = cat.wait().success();
    assert_eq!((output.text(), output.stderr.trim()), ("got hello", "problem"));
}

#[test]
fn a_killed_program_is_gone_from_the_bed() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = light(&root);
    let sleep = bed.spawn_as("www-data", ["sleep", "1000"]);
    let pid = sleep.pid();
    assert!(bed.start_time(pid).is_some());
    sleep.kill();
    assert_eq!(bed.start_time(pid), None);
}

#[test]
fn the_next_pid_can_be_chosen() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = light(&root);
    let forced = "echo 29999 > /proc/sys/kernel/ns_last_pid; sh -c 'echo $$'";
    assert_eq!(bed.exec(["sh", "-c", forced]).success().text(), "30000");
}

#[test]
fn a_process_can_be_put_into_the_cgroup_of_a_unit() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = light(&root);
    let plain = bed.exec(["cat", "/proc/self/cgroup"]).success();
    assert_eq!(unified_cgroup(&plain.stdout), "/bed-exec");
    let sleep = bed.spawn_as("www-data", ["sleep", "1000"]);
    bed.move_to_cgroup(sleep.pid(), "system.slice/apache2.service");
    let moved = bed.exec(["cat", &format!("/proc/{}/cgroup", sleep.pid())]).success();
    assert_eq!(unified_cgroup(&moved.stdout), "/system.slice/apache2.service");
}

#[test]
fn seeded_files_are_there_before_the_daemons_start() {
    let Some(root) = require(Suite::Trixie) else { return };
    let rule = "polkit.log('seeded');\n";
    let bed = LightBed::on(&root)
        .file("/etc/polkit-1/rules.d/10-seeded.rules", 0o644, rule)
        .without("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service")
        .without_libvirtd()
        .start();
    assert!(bed.polkitd_log().contains("seeded"), "{}", bed.polkitd_log());
    let activation = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service";
    assert!(!bed.exists(activation));
    assert!(root.path().join(&activation[1..]).exists(), "the root filesystem itself was changed");
}

#[test]
fn polkitd_can_be_restarted_and_stopped() {
    let Some(root) = require(Suite::Trixie) else { return };
    let bed = LightBed::on(&root)
        .without("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service")
        .without_libvirtd()
        .start();
    let owner = |bed: &Bed| {
        let argv = ["dbus-send", "--system", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/"];
        bed.exec(argv.into_iter().chain(["org.freedesktop.DBus.GetNameOwner", "string:org.freedesktop.PolicyKit1"]))
    };
    let first = owner(&bed).success();
    bed.restart_polkitd();
    let second = owner(&bed).success();
    assert_ne!(first.text(), second.text());
    bed.stop_polkitd();
    assert!(owner(&bed).failure().stderr.contains("NameHasNoOwner"));
    bed.restart_polkitd();
    let _ = owner(&bed).success();
}

#[test]
fn a_link_in_the_bed_does_not_lead_to_the_host() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = light(&root);
    bed.write("/var/run/beds-test/file", 0o640, "in the bed");
    assert_eq!(bed.exec(["stat", "-c", "%a %U", "/run/beds-test/file"]).success().text(), "640 root");
    assert_eq!(bed.read("/var/run/beds-test/file"), "in the bed");
    assert!(!Path::new("/run/beds-test").exists());
    bed.remove("/var/run/beds-test/file");
    assert!(!bed.exists("/run/beds-test/file"));
}

#[test]
fn a_bed_sees_neither_the_host_s_processes_nor_its_network() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = light(&root);
    assert_eq!(bed.exec(["cat", "/proc/1/comm"]).success().text(), "bed-init");
    let links = bed.exec(["ip", "-brief", "link"]).success();
    assert_eq!(links.text().lines().count(), 1, "{links}");
    assert!(links.text().starts_with("lo"), "{links}");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_ne!(bed.exec(["hostname"]).text(), host.trim());
}

#[test]
fn the_host_sees_none_of_the_mounts_of_a_bed() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = light(&root);
    let name = bed.exec(["cat", "/etc/hostname"]).success().text().to_owned();
    let run = format!("run/{}", name.strip_prefix("bed-").unwrap());
    assert!(bed.read("/proc/1/mountinfo").contains(&run), "the bed's own folder is mounted in it");
    let host = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!host.contains(&run), "{host}");
}

#[test]
fn a_dropped_bed_leaves_nothing() {
    let Some(root) = require(Suite::Bookworm) else { return };
    let bed = light(&root);
    let name = bed.exec(["cat", "/etc/hostname"]).success().text().to_owned();
    let sleep = bed.spawn_as("www-data", ["sleep", "1000"]);
    bed.move_to_cgroup(sleep.pid(), "system.slice/left.service");
    let pid1 = bed.pid1();
    assert_eq!(traces(&name).len(), 2, "a running bed has a folder and a cgroup");
    drop(bed);
    drop(sleep);
    assert_eq!(traces(&name), Vec::<String>::new());
    let comm = std::fs::read_to_string(format!("/proc/{pid1}/comm")).unwrap_or_default();
    assert_ne!(comm.trim(), "bed-init");
}

#[test]
fn a_bed_ends_with_the_process_that_made_it_however_that_ends() {
    let Some(_root) = require(Suite::Bookworm) else { return };
    // A process that makes a full bed (a light one also ends when its pipe is closed), says its name and its PID 1, and waits to be killed.
    let mut maker = std::process::Command::new(program("bed-hold"));
    let mut maker = maker.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(maker.stdout.take().unwrap()), &mut line).unwrap();
    let (name, pid1) = line.trim().split_once(' ').unwrap();
    let pid1: i32 = pid1.parse().unwrap();
    let pidfd = rustix::process::Pid::from_raw(pid1).unwrap();
    let pidfd = rustix::process::pidfd_open(pidfd, rustix::process::PidfdFlags::empty()).unwrap();
    maker.kill().unwrap();
    maker.wait().unwrap();
    let mut ended = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
    let limit = rustix::event::Timespec { tv_sec: 20, tv_nsec: 0 };
    assert_eq!(rustix::event::poll(&mut ended, Some(&limit)), Ok(1), "PID 1 of the bed outlived its maker");
    // What it could not remove itself, the next process that makes a bed removes.
    let sweeper = std::process::Command::new(program("bed-hold")).arg("--end").output().unwrap();
    assert!(sweeper.status.success(), "{sweeper:?}");
    assert_eq!(traces(name), Vec::<String>::new());
}

fn light(root: &Root) -> LightBed {
    LightBed::on(root).without_libvirtd().start()
}

/// The folder and the cgroup of a bed, as far as they exist. `name` is its host name, `bed-…`.
fn traces(name: &str) -> Vec<String> {
    let id = name.strip_prefix("bed-").unwrap();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let cgroup2 = mounts.lines().find(|line| line.contains(" - cgroup2 ")).unwrap().split(' ').nth(4).unwrap();
    let folder = polkit_tests::paths::beds_dir().join("run").join(id);
    let cgroup = Path::new(cgroup2).join(format!("{name}.slice"));
    [folder, cgroup].iter().filter(|path| path.exists()).map(|path| path.display().to_string()).collect()
}

#[test]
fn a_bed_that_shares_the_host_s_pids_has_units_of_its_own_and_leaves_nothing() {
    let Some(root) = require(Suite::Forky) else { return };
    let bed = LightBed::on(&root).sharing_host_pids().start();
    let process = bed.spawn_as("www-data", ["sleep", "1000"]);
    bed.move_to_cgroup(process.pid(), "system.slice/pool.service");
    let seen =
        std::fs::read_to_string(format!("/proc/{}/cgroup", process.pid())).expect("the bed's pids are the host's");
    let name = bed.exec(["cat", "/etc/hostname"]).success().text().to_owned();
    assert_eq!(unified_cgroup(&seen), format!("/{name}.slice/system.slice/pool.service"));
    let (pid, pid1) = (process.pid(), bed.pid1());
    drop(process);
    drop(bed);
    for pid in [pid, pid1] {
        // A zombie has ended; the host's own PID 1 may take its time to take note of it.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "process {pid} is left: {stat}");
    }
    assert_eq!(traces(&name), Vec::<String>::new());
}
