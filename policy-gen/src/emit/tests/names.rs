//! Names are data in the generated files.

use polkit_config::names::check_name;
use proptest::prelude::*;

use super::*;

#[test]
fn a_character_that_duktape_never_matches_is_refused_in_rules() {
    let text = "[[grant]]\nactions = ['a.b']\nusers = ['\u{1f600}']\nresult = 'yes'\n";
    let (_, problems) = emitted(text, Format::Rules, Owner::Admin);
    assert!(problems.len() == 1 && problems[0].contains("p.toml:3:10: a rule can never match"), "{problems:?}");
    assert_eq!(emitted(text, Format::Pkla, Owner::Admin).1, [""; 0]);
}

#[test]
fn many_names_are_split_over_functions() {
    let names: Vec<String> = (0..25_000).map(|number| format!("'u{number}'")).collect();
    let text = format!("[[grant]]\nactions = ['a.b']\nusers = [{}]\nresult = 'yes'\n", names.join(","));
    let (files, _) = emitted(&text, Format::Rules, Owner::Admin);
    assert_eq!(files[0].text.matches("    addNames((function () {").count(), 3);
    assert_eq!(files[0].text.matches("\"$u").count(), 25_000);
}

/// Names with special characters of JavaScript, key files and terminals.
fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "\\PC{1,4}",
        proptest::sample::select(vec![
            "\"",
            "'",
            "\\",
            "</",
            "__proto__",
            "toString",
            "*/",
            "//",
            "\u{2028}",
            "\n",
            ";",
            "{",
            "\u{f6}",
            "a"
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(part, 1..4).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn accepted_names_appear_only_as_ascii_data(users in proptest::collection::vec(name(), 1..5), label in name()) {
        let users: Vec<String> = users.into_iter().filter(|name| name != "*" && check_name(name).is_ok() && name.chars().all(|c| u32::from(c) <= 0xffff)).collect();
        prop_assume!(!users.is_empty());
        let quoted: Vec<String> = users.iter().map(|name| quote::toml(name)).collect();
        let text = format!("[[grant]]\nname = {}\nactions = ['a.b']\nusers = [{}]\nresult = 'yes'\n", quote::toml(&label), quoted.join(", "));
        let (files, problems) = emitted(&text, Format::Rules, Owner::Admin);
        prop_assert!(problems.is_empty(), "{problems:?}");
        let (again, _) = emitted(&text, Format::Rules, Owner::Admin);
        prop_assert_eq!(&files, &again);
        let text = &files[0].text;
        prop_assert!(text.is_ascii());
        // All lines except those with the label and the names are the same as for any other policy.
        let (plain, _) = emitted("[[grant]]\nactions = ['a.b']\nusers = ['x']\nresult = 'yes'\n", Format::Rules, Owner::Admin);
        let other = |text: &str| -> Vec<String> {
            let of_grant = |line: &&str| ["action.id", "subject.user", "// Grant:"].iter().any(|part| line.contains(part));
            text.lines().filter(|line| !of_grant(line)).map(str::to_owned).collect()
        };
        prop_assert_eq!(other(text), other(&plain[0].text));
        let condition = text.lines().find(|line| line.contains("subject.user")).unwrap().trim();
        let condition = condition.strip_prefix("if (action.id === \"a.b\" && ").unwrap_or(condition);
        let names = match condition.strip_prefix("subject.user === ") {
            Some(name) => format!("[{}]", name.strip_suffix(") {").unwrap()),
            None => condition.rsplit_once(".indexOf(subject.user)").unwrap().0.to_owned(),
        };
        let names: std::collections::BTreeSet<String> = serde_json::from_str(&names).unwrap();
        prop_assert_eq!(names, users.iter().cloned().collect::<std::collections::BTreeSet<_>>());
    }

    #[test]
    fn accepted_names_appear_in_tables_only_as_ascii_data(users in proptest::collection::vec(name(), 1..5), label in name()) {
        let users: Vec<String> = users.into_iter().filter(|name| name != "*" && check_name(name).is_ok() && name.chars().all(|c| u32::from(c) <= 0xffff)).collect();
        prop_assume!(!users.is_empty());
        let quoted: Vec<String> = users.iter().map(|name| quote::toml(name)).collect();
        let text = format!("[[grant]]\nname = {}\nactions = ['a.b']\nusers = [{}]\nresult = 'yes'\n", quote::toml(&label), quoted.join(", "));
        let text = super::many::tables(&text, GrantKind::Grant);
        prop_assert!(text.is_ascii());
        let plain = super::many::tables("[[grant]]\nactions = ['a.b']\nusers = ['x']\nresult = 'yes'\n", GrantKind::Grant);
        let other = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.contains("users: {") && !line.contains("{any:")).map(str::to_owned).collect()
        };
        prop_assert_eq!(other(&text), other(&plain));
        let table = text.lines().find_map(|line| line.trim().strip_prefix("users: {\"").map(|_| line.trim().trim_start_matches("users: ").trim_end_matches(','))).unwrap();
        let table: std::collections::BTreeMap<String, usize> = serde_json::from_str(table).unwrap();
        let expected: std::collections::BTreeSet<String> = users.iter().map(|name| format!("${name}")).collect();
        prop_assert_eq!(table.keys().cloned().collect::<std::collections::BTreeSet<_>>(), expected);
    }
}
