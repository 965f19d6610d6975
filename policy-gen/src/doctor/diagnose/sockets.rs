//! Findings about libvirt's sockets.

use super::{Finding, client};
use crate::doctor::error::Class;
use crate::doctor::facts::{Daemon, Facts, Socket};
use crate::doctor::fixes::{Fix, Step, join_group, manual, programs, unset};
use crate::emit::quote::shell;
use crate::libvirt::MANAGE;

const MONITOR: &str = "org.libvirt.unix.monitor";
const SOCKET_ERRORS: [Class; 4] = [Class::SocketClosed, Class::SocketMissing, Class::SocketRefused, Class::Socket];
const AS_BEFORE: &str = "nothing: the decision who may connect does not change";

/// Returns the findings about a closed or missing socket.
pub(super) fn sockets(facts: &Facts) -> Vec<Finding> {
    let reported = facts.reported.as_ref().filter(|reported| SOCKET_ERRORS.contains(&reported.class));
    let path = reported.and_then(|reported| reported.socket.as_deref()).map(|path| path.trim_start_matches("/var"));
    if let Some(path) = path.filter(|path| !path.starts_with("/run/libvirt/")) {
        return vec![client::of_a_session().evidence(format!("its socket is {path}"))];
    }
    let action = facts.answer.as_ref().map(|answer| answer.action.as_str());
    let asked =
        path.is_some() || action.is_some_and(|action| [MANAGE, MONITOR].contains(&action)) && facts.subject.is_some();
    let Some(daemon) = facts.daemon() else {
        return path.map(|path| no_libvirt(facts, path)).into_iter().collect();
    };
    let own = |path: &str| {
        facts
            .libvirt
            .daemons
            .iter()
            .find_map(|daemon| Some((daemon, daemon.sockets.iter().find(|socket| socket.path == path)?)))
    };
    let read_only = action == Some(MONITOR);
    let (daemon, socket) = match path {
        Some(path) => match own(path) {
            Some(found) => found,
            None => return vec![of_another_daemon(path, daemon)],
        },
        None => match daemon.sockets.iter().find(|socket| socket.read_only == read_only) {
            Some(socket) => (daemon, socket),
            None => return Vec::new(),
        },
    };
    let mut found = Vec::new();
    if let Some(why) = &daemon.broken {
        found.push(
            Finding::new("conf-broken", format!("{} cannot read its configuration and does not start", daemon.name))
                .evidence(format!("/{}: {why}", daemon.conf))
                .fix(manual("edit-file", &[format!("editor /{}", daemon.conf)], AS_BEFORE)),
        );
    }
    let wanted = asked || is_wanted(daemon);
    if socket.there.is_none() || !socket.listened {
        if wanted {
            found.push(not_there(facts, daemon, socket));
        }
    } else if asked {
        found.extend(closed(facts, daemon, socket));
    }
    found
}

/// Whether the host is configured to run the daemon. Without a subject, a disabled daemon is not a problem.
fn is_wanted(daemon: &Daemon) -> bool {
    daemon.socket_unit.active == "failed"
        || (daemon.socket_unit.enabled == "enabled"
            && daemon.socket_unit.active == "inactive"
            && daemon.service.active != "active")
}

fn no_libvirt(facts: &Facts, path: &str) -> Finding {
    let evidence = format!("{path}: no libvirt daemon is installed");
    match &facts.container {
        Some(what) => Finding::new(
            "container",
            "this is a container without libvirt's daemon, and the host's socket is not shared with it",
        )
        .evidence(what.clone())
        .evidence(evidence)
        .fix(manual(
            "use-the-host",
            &["# share the directory /run/libvirt of the host with the container, or use qemu+ssh://".to_owned()],
            "what the socket allows",
        )),
        None => Finding::new("libvirt-not-installed", "libvirt's daemon is not installed")
            .evidence(evidence)
            .fix(manual("install-libvirt", &["apt-get install libvirt-daemon-system".to_owned()], AS_BEFORE)),
    }
}

fn of_another_daemon(path: &str, daemon: &Daemon) -> Finding {
    let there = daemon.read_write().map_or("", |socket| socket.path.as_str());
    Finding::new(
        "other-daemon",
        format!("the client connects to the socket of a daemon that is not installed; {} is installed", daemon.name),
    )
    .evidence(format!("it opens {path}, but the socket is {there}"))
    .fix(manual(
        "name-the-socket",
        &[format!("virsh -c 'qemu:///system?socket={there}' list")],
        "the user's permissions at this socket",
    ))
}

fn not_there(facts: &Facts, daemon: &Daemon, socket: &Socket) -> Finding {
    let stem = &daemon.name;
    let (code, cause) = if socket.there.is_none() {
        ("socket-missing", format!("the socket {} does not exist: {stem} is disabled", socket.path))
    } else {
        ("socket-refused", format!("the socket {} exists, but no process listens on it", socket.path))
    };
    let mut finding = Finding::new(code, cause);
    if let Some(what) = &facts.container {
        finding = finding.evidence(what.clone());
    }
    let unit = &daemon.socket_unit;
    if !facts.has_systemd {
        let runs = if daemon.pid.is_some() { "is running" } else { "is not running" };
        let finding = finding.evidence(format!("{stem} {runs}, and there is no systemd to start it"));
        return finding.fix(manual("start-daemon", &[format!("{stem} --daemon")], AS_BEFORE));
    }
    let finding = finding
        .evidence(format!("{stem}.socket: {}, {}; {stem}.service: {}", unit.load, unit.active, daemon.service.active));
    let sockets = [format!("{stem}.socket"), format!("{stem}-ro.socket"), format!("{stem}-admin.socket")];
    let mut all: Vec<Vec<&str>> = Vec::new();
    if unit.load == "masked" {
        all.push([vec!["systemctl", "unmask"], sockets.iter().map(String::as_str).collect()].concat());
    }
    let service = format!("{stem}.service");
    if daemon.service.load == "masked" {
        all.push(vec!["systemctl", "unmask", &service]);
    }
    // A socket unit can only be started while its service is stopped.
    all.push(vec!["systemctl", "stop", &service]);
    if unit.enabled != "enabled" {
        all.push([vec!["systemctl", "enable"], sockets.iter().map(String::as_str).collect()].concat());
    }
    all.push([vec!["systemctl", "restart"], sockets.iter().map(String::as_str).collect()].concat());
    let argv: Vec<&[&str]> = all.iter().map(Vec::as_slice).collect();
    finding.fix(programs("start-socket", &argv, AS_BEFORE, &[start_undone(daemon, &sockets.join(" "), &service)]))
}

/// The command that brings the units of a socket back to their state before they were started.
fn start_undone(daemon: &Daemon, sockets: &str, service: &str) -> String {
    let unit = &daemon.socket_unit;
    let mut undo = format!("systemctl stop {sockets} {service}");
    // A mask hides whether the sockets are enabled, and it is stronger.
    match (unit.load.as_str(), unit.enabled.as_str()) {
        ("masked", _) => undo.push_str(&format!("; systemctl mask {sockets}")),
        (_, "enabled") => {}
        _ => undo.push_str(&format!("; systemctl disable {sockets}")),
    }
    if daemon.service.load == "masked" {
        undo.push_str(&format!("; systemctl mask {service}"));
    } else if daemon.service.active == "active" {
        undo.push_str(&format!("; systemctl start {service}"));
    }
    undo
}

fn closed(facts: &Facts, daemon: &Daemon, socket: &Socket) -> Option<Finding> {
    let subject = facts.subject.as_ref()?;
    let held = subject.process.as_ref().map(|process| process.groups.as_slice());
    if let Some((mode, ..)) =
        socket.above.as_ref().filter(|_| !socket.is_reached(subject.uid, held.unwrap_or(&subject.groups)))
    {
        let undo = [format!("chmod {mode:04o} /run/libvirt")];
        return Some(
            Finding::new("socket-directory-closed", "the user cannot enter the directory of libvirt's sockets")
                .evidence(format!("/run/libvirt: mode {mode:04o}"))
                .fix(programs("open-directory", &[&["chmod", "0755", "/run/libvirt"]], AS_BEFORE, &undo)),
        );
    }
    let (mode, _, group) = socket.there.as_ref()?;
    let state = format!("{}: mode {mode:04o}, group {group}", socket.path);
    if socket.lets_in(subject.uid, held.unwrap_or(&subject.groups)) {
        return None;
    }
    if held.is_some() && socket.lets_in(subject.uid, &subject.groups) {
        return Some(stale(facts, &state, group));
    }
    let by_group = mode & 0o020 != 0 && group != "root";
    if daemon.auth.as_deref() == Some("none") || by_group {
        let mut finding = Finding::new(
            "not-in-socket-group",
            format!(
                "only the group {group} may open the socket, and {} is not in it; polkit is asked only after the connection",
                subject.user
            ),
        )
        .evidence(state);
        if by_group {
            finding = finding.fix(join_socket_group(facts, group));
        }
        return Some(if daemon.auth.as_deref() == Some("none") {
            finding
        } else {
            finding.fix(open_socket(facts, daemon))
        });
    }
    Some(
        Finding::new("socket-closed", "the user may not open the socket, so polkit is never asked")
            .evidence(state)
            .fix(open_socket(facts, daemon)),
    )
}

fn stale(facts: &Facts, state: &str, group: &str) -> Finding {
    let subject = facts.subject.clone().unwrap_or_default();
    let finding = Finding::new(
        "stale-groups",
        format!(
            "{} is in the group {group} now, but the process started before: the kernel checks the groups of the process",
            subject.user
        ),
    )
    .evidence(state.to_owned())
    .evidence(format!(
        "process {} has the groups {}",
        subject.process.as_ref().map_or(0, |process| process.pid),
        subject.process.as_ref().map_or(String::new(), |process| process.groups.join(", "))
    ));
    match &subject.unit {
        Some(unit) if facts.has_systemd => {
            finding.fix(programs("restart-unit", &[&["systemctl", "restart", unit]], AS_BEFORE, &[]))
        }
        Some(unit) => {
            finding.fix(manual("restart-unit", &[format!("restart {unit} with your service manager")], AS_BEFORE))
        }
        None => finding.fix(manual("log-in-again", &["# log out and in again".to_owned()], AS_BEFORE)),
    }
}

fn join_socket_group(facts: &Facts, group: &str) -> Fix {
    let subject = facts.subject.clone().unwrap_or_default();
    let mut fix = join_group(&subject.user, group, true);
    fix.grants = format!("{} the socket, and so all of libvirt, which is equivalent to root access", subject.user);
    if let Some(unit) = subject.unit.filter(|_| facts.has_systemd && subject.process.is_some()) {
        fix.commands.push(format!("systemctl restart {}", shell(&unit)));
        fix.steps.push(Step::Run(["systemctl", "restart", &unit].map(str::to_owned).to_vec()));
    }
    fix
}

/// Opens the socket to every user again, so that polkit decides.
fn open_socket(facts: &Facts, daemon: &Daemon) -> Fix {
    let grants = "every user a connection; polkit then decides";
    let stem = &daemon.name;
    if daemon.activated == Some(true) {
        let path = format!("/etc/systemd/system/{stem}.socket.d/90-doctor.conf");
        let text = "[Socket]\nSocketMode=0666\n".to_owned();
        let (service, socket) = (format!("{stem}.service"), format!("{stem}.socket"));
        let after = [
            vec!["systemctl", "daemon-reload"],
            vec!["systemctl", "stop", &service],
            vec!["systemctl", "restart", &socket],
        ];
        let mut commands = vec![
            format!("mkdir -p /etc/systemd/system/{stem}.socket.d"),
            format!("printf '[Socket]\\nSocketMode=0666\\n' > {path}"),
        ];
        commands.extend(after.iter().map(|words| words.join(" ")));
        let mut steps = vec![Step::Write { path: path.clone(), text }];
        steps.extend(after.iter().map(|words| Step::Run(words.iter().map(|word| (*word).to_owned()).collect())));
        return Fix {
            id: "open-socket",
            commands,
            grants: grants.to_owned(),
            undo: vec![format!(
                "rm {path}; systemctl daemon-reload; systemctl stop {service}; systemctl restart {socket}"
            )],
            steps,
            ..Fix::default()
        };
    }
    let service = format!("{stem}.service");
    let restart: &[&[&str]] = if facts.has_systemd { &[&["systemctl", "restart", &service]] } else { &[] };
    let mut fix = unset("open-socket", &daemon.conf, &["unix_sock_group", "unix_sock_rw_perms"], restart, grants);
    if !facts.has_systemd {
        fix.manual = true;
        fix.commands.push(format!("# then restart {stem} with your service manager"));
    }
    fix
}
