use super::*;
use crate::target::JavaScript;

const RULE: &str = "polkit.addRule(function (action) { if (action.id == 'org.example.run') { return 'yes'; } });\n";
const ENTRY: &str = "[a]\nIdentity=unix-user:bob\nAction=org.libvirt.unix.manage\nResultAny=yes\n";

/// The stray files of a tree with one file.
fn found(path: &str, text: &str, version: u32, pkla: Pkla) -> Vec<Stray> {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
    let mut facts = Facts::default();
    let target = Target { version: Version(version), pkla, javascript: JavaScript::Duktape };
    strays(&Tree::open(Some(root.path())).unwrap(), Some(target), Some("org.example.run"), &mut facts);
    facts.strays
}

fn rules(path: &str) -> Vec<Stray> {
    found(path, RULE, 126, Pkla::No)
}

#[test]
fn a_rules_file_belongs_to_rules_d_and_has_its_suffix() {
    assert_eq!(rules("etc/polkit-1/rules.d/10-a.rules"), []);
    let [stray] = rules("etc/polkit-1/rules.d/10-a.js").try_into().unwrap();
    assert_eq!(stray.path, "/etc/polkit-1/rules.d/10-a.js");
    assert_eq!((stray.belongs.as_deref(), stray.misnamed), (Some("/etc/polkit-1/rules.d/10-a.rules"), true));
    assert_eq!(stray.why, "its name does not end in .rules");
    assert!(stray.about_action && !stray.root_equivalent);
    for aside in ["10-a.rules~", "10-a.rules.bak", ".10-a.js"] {
        assert_eq!(rules(&format!("etc/polkit-1/rules.d/{aside}")), [], "{aside}");
    }
    assert_eq!(found("etc/polkit-1/rules.d/10-a.js", "a text", 126, Pkla::No), [], "no policy");
    // polkit 0.105 reads no rules, which the evaluator reports.
    assert_eq!(found("etc/polkit-1/rules.d/10-a.rules", RULE, 105, Pkla::Native), []);
}

#[test]
fn a_pkla_file_among_rules_is_moved_if_polkit_reads_pkla_files() {
    let in_rules = |pkla| found("etc/polkit-1/rules.d/a.pkla", ENTRY, 122, pkla);
    let [stray] = in_rules(Pkla::No).try_into().unwrap();
    assert!(stray.belongs.is_none() && stray.why.ends_with("this polkit does not read pkla files"), "{stray:?}");
    let [stray] = in_rules(Pkla::Compat).try_into().unwrap();
    let to = "/etc/polkit-1/localauthority/50-local.d/a.pkla";
    assert_eq!((stray.belongs.as_deref(), stray.misnamed), (Some(to), false));
    assert_eq!(stray.why, "nothing reads the directory /etc/polkit-1/rules.d");
    assert!(!stray.about_action && stray.root_equivalent);
}

#[test]
fn a_text_names_an_action_itself_or_by_the_start_of_its_id() {
    for text in ["x org.a.b.c y", "'org.a.b.*'", "org.a.*", "\"org.a.b.\""] {
        assert!(names_action(text, "org.a.b.c"), "{text}");
    }
    for text in ["org.a.b.d", "org.*", "org.a.b.", "\"org.\""] {
        assert!(!names_action(text, "org.a.b.c"), "{text}");
    }
}
