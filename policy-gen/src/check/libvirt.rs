//! Checks of `[libvirt]` against the host or tree that it is for.

use std::collections::BTreeSet;

use polkit_config::names::Names;
use polkit_config::report::{Problem, Report};

use crate::failure::Failure;
use crate::libvirt::conf::{Value, value};
use crate::libvirt::daemons::InstalledDaemon;
use crate::libvirt::shipped::Shipped;
use crate::policy::permissions::root_equivalent;
use crate::policy::{Libvirt, Mode, Role, RoleKind};

/// Facts about the tree.
#[derive(Debug)]
pub struct LibvirtFacts<'a> {
    /// Users and groups.
    pub names: &'a Names,
    /// libvirt's daemons.
    pub found: &'a [InstalledDaemon],
    /// The groups that packages allow to manage libvirt.
    pub shipped: &'a [Shipped],
    /// Whether missing groups are created later (`--create`).
    pub create: bool,
    /// Whether the files of a package are generated (`--vendor`).
    pub vendor: bool,
}

/// Checks the roles, for any target.
pub(super) fn roles(libvirt: &Libvirt, report: &mut Report) {
    for role in &libvirt.roles {
        let named: Vec<String> =
            root_equivalent(role).iter().map(|(permission, how)| format!("{permission} ({how})")).collect();
        if !named.is_empty() {
            let message = format!("`{}` is root-equivalent: {}", role.label, named.join(", "));
            report.push(
                Problem::warning(role.at.clone(), message)
                    .help("the role `operator` starts and stops domains and has none of these"),
            );
        }
    }
    // One note for all roles: a policy may have hundreds.
    let lacks = |role: &&Role| role.kind >= RoleKind::Operator && (role.networks.is_empty() || role.pools.is_empty());
    let mut lacking = libvirt.roles.iter().filter(lacks);
    if let Some(role) = lacking.next() {
        let missing = [("networks", role.networks.is_empty()), ("pools", role.pools.is_empty())];
        let missing: Vec<&str> = missing.into_iter().filter(|(_, empty)| *empty).map(|(key, _)| key).collect();
        let others = match lacking.count() {
            0 => String::new(),
            count => format!(" (and {count} more roles)"),
        };
        let message = format!(
            "`{}` names no {}{others}: domains that use them do not start",
            role.label,
            missing.join(" and no ")
        );
        let note = Problem::note(role.at.clone(), message);
        report.push(note.help("add those that the domains use: `networks = [\"default\"]`"));
    }
}

/// Checks a policy against a tree.
///
/// # Errors
/// [`Failure::Unreachable`] if the user database does not answer.
pub fn check(libvirt: &Libvirt, facts: &LibvirtFacts<'_>, report: &mut Report) -> Result<(), Failure> {
    let at = || libvirt.at.clone();
    let served = || facts.found.iter().filter(|found| libvirt.has_daemon(found.daemon.name));
    for daemon in &libvirt.daemons {
        if !facts.found.iter().any(|found| found.daemon.name == daemon.value) {
            let problem = Problem::error(daemon.at.clone(), format!("there is no daemon `{}`", daemon.value));
            let there: Vec<&str> = facts.found.iter().map(|found| found.daemon.name).collect();
            report.push(problem.help(format!("the daemons are: {}", there.join(", "))));
        }
    }
    if matches!(libvirt.mode, Mode::Acl | Mode::Socket) {
        if facts.vendor {
            let problem = Problem::error(
                at(),
                format!("mode `{}` changes libvirt's configuration, which a package cannot do", libvirt.mode.text()),
            );
            report.push(problem.help("run `polkit-policy-gen install` on the host, or use mode `polkit`"));
        }
        if facts.found.is_empty() {
            let problem = Problem::error(
                at(),
                format!("mode `{}` changes libvirt's daemons, but none is installed", libvirt.mode.text()),
            );
            report.push(problem.help("install libvirt first"));
        }
    }
    match libvirt.mode {
        Mode::ReadOnly => {
            let note =
                Problem::note(at(), "every user may already list and show libvirt's objects: nothing is written");
            report.push(note.help(
                "use a read-only connection: `virsh -r`, in PHP `libvirt_connect($uri, true)`, in C virConnectOpenReadOnly",
            ));
        }
        Mode::Polkit => {}
        Mode::Acl => left_out(libvirt, facts.found, report),
        Mode::Socket => {
            let group = libvirt.socket_group();
            let there = facts.names.group(group).map_err(|error| Failure::Unreachable(error.to_string()))?.is_some();
            if !there && !facts.create {
                let message = format!("there is no group `{group}`, so the socket could not be created");
                report.push(
                    Problem::error(at(), message)
                        .help(format!("run `groupadd --system {group}`, or use --create to build an image")),
                );
            }
            let message = format!(
                "the group `{group}` is root-equivalent: its members can attach any disk or file of the host to a domain"
            );
            report.push(
                Problem::note(at(), message).help("new members must log in again; restart services of new members"),
            );
            for path in served().filter(|found| found.activated).flat_map(|found| &found.later) {
                let message = format!("/{path} overrides mode or group of the socket after our drop-in");
                report.push(
                    Problem::error(at(), message)
                        .help("remove those lines: the socket must not be open to other users"),
                );
            }
        }
    }
    shipped(libvirt, facts.shipped, report);
    served().for_each(|found| unheeded(libvirt, found, report));
    Ok(())
}

/// Warns of daemons that `daemons` omits: without access control, users with a role may do everything through them.
fn left_out(libvirt: &Libvirt, found: &[InstalledDaemon], report: &mut Report) {
    let left: Vec<&str> =
        found.iter().map(|found| found.daemon.name).filter(|name| !libvirt.has_daemon(name)).collect();
    if !left.is_empty() {
        let message = format!("users with a role may do everything through {}, which `daemons` omits", left.join(", "));
        report.push(
            Problem::warning(libvirt.at.clone(), message)
                .help("remove `daemons`, or make sure that these daemons never run"),
        );
    }
}

/// Notes what the rules of the distribution grant.
fn shipped(libvirt: &Libvirt, shipped: &[Shipped], report: &mut Report) {
    let groups: BTreeSet<&str> = libvirt.groups.iter().map(|group| group.value.as_str()).collect();
    for (group, path) in shipped {
        let at = libvirt.at.clone();
        let note = match libvirt.mode {
            Mode::Polkit if groups.contains(group.as_str()) => {
                Problem::note(at, format!("/{path} already allows the group `{group}`: membership is enough"))
                    .help("only a [[member]] table is needed, without a new login or restart")
            }
            Mode::Polkit if libvirt.users.is_empty() => {
                Problem::note(at, format!("/{path} allows the group `{group}`, but [libvirt] names another group"))
                    .help("with that group no rule is needed")
            }
            Mode::Acl => Problem::note(at, format!("/{path} allows the group `{group}` to connect, with or without a role"))
                .help("members without a role get libvirt's defaults: they may see and read everything; `others = \"nothing\"` refuses that"),
            _ => continue,
        };
        report.push(note);
    }
}

/// Warns of settings without the intended effect.
fn unheeded(libvirt: &Libvirt, found: &InstalledDaemon, report: &mut Report) {
    let conf = format!("/{}", found.daemon.conf);
    let set = |key: &str| value(&found.conf, key).ok().flatten();
    let keys = ["unix_sock_group", "unix_sock_ro_perms", "unix_sock_rw_perms"];
    let idle: Vec<&str> = keys.into_iter().filter(|key| found.activated && set(key).is_some()).collect();
    if !idle.is_empty() {
        let message = format!("{conf}: {} without effect, because systemd creates the socket", idle.join(", "));
        report.push(
            Problem::warning(libvirt.at.clone(), message).help("remove these lines; mode `socket` has the same effect"),
        );
    }
    let none = Value::Text("none".to_owned());
    if libvirt.mode == Mode::ReadOnly && found.activated && set("auth_unix_rw") == Some(none) {
        let message = format!(
            "{conf}: `auth_unix_rw = \"none\"` and a socket that every user may open make every local user root-equivalent"
        );
        report.push(Problem::warning(libvirt.at.clone(), message).help("remove the line"));
    }
}

#[cfg(test)]
mod tests {
    use polkit_config::report::Source;

    use super::*;
    use crate::libvirt::daemons::DAEMONS;

    const ROLE: &str = "[[libvirt_role]]\nrole = \"viewer\"\ngroups = [\"vm\"]\ndomains = [\"web\"]\n";

    fn libvirt(text: &str) -> Libvirt {
        let read = crate::policy::read(&[Source::new("p.toml", text)]);
        read.map_err(|report| report.lines()).unwrap().0.libvirt.unwrap()
    }

    fn found(name: &str, activated: bool, conf: &str) -> InstalledDaemon {
        let daemon = DAEMONS.iter().find(|daemon| daemon.name == name).unwrap();
        InstalledDaemon { daemon, activated, conf: conf.to_owned(), later: Vec::new() }
    }

    fn messages(note: impl FnOnce(&mut Report)) -> Vec<String> {
        let mut report = Report::new();
        note(&mut report);
        report.problems().iter().map(|problem| problem.message.clone()).collect()
    }

    #[test]
    fn a_daemon_that_the_policy_omits_is_named() {
        let daemons = [found("virtqemud", true, ""), found("virtstoraged", true, "")];
        let of = |list: &str| {
            let libvirt = libvirt(&format!("[libvirt]\nmode = \"acl\"\n{list}\n{ROLE}"));
            messages(|report| left_out(&libvirt, &daemons, report))
        };
        let omitted = ["users with a role may do everything through virtstoraged, which `daemons` omits"];
        assert_eq!(of("daemons = [\"virtqemud\"]"), omitted);
        assert_eq!([of("daemons = [\"virtqemud\", \"virtstoraged\"]"), of("")], [[""; 0]; 2]);
    }

    #[test]
    fn what_the_distribution_grants_is_noted_for_each_mode() {
        let shipped_group = [("libvirt".to_owned(), "usr/share/polkit-1/rules.d/60-libvirt.rules".to_owned())];
        let of = |text: &str| {
            let libvirt = libvirt(&format!("[libvirt]\n{text}"));
            let found = messages(|report| shipped(&libvirt, &shipped_group, report));
            assert!(found.len() <= 1, "{found:?}");
            found.into_iter().next().unwrap_or_default()
        };
        let same = of("mode = \"polkit\"\ngroups = [\"libvirt\"]\n");
        assert!(same.ends_with("already allows the group `libvirt`: membership is enough"), "{same}");
        let other = of("mode = \"polkit\"\ngroups = [\"vm\"]\n");
        assert!(other.ends_with("allows the group `libvirt`, but [libvirt] names another group"), "{other}");
        assert_eq!(of("mode = \"polkit\"\ngroups = [\"vm\"]\nusers = [\"bob\"]\n"), "");
        let acl = of(&format!("mode = \"acl\"\n{ROLE}"));
        assert!(acl.ends_with("allows the group `libvirt` to connect, with or without a role"), "{acl}");
        assert_eq!([of("mode = \"read-only\"\n"), of("mode = \"socket\"\ngroups = [\"vm\"]\n")], ["", ""]);
    }

    #[test]
    fn settings_without_the_intended_effect_are_named() {
        let of = |mode: &str, activated, conf: &str| {
            let libvirt = libvirt(&format!("[libvirt]\nmode = \"{mode}\"\n"));
            messages(|report| unheeded(&libvirt, &found("libvirtd", activated, conf), report))
        };
        let conf = "unix_sock_group = \"vm\"\nunix_sock_rw_perms = \"0770\"\n";
        assert_eq!(
            of("read-only", true, conf),
            [
                "/etc/libvirt/libvirtd.conf: unix_sock_group, unix_sock_rw_perms without effect, because systemd creates the socket"
            ]
        );
        assert_eq!(of("read-only", false, conf), [""; 0], "the daemon creates the socket");
        let none = "auth_unix_rw = \"none\"\n";
        let open = of("read-only", true, none);
        assert!(open.len() == 1 && open[0].contains("make every local user root-equivalent"), "{open:?}");
        assert_eq!(of("read-only", false, none), [""; 0]);
        assert_eq!(of("read-only", true, "auth_unix_rw = \"polkit\"\n"), [""; 0]);
    }
}
