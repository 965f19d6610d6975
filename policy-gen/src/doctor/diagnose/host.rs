//! Findings about the bus, polkitd, /proc, SELinux and AppArmor.

use super::Finding;
use crate::doctor::error::Class;
use crate::doctor::facts::{Facts, Polkitd, RunningResult};
use crate::doctor::fixes::{manual, programs, restart_polkitd};
use crate::emit::quote::shell;

const NO_GRANT: &str = "nothing: polkit decides as before";

/// Returns the findings about an unreachable polkitd.
pub(super) fn polkitd(facts: &Facts) -> Vec<Finding> {
    if let Some(why) = &facts.no_bus {
        return vec![no_bus(facts, why)];
    }
    let mut found = Vec::new();
    match &facts.polkitd {
        Polkitd::Absent { why, installed, unit } => found.push(absent(facts, why, *installed, unit.as_deref())),
        Polkitd::Silent => found.push(silent(facts)),
        Polkitd::Answers { .. } | Polkitd::Unknown => {}
    }
    let real = facts.answer.as_ref().and_then(|answer| answer.real);
    if real == Some(RunningResult::Silent) {
        found.push(silent(facts));
    }
    if let Some(hidepid) = &facts.hidepid {
        let gid = hidepid.gid.map_or_else(|| "GID-OF-POLKITD".to_owned(), |gid| gid.to_string());
        let options = format!("remount,{},gid={gid}", hidepid.option);
        let mut fix = programs(
            "let-polkitd-see-processes",
            &[&["mount", "-o", &options, "/proc"]],
            "polkitd the right to see other users' processes in /proc",
            &[format!("mount -o remount,{},gid=0 /proc", hidepid.option)],
        );
        fix.commands.push("# to keep this after a reboot, set the same options for /proc in /etc/fstab".to_owned());
        found.push(
            Finding::new(
                "hidepid",
                "/proc hides other users' processes from polkitd, so requests of these processes are refused or fail",
            )
            .evidence(format!("/proc is mounted with {}", hidepid.option))
            .fix(fix),
        );
    } else if real == Some(RunningResult::NoSuchProcess) {
        found.push(
            Finding::new("process-not-seen", "polkitd cannot find the subject process")
                .evidence("polkitd has another /proc, or the process is in another pid namespace".to_owned()),
        );
    }
    found
}

fn no_bus(facts: &Facts, why: &str) -> Finding {
    let finding = match &facts.container {
        Some(what) => {
            Finding::new("container", "this is a container without a system bus: polkitd can only be outside")
                .evidence(what.clone())
        }
        None => Finding::new("no-bus", "the system bus is unreachable, and polkit needs it"),
    };
    let finding = finding.evidence(format!("cannot connect to the system bus: {why}"));
    if facts.container.is_some() {
        let commands = [
            "# run the client on the host, or share the sockets of the host's bus and of the service with the container",
        ];
        return finding.fix(manual("use-the-host", &commands.map(str::to_owned), "what the sockets allow"));
    }
    if facts.has_systemd {
        return finding.fix(programs("start-bus", &[&["systemctl", "start", "dbus.socket"]], NO_GRANT, &[]));
    }
    finding.fix(manual("start-bus", &["dbus-daemon --system --fork".to_owned()], NO_GRANT))
}

fn absent(facts: &Facts, why: &str, installed: bool, unit: Option<&str>) -> Finding {
    let evidence = format!("error of the bus: {why}");
    if !installed {
        if let Some(what) = &facts.container {
            return Finding::new("container", "this is a container without polkitd, so all polkit requests fail")
                .evidence(what.clone())
                .evidence(evidence)
                .fix(manual("install-polkitd", &["apt-get install polkitd".to_owned()], NO_GRANT));
        }
        return Finding::new("polkitd-not-installed", "polkitd is not installed, so all polkit requests are refused")
            .evidence(evidence)
            .fix(manual(
                "install-polkitd",
                &["apt-get install polkitd    # Debian 11: policykit-1".to_owned()],
                NO_GRANT,
            ));
    }
    match unit {
        Some("masked") => Finding::new("polkitd-masked", "polkitd's unit is masked, so all polkit requests fail")
            .evidence(evidence)
            .fix(programs(
                "unmask-polkitd",
                &[&["systemctl", "unmask", "polkit.service"], &["systemctl", "start", "polkit.service"]],
                NO_GRANT,
                &["systemctl mask --now polkit.service".to_owned()],
            )),
        _ => {
            let finding = Finding::new("polkitd-not-running", "polkitd is not running, and the bus cannot start it")
                .evidence(evidence);
            let finding = match unit {
                Some(unit) => finding.evidence(format!("polkit.service is {unit}: journalctl -u polkit.service")),
                None => finding,
            };
            if unit.is_none() {
                let commands =
                    ["# reinstall polkitd: the D-Bus service file is missing", "apt-get install --reinstall polkitd"];
                return finding.fix(manual("reinstall-polkitd", &commands.map(str::to_owned), NO_GRANT));
            }
            let start: &[&[&str]] =
                &[&["systemctl", "reset-failed", "polkit.service"], &["systemctl", "start", "polkit.service"]];
            finding.fix(programs("start-polkitd", start, NO_GRANT, &[]))
        }
    }
}

fn silent(facts: &Facts) -> Finding {
    Finding::new("polkitd-hangs", "polkitd does not answer: all polkit requests wait and then fail")
        .evidence(
            "a rule may have returned a value that is not a string, or may not end: run polkit-policy-gen check"
                .to_owned(),
        )
        .fix(restart_polkitd(facts))
}

/// The groups that the administrator's policy names and that do not exist.
fn missing_groups(facts: &Facts) -> Option<Finding> {
    let mut groups: Vec<&str> = facts.missing_groups.iter().map(|(group, _)| group.as_str()).collect();
    groups.sort_unstable();
    groups.dedup();
    let first = groups.first()?;
    let cause = format!("policy names groups that do not exist on this host: {}", groups.join(", "));
    let evidence = facts.missing_groups.iter().map(|(group, place)| format!("the group {group}: {place}")).collect();
    let commands = [format!("getent group {}    # if there is no such group, correct the file", shell(first))];
    let finding = Finding { evidence, ..Finding::new("unknown-group", cause) };
    Some(finding.fix(manual("correct-group", &commands, "what the file allows to the corrected group")))
}

/// Returns the findings about the surroundings of polkit.
pub(super) fn around(facts: &Facts) -> Vec<Finding> {
    let mut found: Vec<Finding> = missing_groups(facts).into_iter().collect();
    if !facts.mac.is_empty() {
        let mut finding = Finding::new(
            "mac-denied",
            "SELinux or AppArmor denied access to libvirt or polkit, independent of polkit's decisions",
        );
        finding.evidence.clone_from(&facts.mac);
        let commands = [
            "ausearch -m avc -ts recent | audit2why    # SELinux",
            "aa-status; journalctl -k --grep apparmor    # AppArmor",
        ];
        found.push(finding.fix(manual(
            "look-at-the-denial",
            &commands.map(str::to_owned),
            "nothing: it shows what to change in the policy module or profile",
        )));
    }
    if facts.subject.is_none() {
        for one in &facts.recent_refusals {
            let commands = [format!("polkit-policy-gen doctor --unit {} --action {}", one.unit, one.action)];
            found.push(
                Finding::new(
                    "refused-lately",
                    format!(
                        "{} (user {}) was refused {} recently, and would be refused again",
                        one.unit, one.user, one.action
                    ),
                )
                .evidence(format!("the journal: {}", one.line))
                .evidence(format!("polkit's decision now: {}", one.verdict))
                .fix(manual("examine-the-unit", &commands, "nothing: it shows the possible fixes")),
            );
        }
    }
    let (times, last) = facts.refusals_of_libvirt;
    if times > 0 && facts.subject.is_none() && facts.recent_refusals.is_empty() {
        found.push(refused_by_libvirt(times, last));
    }
    let class = facts.reported.as_ref().map(|reported| reported.class);
    if class == Some(Class::RemoteClient) {
        found.push(
            Finding::new(
                "remote-client",
                "the client connects over the network and has no local identity, so access control refuses it",
            )
            .fix(manual(
                "use-ssh",
                &["virsh -c qemu+ssh://USER@HOST/system list".to_owned()],
                "the user's permissions on that host",
            )),
        );
    }
    found
}

/// libvirt's daemons do not log the client that they refused.
fn refused_by_libvirt(times: usize, last: u64) -> Finding {
    let requests = if times == 1 { "one request".to_owned() } else { format!("{times} requests") };
    let time = i64::try_from(last).ok().and_then(|last| jiff::Timestamp::from_microsecond(last).ok());
    let time = time.map(|time| format!(" (the last at {})", time.strftime("%F %T UTC"))).unwrap_or_default();
    let commands = [
        "polkit-policy-gen doctor --unit UNIT".to_owned(),
        "polkit-policy-gen doctor --user USER --action org.libvirt.unix.manage".to_owned(),
    ];
    Finding::new("refused-by-libvirt", format!("libvirt refused {requests} in the last hour{time}"))
        .evidence("libvirt does not log the client: name its unit or user")
        .fix(manual("say-who", &commands, "nothing: it shows the possible fixes"))
}
