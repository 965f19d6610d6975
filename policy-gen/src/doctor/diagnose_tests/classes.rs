//! What the doctor says of the class of a mechanism, and which fixes it leaves out.

use super::*;
use crate::mechanisms::of_action;

/// A refusal of an action to a unit, with the implicit authorization of the action.
fn refused(action: &str, implicit: ImplicitAuthorization) -> Facts {
    changed(|facts| {
        facts.about_libvirt = false;
        facts.libvirt = crate::doctor::facts::Libvirt::default();
        facts.action = Some(action.to_owned());
        facts.mechanism = of_action(action);
        facts.implicit = Some(implicit);
        facts.subject.as_mut().unwrap().unit = Some("web.service".to_owned());
        let mut asked = answer(implicit, DeciderKind::Implicit, "/usr/share/polkit-1/actions/x.policy");
        asked.action = action.to_owned();
        facts.answer = Some(asked);
    })
}

#[test]
fn the_evidence_says_when_polkit_asks_an_agent() {
    let (admin, no) = (ImplicitAuthorization::AuthAdmin, ImplicitAuthorization::No);
    for (action, implicit, said) in [
        ("org.freedesktop.RealtimeKit1.acquire-real-time", admin, &["never lets polkit ask an agent"][..]),
        ("org.freedesktop.login1.reboot", admin, &["only if the client allows interaction"]),
        ("org.freedesktop.udisks2.eject-media", admin, &["UDisks always lets polkit ask an agent"]),
        ("org.debian.pcsc-lite.access_card", no, &["only after a policy rule says auth_self", "without its unit"]),
    ] {
        let found = diagnose(&refused(action, implicit));
        let evidence = found.iter().flat_map(|finding| &finding.evidence).cloned().collect::<Vec<_>>().join("\n");
        for text in said {
            assert!(evidence.contains(text), "{action}: no `{text}` in {evidence}");
        }
    }
}

#[test]
fn registration_is_no_fix_where_the_mechanism_never_asks_an_agent() {
    let fixes = |action: &str| {
        let mut facts = refused(action, ImplicitAuthorization::AuthAdmin);
        // polkitd cannot run the hook.
        facts.has_selinux = true;
        let found = diagnose(&facts);
        found.iter().flat_map(|finding| &finding.fixes).map(|fix| fix.id).collect::<Vec<_>>()
    };
    assert!(fixes("org.freedesktop.udisks2.eject-media").contains(&"agent-rule"));
    let never = fixes("org.freedesktop.RealtimeKit1.acquire-real-time");
    assert!(!never.contains(&"agent-rule") && never.contains(&"grant-user"), "{never:?}");
}
