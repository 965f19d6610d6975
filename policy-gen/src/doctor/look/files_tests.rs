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
fn a_pkla_file_in_its_place_is_no_stray_for_a_polkit_that_reads_none() {
    for name in ["a.pkla", "a.txt"] {
        let path = format!("etc/polkit-1/localauthority/50-local.d/{name}");
        assert_eq!(found(&path, ENTRY, 126, Pkla::No), [], "{name}");
    }
    let [stray] = found("etc/polkit-1/localauthority/50-local.d/a.txt", ENTRY, 122, Pkla::Compat).try_into().unwrap();
    assert_eq!(stray.why, "its name does not end in .pkla");
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

#[test]
fn a_stray_file_says_why_it_is_not_read_and_where_it_belongs() {
    let of = |path: &str, text: &str, version, pkla| {
        let [stray] = found(path, text, version, pkla).try_into().unwrap();
        (stray.why, stray.belongs, stray.misnamed)
    };
    let nothing = |directory: &str, rest: &str| format!("nothing reads the directory /{directory}{rest}");
    let to = |path: &str| Some(path.to_owned());
    let rules = |name: &str| to(&format!("/etc/polkit-1/rules.d/{name}"));
    let suffix = ", and its name does not end in .rules";
    assert_eq!(of("etc/polkit-1/a.rules", RULE, 126, Pkla::No), (nothing("etc/polkit-1", ""), rules("a.rules"), false));
    assert_eq!(
        of("etc/polkit-1/a.js", RULE, 126, Pkla::No),
        (nothing("etc/polkit-1", suffix), rules("a.rules"), false)
    );
    assert_eq!(of("etc/polkit-1/a.rules", RULE, 105, Pkla::Native), (nothing("etc/polkit-1", ""), None, false));
    let local = "etc/polkit-1/localauthority/50-local.d";
    let pkla = |name: &str| to(&format!("/{local}/{name}"));
    let misnamed = "its name does not end in .pkla".to_owned();
    assert_eq!(of(&format!("{local}/a.conf"), ENTRY, 105, Pkla::Native), (misnamed, pkla("a.pkla"), true));
    assert_eq!(found(&format!("{local}/a.conf"), ENTRY, 126, Pkla::No), [], "the evaluator reports it");
    assert_eq!(found(&format!("{local}/a.pkla"), ENTRY, 105, Pkla::Native), []);
    let unread = ", and this polkit does not read pkla files";
    assert_eq!(of("etc/polkit-1/a.pkla", ENTRY, 126, Pkla::No), (nothing("etc/polkit-1", unread), None, false));
    assert_eq!(
        of("etc/polkit-1/a.pkla", ENTRY, 105, Pkla::Native),
        (nothing("etc/polkit-1", ""), pkla("a.pkla"), false)
    );
}

#[test]
fn directories_with_names_like_those_of_polkit_are_searched() {
    for directory in [
        "etc/polkit-1",
        "usr/share/polkit-1",
        "etc/polkit-1.rules.d",
        "etc/polkit-1/rules",
        "etc/polkit-1/rules.d/rules.d",
        "etc/polkit/rules.d",
        "etc/polkit-1/localauthority/rules.d",
        "etc/polkit-1/localauthority",
        "etc/polkit-1/localauthority/50-local.d",
        "var/lib/polkit-1/rules.d",
        "var/lib/polkit-1/localauthority",
        "etc/polkit-1/rule.d",
        "usr/share/polkit-1/rule.d",
        "etc/polkit1/rules.d",
        "etc/polkit2",
        "etc/PolKit",
    ] {
        assert_eq!(rules(&format!("{directory}/a.rules")).len(), 1, "{directory}");
    }
    for directory in
        ["etc/other", "etc/polkit-1/actions", "etc/polkit1/rules", "etc/polkit-policy-gen", "etc/polkit-1/.git", "etc"]
    {
        assert_eq!(rules(&format!("{directory}/a.rules")), [], "{directory}");
    }
}

#[test]
fn a_file_that_was_set_aside_is_no_stray() {
    for ending in [
        "~",
        ".bak",
        ".old",
        ".orig",
        ".save",
        ".disabled",
        ".off",
        ".set-aside",
        ".example",
        ".dpkg-old",
        ".dpkg-new",
        ".rpmsave",
    ] {
        assert_eq!(rules(&format!("etc/polkit-1/a.rules{ending}")), [], "{ending}");
    }
    let name = |name: &str| rules(&format!("etc/polkit-1/{name}"))[0].belongs.clone().unwrap();
    assert_eq!(name("a.b.txt"), "/etc/polkit-1/rules.d/a.rules");
}

#[test]
fn a_text_is_policy_by_its_calls_or_its_keys() {
    let is_policy = |text: &str| found("etc/polkit-1/a", text, 105, Pkla::Native).len() == 1;
    assert!(is_policy("polkit.addRule(f);") && is_policy("polkit.addAdminRule(f);"));
    assert!(is_policy("  Identity=a\n  Action=b\n"));
    assert!(!is_policy("Identity=a\n") && !is_policy("Action=b\n") && !is_policy("# Identity=a\n# Action=b\n"));
    let root = |text: &str| found("etc/polkit-1/a", text, 126, Pkla::No)[0].root_equivalent;
    assert!(root("polkit.addRule(f);"), "for every action");
    assert!(
        root("polkit.addRule(f); org.libvirt.unix.manage") && root("polkit.addRule(f); org.freedesktop.policykit.exec")
    );
    assert!(!root("polkit.addRule(f); org.a.run"));
}

#[test]
fn the_last_mount_of_proc_tells_whether_it_hides_processes() {
    let mount = |at: &str, options: &str| format!("22 27 0:21 / {at} rw,nosuid shared:5 - proc proc {options}\n");
    let hides = |options: &str| hiding(&mount("/proc", options));
    let option = |value: &str, gid| Some((format!("hidepid={value}"), gid));
    assert_eq!(hides("rw,hidepid=2"), option("2", None));
    assert_eq!(hides("rw,hidepid=invisible,gid=990"), option("invisible", Some(990)));
    assert_eq!(
        [hides("rw"), hides("rw,hidepid=0"), hides("rw,hidepid=off"), hides("rw,gid=990")],
        [(); 4].map(|()| None)
    );
    let two = |first: &str, last: &str| hiding(&[mount("/proc", first), mount("/proc", last)].concat());
    assert_eq!([two("hidepid=2", "rw"), two("rw", "hidepid=2")], [None, option("2", None)]);
    assert_eq!([hiding(&mount("/srv/proc", "hidepid=2")), hiding("")], [None, None]);
}

#[test]
fn a_container_is_named_by_its_file_and_its_kind() {
    let (systemd, docker) = ("/run/systemd/container", "/.dockerenv");
    assert_eq!(sign_of_container(systemd, "lxc\n"), "/run/systemd/container: lxc");
    assert_eq!([sign_of_container(systemd, ""), sign_of_container(docker, "lxc\n")], [systemd, docker]);
}

#[test]
fn a_file_with_another_sum_than_in_its_package_is_edited() {
    let file =
        |path: &str, sum: &str| PackageFile { path: path.to_owned(), sum: sum.to_owned(), package: "p".to_owned() };
    let known = [file("/a", "11"), file("/b", "22")];
    assert_eq!(differing(&known, "11  /a\n33  /b\n44  /c\nmd5sum: /d: no\n"), [("/b".to_owned(), "p".to_owned())]);
    assert_eq!(differing(&known, ""), []);
    assert_eq!(sums("11  usr/a b\nx y\n").collect::<Vec<_>>(), [("usr/a b", "11")]);
}

#[test]
fn a_group_of_polkitd_that_may_see_all_processes_exempts_it() {
    let names =
        Names::Root(polkit_config::names::Tree::parse("polkitd:x:990:991::/:/bin/sh\n", "proc:x:992:polkitd\n"));
    let of = |uid, options: &str| {
        let line = format!("22 27 0:21 / /proc rw shared:5 - proc proc {options}\n");
        hidden(&names, uid, &line).map(|hidepid| (hidepid.option, hidepid.gid))
    };
    let hides = |gid| Some(("hidepid=2".to_owned(), gid));
    assert_eq!(of(Some(990), "hidepid=2"), hides(Some(991)));
    assert_eq!(
        [of(Some(990), "hidepid=2,gid=991"), of(Some(990), "hidepid=2,gid=992"), of(Some(990), "rw")],
        [None, None, None]
    );
    assert_eq!(of(Some(990), "hidepid=2,gid=993"), hides(Some(991)));
    assert_eq!([of(None, "hidepid=2,gid=991"), of(Some(7), "hidepid=2,gid=991")], [hides(None), hides(Some(7))]);
    let mut facts =
        Facts { polkitd: Polkitd::Answers { version: String::new(), pid: None, uid: Some(0) }, ..Facts::default() };
    hidepid(&names, &mut facts);
    assert_eq!(facts.hidepid, None, "root sees all processes");
}
