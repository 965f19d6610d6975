//! Files of packages.

use super::*;
use crate::tree::Tree;

/// The codes of the findings in a file that remain, in a tree with these lists of dpkg.
fn remaining(path: &str, lists: &[(&str, &str)]) -> Vec<&'static str> {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in lists {
        let info = root.path().join("var/lib/dpkg/info");
        std::fs::create_dir_all(&info).unwrap();
        std::fs::write(info.join(name), text).unwrap();
    }
    let name = root.path().join(path);
    let files = [File::new("other.rules", Vec::new()), File::new(name.to_str().unwrap(), Vec::new())];
    let at = |code| Finding { file: 1, ..Finding::of_file(code, 1, "x") };
    let mut findings = vec![at(&codes::PG001), at(&codes::PG013), at(&codes::PG024)];
    distributed::accept(&mut findings, &files, &Tree::open(Some(root.path())).unwrap());
    findings.iter().map(|finding| finding.code.id).collect()
}

const ALL: [&str; 3] = ["PG001", "PG013", "PG024"];
const ERRORS: [&str; 1] = ["PG001"];

#[test]
fn only_errors_remain_of_a_file_in_a_directory_of_packages() {
    for directory in ["usr/share/polkit-1/rules.d", "usr/lib/polkit-1/rules.d", "var/lib/polkit-1/localauthority"] {
        assert_eq!(remaining(&format!("{directory}/a.rules"), &[]), ERRORS, "{directory}");
    }
    for directory in ["etc/polkit-1/rules.d", "usr/local/share/polkit-1/rules.d", "share/polkit-1"] {
        assert_eq!(remaining(&format!("{directory}/a.rules"), &[]), ALL, "{directory}");
    }
}

#[test]
fn with_dpkg_only_a_file_of_a_package_is_accepted() {
    let path = "usr/share/polkit-1/rules.d/a.rules";
    let owned = format!("/.\n/usr\n/{path}\n");
    assert_eq!(remaining(path, &[("x.list", &owned)]), ERRORS);
    assert_eq!(remaining(path, &[("x.list", "/.\n/usr/share/polkit-1/rules.d/b.rules\n")]), ALL);
    assert_eq!(remaining(path, &[("x.md5sums", "")]), ERRORS, "no list says which files belong to packages");
    assert_eq!(remaining(path, &[("x.md5sums", &owned), ("y.list", "")]), ALL);
}

#[test]
fn findings_in_other_files_remain() {
    let root = tempfile::tempdir().unwrap();
    let of_package = root.path().join("usr/share/polkit-1/rules.d/a.rules");
    let own = root.path().join("etc/polkit-1/rules.d/a.rules");
    let files = [own, of_package].map(|path| File::new(path.to_str().unwrap(), Vec::new()));
    let mut findings: Vec<Finding> =
        [0, 1].map(|file| Finding { file, ..Finding::of_file(&codes::PG013, file, "x") }).into();
    distributed::accept(&mut findings, &files, &Tree::open(Some(root.path())).unwrap());
    assert_eq!(findings.iter().map(|finding| finding.file).collect::<Vec<_>>(), [0]);
}
