use super::*;
use crate::doctor::facts::model;
use crate::target::{JavaScript, Pkla, Target, Version};
use crate::verdict::Outcome;

use super::super::super::facts::GroupRemedy;

pub(super) fn details(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A host with this polkit.
pub(super) fn host(version: u32) -> Facts {
    let target = Target { version: Version(version), pkla: Pkla::No, javascript: JavaScript::Duktape };
    Facts { target: Some(target), has_systemd: true, is_root: true, ..Facts::default() }
}

pub(super) fn subject(unit: Option<&str>) -> Subject {
    Subject { user: "www-data".to_owned(), uid: 33, unit: unit.map(str::to_owned), ..Subject::default() }
}

/// The decision about this action, which a grant can change.
pub(super) fn decision(action: &str) -> Decision {
    model::decision(action, Outcome::Depends)
}

/// The ids of the fixes for this subject and decision.
fn ids(mut facts: Facts, subject: Subject, decision: Decision) -> Vec<&'static str> {
    (facts.subject, facts.answer) = (Some(subject), Some(decision));
    access(&facts).iter().map(|fix| fix.id).collect()
}

#[test]
fn a_grant_for_units_names_the_unit_and_the_verb() {
    let (text, is_open) =
        grant_text("n", &to_user("bob"), SYSTEMD_ACTION, &details(&[("unit", "a.service"), ("verb", "start")]));
    let expected = "[[systemd]]\nname = \"n\"\nunits = [\"a.service\"]\nverbs = [\"start\"]\nusers = [\"bob\"]\n";
    assert_eq!((text.as_str(), is_open), (expected, false));
    let (text, is_open) = grant_text("n", &to_user("bob"), SYSTEMD_ACTION, &details(&[]));
    assert!(text.contains("units = [\"UNIT.service\"]\nusers") && is_open, "{text}");
}

#[test]
fn a_grant_has_the_details_of_the_request_and_a_placeholder_for_a_program() {
    let (text, is_open) = grant_text("n", &to_user("bob"), "org.a.run", &details(&[]));
    let expected = "[[grant]]\nname = \"n\"\nactions = [\"org.a.run\"]\nusers = [\"bob\"]\nresult = \"yes\"\n";
    assert_eq!((text.as_str(), is_open), (expected, false));
    let (text, is_open) = grant_text("n", &to_user("bob"), "org.a.run", &details(&[("k", "v"), ("l m", "w")]));
    assert!(text.contains("users = [\"bob\"]\ndetails = { k = \"v\", \"l m\" = \"w\" }\nresult") && !is_open, "{text}");
    let (text, is_open) = grant_text("n", &to_user("bob"), EXEC, &details(&[("user", "root")]));
    let placeholder = "details = { program = \"/PATH/OF/THE/PROGRAM\", user = \"root\" }\n";
    assert!(text.contains(placeholder) && is_open, "{text}");
    let (text, is_open) = grant_text("n", &to_user("bob"), EXEC, &details(&[("program", "/bin/a")]));
    assert!(text.contains("details = { program = \"/bin/a\" }\n") && !is_open, "{text}");
}

#[test]
fn a_request_is_root_equivalent_by_its_action_or_without_the_detail_that_limits_it() {
    let unit = [("unit", "a.service")];
    let program = [("program", "/bin/a")];
    for (action, pairs, expected) in [
        (MANAGE, &unit[..], true),
        ("org.libvirt.api.domain.write", &[], true),
        ("org.libvirt.api.domain.read", &[], false),
        (SYSTEMD_ACTION, &[], true),
        (SYSTEMD_ACTION, &program, true),
        (SYSTEMD_ACTION, &unit, false),
        (EXEC, &[], true),
        (EXEC, &unit, true),
        (EXEC, &program, false),
        ("org.a.run", &[], false),
    ] {
        assert_eq!(is_root_equivalent(action, &details(pairs)), expected, "{action} {pairs:?}");
    }
}

#[test]
fn a_file_is_written_with_its_directory() {
    assert_eq!(
        written("/etc/a b/x.toml", "k = 1\n"),
        ["mkdir -p '/etc/a b'", "cat > '/etc/a b/x.toml' <<'END'\nk = 1\nEND"]
    );
    assert_eq!(written("x", "")[0], "mkdir -p /");
    assert_eq!(slug("a.B-1_ä"), "a-B-1--");
    assert_eq!(slug(&"x".repeat(61)), "x".repeat(60));
}

#[test]
fn a_read_only_connection_and_a_group_are_fixes_with_their_reach() {
    let fix = read_only();
    assert!(fix.manual && fix.id == "open-read-only" && fix.grants.contains("org.libvirt.unix.monitor"), "{fix:?}");
    assert_eq!(fix.commands.len(), 2);
    assert!(fix.commands[0] == "virsh -r -c qemu:///system list" && fix.commands[1].contains("libvirt_connect("));
    for root_equivalent in [true, false] {
        let fix = join_group("bob", "vm", root_equivalent);
        assert_eq!((fix.id, fix.root_equivalent, fix.manual), ("join-group", root_equivalent, false));
        assert_eq!(
            (fix.commands, fix.undo),
            (vec!["usermod -aG vm bob".into()], vec!["gpasswd --delete bob vm".into()])
        );
        assert_eq!(fix.steps, [Step::Join { user: "bob".to_owned(), group: "vm".to_owned() }]);
        assert!(fix.grants.starts_with("bob all permissions of the group vm, "), "{}", fix.grants);
    }
}

#[test]
fn the_running_agent_is_the_way_to_a_rule_for_one_unit() {
    let fix = name_the_unit(&subject(Some("a.service")), "org.a.run");
    assert_eq!((fix.id, fix.manual, fix.commands.len()), ("use-the-agent", true, 2));
    assert_eq!(fix.commands[0], "polkit-policy-gen doctor --unit a.service --action org.a.run");
    assert!(fix.commands[1].contains("agent.toml(5)") && fix.grants.starts_with("nothing"), "{fix:?}");
    assert!(name_the_unit(&subject(None), "org.a.run").commands[0].contains("--unit UNIT "));
}

#[test]
fn a_grant_for_a_text_is_completed_by_hand() {
    let fix = grant_for("USER", "org.a.run", &details(&[("k", "v")]));
    assert!(fix.manual && !fix.root_equivalent && fix.steps.is_empty() && fix.id == "grant-user");
    assert_eq!(fix.grants, "every process of USER org.a.run with k=v");
    let commands = fix.commands.join("\n");
    assert!(commands.starts_with("mkdir -p /etc/polkit-policy-gen/policy.d\ncat > "), "{commands}");
    assert!(commands.contains("name = \"org.a.run for USER\"") && commands.ends_with("END\npolkit-policy-gen install"));
    assert!(grant_for("USER", EXEC, &details(&[])).root_equivalent);
    assert_eq!(request("org.a.run", &details(&[])), "org.a.run");
}

#[test]
fn a_grant_is_a_file_named_for_user_action_and_details() {
    let granted = |facts: &Facts, decision: &Decision| grant_user(facts, &subject(None), decision);
    let facts = Facts { details: details(&[("unit", "a b.service")]), ..host(126) };
    let fix = granted(&facts, &decision("org.x.freedesktop.a.run"));
    let path = "/etc/polkit-policy-gen/policy.d/50-doctor-www-data-freedesktop-a-run-a-b-service.toml";
    let [Step::Write { path: at, text }, Step::Install] = fix.steps.as_slice() else { panic!("{fix:?}") };
    assert_eq!((at.as_str(), fix.id), (path, "grant-user"));
    assert!(text.contains("name = \"org.x.freedesktop.a.run for www-data\"\n"), "{text}");
    assert_eq!(fix.commands, [&written(path, text)[..], &["polkit-policy-gen install".to_owned()]].concat());
    assert_eq!(fix.undo, [&format!("rm {path}"), "polkit-policy-gen install || polkit-policy-gen remove"]);
    let grants = "every process of www-data org.x.freedesktop.a.run with unit=a b.service, and nothing to other users";
    assert_eq!((fix.grants.as_str(), fix.manual, fix.root_equivalent), (grants, false, false));
    assert_eq!(granted(&host(105), &decision("org.a.run")).steps.last(), Some(&Step::RestartPolkitd));
    let long = Facts { details: details(&[("a", &"x".repeat(60)), ("b", &"y".repeat(60))]), ..host(126) };
    let Step::Write { path, .. } = &granted(&long, &decision("org.a.run")).steps[0] else { panic!() };
    let stem = path.rsplit('/').next().unwrap().trim_end_matches(".toml");
    assert!(stem.len() == 120 && stem.starts_with("50-doctor-www-data-org-a-run-xxx"), "{stem}");
}

#[test]
fn a_grant_that_lacks_a_detail_or_that_install_cannot_add_is_made_by_hand() {
    let open = grant_user(&host(126), &subject(None), &decision(EXEC));
    assert!(open.manual && open.root_equivalent, "{open:?}");
    assert!(open.grants.ends_with("Complete it by hand: without this detail it would be equivalent to root access"));
    let other = Decision { no_grant: Some("there is another policy".to_owned()), ..decision("org.a.run") };
    let fix = grant_user(&host(126), &subject(None), &other);
    assert!(fix.manual && !fix.root_equivalent, "{fix:?}");
    assert!(fix.grants.ends_with("other users. Not possible with --fix: there is another policy"), "{}", fix.grants);
}

#[test]
fn a_unit_gets_a_user_named_for_it() {
    let with = |unit: &str, unit_user: Option<&str>| {
        own_user(&Subject { unit_user: unit_user.map(str::to_owned), ..subject(Some(unit)) })
    };
    let fix = with("Web App.service", Some("www-data")).unwrap();
    let path = "'/etc/systemd/system/Web App.service.d/50-own-user.conf'";
    let restart = "systemctl daemon-reload && systemctl restart 'Web App.service'";
    assert_eq!(
        fix.commands,
        [
            "useradd --system --no-create-home --shell /usr/sbin/nologin web-app",
            "mkdir -p '/etc/systemd/system/Web App.service.d'",
            &format!("cat > {path} <<'END'\n[Service]\nUser=web-app\nGroup=web-app\nEND"),
            "chown -R web-app:web-app THE-UNIT-S-FILES",
            restart,
        ]
    );
    assert_eq!((fix.id, fix.manual, fix.undo), ("own-user", true, vec![format!("rm {path}"), restart.to_owned()]));
    assert_eq!(
        fix.grants,
        "nothing; it separates Web App.service from other services that run as www-data. Then grant access to the user \
         web-app"
    );
    for (unit, unit_user) in
        [("web.service", None), ("web.service", Some("root")), ("www-data.service", Some("www-data"))]
    {
        assert_eq!(with(unit, unit_user), None, "{unit} {unit_user:?}");
    }
    assert_eq!(with("1a.service", Some("www-data")), None, "no user name starts with a digit");
    let long = with(&format!("{}.service", "x".repeat(40)), Some("www-data")).unwrap();
    assert!(long.commands[0].ends_with(&format!(" {}", "x".repeat(32))), "{long:?}");
    assert_eq!(own_user(&subject(None)), None);
}

#[test]
fn the_fixes_for_access_depend_on_the_subject_and_its_host() {
    let unit = || subject(Some("web.service"));
    let own = || Subject { unit_user: Some("www-data".to_owned()), ..unit() };
    assert_eq!(access(&Facts::default()), []);
    assert_eq!(ids(host(126), subject(None), decision("org.a.run")), ["grant-user"]);
    assert_eq!(ids(host(126), subject(None), decision(MANAGE)), ["open-read-only", "grant-user"]);
    assert_eq!(ids(host(126), unit(), decision("org.a.run")), ["hook-rule", "grant-user"]);
    assert_eq!(ids(host(126), own(), decision("org.a.run")), ["own-user", "hook-rule", "grant-user"]);
    let by_unit = Facts { knows_unit: true, ..host(126) };
    assert_eq!(ids(by_unit, own(), decision("org.a.run")), ["grant-unit", "own-user", "hook-rule", "grant-user"]);
    let dynamic = || Subject { is_dynamic: true, ..own() };
    assert_eq!(ids(host(126), dynamic(), decision("org.a.run")), ["hook-rule"]);
    assert_eq!(ids(host(126), Subject { is_dynamic: true, ..subject(None) }, decision(MANAGE)), ["open-read-only"]);
    let late = Decision { grant_comes_first: false, ..decision("org.a.run") };
    assert_eq!(ids(host(126), subject(None), late), [""; 0]);
    let mut running = host(126);
    running.agent.running = true;
    assert_eq!(ids(running, subject(None), decision(MANAGE)), ["open-read-only", "use-the-agent", "grant-user"]);
    let mut running = host(126);
    running.agent.running = true;
    assert_eq!(ids(running, unit(), decision(MANAGE)), ["open-read-only", "hook-rule", "grant-user"]);
}

#[test]
fn at_most_two_groups_that_exist_are_offered() {
    let remedy = |group: &str, exists| GroupRemedy { group: group.to_owned(), place: None, exists, similar_name: None };
    let groups = vec![remedy("a", false), remedy("b", true), remedy("c", true), remedy("d", true)];
    let mut facts = host(126);
    facts.subject = Some(subject(None));
    facts.answer = Some(Decision { groups: groups.clone(), ..decision("org.a.run") });
    let joins: Vec<Fix> = access(&facts).into_iter().filter(|fix| fix.id == "join-group").collect();
    assert_eq!(joins, [join_group("www-data", "b", false), join_group("www-data", "c", false)]);
    facts.answer = Some(Decision { groups, ..decision(MANAGE) });
    assert_eq!(access(&facts).last(), Some(&join_group("www-data", "c", true)));
}
