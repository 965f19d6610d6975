use super::super::tests::{decision, host, subject};
use super::*;
use crate::policy::SYSTEMD_ACTION;

const ACTION: &str = "org.freedesktop.login1.reboot";

fn facts(subject: Subject) -> Facts {
    Facts { knows_unit: true, subject: Some(subject), ..host(126) }
}

fn of(subject: Subject, action: &str, details: &[(&str, &str)]) -> Option<Fix> {
    let details = details.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let facts = Facts { details, ..facts(subject.clone()) };
    grant(&facts, &subject, &decision(action))
}

fn web() -> Subject {
    subject(Some("web.service"))
}

#[test]
fn the_grant_names_the_unit_the_user_and_the_details() {
    let fix = of(web(), SYSTEMD_ACTION, &[("unit", "a.service"), ("verb", "restart")]).unwrap();
    let path =
        "/etc/polkit-policy-gen/policy.d/50-doctor-unit-web-freedesktop-systemd1-manage-units-a-service-restart.toml";
    let text = format!(
        "[[systemd]]\nname = \"{SYSTEMD_ACTION} for web.service\"\nunits = [\"a.service\"]\nverbs = [\"restart\"]\n\
         users = [\"www-data\"]\nunit = \"web.service\"\n"
    );
    assert_eq!(fix.steps, [Step::Write { path: path.to_owned(), text }, Step::Install]);
    assert!(!fix.manual && !fix.root_equivalent && fix.id == "grant-unit");
    assert!(
        fix.grants.starts_with("processes of web.service with the user www-data org.freedesktop"),
        "{}",
        fix.grants
    );
    let dynamic = of(Subject { is_dynamic: true, ..web() }, ACTION, &[]).unwrap();
    let text = "[[grant]]\nname = \"org.freedesktop.login1.reboot for web.service\"\nactions = [\"org.freedesktop.login1.reboot\"]\n\
                unit = \"web.service\"\nresult = \"yes\"\n";
    assert!(
        dynamic.steps.iter().any(|step| matches!(step, Step::Write { text: own, .. } if own == text)),
        "{dynamic:?}"
    );
}

#[test]
fn there_is_no_grant_by_unit_where_it_would_not_apply_or_would_be_too_much() {
    assert!(of(web(), ACTION, &[]).is_some());
    assert_eq!(of(web(), SYSTEMD_ACTION, &[]), None, "any unit is equivalent to root");
    assert_eq!(of(Subject { uid: 0, ..web() }, ACTION, &[]), None);
    assert_eq!(of(subject(None), ACTION, &[]), None);
    assert_eq!(of(subject(Some("session-1.scope")), ACTION, &[]), None);
    let without = Facts { knows_unit: false, ..facts(web()) };
    assert_eq!(grant(&without, &web(), &decision(ACTION)), None);
    let mut served = facts(web());
    served.agent.serves = true;
    assert_eq!(grant(&served, &web(), &decision(ACTION)), None);
    let late = Decision { grant_comes_first: false, ..decision(ACTION) };
    assert_eq!(grant(&facts(web()), &web(), &late), None);
    let other = Decision { no_grant: Some("x".to_owned()), ..decision(ACTION) };
    assert!(
        grant(&facts(web()), &web(), &other).is_some_and(|fix| fix.manual && fix.grants.ends_with("with --fix: x"))
    );
}
