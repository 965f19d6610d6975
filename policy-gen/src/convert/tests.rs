use super::*;
use crate::verdict::pkla::{File, Store, parse};

fn tree(reader: Reader, files: &[(&str, &str, &str)]) -> Pkla {
    let mut stores: BTreeMap<&str, Vec<File>> = BTreeMap::new();
    for (directory, name, text) in files {
        let (entries, dropped) = parse(text.as_bytes());
        assert!(dropped.is_empty(), "{dropped:?}");
        stores.entry(directory).or_default().push(File { path: format!("/{directory}/{name}"), entries });
    }
    let stores = stores.into_iter().map(|(key, files)| Store { key: key.to_owned(), files }).collect();
    Pkla { reader, stores }
}

fn entry(identity: &str, action: &str, result: &str) -> String {
    format!("[a]\nIdentity={identity}\nAction={action}\nResultAny={result}\n")
}

fn whys(pkla: &Pkla) -> Vec<String> {
    emit(pkla, "").unwrap_err().into_iter().map(|lost| format!("{}:{}: {}", lost.file, lost.line, lost.why)).collect()
}

#[test]
fn the_output_is_reproducible_and_names_are_data() {
    let text = entry("unix-user:a\"b;unix-group:*", "org.x.</script>;org.x.*", "yes");
    let pkla = tree(Reader::Compat, &[("50-local.d", "x.pkla", &text)]);
    let emitted = emit(&pkla, "// first\n").unwrap();
    assert_eq!(emitted, emit(&pkla, "// first\n").unwrap());
    assert!(emitted.is_ascii() && !emitted.contains("</script>"));
    assert!(emitted.contains(r#"names: {"$unix-user:a\"b": true}, patterns: ["unix-group:*"]"#), "{emitted}");
    assert!(emitted.contains("// /50-local.d/x.pkla:1 [a]"), "{emitted}");
}

#[test]
fn characters_beyond_u_ffff_are_refused() {
    let pkla = tree(Reader::Compat, &[("a", "x.pkla", &entry("unix-user:\u{1f980}", "org.x.y", "yes"))]);
    assert_eq!(
        whys(&pkla),
        ["/a/x.pkla:1: [a] has a name that is not UTF-8, or has characters beyond U+FFFF: \"unix-user:\u{1f980}\""]
    );
}

#[test]
fn characters_beyond_u_ffff_are_refused_in_actions_too() {
    let pkla = tree(Reader::Compat, &[("a", "x.pkla", &entry("unix-user:bob", "org.x.\u{1f980}", "yes"))]);
    assert_eq!(
        whys(&pkla),
        ["/a/x.pkla:1: [a] has a name that is not UTF-8, or has characters beyond U+FFFF: \"org.x.\u{1f980}\""]
    );
}

#[test]
fn entries_meet_if_one_request_can_match_both() {
    let meets = |one: &str, other: &str| [may_meet(one, other), may_meet(other, one)];
    for (one, other) in [
        ("unix-user:a", "unix-user:a"),
        ("unix-user:*", "unix-user:a"),
        ("unix-user:a*", "unix-*:*b"),
        ("unix-netgroup:n", "unix-user:a"),
        ("unix-netgroup:n", "unix-netgroup:m"),
        ("unix-netgroup:n", "unix-group:*"),
    ] {
        assert_eq!(meets(one, other), [true; 2], "{one} {other}");
    }
    for (one, other) in [
        ("unix-user:a", "unix-user:b"),
        ("unix-user:a*", "unix-user:b"),
        ("unix-user:a", "unix-group:a"),
        ("unix-netgroup:n", "unix-group:g"),
    ] {
        assert_eq!(meets(one, other), [false; 2], "{one} {other}");
    }
}

#[test]
fn entries_without_a_certain_order_in_0_105_are_refused() {
    let (yes, no) = (entry("unix-user:*", "org.x.y", "yes"), entry("unix-user:bob", "org.x.*", "no"));
    let two = |reader| tree(reader, &[("a", "1.pkla", &yes), ("a", "2.pkla", &no)]);
    assert_eq!(
        whys(&two(Reader::Native)),
        [
            "/a/2.pkla:1: [a] and [a] in /a/1.pkla:1 may decide the same request, and polkit 0.105 reads the files of a directory \
          in no certain order: put both into one file"
        ]
    );
    assert!(emit(&two(Reader::Compat), "").is_ok(), "compat reads them by name");
    let apart = [("a", "1.pkla", yes.as_str()), ("b", "2.pkla", &no)];
    assert!(emit(&tree(Reader::Native, &apart), "").is_ok(), "directories have an order");
    let other = entry("unix-user:bob", "org.z.*", "no");
    assert!(emit(&tree(Reader::Native, &[("a", "1.pkla", &yes), ("a", "2.pkla", &other)]), "").is_ok());
}

/// Entries in one file. Groups of the same name are merged, so each has its own name.
fn entries(entries: &[(&str, &str, &str)]) -> String {
    let numbered = |(number, (identity, action, result)): (usize, &(&str, &str, &str))| {
        entry(identity, action, result).replace("[a]", &format!("[{number}]"))
    };
    entries.iter().enumerate().map(numbered).collect()
}

/// The lines of a table of the rules file.
fn lines_with<'a>(emitted: &'a str, word: &str) -> Vec<&'a str> {
    emitted.lines().map(|line| line.trim().trim_end_matches(',')).filter(|line| line.starts_with(word)).collect()
}

#[test]
fn every_entry_of_an_action_is_converted_and_an_entry_that_names_it_twice_counts_once() {
    let text = entries(&[
        ("unix-user:a", "org.x.y", "yes"),
        ("unix-user:b", "org.x.z;org.x.*", "no"),
        ("unix-user:c", "org.x.y;org.x.y", "auth_self"),
        ("unix-user:d", "org.x.*;org.x.y;org.x.?", "auth_admin"),
    ]);
    let emitted = emit(&tree(Reader::Compat, &[("50-local.d", "x.pkla", &text)]), "").unwrap();
    assert_eq!(
        lines_with(&emitted, "{action:"),
        [r#"{action: "org.x.y", entries: [0, 2, 3]}"#, r#"{action: "org.x.z", entries: [1]}"#]
    );
    assert_eq!(
        lines_with(&emitted, "{pattern:"),
        [r#"{pattern: "org.x.*", entries: [1, 3]}"#, r#"{pattern: "org.x.?", entries: [3]}"#]
    );
}

#[test]
fn entries_have_the_number_of_their_directory_in_order() {
    let text = entry("unix-user:a", "org.x.y", "yes");
    let files = [("50-local.d", "x.pkla", &*text), ("10-vendor.d", "y.pkla", &text), ("50-local.d", "z.pkla", &text)];
    let emitted = emit(&tree(Reader::Compat, &files), "").unwrap();
    let numbers: Vec<&str> =
        lines_with(&emitted, "{directory:").iter().map(|line| line.split([':', ',']).nth(1).unwrap().trim()).collect();
    assert_eq!(numbers, ["0", "1", "1"]);
}

/// The line of the only entry of a tree.
fn entry_of(reader: Reader, identities: &str, results: &str) -> String {
    let text = format!("[a]\nIdentity={identities}\nAction=org.x.y\n{results}\n");
    let emitted = emit(&tree(reader, &[("a", "x.pkla", &text)]), "").unwrap();
    let [line] = lines_with(&emitted, "{directory:")[..] else { panic!("{emitted}") };
    line.split_once("//").map_or(line, |(line, _)| line).trim_end().trim_end_matches(',').to_owned()
}

#[test]
fn default_is_an_identity_of_compat_and_a_name_for_0_105() {
    let any = "ResultAny=yes";
    assert_eq!(
        entry_of(Reader::Compat, "default", any),
        r#"{directory: 0, byDefault: true, names: {}, patterns: [], netgroups: [], answers: ["yes", null, null]}"#
    );
    assert_eq!(
        entry_of(Reader::Native, "default", any),
        r#"{directory: 0, byDefault: false, names: {"$default": true}, patterns: [], netgroups: [], answers: ["yes", null, null]}"#
    );
}

#[test]
fn identities_are_exact_names_patterns_or_netgroups() {
    let all = "unix-user:b;unix-netgroup:n;unix-user:w*;unix-group:?;unix-user:a;unix-netgroup:m*;unix-user:b";
    let line = entry_of(Reader::Compat, all, "ResultInactive=no\nResultActive=auth_self_keep");
    assert_eq!(
        line,
        r#"{directory: 0, byDefault: false, names: {"$unix-user:a": true, "$unix-user:b": true}, patterns: ["unix-user:w*", "unix-group:?"], netgroups: ["n", "m*"], answers: [null, "no", "auth_self_keep"]}"#
    );
}

#[test]
fn equal_results_and_other_subjects_need_no_order_in_0_105() {
    let two = |one: &str, other: &str| {
        let files = [("a", "1.pkla", one), ("a", "2.pkla", other)];
        emit(&tree(Reader::Native, &files), "").map_or_else(|lost| lost.len(), |_| 0)
    };
    let yes = entry("unix-user:bob", "org.x.y", "yes");
    assert_eq!(two(&yes, &entry("unix-user:bob", "org.x.y", "no")), 1);
    assert_eq!(two(&yes, &yes), 0, "the same results");
    assert_eq!(two(&yes, &entry("unix-user:eve", "org.x.y", "no")), 0, "another user");
    assert_eq!(two(&yes, &entry("unix-user:bob", "org.x.z", "no")), 0, "another action");
    assert_eq!(two(&yes, &entry("unix-user:eve;unix-user:bob", "org.x.z;org.x.y", "no")), 1, "one of several");
    // 0.105 reverses its list after each file, so a second file takes the order from the entries of the first one.
    let own = entries(&[("unix-user:bob", "org.x.y", "yes"), ("unix-user:bob", "org.x.y", "no")]);
    assert_eq!(two(&own, &entry("unix-user:x", "org.x.y", "yes")), 1);
    assert!(emit(&tree(Reader::Native, &[("a", "1.pkla", &own)]), "").is_ok(), "the only file has an order");
}
