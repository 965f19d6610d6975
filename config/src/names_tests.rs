use super::*;

#[test]
fn invalid_account_names_are_refused() {
    for name in ["", "a\nb", "a\0", "a:b", "a/b", " a", "a ", ".", "..", "33", "-1", "\u{85}"] {
        assert!(check_name(name).is_err(), "{name:?}");
    }
    assert!(check_name(&"a".repeat(257)).is_err());
    for name in
        ["www-data", "o'brien", "DOM\\user", "a\"b", "a b", "köln", "__proto__", "user$", "a@b.c", &"a".repeat(256)]
    {
        assert_eq!(check_name(name), Ok(()), "{name:?}");
    }
}

#[test]
fn the_host_has_root_and_no_made_up_user() {
    let root = Names::Host.user("root").unwrap().unwrap();
    assert_eq!((root.uid, root.gid), (0, 0));
    assert_eq!(Names::Host.user_by_uid(0).unwrap().unwrap().name, "root");
    assert!(Names::Host.groups_of(&root).unwrap().contains(&0));
    assert_eq!(Names::Host.user("no-such-user-here").unwrap(), None);
    assert_eq!(Names::Host.group("no-such-group-here").unwrap(), None);
    assert_eq!(Names::Host.user("0").unwrap(), None);
}

#[test]
fn a_tree_has_its_own_accounts_and_links_resolve_inside_it() {
    let root = tempfile::tempdir().unwrap();
    let etc = root.path().join("etc");
    std::fs::create_dir(&etc).unwrap();
    std::fs::write(
        etc.join("passwd-real"),
        "root:x:0:0::/root:/bin/sh\n# comment\nbad line\nweb:x:33:33:web:/var/www:/bin/sh\nweb:x:34:34::/:/\nnonumber:x:a:1::/:/\n",
    )
    .unwrap();
    std::os::unix::fs::symlink("/etc/passwd-real", etc.join("passwd")).unwrap();
    std::fs::write(etc.join("group"), "root:x:0:\nweb:x:33:\nvm:x:100:other,web\nshort:x\n").unwrap();
    let names = Names::of_root(root.path()).unwrap();
    let web = names.user("web").unwrap().unwrap();
    assert_eq!(web, User { name: "web".into(), uid: 33, gid: 33 });
    assert_eq!(names.groups_of(&web).unwrap(), [33, 100]);
    let vm = names.group("vm").unwrap().unwrap();
    assert_eq!((vm.gid, names.listed_members(&vm).unwrap()), (100, vec!["other".to_owned(), "web".to_owned()]));
    assert_eq!(names.group_by_gid(100).unwrap(), Some(vm));
    assert_eq!(Names::Host.group_by_gid(0).unwrap().unwrap().name, "root");
    assert_eq!(names.group("short").unwrap(), None);
    assert_eq!(names.user("nonumber").unwrap(), None);
}

#[test]
fn an_unreadable_database_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("etc/passwd")).unwrap();
    let error = Names::of_root(root.path()).unwrap_err().to_string();
    assert!(error.contains("etc/passwd: "), "{error}");
    assert!(Names::of_root(&root.path().join("absent")).is_err());
}

#[test]
fn a_database_that_cannot_be_opened_is_an_error_and_not_empty() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(
        Names::of_root(root.path()).unwrap(),
        Names::Root(Tree::default()),
        "without files there are no accounts"
    );
    let etc = root.path().join("etc");
    std::fs::create_dir(&etc).unwrap();
    std::os::unix::fs::symlink("passwd", etc.join("passwd")).unwrap();
    let error = Names::of_root(root.path()).unwrap_err().to_string();
    assert!(error.contains("etc/passwd: ") && error.contains("symbolic link"), "{error}");
}

#[test]
fn users_and_groups_are_found_by_the_number_that_is_asked_for() {
    let names = Names::Root(Tree::parse("a:x:1:2::/:/bin/sh\nb:x:2:1::/:/bin/sh\n", "b:x:1:\na:x:2:b\n"));
    let user = |uid| names.user_by_uid(uid).unwrap().map(|user| (user.name, user.gid));
    assert_eq!([user(1), user(2), user(3)], [Some(("a".into(), 2)), Some(("b".into(), 1)), None]);
    let group = |gid| names.group_by_gid(gid).unwrap().map(|group| group.name);
    assert_eq!([group(1), group(2), group(3)], [Some("b".into()), Some("a".into()), None]);
    let groups = |name| names.groups_of(&names.user(name).unwrap().unwrap()).unwrap();
    assert_eq!((groups("a"), groups("b")), (vec![2], vec![1, 2]));
}
