use super::*;

fn pkla(reader: Reader, stores: &[&[&str]]) -> Pkla {
    let store = |texts: &&[&str]| Store {
        key: String::new(),
        files: texts.iter().map(|text| File { path: "f".to_owned(), entries: parse(text.as_bytes()).0 }).collect(),
    };
    Pkla { reader, stores: stores.iter().map(store).collect() }
}

fn words(pkla: &Pkla, user: &str, groups: &[&str]) -> Vec<Option<ImplicitAuthorization>> {
    let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    let subject = Subject { user, groups: &groups, netgroups: None, session: Session::None };
    pkla.outcome(subject, "org.a.b").possible.into_iter().map(|result| result.map(|result| result.result)).collect()
}

#[test]
fn globs_match_the_whole_text() {
    for (pattern, text) in [("*", ""), ("a*", "a"), ("*b*d", "abcbd"), ("?", "ä"), ("a?c", "abc"), ("", "")] {
        assert!(glob(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [("[ab]", "a"), ("a", "ab"), ("?", ""), ("*b", "ba"), ("", "a")] {
        assert!(!glob(pattern, text), "{pattern} {text}");
    }
}

#[test]
fn the_user_overrides_groups_and_groups_override_default() {
    let text = "[1]\nIdentity=unix-user:u\nAction=*\nResultAny=yes\n[2]\nIdentity=unix-group:g\nAction=*\nResultAny=no\n\
                [3]\nIdentity=default\nAction=org.a.*\nResultAny=auth_self\n";
    let compat = pkla(Reader::Compat, &[&[text]]);
    assert_eq!(words(&compat, "u", &["g"]), [Some(ImplicitAuthorization::Yes)]);
    assert_eq!(words(&compat, "x", &["g"]), [Some(ImplicitAuthorization::No)]);
    assert_eq!(words(&compat, "x", &[]), [Some(ImplicitAuthorization::AuthSelf)]);
    assert_eq!(words(&pkla(Reader::Native, &[&[text]]), "x", &[]), [None]);
}

#[test]
fn the_first_group_of_a_user_overrides_the_others() {
    let of =
        |group: &str, result: &str| format!("[{group}]\nIdentity=unix-group:{group}\nAction=*\nResultAny={result}\n");
    for reader in [Reader::Compat, Reader::Native] {
        let groups = pkla(reader, &[&[&format!("{}{}", of("g", "yes"), of("h", "no"))]]);
        assert_eq!(words(&groups, "u", &["g", "h"]), [Some(ImplicitAuthorization::Yes)], "{reader:?}");
        assert_eq!(words(&groups, "u", &["h", "g"]), [Some(ImplicitAuthorization::No)], "{reader:?}");
        assert_eq!(words(&groups, "u", &["x", "h"]), [Some(ImplicitAuthorization::No)], "{reader:?}");
    }
}

#[test]
fn the_last_match_of_a_directory_replaces_all_three_results() {
    let (yes, active) = (
        "[1]\nIdentity=unix-user:u\nAction=*\nResultAny=yes\n",
        "[2]\nIdentity=unix-user:u\nAction=*\nResultActive=no\n",
    );
    assert_eq!(words(&pkla(Reader::Compat, &[&[&format!("{yes}{active}")]]), "u", &[]), [None]);
    assert_eq!(words(&pkla(Reader::Compat, &[&[yes, active]]), "u", &[]), [None]);
    assert_eq!(words(&pkla(Reader::Compat, &[&[yes], &[active]]), "u", &[]), [Some(ImplicitAuthorization::Yes)]);
}

#[test]
fn files_of_a_directory_have_no_order_in_0_105() {
    let (yes, no) =
        ("[1]\nIdentity=unix-user:u\nAction=*\nResultAny=yes\n", "[2]\nIdentity=unix-user:u\nAction=*\nResultAny=no\n");
    assert_eq!(
        words(&pkla(Reader::Native, &[&[yes, no]]), "u", &[]),
        [Some(ImplicitAuthorization::No), Some(ImplicitAuthorization::Yes)]
    );
    assert_eq!(words(&pkla(Reader::Native, &[&[yes, yes]]), "u", &[]), [Some(ImplicitAuthorization::Yes)]);
    assert_eq!(words(&pkla(Reader::Compat, &[&[yes, no]]), "u", &[]), [Some(ImplicitAuthorization::No)]);
}

#[test]
fn the_entries_of_one_file_have_their_order_in_0_105() {
    let (yes, no) =
        ("[1]\nIdentity=unix-user:u\nAction=*\nResultAny=yes\n", "[2]\nIdentity=unix-user:u\nAction=*\nResultAny=no\n");
    let (first, second) = (format!("{yes}{no}"), format!("{no}{yes}"));
    assert_eq!(words(&pkla(Reader::Native, &[&[&first]]), "u", &[]), [Some(ImplicitAuthorization::No)]);
    assert_eq!(words(&pkla(Reader::Native, &[&[&second]]), "u", &[]), [Some(ImplicitAuthorization::Yes)]);
}

#[test]
fn a_malformed_entry_does_not_affect_the_others() {
    let dropped = |text: &str| parse(text.as_bytes()).1.first().map(|dropped| (dropped.line, dropped.why.clone()));
    let why = |text: &str| dropped(text).unwrap().1;
    assert!(why("[a]\nIdentity=x\nAction=y\nResultAny=yes \n").contains("`yes ` is not a result"));
    assert!(why("[a]\nIdentity=x\nAction=y\nResultsAny=yes\n").contains("none of ResultAny"));
    assert!(why("[a]\nAction=y\nResultAny=yes\n").contains("no Identity"));
    assert!(why("[a]\nIdentity=\\x61\nAction=y\nResultAny=yes\n").contains("invalid escape"));
    assert_eq!(dropped("[a]\nIdentity=x\nAction=a\nb\nResultAny=yes\n").unwrap().0, 4);
}

#[test]
fn an_unknown_netgroup_is_named() {
    let entry = pkla(Reader::Compat, &[&["[1]\nIdentity=unix-netgroup:n\nAction=*\nResultAny=yes\n"]]);
    let known = ["n".to_owned()];
    let subject = |netgroups| Subject { user: "u", groups: &[], netgroups, session: Session::None };
    assert_eq!(entry.outcome(subject(None), "a").unknown.len(), 1);
    let outcome = entry.outcome(subject(Some(&known)), "a");
    assert!(outcome.unknown.is_empty() && outcome.possible.iter().all(Option::is_some));
}
