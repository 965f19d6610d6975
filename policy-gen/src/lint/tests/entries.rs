//! Findings in pkla entries.

use super::*;

pub(super) const ENTRY: &str =
    "[a]\nIdentity=unix-user:bob\nAction=org.example.*\nResultAny=yes\nResultInactive=yes\nResultActive=yes\n";

/// Returns the codes of a pkla file with a changed entry.
pub(super) fn entry(from: &str, to: &str) -> Vec<(&'static str, usize)> {
    assert!(ENTRY.contains(from));
    found("x.pkla", &ENTRY.replace(from, to), 122)
}

#[test]
fn a_valid_pkla_entry_has_no_findings() {
    assert_eq!(entry("", ""), CLEAN);
    assert_eq!(entry("bob", "bob;unix-group:ops;unix-netgroup:n;unix-user:w*;default"), CLEAN);
    assert_eq!(found("x.pkla", "", 122), CLEAN);
}

#[test]
fn pg030_and_pg031_ignored_files_and_entries() {
    assert_eq!(entry("[a]\n", "[a]\n; comment\n"), [("PG030", 2)]);
    assert_eq!(entry("Action=org.example.*", "Action=org.a;\n   org.b;"), [("PG030", 4)]);
    assert_eq!(entry("ResultAny=yes", "ResultAny=yes "), [("PG031", 4)]);
    assert_eq!(entry("Identity=unix-user:bob\n", ""), [("PG031", 1)]);
    assert_eq!(entry("[a]\n", "[a]\n# comment\n"), CLEAN);
}

#[test]
fn the_help_matches_the_mistake() {
    let script = |text: &str| compile::why(&Script::of(text), 1).and_then(|why| why.help);
    assert_eq!(script("# managed\n"), Some("start comments with `//`"));
    assert_eq!(script("if a { }\n"), Some("put `(` and `)` around it"));
    assert!(script("f((a);\n").is_some_and(|help| help.contains("bracket")));
    assert_eq!(script("let a = 1;\n"), None);
    let pkla = |from: &str, to: &str| {
        let file = File::new("x.pkla", ENTRY.replace(from, to).into_bytes());
        pkla::lint(&file, target(122), &KnownActions::new(std::iter::empty())).first().map(|found| found.help)
    };
    assert_eq!(pkla("[a]\n", "[a]\n; comment\n"), Some("start comments with `#`"));
    assert_eq!(pkla("Action=org.example.*", "Action=org.a;\n   org.b;"), Some("put the whole list on one line"));
    assert_eq!(pkla("ResultAny", "nothing\nResultAny"), Some(codes::PG030.help));
}

#[test]
fn pg032_identities_that_match_no_user() {
    for wrong in ["unix-user:bob; unix-user:eve", "unix-user:33", "\"unix-user:bob\"", "unix-user:[ab]ob", "bob"] {
        assert_eq!(entry("unix-user:bob", wrong), [("PG032", 2)], "{wrong}");
    }
    assert_eq!(found("x.pkla", &ENTRY.replace("unix-user:bob", "default"), 105), [("PG032", 2)]);
    assert_eq!(entry("org.example.*", "org.a ;org.b"), [("PG032", 3)]);
}

#[test]
fn pg033_entries_with_the_same_name() {
    assert_eq!(found("x.pkla", &format!("{ENTRY}{ENTRY}"), 122), [("PG033", 7)]);
    assert_eq!(found("x.pkla", &format!("{ENTRY}{}", ENTRY.replace("[a]", "[b]")), 122), CLEAN);
}

#[test]
fn pg034_to_pg036_every_user_no_service_and_unknown_keys() {
    assert_eq!(entry("unix-user:bob", "unix-user:*"), [("PG034", 2)]);
    for (result, gives) in
        [("yes", true), ("auth_self", true), ("auth_self_keep", true), ("auth_admin", false), ("no", false)]
    {
        for every in ["*", "unix-user:*", "unix-*", "unix-*:*"] {
            let text = ENTRY.replace("unix-user:bob", every).replace("=yes", &format!("={result}"));
            let expected = if gives { &[("PG034", 2)][..] } else { &[] };
            assert_eq!(found("x.pkla", &text, 122), expected, "{every} {result}");
        }
    }
    // Users at the seat are not services.
    for one in ["ResultInactive", "ResultActive"] {
        let refuses = ENTRY.replace("unix-user:bob", "*").replace("=yes", "=no");
        let text = refuses.replace(&format!("{one}=no"), &format!("{one}=yes"));
        assert_eq!(found("x.pkla", &text, 122), CLEAN, "{one}");
    }
    assert_eq!(entry("ResultAny=yes\n", ""), [("PG035", 1)]);
    assert_eq!(entry("ResultAny=yes\n", "ResultAny=yes\nResultsAny=yes\n"), [("PG036", 5)]);
}

#[test]
fn pg037_results_that_a_later_entry_overrides() {
    let later =
        |result: &str| format!("{ENTRY}[b]\nIdentity=unix-user:bob\nAction=org.example.*\nResultAny=no\n{result}");
    assert_eq!(found("x.pkla", &later("ResultActive=no\n"), 122), [("PG037", 1)]);
    assert_eq!(found("x.pkla", &later("ResultInactive=no\n"), 122), [("PG037", 1)]);
    assert_eq!(found("x.pkla", &later("ResultInactive=no\nResultActive=no\n"), 122), CLEAN);
}

#[test]
fn pg038_and_pg068_actions_of_entries() {
    assert_eq!(entry("org.example.*", "*"), [("PG038", 3)]);
    assert_eq!(entry("org.example.*", "org.a;org.*"), [("PG038", 3)]);
    for narrow in ["abcd.*", "*.b.c", "*.bcde.*", "org.a", "a.b", "o?g"] {
        assert_eq!(entry("org.example.*", narrow), CLEAN, "{narrow}");
    }
    assert_eq!(entry("org.example.*", "org"), [("PG068", 3)]);
    for wide in ["*.*", "*.a.*", "or*", "?*"] {
        assert_eq!(entry("org.example.*", wide), [("PG038", 3)], "{wide}");
    }
    assert_eq!(entry("org.example.*", "org.libvirt.api.domain.create"), [("PG068", 3)]);
    assert_eq!(entry("org.example.*", "org.libvirt.api.domain.start;org.libvirt.unix.*;com.example.x"), CLEAN);
    assert_eq!(found("x.pkla", &ENTRY.replace("org.example.*", "*").replace("=yes", "=auth_admin"), 122), CLEAN);
    assert_eq!(found("x.pkla", &ENTRY.replace("org.example.*", "*").replace("=yes", "=no"), 122), CLEAN);
}
