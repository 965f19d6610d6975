//! Findings about clients that do not connect to the system's daemon, so that neither polkit nor libvirt's socket is involved.

use super::Finding;
use crate::doctor::error::Class;
use crate::doctor::facts::{Client, Facts, Preset};
use crate::doctor::fixes::{Fix, manual};

const USE_LIBVIRT: &str = "# make the program authenticate through polkit after it connects, as libvirt's library does";

/// Returns the findings about the client from the error text.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(reported) = &facts.reported else { return Vec::new() };
    match reported.class {
        Class::OwnDirectory => {
            let path = reported.directory.as_deref().unwrap_or_default();
            let foreign = owner(path).filter(|uid| facts.subject.as_ref().is_some_and(|subject| subject.uid != *uid));
            let parent = path.strip_suffix("/libvirt").unwrap_or(path);
            let mut found: Vec<Finding> = foreign.map(|_| foreign_directory(parent)).into_iter().collect();
            found.push(of_a_session().evidence(format!("it needs the directory {path}")));
            found
        }
        Class::Network => {
            let cause = "the client connects over the network, without polkit, and there is no server";
            vec![Finding::new("remote-client", cause).fix(to_the_system())]
        }
        Class::NoAuthentication => {
            let cause = "the client does not authenticate: it does not support authentication through polkit";
            vec![
                Finding::new("client-without-polkit", cause)
                    .evidence("libvirt's library does; programs with their own implementation of the protocol may not")
                    .fix(manual("use-libvirt", &[USE_LIBVIRT.to_owned()], "the user's permissions at qemu:///system")),
            ]
        }
        _ => Vec::new(),
    }
}

/// Returns the findings about the preset connection of the subject's process. If there is an error text, it shows the
/// connection more reliably.
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
            "XDG_RUNTIME_DIR={path} in the environment of process {pid}, which has uid {}",
            subject.uid
        )));
    }
    found
}

fn elsewhere(Preset { uri, by }: &Preset) -> Option<Finding> {
    let (scheme, rest) = uri.split_once(":")?;
    let by = format!("{uri} from {by}");
    if let Some((_, transport)) = scheme.split_once('+').filter(|(_, transport)| *transport != "unix") {
        return Some(over_the_network(transport).evidence(by));
    }
    let path = rest.trim_start_matches("//").split('?').next().unwrap_or_default();
    path.ends_with("/session").then(|| of_a_session().evidence(by))
}

/// The client connects to the daemon of its user.
pub(super) fn of_a_session() -> Finding {
    let commands = ["virsh -c qemu:///system list", "export LIBVIRT_DEFAULT_URI=qemu:///system"];
    Finding::new(
        "session-not-system",
        "the client connects to the daemon of its user instead of the system's; polkit is not involved",
    )
    .fix(manual("use-system", &commands.map(str::to_owned), "the user's permissions at qemu:///system"))
}

fn over_the_network(transport: &str) -> Finding {
    let cause = match transport {
        "ssh" | "libssh" | "libssh2" => {
            "the client connects through ssh: polkit decides about the remote user on that host"
        }
        _ => {
            "the client connects over the network, where polkit has no subject process: the daemon's settings (SASL, TLS) decide"
        }
    };
    Finding::new("remote-client", cause).fix(to_the_system())
}

fn to_the_system() -> Fix {
    let commands = ["export LIBVIRT_DEFAULT_URI=qemu:///system".to_owned()];
    manual("use-system", &commands, "the user's permissions at qemu:///system")
}

/// Returns the uid of `/run/user/UID`, the directory that logind creates.
fn owner(path: &str) -> Option<u32> {
    path.strip_prefix("/run/user/")?.split('/').next()?.parse().ok()
}

/// XDG_RUNTIME_DIR names the directory of another user. su(1) without `-` keeps the variable.
fn foreign_directory(path: &str) -> Finding {
    let commands = [
        "unset XDG_RUNTIME_DIR".to_owned(),
        "# or change the user with: su - USER, or: systemd-run --uid=USER".to_owned(),
    ];
    Finding::new(
        "foreign-runtime-directory",
        format!("XDG_RUNTIME_DIR of the client is the directory of another user, {path}, where it cannot write"),
    )
    .fix(manual("unset-variable", &commands, "nothing"))
}
