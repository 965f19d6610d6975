//! Repairs are evaluated before they are offered: what polkit decides with them, and whether other users get something.

use polkit_tests::doctor::{Found, MANAGE, RULES, doctor, healthy, look, sh};
use polkit_tests::{Bed, Root, on_each_suite_with_rules};

on_each_suite_with_rules! {
    a_repair_says_what_polkit_then_decides
    a_repair_that_gives_something_to_every_user_is_by_hand
    a_repair_of_a_file_with_an_error_is_by_hand
    a_file_of_another_user_is_not_made_readable
}

const ASKED: [&str; 4] = ["--user", "www-data", "--action", MANAGE];

fn rule(condition: &str) -> String {
    format!(
        "polkit.addRule(function (action, subject) {{\n    if (action.id == \"{MANAGE}\" && {condition}) {{\n        return \
         polkit.Result.YES;\n    }}\n}});\n"
    )
}

/// The fix with this id: whether it is by hand, what it grants, and what polkit decides with it.
fn fix(found: &Found, id: &str) -> (bool, String, Option<String>) {
    let all = found.json["findings"].as_array().unwrap().iter();
    let fix = all.flat_map(|finding| finding["fixes"].as_array().unwrap()).find(|fix| fix["id"] == id);
    let fix = fix.unwrap_or_else(|| panic!("no fix {id}: {:#}", found.json));
    let text = |key: &str| fix[key].as_str().map(str::to_owned);
    (fix["manual"] == true, text("grants").unwrap(), text("expected"))
}

fn without_group(root: &Root) -> polkit_tests::LightBed {
    let bed = healthy(root, |builder| builder);
    sh(&bed, "gpasswd --delete www-data libvirt || true");
    bed
}

fn listing(bed: &Bed) -> String {
    bed.exec(["sh", "-c", "find /etc/polkit-1 -printf '%M %u:%g %p\\n' | sort"]).success().stdout
}

fn a_repair_says_what_polkit_then_decides(root: &Root) {
    let bed = without_group(root);
    bed.write(format!("{RULES}/50-web.rules"), 0o600, rule("subject.user == \"www-data\""));
    let found = look(&bed, &ASKED);
    assert_eq!(fix(&found, "make-readable").2.as_deref(), Some("yes"), "{:#}", found.json);
    let text = doctor(&bed, &ASKED);
    assert!(text.stdout.contains("With it, polkit's decision is yes."), "{text}");
    // Another rule refuses first: the repair is possible, and not sufficient.
    bed.write(format!("{RULES}/10-no.rules"), 0o644, rule("true").replace("YES", "NO"));
    let found = look(&bed, &ASKED);
    assert_eq!(fix(&found, "make-readable").2.as_deref(), Some("no"), "{:#}", found.json);
}

fn a_repair_that_gives_something_to_every_user_is_by_hand(root: &Root) {
    let bed = without_group(root);
    let open = "polkit.addRule(function (action, subject) { return polkit.Result.YES; });\n";
    let allows = format!("it would allow {MANAGE} to every user");
    for (text, why) in [(rule("true"), allows.as_str()), (open.to_owned(), "every user is granted every action")] {
        bed.write(format!("{RULES}/50-web.rules"), 0o600, text);
        let before = listing(&bed);
        let found = look(&bed, &ASKED);
        let (manual, grants, expected) = fix(&found, "make-readable");
        assert!(manual && grants.contains(why) && expected.is_none(), "{grants}");
        let refused = doctor(&bed, &[&ASKED[..], &["--fix", "make-readable", "--yes"]].concat()).failure();
        assert!(refused.stderr.contains("must be done by hand"), "{refused}");
        assert_eq!(listing(&bed), before);
    }
}

fn a_repair_of_a_file_with_an_error_is_by_hand(root: &Root) {
    let bed = without_group(root);
    let broken = rule("subject.user == \"www-data\"").replace("});", "}");
    bed.write(format!("{RULES}/50-web.rules"), 0o600, broken);
    let (manual, grants, _) = fix(&look(&bed, &ASKED), "make-readable");
    assert!(manual && grants.contains("/etc/polkit-1/rules.d/50-web.rules: "), "{grants}");
}

fn a_file_of_another_user_is_not_made_readable(root: &Root) {
    let bed = without_group(root);
    bed.write(format!("{RULES}/50-web.rules"), 0o600, rule("subject.user == \"www-data\""));
    sh(&bed, &format!("chown www-data {RULES}/50-web.rules"));
    let found = look(&bed, &ASKED);
    let (manual, grants, _) = fix(&found, "make-readable");
    assert!(manual && grants.contains("Not possible with --fix"), "{grants} {:#}", found.json);
}
