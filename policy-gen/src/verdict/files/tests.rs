use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::target::{JavaScript, Pkla as PklaOf};

/// A tree with these files.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let tree = Tree::open(Some(root.path())).unwrap();
    (root, tree)
}

fn target(version: u32) -> Target {
    let pkla = if version < 106 { PklaOf::Native } else { PklaOf::Perhaps };
    Target { version: Version(version), pkla, javascript: JavaScript::Duktape }
}

fn no_accounts() -> Names {
    Names::Root(polkit_config::names::Tree::parse("", ""))
}

/// The accounts of a tree in which polkitd has its own user.
fn with_polkitd() -> Names {
    Names::Root(polkit_config::names::Tree::parse("polkitd:x:64990:64990::/:/bin/sh\n", "polkitd:x:64990:\n"))
}

/// Removes the path of the root.
fn inside(root: &tempfile::TempDir, path: &str) -> String {
    path.strip_prefix(&format!("{}/", root.path().display())).unwrap().to_owned()
}

/// Reads the files of a tree. The paths in the result are relative to the root.
fn read_files(files: &[(&str, &str)], version: u32) -> Files {
    let (root, tree) = tree(files);
    relative(&root, read(&tree, &no_accounts(), target(version)).unwrap())
}

fn relative(root: &tempfile::TempDir, mut files: Files) -> Files {
    files.rules.iter_mut().for_each(|rules| rules.path = inside(root, &rules.path));
    files.skipped.iter_mut().for_each(|skipped| skipped.file = inside(root, &skipped.file));
    for registered in files.actions.values_mut() {
        registered.file = inside(root, &registered.file);
        registered.rival = registered.rival.as_deref().map(|rival| inside(root, rival));
    }
    for file in files.pkla.iter_mut().flat_map(|pkla| &mut pkla.stores).flat_map(|store| &mut store.files) {
        file.path = inside(root, &file.path);
    }
    files
}

/// The paths of the rules files, in order.
fn rules_of(files: &Files) -> Vec<&str> {
    files.rules.iter().map(|rules| rules.path.as_str()).collect()
}

/// The paths and the reasons of the skipped files.
fn skipped_of(files: &Files) -> Vec<(&str, Option<usize>, String)> {
    files.skipped.iter().map(|skipped| (skipped.file.as_str(), skipped.line, skipped.why.to_string())).collect()
}

/// The paths of the pkla files, in polkit's order.
fn pkla_of(files: &Files) -> Vec<&str> {
    let stores = files.pkla.as_ref().map_or(&[][..], |pkla| &pkla.stores);
    stores.iter().flat_map(|store| &store.files).map(|file| file.path.as_str()).collect()
}

/// A .policy file with one action.
fn policy(id: &str, any: &str) -> String {
    format!("<policyconfig><action id='{id}'><defaults><allow_any>{any}</allow_any></defaults></action></policyconfig>")
}

const ENTRY: &str = "[a]\nIdentity=unix-user:bob\nAction=*\nResultAny=yes\n";

#[test]
fn rules_are_sorted_by_name_and_then_by_directory() {
    let files = [
        ("usr/share/polkit-1/rules.d/10-b.rules", "a"),
        ("etc/polkit-1/rules.d/20-a.rules", "b"),
        ("etc/polkit-1/rules.d/10-b.rules", "c"),
        ("run/polkit-1/rules.d/10-a.rules", "d"),
        ("usr/local/share/polkit-1/rules.d/30-a.rules", "e"),
        ("etc/polkit-1/rules.d/40-a.rules~", "f"),
    ];
    let new = read_files(&files, 126);
    assert_eq!(
        rules_of(&new),
        [
            "run/polkit-1/rules.d/10-a.rules",
            "etc/polkit-1/rules.d/10-b.rules",
            "usr/share/polkit-1/rules.d/10-b.rules",
            "etc/polkit-1/rules.d/20-a.rules",
            "usr/local/share/polkit-1/rules.d/30-a.rules",
        ]
    );
    assert_eq!(new.rules.iter().map(|rules| rules.bytes.clone()).collect::<Vec<_>>().concat(), b"dcabe");
    assert_eq!(skipped_of(&new), []);
    let old = read_files(&files, 125);
    assert_eq!(
        rules_of(&old),
        ["etc/polkit-1/rules.d/10-b.rules", "usr/share/polkit-1/rules.d/10-b.rules", "etc/polkit-1/rules.d/20-a.rules"]
    );
    let why = || "polkit 125 does not read this directory".to_owned();
    assert_eq!(
        skipped_of(&old),
        [
            ("run/polkit-1/rules.d/10-a.rules", None, why()),
            ("usr/local/share/polkit-1/rules.d/30-a.rules", None, why()),
        ]
    );
}

#[test]
fn polkit_0_105_reads_pkla_files_and_no_rules() {
    let files = [("etc/polkit-1/rules.d/10-a.rules", ""), ("etc/polkit-1/localauthority/50-local.d/x.pkla", ENTRY)];
    let native = read_files(&files, 105);
    assert_eq!((rules_of(&native), pkla_of(&native)), (vec![], vec![files[1].0]));
    assert_eq!(native.pkla.as_ref().map(|pkla| pkla.reader), Some(Reader::Native));
    assert_eq!(skipped_of(&native), [(files[0].0, None, "polkit 0.105 does not read this directory".to_owned())]);
    let plain = read_files(&files, 122);
    assert_eq!((rules_of(&plain), plain.pkla.is_none()), (vec![files[0].0], true));
    assert_eq!(
        skipped_of(&plain),
        [(
            files[1].0,
            None,
            "polkit 122 reads no pkla files without polkit-pkla-compat (Debian: polkitd-pkla)".to_owned()
        )]
    );
    let rule = ("usr/share/polkit-1/rules.d/49-polkit-pkla-compat.rules", "");
    let compat = read_files(&[files[0], files[1], rule], 122);
    assert_eq!((rules_of(&compat).len(), pkla_of(&compat)), (2, vec![files[1].0]));
    assert_eq!(compat.pkla.as_ref().map(|pkla| pkla.reader), Some(Reader::Compat));
    assert_eq!(skipped_of(&compat), []);
}

#[test]
fn pkla_directories_are_sorted_by_name_and_var_comes_before_etc() {
    let files = read_files(
        &[
            ("etc/polkit-1/localauthority/50-local.d/a.pkla", ENTRY),
            ("var/lib/polkit-1/localauthority/50-local.d/b.pkla", ENTRY),
            ("var/lib/polkit-1/localauthority/50-local.d/a.pkla", ENTRY),
            ("etc/polkit-1/localauthority/10-vendor.d/z.pkla", ENTRY),
            ("var/lib/polkit-1/localauthority/90-mandatory.d/a.pkla", ENTRY),
        ],
        105,
    );
    assert_eq!(
        pkla_of(&files),
        [
            "etc/polkit-1/localauthority/10-vendor.d/z.pkla",
            "var/lib/polkit-1/localauthority/50-local.d/a.pkla",
            "var/lib/polkit-1/localauthority/50-local.d/b.pkla",
            "etc/polkit-1/localauthority/50-local.d/a.pkla",
            "var/lib/polkit-1/localauthority/90-mandatory.d/a.pkla",
        ]
    );
}

#[test]
fn a_skipped_pkla_file_has_its_reason() {
    let top = "etc/polkit-1/localauthority";
    let at = |name: &str| format!("{top}/50-local.d/{name}");
    let broken = format!("{ENTRY}[b]\nAction=*\nResultAny=yes\n");
    let files = [
        (format!("{top}/x.pkla"), ENTRY),
        (format!("{top}/x.txt"), ENTRY),
        (at(".hidden.pkla"), ENTRY),
        (at("x.conf"), ENTRY),
        (at("broken.pkla"), &*broken),
        (at("malformed.pkla"), "no key\n"),
        (at("empty.pkla"), ""),
        (at("deep.pkla/x.pkla"), ENTRY),
    ];
    let read = read_files(&files.each_ref().map(|(path, text)| (path.as_str(), *text)), 105);
    assert_eq!(pkla_of(&read), [at("broken.pkla"), at("empty.pkla")]);
    let skipped = skipped_of(&read);
    let why = |file: &str| {
        let of_file = skipped.iter().filter(|(path, ..)| *path == file);
        of_file.map(|(_, line, why)| (*line, why.as_str())).collect::<Vec<_>>()
    };
    let only = "files in this directory are not read, only those of its sub-directories";
    assert_eq!(why(&format!("{top}/x.pkla")), [(None, only)]);
    assert_eq!(why(&at(".hidden.pkla")), [(None, "its name begins with a dot")]);
    assert_eq!(why(&at("x.conf")), [(None, "its name does not end in .pkla")]);
    assert_eq!(why(&at("broken.pkla")), [(Some(5), "[b] is ignored: it has no Identity")]);
    assert_eq!(why(&at("malformed.pkla")).len(), 1);
    assert_eq!(skipped.len(), 5, "{skipped:?}");
}

#[test]
fn an_action_is_read_from_the_directories_of_the_version() {
    let (own, other) = (policy("org.a", "yes"), policy("org.b", "no"));
    let files = [("etc/polkit-1/actions/a.policy", &*own), ("usr/share/polkit-1/actions/b.policy", &*other)];
    let ids = |version| read_files(&files, version).actions.into_keys().collect::<Vec<_>>();
    assert_eq!(ids(126), ["org.a", "org.b"]);
    assert_eq!(ids(125), ["org.b"]);
    let skipped = read_files(&files, 125);
    let why = "polkit 125 does not read this directory".to_owned();
    assert_eq!(skipped_of(&skipped), [("etc/polkit-1/actions/a.policy", None, why)]);
}

#[test]
fn a_file_of_a_name_that_was_read_is_skipped_from_polkit_126_on() {
    let (first, second) = (policy("org.a", "yes"), policy("org.a", "no"));
    let files = [("etc/polkit-1/actions/a.policy", &*first), ("usr/share/polkit-1/actions/a.policy", &*second)];
    let read = read_files(&files, 126);
    assert_eq!(read.actions["org.a"].file, files[0].0);
    assert_eq!(skipped_of(&read), [(files[1].0, None, "a file of this name was read before it".to_owned())]);
    // A file with an error does not count as read.
    let broken = [(files[0].0, "<policyconfig>"), files[1]];
    let read = read_files(&broken, 126);
    assert_eq!(read.actions["org.a"].file, files[1].0);
    assert_eq!(read.skipped.iter().map(|skipped| skipped.file.as_str()).collect::<Vec<_>>(), [files[0].0]);
}

#[test]
fn two_different_definitions_of_an_action_are_rivals_up_to_125() {
    let (yes, no) = (policy("org.a", "yes"), policy("org.a", "no"));
    let two = |other: &str, version| {
        let files = [("usr/share/polkit-1/actions/a.policy", &*yes), ("usr/share/polkit-1/actions/b.policy", other)];
        read_files(&files, version).actions["org.a"].clone()
    };
    let rivals = two(&no, 125);
    assert_eq!(rivals.rival.as_deref(), Some("usr/share/polkit-1/actions/a.policy"));
    assert_eq!(rivals.file, "usr/share/polkit-1/actions/b.policy");
    assert_eq!(two(&yes, 125).rival, None, "both files say the same");
    assert_eq!(two(&no, 126).rival, None, "polkit 126 has an order");
    let twice = "<policyconfig><action id='org.a'><defaults><allow_any>yes</allow_any></defaults></action>\
                 <action id='org.a'><defaults><allow_any>no</allow_any></defaults></action></policyconfig>";
    let one = read_files(&[("usr/share/polkit-1/actions/a.policy", twice)], 125);
    assert_eq!(one.actions["org.a"].rival, None, "the order in one file is certain");
}

#[test]
fn a_file_that_polkitds_user_cannot_read_is_skipped() {
    let (path, directory) = ("etc/polkit-1/rules.d/10-a.rules", "etc/polkit-1/rules.d");
    let read_with = |file: u32, above: u32, names: &Names, version| {
        let (root, tree) = tree(&[(path, "x")]);
        std::fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let set = |path: &str, mode| {
            std::fs::set_permissions(root.path().join(path), PermissionsExt::from_mode(mode)).unwrap();
        };
        set(path, file);
        set(directory, above);
        relative(&root, read(&tree, names, target(version)).unwrap())
    };
    let readable = read_with(0o644, 0o755, &with_polkitd(), 126);
    assert_eq!((rules_of(&readable), skipped_of(&readable)), (vec![path], vec![]));
    let closed = read_with(0o600, 0o755, &with_polkitd(), 126);
    assert_eq!((rules_of(&closed).len(), closed.skipped.len()), (0, 1));
    assert!(matches!(&closed.skipped[0].why, SkipReason::Closed { path: of, mode: 0o600 } if of.ends_with(path)));
    for above in [0o711, 0o744, 0o700] {
        // polkitd lists the directory and opens its files.
        let closed = read_with(0o644, above, &with_polkitd(), 126);
        assert_eq!((rules_of(&closed).len(), closed.skipped.len()), (0, 1), "{above:o}");
        let SkipReason::Closed { path: of, mode } = &closed.skipped[0].why else { panic!("{closed:?}") };
        assert!(of.ends_with(directory) && *mode == above, "{of} {mode:o}");
    }
    let as_root = read_with(0o600, 0o700, &no_accounts(), 126);
    assert_eq!(rules_of(&as_root), [path], "without an account polkitd is root");
}

#[test]
fn a_directory_above_is_entered_and_not_listed() {
    let path = "etc/polkit-1/rules.d/10-a.rules";
    let read_with = |mode| {
        let (root, tree) = tree(&[(path, "x")]);
        std::fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::set_permissions(root.path().join("etc/polkit-1"), PermissionsExt::from_mode(mode)).unwrap();
        read(&tree, &with_polkitd(), target(126)).unwrap().rules.len()
    };
    assert_eq!([read_with(0o711), read_with(0o744), read_with(0o700)], [1, 0, 0]);
}

#[test]
fn a_link_without_a_target_and_a_directory_are_skipped() {
    let (root, tree) = tree(&[("etc/polkit-1/rules.d/20-directory.rules/x", "")]);
    let link = root.path().join("etc/polkit-1/rules.d/10-link.rules");
    std::os::unix::fs::symlink("nowhere", link).unwrap();
    let files = relative(&root, read(&tree, &no_accounts(), target(126)).unwrap());
    assert_eq!(
        skipped_of(&files),
        [
            ("etc/polkit-1/rules.d/10-link.rules", None, "there is nothing at the end of this link".to_owned()),
            ("etc/polkit-1/rules.d/20-directory.rules", None, "it is not a regular file".to_owned()),
        ]
    );
    assert_eq!(rules_of(&files).len(), 0);
}

#[test]
fn a_generated_rules_file_replaces_the_file_of_its_path() {
    let mut files =
        read_files(&[("etc/polkit-1/rules.d/20-a.rules", "old"), ("usr/share/polkit-1/rules.d/10-b.rules", "b")], 126);
    files.overlay("etc/polkit-1/rules.d/20-a.rules", "new");
    files.overlay("etc/polkit-1/rules.d/15-c.rules", "c");
    files.overlay("etc/polkit-1/rules.d/10-b.rules", "d");
    let order: Vec<(&str, &[u8])> =
        files.rules.iter().map(|rules| (rules.path.as_str(), rules.bytes.as_slice())).collect();
    assert_eq!(
        order,
        [
            ("etc/polkit-1/rules.d/10-b.rules", &b"d"[..]),
            ("usr/share/polkit-1/rules.d/10-b.rules", b"b"),
            ("etc/polkit-1/rules.d/15-c.rules", b"c"),
            ("etc/polkit-1/rules.d/20-a.rules", b"new"),
        ]
    );
}

#[test]
fn a_generated_pkla_file_replaces_the_file_of_its_path() {
    let (root, tree) = tree(&[
        ("etc/polkit-1/localauthority/50-local.d/a.pkla", ENTRY),
        ("etc/polkit-1/localauthority/50-local.d/b.pkla", ENTRY),
    ]);
    let mut files = read(&tree, &no_accounts(), target(105)).unwrap();
    let denies = ENTRY.replace("yes", "no");
    let overlay = |files: &mut Files, path: &str| files.overlay(&tree.shown(path), &denies);
    overlay(&mut files, "etc/polkit-1/localauthority/50-local.d/a.pkla");
    overlay(&mut files, "var/lib/polkit-1/localauthority/50-local.d/c.pkla");
    overlay(&mut files, "etc/polkit-1/localauthority/10-vendor.d/d.pkla");
    let files = relative(&root, files);
    let directory = |key: &str| {
        let stores = &files.pkla.as_ref().unwrap().stores;
        let store = stores.iter().find(|store| store.key == key).unwrap();
        let results =
            |file: &pkla::File| (file.path.rsplit('/').next().unwrap().to_owned(), file.entries[0].results.any);
        let mut results: Vec<_> = store.files.iter().map(results).collect();
        results.sort();
        results
    };
    use crate::implicit_authorization::ImplicitAuthorization::{No, Yes};
    assert_eq!(directory("50-local.d-1"), [("a.pkla".to_owned(), Some(No)), ("b.pkla".to_owned(), Some(Yes))]);
    assert_eq!(directory("50-local.d-0"), [("c.pkla".to_owned(), Some(No))]);
    let keys: Vec<&str> = files.pkla.as_ref().unwrap().stores.iter().map(|store| store.key.as_str()).collect();
    assert_eq!(keys, ["10-vendor.d-1", "50-local.d-0", "50-local.d-1"]);
}

#[test]
fn the_pkla_files_of_a_conversion_have_the_reader_of_the_version() {
    let (_root, tree) = tree(&[("etc/polkit-1/localauthority/50-local.d/x.pkla", ENTRY)]);
    let reader = |version| pkla(&tree, &no_accounts(), target(version)).unwrap().pkla.reader;
    assert_eq!([reader(105), reader(106), reader(126)], [Reader::Native, Reader::Compat, Reader::Compat]);
}

#[test]
fn a_pkla_file_beside_the_stores_is_skipped_also_if_it_cannot_be_opened() {
    let (root, tree) = tree(&[("etc/polkit-1/localauthority/a.pkla", "")]);
    let folder = root.path().join("etc/polkit-1/localauthority");
    std::os::unix::fs::symlink("loop.pkla", folder.join("loop.pkla")).unwrap();
    std::fs::create_dir(folder.join("store.pkla")).unwrap();
    let files = relative(&root, read(&tree, &no_accounts(), target(105)).unwrap());
    let skipped: Vec<_> = files.skipped.iter().map(|skipped| (skipped.file.as_str(), &skipped.why)).collect();
    let of = |name| format!("etc/polkit-1/localauthority/{name}");
    let (a, looped) = (of("a.pkla"), of("loop.pkla"));
    assert_eq!(skipped, [(a.as_str(), &SkipReason::PklaDirectory), (looped.as_str(), &SkipReason::PklaDirectory)]);
}
