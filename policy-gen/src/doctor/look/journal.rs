//! Facts from the journal and the audit log: services that were refused recently, and denials of SELinux and AppArmor.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use polkit_config::bounded::open_regular;
use serde_json::Value;

use super::run::run;
use crate::doctor::error::{self, Class};
use crate::doctor::facts::{Facts, RecentRefusal};

const LIMIT: Duration = Duration::from_millis(1500);
const AUDIT_LOG: &str = "/var/log/audit/audit.log";
/// The number of bytes at the end of the audit log that are read.
const AUDIT_MAX: u64 = 256 << 10;
/// The age limit of entries.
const RECENT: Duration = Duration::from_secs(24 * 60 * 60);
/// The number of services and denials that are shown.
const SHOWN: usize = 5;
const PATTERN: &str =
    "no polkit agent available|no agent is available|org\\.libvirt\\.|avc: .*denied|apparmor=\"DENIED\"";

pub(super) fn look(facts: &mut Facts) {
    let argv =
        ["journalctl", "--quiet", "--no-pager", "--output=json", "--since=-24h", "--lines=400", "--grep", PATTERN];
    match run(&argv, LIMIT) {
        Some((_, text)) => {
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).for_each(|entry| of_entry(&entry, facts))
        }
        None => facts.unseen.push("the journal: journalctl cannot be run, or takes too long".to_owned()),
    }
    audit(facts);
    facts.mac.truncate(SHOWN);
    facts.recent_refusals.truncate(SHOWN);
}

fn of_entry(entry: &Value, facts: &mut Facts) {
    let field = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let message = field("MESSAGE");
    if matches!(field("_TRANSPORT"), "audit" | "kernel") {
        if is_denial(message) {
            facts.mac.push(message.chars().take(300).collect());
        }
        return;
    }
    // The daemons' own log lines do not name the subject, and most refusals are intended. Only complaints of services count.
    let unit = field("_SYSTEMD_UNIT");
    let of_daemon = ["libvirtd", "virt", "polkit"].iter().any(|start| unit.starts_with(start));
    if !unit.ends_with(".service") || of_daemon || unit.starts_with("user@") {
        return;
    }
    let Some(reported) = error::first(message, &|_| false).filter(|reported| reported.class == Class::NoAgent) else {
        return;
    };
    let Some(action) = reported.action else { return };
    let user = field("_UID").to_owned();
    let known =
        facts.recent_refusals.iter().any(|known| known.unit == unit && known.action == action && known.user == user);
    if !known && user != "0" && !user.is_empty() {
        let (unit, line) = (unit.to_owned(), reported.line);
        facts.recent_refusals.push(RecentRefusal { unit, user, action, line, verdict: String::new() });
    }
}

/// Whether a denial is about access to libvirt or to polkit.
fn is_denial(line: &str) -> bool {
    let denied = (line.contains("avc:") && line.contains("denied")) || line.contains("apparmor=\"DENIED\"");
    let about = [
        "libvirt-sock",
        "qemud-sock",
        "comm=\"polkitd\"",
        "comm=\"libvirtd\"",
        "comm=\"virtqemud\"",
        "PolicyKit1",
        "virt_var_run_t",
    ];
    // Denials of the profiles of guests are not related.
    denied && about.iter().any(|word| line.contains(word)) && !line.contains("profile=\"libvirt-")
}

fn audit(facts: &mut Facts) {
    let Some(bytes) = tail(AUDIT_LOG) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    facts.mac.extend(recent_denials(&String::from_utf8_lossy(&bytes), now));
}

/// Returns the denials in the audit log that are not older than [`RECENT`]. `now` is in seconds since 1970.
fn recent_denials(log: &str, now: u64) -> impl Iterator<Item = String> {
    let is_recent = move |line: &&str| {
        let time = line.split_once("audit(").and_then(|(_, rest)| rest.split_once('.')?.0.parse::<u64>().ok());
        time.is_some_and(|time| time + RECENT.as_secs() >= now)
    };
    log.lines().filter(|line| is_denial(line)).filter(is_recent).map(|line| line.chars().take(300).collect())
}

fn tail(path: &str) -> Option<Vec<u8>> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = open_regular(Path::new(path)).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(AUDIT_MAX))).ok()?;
    let mut bytes = Vec::new();
    file.take(AUDIT_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const REFUSAL: &str = "no polkit agent available to authenticate action 'org.libvirt.unix.manage'";

    fn of_entries(entries: &[Value]) -> Facts {
        let mut facts = Facts::default();
        entries.iter().for_each(|entry| of_entry(entry, &mut facts));
        facts
    }

    fn complaint(unit: &str, uid: &str, message: &str) -> Value {
        json!({ "_TRANSPORT": "stdout", "_SYSTEMD_UNIT": unit, "_UID": uid, "MESSAGE": message })
    }

    #[test]
    fn a_service_that_complains_of_a_refusal_is_reported_once() {
        let web = complaint("web.service", "33", REFUSAL);
        let facts = of_entries(&[web.clone(), web]);
        let [refusal] = facts.recent_refusals.as_slice() else { panic!("{facts:?}") };
        assert_eq!((refusal.unit.as_str(), refusal.user.as_str()), ("web.service", "33"));
        assert_eq!((refusal.action.as_str(), refusal.line.as_str()), ("org.libvirt.unix.manage", REFUSAL));
        assert!(refusal.verdict.is_empty());
        let other = REFUSAL.replace("manage", "monitor");
        let facts = of_entries(&[
            complaint("web.service", "33", REFUSAL),
            complaint("web.service", "34", REFUSAL),
            complaint("db.service", "33", REFUSAL),
            complaint("web.service", "33", &other),
        ]);
        assert_eq!(facts.recent_refusals.len(), 4, "unit, user and action distinguish refusals");
    }

    #[test]
    fn only_complaints_of_services_with_a_user_count() {
        for entry in [
            complaint("libvirtd.service", "33", REFUSAL),
            complaint("virtqemud.service", "33", REFUSAL),
            complaint("polkit.service", "33", REFUSAL),
            complaint("user@33.service", "33", REFUSAL),
            complaint("session-1.scope", "33", REFUSAL),
            complaint("web.service", "0", REFUSAL),
            complaint("web.service", "", REFUSAL),
            complaint("web.service", "33", "no polkit agent available to authenticate"),
            complaint("web.service", "33", "access denied by policy: 'org.libvirt.unix.manage'"),
            complaint("web.service", "33", "all is well"),
            json!({ "_TRANSPORT": "kernel", "_SYSTEMD_UNIT": "web.service", "_UID": "33", "MESSAGE": REFUSAL }),
            json!({}),
        ] {
            let facts = of_entries(std::slice::from_ref(&entry));
            assert!(facts.recent_refusals.is_empty() && facts.mac.is_empty(), "{entry}");
        }
    }

    #[test]
    fn denials_about_libvirt_or_polkit_come_from_the_kernel_and_from_audit() {
        let denial = format!("avc: denied {{ write }} comm=\"polkitd\" {}", "x".repeat(400));
        let entry = |transport: &str| json!({ "_TRANSPORT": transport, "MESSAGE": denial });
        for transport in ["kernel", "audit"] {
            let facts = of_entries(&[entry(transport)]);
            assert_eq!((facts.mac.len(), facts.mac[0].chars().count()), (1, 300), "{transport}");
        }
        assert!(of_entries(&[entry("journal")]).mac.is_empty());
    }

    #[test]
    fn a_denial_is_one_of_selinux_or_apparmor_about_libvirt_or_polkit() {
        for about in
            ["libvirt-sock", "qemud-sock", "comm=\"libvirtd\"", "comm=\"virtqemud\"", "PolicyKit1", "virt_var_run_t"]
        {
            assert!(is_denial(&format!("avc:  denied  {{ write }} {about}")), "{about}");
            assert!(is_denial(&format!("apparmor=\"DENIED\" {about}")), "{about}");
            assert!(
                !is_denial(&format!("apparmor=\"ALLOWED\" {about}")) && !is_denial(&format!("avc: granted {about}"))
            );
            assert!(!is_denial(&format!("denied {about}")));
        }
        assert!(!is_denial("apparmor=\"DENIED\" comm=\"cupsd\"") && !is_denial("avc: denied comm=\"cupsd\""));
        assert!(!is_denial("apparmor=\"DENIED\" profile=\"libvirt-1234\" name=\"/run/libvirt/libvirt-sock\""));
    }

    #[test]
    fn denials_of_the_audit_log_count_for_a_day() {
        let line =
            |time: &str, about: &str| format!("type=AVC msg=audit({time}:7): avc:  denied  {{ write }} {about}\n");
        let now = 10_000_000;
        let day = RECENT.as_secs();
        let found = |log: &str| recent_denials(log, now).count();
        let polkitd = "comm=\"polkitd\"";
        for (time, expected) in [(now, 1), (now - day, 1), (now - day - 1, 0), (now + 5, 1)] {
            assert_eq!(found(&line(&format!("{time}.123"), polkitd)), expected, "{time}");
        }
        assert_eq!(found(&line("10000000.1", "comm=\"cupsd\"")), 0);
        assert_eq!(found("avc:  denied  { write } comm=\"polkitd\"\n"), 0, "without a time");
        let long = line("10000000.1", &format!("{polkitd} {}", "x".repeat(400)));
        assert_eq!(recent_denials(&long, now).next().unwrap().chars().count(), 300);
    }

    #[test]
    fn only_the_end_of_a_long_log_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        std::fs::write(&path, "short").unwrap();
        assert_eq!(tail(path.to_str().unwrap()).as_deref(), Some(&b"short"[..]));
        let size = usize::try_from(AUDIT_MAX).unwrap();
        std::fs::write(&path, [vec![b'a'; 10], vec![b'b'; size]].concat()).unwrap();
        let read = tail(path.to_str().unwrap()).unwrap();
        assert!(read.len() == size && read.iter().all(|byte| *byte == b'b'));
        assert_eq!(tail("/no/such/log"), None);
    }
}
