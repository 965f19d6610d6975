//! A client that does not ask the system's daemon: polkit and libvirt's socket have no part in what it is told.

use super::Finding;
use crate::doctor::error::Class;
use crate::doctor::facts::{Client, Facts, Preset};
use crate::doctor::fixes::{Fix, manual};

const USE_LIBVIRT: &str =
    "# have the program authenticate by polkit after it has connected, as libvirt's own library does";

/// What an error says of its client.
pub(super) fn told(facts: &Facts) -> Vec<Finding> {
    let Some(reported) = &facts.reported else { return Vec::new() };
    match reported.class {
        Class::OwnDirectory => {
            let path = reported.directory.as_deref().unwrap_or_default();
            let foreign = owner(path).filter(|uid| facts.subject.as_ref().is_some_and(|subject| subject.uid != *uid));
            let parent = path.strip_suffix("/libvirt").unwrap_or(path);
            let mut found: Vec<Finding> = foreign.map(|_| foreign_directory(parent)).into_iter().collect();
            found.push(of_a_session().evidence(format!("it wants the directory {path} for that")));
            found
        }
        Class::Network => {
            let cause = "the client connects over the network, where polkit has no part, and nobody is there";
            vec![Finding::new("remote-client", cause).fix(to_the_system())]
        }
        Class::NoAuthentication => {
            let cause = "the client calls without having authenticated: it does not know the way by polkit";
            vec![
                Finding::new("client-without-polkit", cause)
                    .evidence("libvirt's own library does; what speaks its protocol without that library may not")
                    .fix(manual("use-libvirt", &[USE_LIBVIRT.to_owned()], "what the user may at qemu:///system")),
            ]
        }
        _ => Vec::new(),
    }
}

/// What the process that was named connects to where it names nothing itself. An error that was pasted says better where it
/// connected.
pub(super) fn preset(facts: &Facts) -> Vec<Finding> {
    let Some(subject) = facts.subject.as_ref().filter(|_| facts.reported.is_none()) else { return Vec::new() };
    let Some(process) = &subject.process else { return Vec::new() };
    let about_libvirt = facts.answer.as_ref().is_none_or(|answer| answer.action.starts_with("org.libvirt."));
    if !about_libvirt || facts.libvirt.daemons.is_empty() {
        return Vec::new();
    }
    let Client { pid, preset, runtime_directory } = &process.client;
    let mut found: Vec<Finding> = preset.iter().filter_map(elsewhere).collect();
    let foreign = runtime_directory.as_ref().filter(|path| owner(path).is_some_and(|uid| uid != subject.uid));
    if let Some(path) = foreign {
        found.push(foreign_directory(path).evidence(format!(
            "XDG_RUNTIME_DIR={path} in the environment of process {pid}, which is of uid {}",
            subject.uid
        )));
    }
    found
}

fn elsewhere(Preset { uri, by }: &Preset) -> Option<Finding> {
    let (scheme, rest) = uri.split_once(":")?;
    let by = format!("{uri} by {by}");
    if let Some((_, transport)) = scheme.split_once('+').filter(|(_, transport)| *transport != "unix") {
        return Some(over_the_network(transport).evidence(by));
    }
    let path = rest.trim_start_matches("//").split('?').next().unwrap_or_default();
    path.ends_with("/session").then(|| of_a_session().evidence(by))
}

/// The daemon of the user.
pub(super) fn of_a_session() -> Finding {
    let commands = ["virsh -c qemu:///system list", "export LIBVIRT_DEFAULT_URI=qemu:///system"];
    Finding::new(
        "session-not-system",
        "the client asks for a daemon of its own user, not for the system's: no policy is asked at all",
    )
    .fix(manual("use-system", &commands.map(str::to_owned), "what the user may at qemu:///system"))
}

fn over_the_network(transport: &str) -> Finding {
    let cause = match transport {
        "ssh" | "libssh" | "libssh2" => {
            "the client connects by ssh: polkit is asked about the user that it becomes on that host"
        }
        _ => {
            "the client connects over the network, where polkit knows of no process: the daemon's own settings (SASL, TLS) decide"
        }
    };
    Finding::new("remote-client", cause).fix(to_the_system())
}

fn to_the_system() -> Fix {
    let commands = ["export LIBVIRT_DEFAULT_URI=qemu:///system".to_owned()];
    manual("use-system", &commands, "what the user may at qemu:///system")
}

/// `/run/user/UID`, as logind makes it.
fn owner(path: &str) -> Option<u32> {
    path.strip_prefix("/run/user/")?.split('/').next()?.parse().ok()
}

/// su(1) without `-` keeps the variable.
fn foreign_directory(path: &str) -> Finding {
    let commands = [
        "unset XDG_RUNTIME_DIR".to_owned(),
        "# or become the user by: su - USER, or: systemd-run --uid=USER".to_owned(),
    ];
    Finding::new(
        "foreign-runtime-directory",
        format!("the client has the runtime directory of another user, {path}, and makes nothing there"),
    )
    .fix(manual("unset-variable", &commands, "nothing"))
}
