use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::target::{JavaScript, Pkla, Version};

const LATEST: Target = Target { version: Version(126), pkla: Pkla::No, javascript: JavaScript::Duktape };
const NATIVE: Target = Target { version: Version(105), pkla: Pkla::Native, javascript: JavaScript::Mozilla };

fn options(paths: &[&str]) -> Check {
    let paths = paths.iter().map(PathBuf::from).collect();
    Check { paths, kind: None, code: None, target: None, root: None, strict: false, json: false }
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

/// The paths of files, without the folder.
fn names(files: &[File], root: &tempfile::TempDir) -> Vec<String> {
    let start = format!("{}/", root.path().display());
    files.iter().map(|file| file.source.name().trim_start_matches(&start).to_owned()).collect()
}

#[test]
fn a_directory_stands_for_the_policy_below_it() {
    let files = ["b.rules", "a/c.pkla", "a/d.toml", "e.txt", "f", "g.policy"];
    let root = folder(&files.map(|path| (path, "text")));
    std::os::unix::fs::symlink("a", root.path().join("link")).unwrap();
    std::os::unix::fs::symlink("b.rules", root.path().join("z.rules")).unwrap();
    std::fs::create_dir(root.path().join("h.rules")).unwrap();
    let mut found = Vec::new();
    gather(root.path(), Some(FileKind::Pkla), &mut found).unwrap();
    assert_eq!(names(&found, &root), ["a/c.pkla", "a/d.toml", "b.rules", "z.rules"]);
    assert_eq!(found[2].kind, Some(FileKind::Rules), "the kind of the options is for a file");
    assert_eq!(found[0].source.text(), "text");
}

#[test]
fn a_given_file_has_the_kind_of_the_options_or_of_its_name() {
    let root = folder(&[("a.rules", ""), ("b", "")]);
    let kind = |name: &str, kind| {
        let mut found = Vec::new();
        gather(&root.path().join(name), kind, &mut found).unwrap();
        found.pop().unwrap().kind
    };
    assert_eq!(kind("a.rules", None), Some(FileKind::Rules));
    assert_eq!(kind("a.rules", Some(FileKind::Pkla)), Some(FileKind::Pkla));
    assert_eq!(kind("b", Some(FileKind::Policy)), Some(FileKind::Policy));
    let missing = gather(&root.path().join("c"), None, &mut Vec::new()).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read ") && missing.contains("/c: "), "{missing}");
}

#[test]
fn files_are_sorted_by_name_and_then_by_folder() {
    let mut files: Vec<File> =
        ["/b/10-a.rules", "/a/20-a.rules", "/a/10-a.rules"].map(|name| File::new(name, Vec::new())).into();
    files.sort_by_cached_key(key);
    let names: Vec<&str> = files.iter().map(|file| file.source.name()).collect();
    assert_eq!(names, ["/a/10-a.rules", "/b/10-a.rules", "/a/20-a.rules"]);
}

#[test]
fn accounts_and_actions_are_those_of_the_checked_host() {
    let action = "<policyconfig><action id='org.example.run'><defaults><allow_any>auth_self</allow_any></defaults>\
                  </action></policyconfig>";
    let root = folder(&[
        ("usr/share/polkit-1/actions/a.policy", action),
        ("etc/passwd", "bob:x:3002:3002::/:/bin/sh\n"),
        ("etc/group", "bob:x:3002:\n"),
    ]);
    let of_tree = Check { root: Some(root.path().to_owned()), ..options(&[]) };
    let found = registered(&of_tree, LATEST).unwrap();
    let found: Vec<(&str, &str)> = found.iter().map(|(id, any)| (id.as_str(), any.text())).collect();
    assert_eq!(found, [("org.example.run", "auth_self")]);
    let names = accounts(&of_tree).unwrap().unwrap();
    assert!(names.user("bob").unwrap().is_some() && names.user("daemon").unwrap().is_none());
    // The same with a target: the tree is the host.
    let target = Some(Spelling::Debian(13));
    let both = Check { target: target.clone(), root: Some(root.path().to_owned()), ..options(&[]) };
    assert_eq!((registered(&both, LATEST).unwrap().len(), accounts(&both).unwrap().is_some()), (1, true));
    let host = |options: &Check| accounts(options).unwrap().is_some_and(|names| matches!(names, Names::Host));
    assert!(host(&options(&[])) && host(&options(&["a.rules"])));
    assert!(host(&Check { target: target.clone(), ..options(&[]) }));
    // Files for another polkit: nothing of this host applies.
    let other = Check { target, ..options(&["a.rules"]) };
    assert!(accounts(&other).unwrap().is_none() && registered(&other, LATEST).unwrap().is_empty());
}

/// The files that are checked in a tree, and the findings about whole files as code and file.
fn checked(root: &tempfile::TempDir, target: Target) -> (Vec<String>, Vec<String>) {
    let (mut files, mut findings) = (Vec::new(), Vec::new());
    installed(Some(root.path()), target, &mut files, &mut findings).unwrap();
    let names = names(&files, root);
    let found = findings.iter().map(|finding| format!("{} {}", finding.code.id, names[finding.file])).collect();
    (names, found)
}

#[test]
fn what_this_polkit_reads_is_checked() {
    let pkla = "[a]\nIdentity=unix-user:bob\nAction=x\nResultAny=yes\n";
    let root = folder(&[
        ("etc/polkit-1/rules.d/10-a.rules", "polkit.addRule(function () {});"),
        ("etc/polkit-1/localauthority/50-local.d/a.pkla", pkla),
        ("etc/polkit-1/localauthority/50-local.d/b.pkla", "[a]\nIdentity=x\n"),
        ("etc/polkit-policy-gen/policy.toml", "[[grant]]\n"),
        ("etc/polkit-policy-gen/policy.d/b.toml", "[[grant]]\n"),
        ("etc/polkit-policy-gen/policy.d/empty.toml", ""),
        ("etc/polkit-policy-gen/policy.d/.c.toml", "[[grant]]\n"),
        ("etc/polkit-policy-gen/policy.d/d.txt", "[[grant]]\n"),
        ("etc/passwd", ""),
        ("etc/group", ""),
    ]);
    let policies = ["etc/polkit-policy-gen/policy.toml", "etc/polkit-policy-gen/policy.d/b.toml"];
    let (names, found) = checked(&root, LATEST);
    let pkla = ["a", "b"].map(|name| format!("etc/polkit-1/localauthority/50-local.d/{name}.pkla"));
    assert_eq!(names[..3], [&["etc/polkit-1/rules.d/10-a.rules"][..], &policies].concat());
    assert_eq!(found, pkla.each_ref().map(|path| format!("PG040 {path}")));
    let (names, found) = checked(&root, NATIVE);
    for path in pkla {
        assert_eq!(names.iter().filter(|name| **name == path).count(), 1, "{path}: {names:?}");
    }
    assert_eq!(found, ["PG040 etc/polkit-1/rules.d/10-a.rules"], "0.105 reads no rules");
}

#[test]
fn a_file_that_polkit_skips_is_a_finding() {
    let text = "polkit.addRule(function () {});";
    let root = folder(&[
        ("etc/polkit-1/rules.d/10-a.rules", text),
        ("run/polkit-1/rules.d/20-b.rules", text),
        ("etc/passwd", "polkitd:x:990:990::/:/bin/false\n"),
        ("etc/group", "polkitd:x:990:\n"),
    ]);
    let path = root.path().join("etc/polkit-1/rules.d/10-a.rules");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    let before = Target { version: Version(122), ..LATEST };
    let found = checked(&root, before).1;
    assert_eq!(found, ["PG041 etc/polkit-1/rules.d/10-a.rules", "PG040 run/polkit-1/rules.d/20-b.rules"]);
    assert_eq!(checked(&root, LATEST).1, ["PG041 etc/polkit-1/rules.d/10-a.rules"]);
}

#[test]
fn a_code_is_explained_and_an_unknown_one_is_wrong_usage() {
    assert_eq!(explain("PG001").unwrap(), crate::command::DONE);
    let unknown = explain("PG999").unwrap_err().to_string();
    assert!(unknown.contains("unknown code `PG999` (the codes are PG001, PG002, "), "{unknown}");
}
