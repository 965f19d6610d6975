use polkit_config::report::Source;

use super::super::request::{Request, Subject, Unnamed};
use super::*;
use crate::policy;

fn set(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn grant(actions: &[&str], details: &[(&str, &[&str])]) -> Grant {
    let details = details.iter().map(|(key, values)| ((*key).to_owned(), set(values))).collect();
    Grant { user: Some("alice".into()), unit: None, actions: set(actions), details }
}

#[test]
fn the_file_is_a_valid_policy_with_everything_that_was_seen() {
    let grants = [
        Grant {
            user: None,
            unit: Some("dyn.service".into()),
            ..grant(&["org.freedesktop.NetworkManager.reload", "org.freedesktop.NetworkManager.wifi.scan"], &[])
        },
        grant(&[SYSTEMD_ACTION], &[("unit", &["a.service", "b@x.service"]), ("verb", &["levitate", "stop"])]),
        grant(&["org.freedesktop.udisks2.filesystem-mount"], &[("id.uuid", &["1-2"]), ("mount.as-user", &["a\"b"])]),
        grant(&["org.freedesktop.udisks2.eject-media"], &[("id.uuid", &["1-2"])]),
    ];
    let request = Request {
        subject: Subject {
            user: "bob".into(),
            unit: Some("x.service".into()),
            unnamed: Some(Unnamed::Ended),
            ..Subject::default()
        },
        action: "org.example.run".into(),
        details: [("job".to_owned(), "1\n2".to_owned())].into(),
    };
    let left_out = [LeftOut { request, why: "it ended".into(), instead: Some("do this".into()) }];
    let cases = [("polkit-policy-gen explain --user alice".to_owned(), "yes".to_owned())];
    let text = file(&["Seen on\nthis host".to_owned()], &grants, &left_out, &cases);
    insta::assert_snapshot!(text);
    let read = policy::read(&[Source::new("x.toml", text.as_str())]).expect("a valid policy");
    assert_eq!(read.0.grants.len(), 4);
}

#[test]
fn root_equivalent_grants_are_named_with_the_reason() {
    let why = |grant: Grant| root_equivalent(&grant);
    let exec = "org.freedesktop.policykit.exec";
    let of_program = why(grant(&[exec], &[("program", &["/usr/bin/id"]), ("user", &["root"])]));
    assert_eq!(of_program.as_deref(), Some("unless /usr/bin/id is harmless with every input"));
    assert!(why(grant(&["org.libvirt.unix.manage"], &[])).unwrap().contains("any disk"));
    assert!(why(grant(&["org.example.x", "org.freedesktop.systemd1.reload-daemon"], &[])).is_some());
    let install = "org.freedesktop.packagekit.package-install";
    assert!(why(grant(&[install], &[("package_ids", &["a;1;all;x"])])).unwrap().contains("scripts of a package"));
    assert_eq!(why(grant(&["org.freedesktop.packagekit.system-sources-refresh"], &[])), None);
    assert_eq!(why(grant(&[SYSTEMD_ACTION], &[("unit", &["a.service"]), ("verb", &["stop"])])), None);
    assert_eq!(why(grant(&["org.freedesktop.NetworkManager.wifi.scan"], &[])), None);
}

#[test]
fn each_detail_is_changed_once() {
    let details = BTreeMap::from([("unit", "a.service"), ("verb", "stop")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    let others = other_details(&details);
    assert_eq!(others.len(), 2);
    assert!(others.iter().all(|other| other != &details && other.len() == 2));
    assert!(other_details(&BTreeMap::new()).is_empty());
}
