//! What the surroundings of the subject say about the refused request: the journal of its unit, and signs of libvirt.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::time::Duration;

use polkit_config::bounded::kernel_text;
use serde_json::Value;

use super::run::run;
use crate::doctor::error::{self, Class, ReportedError, speaks_of_libvirt};
use crate::doctor::facts::Subject;

const LIMIT: Duration = Duration::from_millis(1500);
/// The number of entries of a unit's journal that are read, from the end.
const ENTRIES: &str = "--lines=200";
/// Size limit of the memory map of a process that is read, in bytes.
const MAPS_MAX: u64 = 4 << 20;

/// The messages of the processes of a unit in the last 24 hours, the newest first; none without a journal.
pub(super) fn messages(unit: &str) -> Vec<String> {
    let unit = format!("_SYSTEMD_UNIT={unit}");
    let argv = ["journalctl", "--quiet", "--no-pager", "--output=json", "--since=-24h", ENTRIES, &unit];
    let Some((true, text)) = run(&argv, LIMIT) else { return Vec::new() };
    newest_first(&text)
}

/// Returns the messages of journal entries in JSON, one a line, the newest first.
fn newest_first(text: &str) -> Vec<String> {
    let message = |line: &str| {
        let entry: Value = serde_json::from_str(line).ok()?;
        entry.get("MESSAGE").and_then(Value::as_str).map(str::to_owned)
    };
    text.lines().rev().filter_map(message).collect()
}

/// Returns the newest refusal among the messages of a unit.
pub(super) fn newest_refusal(messages: &[String], is_registered: &dyn Fn(&str) -> bool) -> Option<ReportedError> {
    let refusal = |message: &String| {
        error::first(message, is_registered).filter(|known| !matches!(known.class, Class::Mentioned | Class::NotPolkit))
    };
    messages.iter().find_map(refusal)
}

/// Returns the sign that the subject uses libvirt, for a sentence: its program, its environment, a library that it has loaded, its
/// unit, or what its unit logged.
pub(super) fn sign_of_libvirt(subject: &Subject, messages: &[String]) -> Option<String> {
    let process = subject.process.as_ref();
    let program = process.and_then(|process| process.exe.clone()).filter(|exe| speaks_of_libvirt(exe));
    let command = || process.and_then(|process| kernel_text(format!("/proc/{}/cmdline", process.pid)).ok());
    let command = || command().map(|text| text.replace('\0', " ")).filter(|text| speaks_of_libvirt(text));
    let preset = || process.and_then(|process| process.client.preset.as_ref());
    let library = || process.and_then(|process| library(process.pid));
    let unit = || subject.unit.as_deref().and_then(of_unit);
    let logged = || messages.iter().find(|message| speaks_of_libvirt(message)).map(|_| "its journal speaks of libvirt");
    program
        .map(|exe| format!("its program is {exe}"))
        .or_else(|| command().map(|text| format!("its command line is {}", text.trim())))
        .or_else(|| preset().map(|preset| format!("{}: {}", preset.by, preset.uri)))
        .or_else(|| library().map(|path| format!("it has loaded {path}")))
        .or_else(|| unit().map(|line| format!("its unit has the line {line}")))
        .or_else(|| logged().map(str::to_owned))
}

/// Returns the first library or program of libvirt in the memory map of a process.
fn library(pid: u32) -> Option<String> {
    library_in(BufReader::new(File::open(format!("/proc/{pid}/maps")).ok()?.take(MAPS_MAX)))
}

fn library_in(maps: impl BufRead) -> Option<String> {
    let path = |line: String| line.split_whitespace().nth(5).map(str::to_owned);
    maps.lines().map_while(Result::ok).filter_map(path).find(|path| path.starts_with('/') && speaks_of_libvirt(path))
}

/// Returns the first line of a unit's files that speaks of libvirt, without comments.
fn of_unit(unit: &str) -> Option<String> {
    let (_, text) = run(&["systemctl", "cat", "--no-pager", "--", unit], LIMIT).filter(|(done, _)| *done)?;
    line_of_libvirt(&text)
}

fn line_of_libvirt(text: &str) -> Option<String> {
    let is_comment = |line: &&str| line.trim_start().starts_with(['#', ';']);
    text.lines()
        .filter(|line| !is_comment(line))
        .find(|line| speaks_of_libvirt(line))
        .map(|line| line.trim().to_owned())
}

/// Returns the refusals of libvirt's daemons in the last hour, by their journal: the number, and the time of the last one in
/// microseconds since 1970.
pub(super) fn refusals_of_libvirt() -> (usize, u64) {
    let argv = [
        "journalctl",
        "--quiet",
        "--no-pager",
        "--output=json",
        "--since=-1h",
        "--lines=400",
        "_COMM=libvirtd",
        "+",
        "_COMM=virtqemud",
    ];
    let Some((true, text)) = run(&argv, LIMIT) else { return (0, 0) };
    refusals(&text)
}

/// Returns the number of refusals in journal entries in JSON, and the time of the last one.
fn refusals(text: &str) -> (usize, u64) {
    let time = |line: &str| {
        let entry: Value = serde_json::from_str(line).ok()?;
        let message = entry.get("MESSAGE").and_then(Value::as_str)?;
        let is_refusal =
            ["no polkit agent available", "access denied by policy"].iter().any(|text| message.contains(text));
        let time = entry.get("__REALTIME_TIMESTAMP").and_then(Value::as_str)?.parse().ok()?;
        is_refusal.then_some(time)
    };
    let times: Vec<u64> = text.lines().filter_map(time).collect();
    (times.len(), times.into_iter().max().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::facts::{Client, Preset, Process};

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_newest_refusal_is_the_first_message_with_an_error() {
        let (newer, older) = (
            "no polkit agent available to authenticate action 'org.libvirt.unix.manage'",
            "no polkit agent available to authenticate action 'org.libvirt.unix.monitor'",
        );
        let action = |messages: &[&str]| newest_refusal(&texts(messages), &|_| true).map(|known| known.action.unwrap());
        assert_eq!(action(&["all is well", newer, older]).as_deref(), Some("org.libvirt.unix.manage"));
        let mentioned = "starting org.example.store.write";
        assert_eq!(action(&[mentioned, older]).as_deref(), Some("org.libvirt.unix.monitor"));
        assert_eq!(action(&[mentioned]), None, "a name alone is no refusal");
        assert_eq!(action(&[]), None);
    }

    #[test]
    fn a_library_of_libvirt_is_found_in_the_memory_map() {
        let line = |path: &str| format!("7f00-7f01 r-xp 00000000 08:01 1234                       {path}\n");
        let found = |paths: &[&str]| library_in(paths.iter().map(|path| line(path)).collect::<String>().as_bytes());
        let path = "/usr/lib/x86_64-linux-gnu/libvirt.so.0";
        assert_eq!(found(&["/usr/bin/php", "[heap]", path]).as_deref(), Some(path));
        assert_eq!([found(&["/usr/bin/php", "", "[libvirt]"]), found(&[])], [None, None]);
        assert_eq!(library(std::process::id()), None, "this process");
    }

    /// A process that speaks of libvirt neither by its program nor by its command line.
    fn process(exe: Option<&str>, preset: Option<&str>) -> Process {
        let preset = preset.map(|uri| Preset { uri: uri.to_owned(), by: "X in the environment".to_owned() });
        // No process has this pid: the kernel's limit is lower.
        let pid = u32::MAX;
        Process {
            pid,
            exe: exe.map(str::to_owned),
            client: Client { preset, ..Client::default() },
            ..Process::default()
        }
    }

    #[test]
    fn the_first_sign_of_libvirt_is_named() {
        let sign = |process: Option<Process>, messages: &[&str]| {
            sign_of_libvirt(&Subject { process, ..Subject::default() }, &texts(messages))
        };
        let log = ["started", "libvirt: error"];
        let all = process(Some("/usr/bin/virsh"), Some("qemu:///system"));
        assert_eq!(sign(Some(all), &log).as_deref(), Some("its program is /usr/bin/virsh"));
        let preset = process(Some("/usr/bin/php"), Some("qemu:///system"));
        assert_eq!(sign(Some(preset), &log).as_deref(), Some("X in the environment: qemu:///system"));
        assert_eq!(sign(Some(process(None, None)), &log).as_deref(), Some("its journal speaks of libvirt"));
        assert_eq!(sign(None, &log).as_deref(), Some("its journal speaks of libvirt"));
        assert_eq!([sign(None, &["started"]), sign(Some(process(Some("/usr/bin/php"), None)), &[])], [None, None]);
    }

    #[test]
    fn messages_of_the_journal_come_newest_first() {
        let text = "{\"MESSAGE\":\"old\"}\n{\"OTHER\":1}\nno json\n{\"MESSAGE\":[1]}\n{\"MESSAGE\":\"new\"}\n";
        assert_eq!(newest_first(text), ["new", "old"]);
    }

    #[test]
    fn refusals_of_libvirt_are_counted_with_the_time_of_the_last_one() {
        let entry = |message: &str, time: &str| {
            format!("{}\n", serde_json::json!({ "MESSAGE": message, "__REALTIME_TIMESTAMP": time }))
        };
        let text = [
            entry("authentication unavailable: no polkit agent available", "7"),
            entry("access denied by policy", "9"),
            entry("access denied by policy", "8"),
            entry("all is well", "11"),
            entry("access denied by policy", "no number"),
            "no json\n".to_owned(),
        ];
        assert_eq!(refusals(&text.concat()), (3, 9));
        assert_eq!(refusals(""), (0, 0));
    }

    #[test]
    fn a_line_of_a_unit_speaks_of_libvirt_unless_it_is_a_comment() {
        let line = |text: &str| line_of_libvirt(text);
        let text = "# libvirt\n  ; virsh\n[Service]\n  ExecStart=/usr/bin/virsh list\nExecStop=virsh\n";
        assert_eq!(line(text).as_deref(), Some("ExecStart=/usr/bin/virsh list"));
        assert_eq!([line("# libvirt\n"), line("")], [None, None]);
    }

    #[test]
    fn the_command_line_of_a_process_is_a_sign() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "read line", "virsh"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let process = Process { pid: child.id(), ..Process::default() };
        let path = format!("/proc/{}/cmdline", child.id());
        while !kernel_text(&path).unwrap().contains("virsh") {
            std::thread::yield_now();
        }
        let sign = sign_of_libvirt(&Subject { process: Some(process), ..Subject::default() }, &[]);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(sign.as_deref(), Some("its command line is sh -c read line virsh"));
    }
}
