use super::*;
use crate::mechanisms::of_action;
use crate::target::{JavaScript, Pkla, Target};

const MANAGE: &str = "org.libvirt.unix.manage";
const RTKIT: &str = "org.freedesktop.RealtimeKit1.acquire-real-time";

fn host(version: u32) -> Facts {
    let target = Target { version: Version(version), pkla: Pkla::No, javascript: JavaScript::Duktape };
    Facts { target: Some(target), ..Facts::default() }
}

fn web() -> Subject {
    Subject { user: "web".into(), uid: 33, password: Some(false), ..Subject::default() }
}

fn service() -> Service {
    let actions = vec![(MANAGE.to_owned(), BTreeMap::new())];
    Service { unit: "web.service".into(), user: Some("web".into()), actions, ask: false }
}

fn texts(fix: &Fix) -> Vec<(&str, &str)> {
    let written = fix.steps.iter().filter_map(|step| match step {
        Step::Write { path, text } => Some((path.as_str(), text.as_str())),
        _ => None,
    });
    written.collect()
}

#[test]
fn the_hook_is_the_way_unless_the_host_or_the_user_needs_the_other_one() {
    let chosen = |facts: &Facts, register| way(facts, &web(), register, false).unwrap().0;
    assert_eq!(chosen(&host(126), false), Way::Hook);
    assert_eq!(chosen(&host(126), true), Way::Registration);
    assert_eq!(way(&host(105), &web(), false, false), Ok((Way::Registration, "because this polkit runs no hook")));
    let selinux = Facts { has_selinux: true, ..host(126) };
    assert_eq!(chosen(&selinux, false), Way::Registration);
    assert_eq!(way(&host(126), &web(), false, true).unwrap().0, Way::Registration, "a person decides");
}

#[test]
fn a_registration_that_polkit_would_not_ask_is_refused() {
    let details = BTreeMap::from([("unit".to_owned(), "a.service".to_owned())]);
    for (facts, subject, said) in [
        (host(126), Subject { is_dynamic: true, ..web() }, "DynamicUser="),
        (host(126), Subject { password: Some(true), ..web() }, "usable password"),
        (Facts { mechanism: of_action(RTKIT), ..host(126) }, web(), "rtkit-daemon never lets polkit ask an agent"),
        (Facts { details, ..host(126) }, web(), "only by the hook"),
    ] {
        let refused = way(&facts, &subject, true, false).unwrap_err();
        assert!(refused.contains(said), "{refused}");
        assert_eq!(way(&facts, &subject, false, false).unwrap().0, Way::Hook, "{said}");
    }
    assert!(way(&Facts { mechanism: of_action(MANAGE), ..host(126) }, &web(), true, false).is_ok());
}

#[test]
fn a_unit_by_the_hook_is_a_file_of_the_agent_and_a_hook_for_each_new_action() {
    let fix = enable(&service(), Way::Hook, &[], false);
    let files = texts(&fix);
    assert_eq!(files[0].0, "/etc/polkit-service-agent/agent.d/50-enable-web.service.toml");
    assert_eq!(
        files[0].1,
        "# Written by `polkit-service-agent enable`. To undo: polkit-service-agent disable web.service\n\
         [[serve]]\nunit = \"web.service\"\nway = \"hook\"\n\n[[rule]]\nid = \"web.service org.libvirt.unix.manage\"\n\
         action = \"org.libvirt.unix.manage\"\nunit = \"web.service\"\nuser = \"web\"\nanswer = \"allow\"\n"
    );
    assert_eq!(files[1].0, "/etc/polkit-policy-gen/policy.d/50-enable-hook-org.libvirt.unix.manage.toml");
    assert_eq!(files[1].1, "[[hook]]\nactions = [\"org.libvirt.unix.manage\"]\non_failure = \"nothing\"\n");
    assert_eq!(fix.steps[2..], [Step::Install, Step::Agent]);
    assert_eq!((fix.id, fix.undo), ("hook-rule", vec!["polkit-service-agent disable web.service".to_owned()]));
    assert_eq!(texts(&enable(&service(), Way::Hook, &[MANAGE.to_owned()], false)).len(), 1);
}

#[test]
fn a_unit_by_registration_is_bound_to_its_user() {
    let fix = enable(&service(), Way::Registration, &[], true);
    let files = texts(&fix);
    assert!(!files[0].1.contains("way = "), "{files:?}");
    assert_eq!(files[1].0, "/etc/polkit-policy-gen/policy.d/50-enable-agent-web.service.toml");
    assert_eq!(files[1].1, "[[agent]]\nactions = [\"org.libvirt.unix.manage\"]\nusers = [\"web\"]\n");
    assert!(fix.id == "agent-rule" && fix.root_equivalent);
}

#[test]
fn details_and_a_person_who_decides_are_in_the_rule_and_a_dynamic_user_is_not() {
    let details = BTreeMap::from([("unit", "a.service"), ("no.key", "x")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    let actions = vec![("org.freedesktop.systemd1.manage-units".to_owned(), details)];
    let fix = enable(&Service { user: None, ask: true, actions, ..service() }, Way::Hook, &[], false);
    let files = texts(&fix);
    assert!(
        files[0].1.contains("details = { \"no.key\" = \"x\", unit = \"a.service\" }\nanswer = \"ask\""),
        "{files:?}"
    );
    assert!(!files[0].1.contains("user = "), "{files:?}");
    assert!(files[1].1.ends_with("\ndetails = [\"no.key\"]\n"), "the agent gets the known details anyway: {files:?}");
}

#[test]
fn a_hook_that_another_file_of_the_agent_needs_stays() {
    let actions = [MANAGE.to_owned(), RTKIT.to_owned()];
    let removed = |exists: fn(&str) -> bool, others: &[&str], agent| {
        let others: Vec<String> = others.iter().map(|ids| (*ids).to_owned()).collect();
        disable("web.service", &actions, &others, exists, agent).steps
    };
    let own = Step::Remove(agent_file("web.service"));
    let hooks = actions.iter().map(|action| Step::Remove(hook_file(action)));
    let stop = ["systemctl", "disable", "--now", AGENT].map(str::to_owned).to_vec();
    let all = removed(|path| path.contains("-hook-"), &["org.other.*"], AgentThen::Idle);
    let files: Vec<Step> = std::iter::once(own.clone()).chain(hooks).collect();
    assert_eq!(all, [&files[..], &[Step::Withdraw, Step::Run(stop)]].concat());
    for covers in [MANAGE, "org.libvirt.*"] {
        let some = removed(|path| path.contains("-hook-"), &[covers], AgentThen::Runs);
        assert_eq!(some, [own.clone(), Step::Remove(hook_file(RTKIT)), Step::Withdraw, Step::Agent], "{covers}");
    }
    let bound = removed(|path| path.contains("-agent-"), &[], AgentThen::Stopped);
    assert_eq!(bound, [own, Step::Remove(bound_file("web.service")), Step::Withdraw], "a stopped agent is not started");
}
