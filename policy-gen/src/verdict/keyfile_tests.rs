use super::*;

fn groups(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let pair = |(key, (value, _)): (&Vec<u8>, &(Vec<u8>, usize))| {
        (String::from_utf8_lossy(key).into_owned(), String::from_utf8_lossy(value).into_owned())
    };
    parse(text.as_bytes())
        .unwrap()
        .iter()
        .map(|group| (group.name.clone(), group.keys.iter().map(pair).collect()))
        .collect()
}

fn one(text: &str) -> Vec<(String, String)> {
    groups(text).remove(0).1
}

#[test]
fn blanks_around_the_equals_sign_are_trimmed_but_not_at_the_end() {
    assert_eq!(one("[a]\n  k \t=\t v \r\n"), [("k".to_owned(), "v ".to_owned())]);
    assert_eq!(one("\n# c\n [a] \t\nk=1\nk=2\n"), [("k".to_owned(), "2".to_owned())]);
}

#[test]
fn groups_with_the_same_name_are_merged() {
    let merged = parse(b"[a]\nx=1\n[b]\n[a]\ny=2\n").unwrap();
    assert_eq!((merged.len(), merged[0].keys.len(), merged[0].merged_at), (2, 2, Some(4)));
}

#[test]
fn one_malformed_line_invalidates_the_file() {
    for text in [
        "k=v\n",
        "[a]\nword\n",
        "; c\n",
        "\u{feff}[a]\n",
        "[a]\n=v\n",
        "[]\n",
        "[a[b]\n",
        "[a]b]\n",
        "[a\u{1}]\n",
        "[a]\nk]=v\n",
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text:?}");
    }
    assert_eq!(parse(b"[a]\n\nword").unwrap_err().line, 3);
}

#[test]
fn a_nul_ends_the_line_and_latin_1_in_a_comment_is_harmless() {
    assert_eq!(one("[a]\nk=v\n\0"), [("k".to_owned(), "v".to_owned())]);
    assert!(parse(b"[a]\n# \xe4\nk=v\n").is_ok());
}

#[test]
fn lists_are_split_at_semicolons_and_keep_their_blanks() {
    assert_eq!(list(b"a; b;").unwrap(), ["a", " b"]);
    assert_eq!(list(b"a\\;b;\\\\").unwrap(), ["a;b", "\\"]);
    assert_eq!(list(b"").unwrap(), [""; 0]);
    assert!(list(b"\\x61").is_err() && list(b"a\\").is_err() && list(b"\xe4").is_err());
}
