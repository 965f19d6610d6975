//! Actions with which one is root.

use std::collections::BTreeSet;

use polkit_config::report::{Location, Problem, Report};

use crate::policy::{Answer, Detail, Grant, Mode, Policy, SYSTEMD_ACTION};

/// The actions, and how.
const ROOT_EQUIVALENT: &[(&str, &str)] = &[
    ("org.libvirt.unix.manage", "a domain can be given any disk or file of the host"),
    ("org.libvirt.api.domain.write", "a domain can be given any disk or file of the host"),
    ("org.freedesktop.policykit.exec", "pkexec runs any program as root"),
    ("org.freedesktop.systemd1.manage-units", "a unit runs any program as root (systemd-run)"),
    ("org.freedesktop.systemd1.manage-unit-files", "a unit file runs any program as root"),
    ("org.freedesktop.systemd1.reload-daemon", "with a unit file, it runs any program as root"),
    ("org.freedesktop.packagekit.package-install-untrusted", "a package's scripts run as root"),
    ("org.freedesktop.accounts.user-administration", "it can make an administrator and set passwords"),
    ("org.freedesktop.udisks2.filesystem-mount-system", "a file system can bring setuid programs"),
    ("org.freedesktop.machine1.shell", "it opens a shell as root, in a machine or on the host"),
    ("org.freedesktop.machine1.host-shell", "it opens a root shell on the host"),
    ("org.freedesktop.machine1.host-open-pty", "it opens a terminal of the host"),
];

/// A unit of systemd's own whose start opens a root shell.
const ROOT_SHELL: &str = "debug-shell.service";

/// Notes, once each, the actions with which one is root. The least that would do is offered with it.
pub fn root_equivalent(policy: &Policy, report: &mut Report) {
    let mut said: BTreeSet<&str> = BTreeSet::new();
    for action in policy.hooks.iter().flat_map(|hook| &hook.actions) {
        let known = ROOT_EQUIVALENT.iter().find(|(id, _)| *id == action.value);
        known.into_iter().for_each(|(id, how)| note(id, how, &action.at, &mut said, report));
    }
    let gives = |answer| matches!(answer, Answer::Yes | Answer::AuthSelf | Answer::AuthSelfKeep);
    // Of roles it is said what they give.
    let roles = policy.libvirt.as_ref().filter(|libvirt| libvirt.mode == Mode::Acl).map(|libvirt| &libvirt.at);
    let whole = policy.grants.iter().filter(|grant| roles != Some(&grant.at));
    for grant in whole.filter(|grant| grant.results.all().into_iter().any(gives)) {
        for action in &grant.actions {
            for (id, how) in ROOT_EQUIVALENT.iter().filter(|(id, _)| action.value.covers(id)) {
                match narrowed_to_units(grant) {
                    Some(units) if *id == SYSTEMD_ACTION => root_shell(units, report),
                    _ => note(id, how, &action.at, &mut said, report),
                }
            }
        }
    }
}

fn note(id: &'static str, how: &str, at: &Location, said: &mut BTreeSet<&'static str>, report: &mut Report) {
    if !said.insert(id) {
        return;
    }
    let note = Problem::note(at.clone(), format!("`{id}` is root-equivalent: {how}"));
    report.push(if id == "org.libvirt.unix.manage" {
        note.help("to list and to look, a read-only connection needs no policy at all: `virsh -r`")
    } else {
        note
    });
}

/// The units that a grant is for. A transient unit, which would run any program, comes without that detail.
fn narrowed_to_units(grant: &Grant) -> Option<&Detail> {
    grant.details.iter().find(|detail| detail.key.value == "unit")
}

fn root_shell(units: &Detail, report: &mut Report) {
    if let Some(unit) = units.values.iter().find(|unit| unit.value.covers(ROOT_SHELL)) {
        let message = format!("`{}` covers {ROOT_SHELL}, which opens a root shell on a terminal", unit.value);
        report.push(Problem::note(unit.at.clone(), message).help("name the units, or a pattern that is narrower"));
    }
}
