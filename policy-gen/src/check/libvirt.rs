//! What `[libvirt]` would do to the host or tree that it is for.

use std::collections::BTreeSet;

use polkit_config::names::Names;
use polkit_config::report::{Problem, Report};

use crate::failure::Failure;
use crate::libvirt::conf::{Value, value};
use crate::libvirt::daemons::Found;
use crate::libvirt::shipped::Shipped;
use crate::policy::permissions::root_equivalent;
use crate::policy::{Libvirt, Mode, Role, RoleKind};

/// What is known about the tree.
#[derive(Debug)]
pub struct Around<'a> {
    /// Its users and groups.
    pub names: &'a Names,
    /// Its daemons.
    pub found: &'a [Found],
    /// What its packages let manage libvirt.
    pub shipped: &'a [Shipped],
    /// Whether groups that are missing come later (`--create`).
    pub create: bool,
    /// Whether a package's files are made (`--vendor`).
    pub vendor: bool,
}

/// Says what the roles give, for any target.
pub fn roles(libvirt: &Libvirt, report: &mut Report) {
    for role in &libvirt.roles {
        let named: Vec<String> =
            root_equivalent(role).iter().map(|(permission, how)| format!("{permission} ({how})")).collect();
        if !named.is_empty() {
            let message = format!("`{}` is root-equivalent: {}", role.label, named.join(", "));
            report.push(
                Problem::warning(role.at.clone(), message).help("`operator` starts and stops, and has none of these"),
            );
        }
    }
    // One note for all: a policy may have hundreds of roles.
    let lacks = |role: &&Role| role.kind >= RoleKind::Operator && (role.networks.is_empty() || role.pools.is_empty());
    let mut lacking = libvirt.roles.iter().filter(lacks);
    if let Some(role) = lacking.next() {
        let missing = [("networks", role.networks.is_empty()), ("pools", role.pools.is_empty())];
        let missing: Vec<&str> = missing.into_iter().filter(|(_, empty)| *empty).map(|(key, _)| key).collect();
        let others = match lacking.count() {
            0 => String::new(),
            count => format!(" (and {count} more roles lack such)"),
        };
        let message = format!(
            "`{}` names no {}{others}: a domain that has an interface or a volume there does not start",
            role.label,
            missing.join(" and no ")
        );
        let note = Problem::note(role.at.clone(), message);
        report.push(note.help("add them where domains use them: `networks = [\"default\"]`"));
    }
}

/// Checks it against what is there.
///
/// # Errors
/// [`Failure::Unreachable`] if the user database cannot be asked.
pub fn check(libvirt: &Libvirt, around: &Around<'_>, report: &mut Report) -> Result<(), Failure> {
    let at = || libvirt.at.clone();
    let served = || around.found.iter().filter(|found| libvirt.has_daemon(found.daemon.name));
    for daemon in &libvirt.daemons {
        if !around.found.iter().any(|found| found.daemon.name == daemon.value) {
            let problem = Problem::error(daemon.at.clone(), format!("there is no daemon `{}` here", daemon.value));
            let there: Vec<&str> = around.found.iter().map(|found| found.daemon.name).collect();
            report.push(problem.help(format!("there are: {}", there.join(", "))));
        }
    }
    if matches!(libvirt.mode, Mode::Acl | Mode::Socket) {
        if around.vendor {
            let problem = Problem::error(
                at(),
                format!("a package cannot change libvirt's configuration: mode `{}`", libvirt.mode.word()),
            );
            report.push(problem.help("let the administrator run `polkit-policy-gen install`, or choose mode `polkit`"));
        }
        if around.found.is_empty() {
            let problem = Problem::error(
                at(),
                format!("mode `{}` changes the daemons of libvirt, and there is none", libvirt.mode.word()),
            );
            report.push(problem.help("install libvirt first"));
        }
    }
    match libvirt.mode {
        Mode::ReadOnly => {
            let note = Problem::note(at(), "everybody may look at libvirt's objects already: nothing is written");
            report.push(note.help(
                "`virsh -r`, in PHP `libvirt_connect($uri, true)`, in C virConnectOpenReadOnly: they list and show, and start nothing",
            ));
        }
        Mode::Polkit => {}
        Mode::Acl => left_out(libvirt, around.found, report),
        Mode::Socket => {
            let group = libvirt.socket_group();
            let there = around.names.group(group).map_err(|error| Failure::Unreachable(error.to_string()))?.is_some();
            if !there && !around.create {
                let message = format!("there is no group `{group}`, and a socket of it would not open");
                report.push(
                    Problem::error(at(), message)
                        .help(format!("`groupadd --system {group}`, or say --create for an image")),
                );
            }
            let message =
                format!("the group `{group}` is root-equivalent: a domain can be given any disk or file of the host");
            report.push(
                Problem::note(at(), message)
                    .help("its members must log in anew, and services be restarted, to be in it"),
            );
            for path in served().filter(|found| found.activated).flat_map(|found| &found.later) {
                let message = format!("/{path} comes after our drop-in, and sets mode or group of the socket");
                report.push(
                    Problem::error(at(), message).help("take those lines out: the socket must not be open to others"),
                );
            }
        }
    }
    shipped(libvirt, around.shipped, report);
    served().for_each(|found| unheeded(libvirt, found, report));
    Ok(())
}

/// With access control, a daemon that is left out lets the roles' people do everything.
fn left_out(libvirt: &Libvirt, found: &[Found], report: &mut Report) {
    let left: Vec<&str> =
        found.iter().map(|found| found.daemon.name).filter(|name| !libvirt.has_daemon(name)).collect();
    if !left.is_empty() {
        let message =
            format!("whoever is in a role may do everything through {}: `daemons` leaves it out", left.join(", "));
        report.push(
            Problem::warning(libvirt.at.clone(), message).help("leave `daemons` out, or see to it that they never run"),
        );
    }
}

/// What the distribution grants by itself.
fn shipped(libvirt: &Libvirt, shipped: &[Shipped], report: &mut Report) {
    let groups: BTreeSet<&str> = libvirt.groups.iter().map(|group| group.value.as_str()).collect();
    for (group, path) in shipped {
        let at = libvirt.at.clone();
        let note = match libvirt.mode {
            Mode::Polkit if groups.contains(group.as_str()) => {
                Problem::note(at, format!("/{path} lets the group `{group}` in already: membership alone is enough"))
                    .help("a [[member]] is all that is needed; no new login and no restart is")
            }
            Mode::Polkit if libvirt.users.is_empty() => {
                Problem::note(at, format!("/{path} lets the group `{group}` in, and [libvirt] names another"))
                    .help("using that group needs no rule of our own")
            }
            Mode::Acl => Problem::note(at, format!("/{path} lets the group `{group}` connect, in a role or not"))
                .help("who is in no role then has libvirt's defaults: to see and read everything, and no more; `others = \"nothing\"` refuses that"),
            _ => continue,
        };
        report.push(note);
    }
}

/// What stands in a configuration and does not do what its author meant.
fn unheeded(libvirt: &Libvirt, found: &Found, report: &mut Report) {
    let conf = format!("/{}", found.daemon.conf);
    let set = |key: &str| value(&found.conf, key).ok().flatten();
    let keys = ["unix_sock_group", "unix_sock_ro_perms", "unix_sock_rw_perms"];
    let idle: Vec<&str> = keys.into_iter().filter(|key| found.activated && set(key).is_some()).collect();
    if !idle.is_empty() {
        let message = format!("{conf}: {} without effect, since systemd makes the socket", idle.join(", "));
        report.push(
            Problem::warning(libvirt.at.clone(), message).help("take the lines out; mode `socket` does what they say"),
        );
    }
    let none = Value::Text("none".to_owned());
    if libvirt.mode == Mode::ReadOnly && found.activated && set("auth_unix_rw") == Some(none) {
        let message = format!(
            "{conf}: `auth_unix_rw = \"none\"` and a socket that is open to everybody: every local user is root"
        );
        report.push(Problem::warning(libvirt.at.clone(), message).help("take the line out"));
    }
}
