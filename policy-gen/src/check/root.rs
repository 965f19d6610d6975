//! Root-equivalent actions.

use std::collections::BTreeSet;

use polkit_config::report::{Location, Problem, Report};

use crate::policy::{Detail, Grant, Mode, Policy, SYSTEMD_ACTION};

/// Root-equivalent actions, with the way to root.
const ROOT_EQUIVALENT: &[(&str, &str)] = &[
    ("org.libvirt.unix.manage", "a domain can be given any disk or file of the host"),
    ("org.libvirt.api.domain.write", "a domain can be given any disk or file of the host"),
    ("org.freedesktop.policykit.exec", "pkexec runs any program as root"),
    ("org.freedesktop.systemd1.manage-units", "a unit runs any program as root (systemd-run)"),
    ("org.freedesktop.systemd1.manage-unit-files", "a unit file runs any program as root"),
    ("org.freedesktop.systemd1.reload-daemon", "with a unit file, it runs any program as root"),
    ("org.freedesktop.packagekit.package-install-untrusted", "a package's scripts run as root"),
    ("org.freedesktop.accounts.user-administration", "it can create administrators and set passwords"),
    ("org.freedesktop.udisks2.filesystem-mount-system", "a file system can contain setuid programs"),
    ("org.freedesktop.machine1.shell", "it opens a shell as root, in a machine or on the host"),
    ("org.freedesktop.machine1.host-shell", "it opens a root shell on the host"),
    ("org.freedesktop.machine1.host-open-pty", "it opens a terminal of the host"),
];

/// Returns how an action leads to root, if it is root-equivalent.
#[must_use]
pub fn way_to_root(action: &str) -> Option<&'static str> {
    ROOT_EQUIVALENT.iter().find(|(id, _)| *id == action).map(|(_, how)| *how)
}

/// Groups whose members can become root.
pub const ROOT_GROUPS: [(&str, &str); 9] = [
    ("empower", "systemd's rule for run0 grants it every action"),
    ("docker", "a container can be given every file of the host"),
    ("podman", "a container can be given every file of the host"),
    ("incus-admin", "a container can be given every file of the host"),
    ("lxd", "a container can be given every file of the host"),
    ("libvirt", "a domain can be given every disk and file of the host"),
    ("libvirtd", "a domain can be given every disk and file of the host"),
    ("disk", "its members read and write every disk"),
    ("shadow", "its members read the passwords"),
];

/// Notes each root-equivalent action once, with a less powerful alternative.
pub(super) fn root_equivalent(policy: &Policy, report: &mut Report) {
    let mut noted: BTreeSet<&str> = BTreeSet::new();
    for group in policy.members.iter().map(|member| &member.group) {
        if let Some((_, why)) = ROOT_GROUPS.iter().find(|(known, _)| *known == group.value) {
            let message = format!("a member of `{}` is root-equivalent: {why}", group.value);
            report.push(Problem::note(group.at.clone(), message).help("add the user only if it may become root"));
        }
    }
    for action in policy.hooks.iter().flat_map(|hook| &hook.actions) {
        let known = ROOT_EQUIVALENT.iter().find(|(id, _)| *id == action.value);
        known.into_iter().for_each(|(id, how)| note(id, how, &action.at, &mut noted, report));
    }
    // Role checks report the root-equivalent permissions of roles.
    let roles = policy.libvirt.as_ref().filter(|libvirt| libvirt.mode == Mode::Acl).map(|libvirt| &libvirt.at);
    let whole = policy.grants.iter().filter(|grant| roles != Some(&grant.at));
    let mut sets: BTreeSet<&str> = BTreeSet::new();
    for grant in whole.filter(|grant| grant.gives()) {
        if let Some((set, why)) = grant.set.and_then(|set| Some((set, set.root_equivalent.as_ref()?)))
            && sets.insert(&set.name)
        {
            let message = format!("`{}` is root-equivalent: {why}", set.name);
            report.push(
                Problem::note(grant.at.clone(), message)
                    .help(format!("`polkit-policy-gen sets {}` shows its keys", set.name)),
            );
        }
        let is_open = grant.subjects.everybody && grant.has_no_conditions();
        for action in &grant.actions {
            for (id, how) in ROOT_EQUIVALENT.iter().filter(|(id, _)| action.value.covers(id)) {
                if is_open {
                    let message = format!("`{}` makes every user of the host root-equivalent: {how}", grant.label);
                    let help = format!("`everybody` includes services and guests: name the users of `{id}`");
                    report.push(Problem::warning(action.at.clone(), message).help(help));
                }
                if grant.set.is_some_and(|set| set.root_equivalent.is_some()) {
                    continue;
                }
                match narrowed_to_units(grant) {
                    Some(units) if *id == SYSTEMD_ACTION => patterns_to_start(grant, units, report),
                    _ => note(id, how, &action.at, &mut noted, report),
                }
            }
        }
    }
}

fn note(id: &'static str, how: &str, at: &Location, noted: &mut BTreeSet<&'static str>, report: &mut Report) {
    if !noted.insert(id) {
        return;
    }
    let note = Problem::note(at.clone(), format!("`{id}` is root-equivalent: {how}"));
    report.push(if id == "org.libvirt.unix.manage" {
        note.help("to list and show domains, use a read-only connection, which needs no policy: `virsh -r`")
    } else {
        note
    });
}

/// Returns the units that a grant is restricted to.
pub(super) fn narrowed_to_units(grant: &Grant) -> Option<&Detail> {
    grant.details.iter().find(|detail| detail.key.value == "unit")
}

/// Notes unit patterns in grants of `start`. systemd 257 and later report the name of a transient unit (systemd-run) to polkit,
/// and its creator chooses the name. A transient unit cannot have the name of an existing unit file, but a pattern always covers
/// a free name.
fn patterns_to_start(grant: &Grant, units: &Detail, report: &mut Report) {
    if !is_started(grant) {
        return;
    }
    for unit in units.values.iter().filter(|unit| !unit.value.is_exact() && !is_of_template(unit.value.as_str())) {
        let message = format!(
            "starting `{}` is root-equivalent: systemd-run can create such a unit with any program",
            unit.value
        );
        let help = "list the existing units, or grant the verb `restart` instead of `start`";
        report.push(Problem::note(unit.at.clone(), message).help(help));
    }
}

/// Whether a grant includes the verb `start`.
pub(super) fn is_started(grant: &Grant) -> bool {
    let mut verbs = grant.details.iter().filter(|detail| detail.key.value == "verb");
    verbs.all(|detail| detail.values.iter().any(|verb| verb.value.covers("start")))
}

/// Whether a pattern covers only instances of one template.
fn is_of_template(pattern: &str) -> bool {
    pattern.split_once('@').is_some_and(|(template, _)| !template.contains('*'))
}

#[cfg(test)]
mod tests {
    use polkit_config::report::Source;

    use super::*;

    /// The notes about a policy.
    fn notes(text: &str) -> Vec<String> {
        let (policy, _) = crate::policy::read(&[Source::new("p.toml", text)]).map_err(|report| report.lines()).unwrap();
        let mut report = Report::new();
        root_equivalent(&policy, &mut report);
        report.problems().iter().map(|problem| problem.message.clone()).collect()
    }

    #[test]
    fn only_the_grants_of_roles_have_other_notes() {
        let of = |mode: &str, rest: &str| notes(&format!("[libvirt]\nmode = \"{mode}\"\n{rest}"));
        let polkit = of("polkit", "groups = [\"vm\"]\n");
        assert!(polkit.len() == 1 && polkit[0].contains("`org.libvirt.unix.manage`"), "{polkit:?}");
        let role = "[[libvirt_role]]\nrole = \"admin\"\ngroups = [\"vm\"]\ndomains = [\"web\"]\n";
        assert_eq!(of("acl", role), [""; 0]);
        let grant = "[[grant]]\nactions = [\"org.libvirt.unix.manage\"]\nusers = [\"bob\"]\nresult = \"yes\"\n";
        assert_eq!(of("acl", &format!("{role}{grant}")).len(), 1, "a grant besides the roles");
    }

    #[test]
    fn each_root_equivalent_action_is_noted_once_if_it_is_granted() {
        let grant = |actions: &str, result: &str| {
            format!("[[grant]]\nactions = [{actions}]\nusers = [\"bob\"]\nresult = \"{result}\"\n")
        };
        let exec = "\"org.freedesktop.policykit.exec\"";
        assert_eq!(notes(&grant(exec, "yes")).len(), 1);
        assert_eq!(notes(&format!("{0}{0}", grant(exec, "yes"))).len(), 1);
        assert_eq!(notes(&grant("\"org.freedesktop.machine1.*\"", "yes")).len(), 3);
        assert_eq!(notes(&grant(exec, "no")).len(), 0);
        assert_eq!(notes(&grant("\"org.example.run\"", "yes")).len(), 0);
        let member = notes("[[member]]\nuser = \"bob\"\ngroup = \"docker\"\n");
        assert!(member.len() == 1 && member[0].starts_with("a member of `docker` is root-equivalent: "), "{member:?}");
        assert_eq!(notes("[[member]]\nuser = \"bob\"\ngroup = \"vm\"\n").len(), 0);
    }

    #[test]
    fn a_pattern_of_units_to_start_is_noted_unless_it_has_the_instances_of_a_template() {
        let of = |unit: &str, verb: &str| {
            notes(&format!("[[systemd]]\nunits = [\"{unit}\"]\nverbs = [\"{verb}\"]\nusers = [\"bob\"]\n")).len()
        };
        assert_eq!([of("web-*.service", "start"), of("web*@a.service", "start")], [1, 1]);
        assert_eq!([of("web.service", "start"), of("web@*.service", "start"), of("web-*.service", "restart")], [0; 3]);
    }
}
