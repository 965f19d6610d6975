//! Findings about libvirt's settings.

use super::Finding;
use crate::doctor::facts::{Daemon, Facts, Socket};
use crate::doctor::fixes::{manual, set_aside, unset};

/// Returns the findings about settings that open the host, or that have no effect.
pub(super) fn settings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for daemon in &facts.libvirt.daemons {
        let socket = daemon.read_write();
        let open = socket.is_some_and(Socket::is_open);
        if daemon.auth.as_deref() == Some("none")
            && (open || socket.is_none_or(|socket| socket.there.is_none()))
            && (open || daemon.activated == Some(true))
        {
            found.push(auth_none(facts, daemon));
        } else if daemon.activated == Some(true) && (daemon.group.is_some() || daemon.perms.is_some()) {
            found.extend(ignored(daemon));
        }
    }
    found.extend(of_the_other(facts));
    for (path, meant) in &facts.libvirt.misnamed {
        found.push(
            Finding::new("conf-misnamed", format!("{path} contains settings of a daemon, but no daemon reads it"))
                .evidence(format!("the daemon reads {meant}"))
                .fix(set_aside(path, &Facts::default())),
        );
    }
    found
}

fn auth_none(facts: &Facts, daemon: &Daemon) -> Finding {
    let service = format!("{}.service", daemon.name);
    let restart: &[&[&str]] = if facts.has_systemd { &[&["systemctl", "try-restart", &service]] } else { &[] };
    let mut fix = unset(
        "ask-polkit-again",
        &daemon.conf,
        &["auth_unix_rw"],
        restart,
        "nothing: users without authorization lose access",
    );
    if !facts.has_systemd {
        fix.commands.push(format!("# then restart {} with your service manager", daemon.name));
    }
    let mode = daemon
        .read_write()
        .and_then(|socket| socket.there.as_ref())
        .map(|(mode, ..)| format!("; its socket has the mode {mode:04o}"));
    Finding::new(
        "auth-none",
        format!(
            "{} requires no authentication, and every user may open its socket: every local user has root-equivalent access",
            daemon.name
        ),
    )
    .evidence(format!("/{}: auth_unix_rw = \"none\"{}", daemon.conf, mode.unwrap_or_default()))
    .fix(fix)
}

fn ignored(daemon: &Daemon) -> Option<Finding> {
    let (mode, _, group) = daemon.read_write()?.there.as_ref()?;
    let wants_group = daemon.group.as_ref().filter(|wanted| *wanted != group);
    let perms = daemon.perms.as_ref().and_then(|perms| u32::from_str_radix(perms, 8).ok());
    let wants_perms = perms.filter(|wanted| wanted & 0o022 != mode & 0o022);
    if wants_group.is_none() && wants_perms.is_none() {
        return None;
    }
    let mut keys = Vec::new();
    keys.extend(daemon.group.as_ref().map(|_| "unix_sock_group"));
    keys.extend(daemon.perms.as_ref().map(|_| "unix_sock_rw_perms"));
    Some(
        Finding::new(
            "conf-ignored",
            format!("{} in /{} have no effect: systemd creates the socket", keys.join(" and "), daemon.conf),
        )
        .evidence(format!("the socket has the mode {mode:04o} and the group {group}"))
        .fix(unset("remove-ignored", &daemon.conf, &keys, &[], "nothing")),
    )
}

/// Finds settings in the configuration of a daemon that is not running while another daemon serves clients.
fn of_the_other(facts: &Facts) -> Vec<Finding> {
    let Some(serving) = facts.daemon().filter(|daemon| daemon.sockets.iter().any(|socket| socket.listened)) else {
        return Vec::new();
    };
    let has_settings = |daemon: &&Daemon| {
        let set =
            daemon.auth.is_some() || daemon.group.is_some() || daemon.perms.is_some() || !daemon.drivers.is_empty();
        daemon.name == "libvirtd"
            && serving.name != "libvirtd"
            && daemon.pid.is_none()
            && daemon.activated != Some(true)
            && set
    };
    let finding = |daemon: &Daemon| {
        Finding::new(
            "conf-of-other-daemon",
            format!("/{} has settings, but {} serves qemu:///system", daemon.conf, serving.name),
        )
        .evidence(format!("{} is not running", daemon.name))
        .fix(manual(
            "move-settings",
            &[format!("# make the same settings in /{}, then run: systemctl restart {}", serving.conf, serving.name)],
            "what the settings allow",
        ))
    };
    facts.libvirt.daemons.iter().filter(has_settings).map(finding).collect()
}
