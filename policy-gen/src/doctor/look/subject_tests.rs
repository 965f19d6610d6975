use super::*;
use crate::doctor::error::first;
use crate::mechanisms::recognize;

/// A tree with the users bob, www-data and eve.
fn accounts() -> (tempfile::TempDir, Tree, Names) {
    let passwd =
        "root:x:0:0::/:/bin/sh\nbob:x:3002:3002::/:/bin/sh\nwww-data:!:33:33::/:/bin/sh\neve::3003:3003::/:/bin/sh\n";
    let group = "bob:x:3002:\nvm:x:3100:bob\n";
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("etc")).unwrap();
    std::fs::write(root.path().join("etc/passwd"), passwd).unwrap();
    std::fs::write(root.path().join("etc/shadow"), "bob:!:1::::::\n").unwrap();
    let tree = Tree::open(Some(root.path())).unwrap();
    (root, tree, Names::Root(polkit_config::names::Tree::parse(passwd, group)))
}

fn found(examination: &Examination, facts: &mut Facts) -> Result<Option<Subject>, Failure> {
    let (_root, tree, names) = accounts();
    find(examination, &names, &tree, facts)
}

fn of_name(user: &str) -> Result<Option<Subject>, Failure> {
    found(&Examination { user: Some(user.to_owned()), ..Examination::default() }, &mut Facts::default())
}

#[test]
fn a_unit_of_a_user_manager_is_not_a_system_service() {
    assert_eq!(service("/system.slice/apache2.service"), Some("apache2.service"));
    assert_eq!(service("/system.slice/apache2.service/system.slice/ssh.service"), Some("apache2.service"));
    let users = "/user.slice/user-1001.slice/user@1001.service";
    for below in ["", "/app.slice/apache2.service", "/system.slice/apache2.service", "/apache2.service"] {
        assert_eq!(service(&format!("{users}{below}")), None, "{below}");
    }
    assert_eq!(service("/user.slice/user-1001.slice/session-3.scope"), None);
    assert_eq!(service(""), None);
}

#[test]
fn a_user_is_found_by_name_and_by_uid() {
    let bob = of_name("bob").unwrap().unwrap();
    assert_eq!((bob.user.as_str(), bob.uid, bob.by.as_str()), ("bob", 3002, "as requested"));
    assert_eq!((bob.groups.as_slice(), bob.process.as_ref()), (&["bob".to_owned(), "vm".to_owned()][..], None));
    assert_eq!(of_name("3002").unwrap().unwrap().user, "bob");
    let unnamed = of_name("4711").unwrap().unwrap();
    assert_eq!((unnamed.user.as_str(), unnamed.uid), ("4711", 4711));
    let message = |user: &str| of_name(user).unwrap_err().to_string();
    assert_eq!(message("www-dat"), "there is no user `www-dat`: did you mean `www-data`?");
    assert_eq!(message("quite-another"), "there is no user `quite-another`");
}

#[test]
fn the_password_of_the_subject_is_known_from_the_tree() {
    let password = |user: &str| of_name(user).unwrap().unwrap().password;
    assert_eq!([password("bob"), password("www-data")], [Some(false); 2]);
    assert_eq!([password("eve"), password("4711")], [Some(true), None]);
}

#[test]
fn a_process_that_does_not_exist_and_a_text_that_is_no_unit_are_errors() {
    // No process has this pid: the kernel's limit is lower.
    let of = |examination: Examination| found(&examination, &mut Facts::default()).unwrap_err().to_string();
    let missing = of(Examination { pid: Some(u32::MAX), ..Examination::default() });
    assert_eq!(missing, format!("there is no process {}, or it is unreadable", u32::MAX));
    for unit in ["a/b.service", "-x.service", "-x"] {
        let message = of(Examination { unit: Some(unit.to_owned()), ..Examination::default() });
        assert!(message.ends_with("is not a unit name"), "{message}");
    }
}

#[test]
fn a_process_has_the_uid_and_the_groups_that_the_kernel_uses() {
    let (_root, _tree, names) = accounts();
    let subject = of_process(std::process::id(), &names, "x".to_owned()).unwrap();
    let process = subject.process.as_ref().unwrap();
    assert_eq!((subject.uid, process.pid), (rustix::process::getuid().as_raw(), std::process::id()));
    let mut gids = vec![rustix::process::getegid().as_raw()];
    gids.extend(rustix::process::getgroups().unwrap().into_iter().map(|gid| gid.as_raw()));
    assert_eq!(process.groups, named(&names, &gids));
    let own = std::env::current_exe().unwrap();
    assert_eq!(process.exe.as_deref(), own.to_str());
    assert_eq!((process.namespaces.as_slice(), subject.by.as_str()), (&[][..], "x"), "its own namespaces");
}

#[test]
fn without_a_request_there_is_no_subject_for_root_and_the_caller_for_others() {
    let with = |is_root, action: Option<&str>| {
        let examination = Examination { action: action.map(str::to_owned), ..Examination::default() };
        found(&examination, &mut Facts { is_root, ..Facts::default() }).unwrap().map(|subject| subject.by)
    };
    assert_eq!([with(true, None), with(false, None), with(true, Some("org.a.run"))], [None, None, None]);
    assert_eq!(with(false, Some("org.a.run")).as_deref(), Some("the caller"));
}

/// The guess from a text, and what is unseen.
fn guessed(text: &str, user: Option<&str>, uid: Option<u32>) -> (Option<(String, String)>, Vec<String>) {
    let (_root, _tree, names) = accounts();
    let mut reported = first(text, &|_| true).unwrap();
    if user.is_some() || uid.is_some() {
        let mut recognized = recognize("Failed to start a.service: Interactive authentication required.").unwrap();
        (recognized.user, recognized.uid) = (user.map(str::to_owned), uid);
        reported.recognized = Some(recognized);
    }
    let mut facts = Facts { is_root: true, reported: Some(reported), ..Facts::default() };
    let subject = guess(&names, &mut facts);
    (subject.map(|subject| (subject.user, subject.by)), facts.unseen)
}

#[test]
fn the_subject_of_a_text_is_the_named_user_or_that_of_the_web_server() {
    let text = "no polkit agent available to authenticate action 'org.a.b'";
    let by = |user: &str, by: &str| Some((user.to_owned(), by.to_owned()));
    assert_eq!(guessed(text, None, Some(3002)), (by("bob", "the text names this uid"), Vec::new()));
    assert_eq!(guessed(text, Some("bob"), None), (by("bob", "the text names this user"), Vec::new()));
    let (none, unseen) = guessed(text, Some("mallory"), None);
    assert_eq!((none, unseen.len()), (None, 1));
    assert!(unseen[0].contains("the user mallory, who does not exist here"), "{unseen:?}");
    let web = guessed(&format!("PHP Warning: {text}"), None, None).0.unwrap();
    assert_eq!(web.0, "www-data");
    assert!(web.1.starts_with("the user of the web server"), "{web:?}");
    assert_eq!(guessed(text, None, None), (None, Vec::new()), "root is not the subject");
}

#[test]
fn the_processes_of_a_cgroup_are_read_up_to_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| {
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join("a/b/cgroup.procs"), text).unwrap();
    };
    let found = |cgroup: &str| pids_below(&["/no/such/top", folder.path().to_str().unwrap()], cgroup);
    write("12\n0\n7\nx\n");
    assert_eq!(found("/a/b"), [12, 7], "0 is a process outside this namespace");
    assert_eq!([found("/a"), found("/a/../a/b")], [[0; 0]; 2]);
    write(&"5\n".repeat(PROCESSES_MAX + 1));
    assert_eq!(found("/a/b").len(), PROCESSES_MAX);
}

#[test]
fn processes_of_a_cgroup_outside_the_hierarchy_are_not_read() {
    assert_eq!([pids("/../etc"), pids("/no/such/cgroup"), pids("/..")], [[0; 0]; 3]);
}

#[test]
fn a_session_is_that_of_logind_s_file() {
    for (text, expected) in [
        ("", Session::None),
        ("UID=7\nACTIVE=1\n", Session::Remote),
        ("XSEAT=seat0\nACTIVE=1\n", Session::Remote),
        ("SEAT=seat0\nACTIVE=1\n", Session::Active),
        ("SEAT=seat0\nACTIVE=0\n", Session::Inactive),
        ("SEAT=seat0\nXACTIVE=1\n", Session::Inactive),
    ] {
        assert_eq!(session_of(text), expected, "{text}");
    }
}

#[test]
fn a_unit_without_a_suffix_is_a_service() {
    assert_eq!(unit_name("web").unwrap(), "web.service");
    assert_eq!(unit_name("web@a.socket").unwrap(), "web@a.socket");
    for wrong in ["a/b", "/a.service", "-a", "-a.service"] {
        assert!(unit_name(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_settings_of_a_unit_are_those_that_are_set() {
    let settings = UnitSettings::read("User=bob\nType=oneshot\nDynamicUser=yes\n");
    assert_eq!(
        (settings.user.as_deref(), settings.kind.as_deref(), settings.is_dynamic),
        (Some("bob"), Some("oneshot"), true)
    );
    let none = UnitSettings::read("User=\nType=\nDynamicUser=no\n");
    assert_eq!((none.user, none.kind, none.is_dynamic), (None, None, false));
}

#[test]
fn no_new_privileges_is_known_of_units_that_systemd_has() {
    let of = |text: &str| UnitSettings::read(text).no_new_privileges;
    let loaded = "Id=web.service\nLoadState=loaded\nDynamicUser=no\n";
    assert_eq!(of(&format!("{loaded}NoNewPrivileges=yes\n")), Some(true));
    assert_eq!(of(&format!("{loaded}NoNewPrivileges=no\n")), Some(false));
    assert_eq!(of(loaded), None);
    assert_eq!(of("Id=web.socket\nLoadState=loaded\nNoNewPrivileges=yes\n"), Some(false));
    assert_eq!(of("Id=web.service\nLoadState=not-found\nNoNewPrivileges=no\n"), None);
    assert_eq!(of(""), None);
}

#[test]
fn the_user_with_most_processes_besides_root_is_the_subject() {
    let process = |uid: u32, pid: u32| Subject {
        user: format!("u{uid}"),
        uid,
        process: Some(Process { pid, ..Process::default() }),
        ..Subject::default()
    };
    let of = |all: &[(u32, u32)]| {
        let found = most_likely(all.iter().map(|(uid, pid)| process(*uid, *pid)).collect())?;
        Some((found.uid, found.process.unwrap().pid, found.others))
    };
    let others = |uids: &[u32]| uids.iter().map(|uid| format!("u{uid}")).collect::<Vec<_>>();
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[(0, 1), (0, 2)]), Some((0, 1, others(&[]))));
    assert_eq!(of(&[(0, 1), (0, 2), (33, 3)]), Some((33, 3, others(&[0]))));
    assert_eq!(of(&[(33, 1), (7, 2), (7, 3), (0, 4)]), Some((7, 2, others(&[0, 33]))));
}
