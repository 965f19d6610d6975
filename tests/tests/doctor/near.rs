//! The doctor names the one condition that keeps a policy rule or a pkla entry from allowing the request, and why it fails.

use polkit_tests::doctor::{Found, MANAGE, PKLA, RULES, healthy, look};
use polkit_tests::{Root, Suite, on_each_suite};

on_each_suite! {
    the_condition_that_keeps_a_rule_or_entry_from_a_yes_is_named
}

/// The notes: each with its cause and its evidence.
fn notes(found: &Found) -> Vec<(String, String)> {
    let findings = found.json["findings"].as_array().unwrap().iter();
    let notes = findings.filter(|finding| finding["level"] == "note");
    notes
        .map(|note| {
            assert_eq!(
                (note["code"].as_str(), note["fixes"].as_array().map(Vec::len)),
                (Some("rule-nearly-allows"), Some(0))
            );
            (note["cause"].as_str().unwrap().to_owned(), note["evidence"].to_string())
        })
        .collect()
}

fn the_condition_that_keeps_a_rule_or_entry_from_a_yes_is_named(root: &Root) {
    let suite = root.suite();
    let bed = healthy(root, |builder| builder.with_pkla());
    let asked = |user: &str| look(&bed, &["--user", user, "--action", MANAGE]);
    if suite != Suite::Bullseye {
        let rule = |conditions: &str| {
            let text = format!(
                "polkit.addRule(function (action, subject) {{\n    if (action.id == \"{MANAGE}\" &&\n        {conditions}) {{\n        \
                 return polkit.Result.YES;\n    }}\n}});\n"
            );
            bed.write(format!("{RULES}/40-near.rules"), 0o644, text);
        };
        let near = |user: &str, condition: &str, why: &str| {
            let found = asked(user);
            let notes = notes(&found);
            let [(cause, evidence)] = &notes[..] else { panic!("{suite}: {:#}", found.json) };
            assert!(
                cause.contains(&format!("{RULES}/40-near.rules:3")) && cause.contains(condition),
                "{suite}: {cause}"
            );
            assert!(evidence.contains(why), "{suite}: {evidence}");
        };
        rule("subject.user == \"alice\" && subject.seat == \"seat0\"");
        near("alice", "`subject.seat == \"seat0\"`", "no session and no seat");
        // Two conditions fail for bob.
        assert_eq!(notes(&asked("bob")), [], "{suite}");
        rule("subject.user == \"alice\"");
        near("bob", "`subject.user == \"alice\"`", "the user is bob");
        // A condition on the action is no near miss, and the group of libvirt's own rule is in the finding.
        bed.remove(format!("{RULES}/40-near.rules"));
        let found = asked("alice");
        assert_eq!(found.codes(), ["not-in-group"], "{suite}: {:#}", found.json);
        let evidence = found.json["findings"][0]["evidence"].to_string();
        let names_condition =
            evidence.contains("subject.isInGroup(\\\"libvirt\\\")") && evidence.contains("would allow it but for");
        assert!(names_condition, "{suite}: {evidence}");
    }
    if matches!(suite, Suite::Bullseye | Suite::Bookworm) {
        let entry = |identity: &str, result: &str| {
            let text = format!("[near]\nIdentity={identity}\nAction={MANAGE}\n{result}\n");
            bed.write(format!("{PKLA}/near.pkla"), 0o644, text);
        };
        entry("unix-user:bob", "ResultAny=yes");
        let found = notes(&asked("alice"));
        let [(cause, evidence)] = &found[..] else { panic!("{suite}: {found:?}") };
        assert!(cause.contains("near.pkla:1") && cause.contains("its Identity `unix-user:bob`"), "{suite}: {cause}");
        assert!(evidence.contains("the user is alice"), "{suite}: {evidence}");
        entry("unix-user:alice", "ResultActive=yes\nResultAny=auth_admin");
        let found = asked("alice");
        assert!(found.json.to_string().contains("its ResultAny, which is auth_admin"), "{suite}: {:#}", found.json);
    }
}
