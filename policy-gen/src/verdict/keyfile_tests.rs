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

#[test]
fn a_key_has_no_blanks_at_its_ends_and_at_most_one_locale() {
    for key in ["k", "a b", "k[de]", "k[de_DE.UTF-8@euro]", "k[]", "k[ä]", "k.-_"] {
        assert!(is_key(key.as_bytes()), "{key}");
    }
    for key in
        ["", " k", "k ", "[de]", " [de]", "k [de]", "k]", "k[de", "k[de]x", "k[de][fr]", "k[d e]", "k]de[", "k[d/e]"]
    {
        assert!(!is_key(key.as_bytes()), "{key}");
    }
}

#[test]
fn an_encoding_other_than_utf_8_in_the_first_group_invalidates_the_file() {
    assert!(parse(b"[a]\nEncoding=utf-8\n").is_ok() && parse(b"[a]\nEncoding=UTF-8\n").is_ok());
    assert_eq!(parse(b"[a]\nEncoding=latin1\n").map(drop).map_err(|error| error.line), Err(2));
    assert!(parse(b"[a]\n[b]\nEncoding=latin1\n").is_ok(), "the second group");
    assert!(parse(b"[a]\nEncodings=latin1\n").is_ok());
}

#[test]
fn lines_of_groups_and_keys_are_counted_from_one() {
    let groups = parse(b"# c\n[a]\nx=1\n\n[b]\n\ty=2\n").unwrap();
    assert_eq!(groups.iter().map(|group| (group.line, group.merged_at)).collect::<Vec<_>>(), [(2, None), (5, None)]);
    assert_eq!(groups[0].keys[&b"x"[..]], (b"1".to_vec(), 3));
    assert_eq!(groups[1].keys[&b"y"[..]], (b"2".to_vec(), 6));
    let twice = parse(b"[a]\n[a]\n[a]\n").unwrap();
    assert_eq!(twice[0].merged_at, Some(2), "the first repetition");
}

#[test]
fn escape_sequences_of_a_list_are_replaced() {
    assert_eq!(list(br"\s\n\t\r\\\;;").unwrap(), [" \n\t\r\\;"]);
    assert_eq!(list(b";;a").unwrap(), ["", "", "a"]);
    assert_eq!(list(b"a\\").unwrap_err(), "the value ends in `\\`");
}
