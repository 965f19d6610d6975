//! The machine, as far as the figures depend on it.

use std::process::Command;

/// The date, and the machine's cores, memory and kernel.
pub fn shape() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = read("/proc/meminfo").lines().next().and_then(kibibytes).unwrap_or(0) / 1024 / 1024;
    let date = Command::new("date").args(["-u", "+%F"]).output().map(|date| date.stdout).unwrap_or_default();
    let release = read("/proc/sys/kernel/osrelease");
    // What comes after the version names the host's builder.
    let kernel: String = release.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let virtual_machine = if read("/proc/cpuinfo").contains(" hypervisor") { "a virtual machine with " } else { "" };
    let date = String::from_utf8_lossy(&date);
    format!("{}: {virtual_machine}{cores} cores, {memory} GiB, Linux {kernel}.", date.trim())
}

/// The load of the last minute.
pub fn load() -> String {
    read("/proc/loadavg").split(' ').next().unwrap_or("unknown").to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn kibibytes(line: &str) -> Option<u64> {
    line.split_whitespace().nth(1)?.parse().ok()
}
