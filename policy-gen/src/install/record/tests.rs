use super::*;

const PATH: &str = "etc/polkit-1/rules.d/45-polkit-policy-gen.rules";

fn file() -> FileRecord {
    let before = OldFile { text: "theirs\n".into(), mode: 0o644, uid: 0, gid: 0 };
    FileRecord {
        path: PATH.into(),
        sha256: digest(Some(b"ours\n")),
        text: "ours\n".into(),
        before: Some(before),
        was: Some(digest(Some(b"theirs\n"))),
    }
}

fn record() -> Record {
    let member = MemberRecord { user: "www-data".into(), group: "vm".into(), before: false };
    let directories = vec![DIRECTORY.to_owned()];
    Record {
        pending: true,
        files: vec![file()],
        directories,
        members: vec![member],
        edits: Vec::new(),
        sources: Vec::new(),
    }
}

/// Why a record is refused, for a reader that restores only files of root.
fn refused(change: impl FnOnce(&mut Record)) -> String {
    let mut record = record();
    change(&mut record);
    Record::parse(record.to_text().as_bytes(), &|uid| uid == 0).map_or_else(|why| why, |_| String::new())
}

#[test]
fn a_record_is_read_as_it_was_written() {
    assert_eq!(Record::parse(record().to_text().as_bytes(), &|uid| uid == 0), Ok(record()));
    assert_eq!(refused(|record| record.files[0].was = Some(String::new())), "", "no file was there");
    assert_eq!(refused(|record| record.files[0].before = None), "");
}

#[test]
fn a_file_with_one_changed_byte_is_refused() {
    let text = record().to_text();
    let damaged = text.replacen("ours", "0urs", 1);
    assert_ne!(damaged, text);
    let why = Record::parse(damaged.as_bytes(), &|uid| uid == 0).unwrap_err();
    assert_eq!(why, format!("the text of `{PATH}` does not match its sha256"));
    let why = refused(|record| record.files[0].sha256 = digest(Some(b"another")));
    assert_eq!(why, format!("the text of `{PATH}` does not match its sha256"));
}

#[test]
fn each_value_that_this_program_never_writes_is_refused() {
    let old = |change: fn(&mut OldFile)| refused(|record| change(record.files[0].before.as_mut().unwrap()));
    assert_eq!(old(|old| old.mode = 0o777), "");
    for mode in [0o1644, 0o2755, 0o4755] {
        let why = refused(|record| record.files[0].before.as_mut().unwrap().mode = mode);
        assert!(why.contains(&format!("has the old mode {mode:04o}")), "{why}");
    }
    assert_eq!(old(|old| old.uid = 1000), format!("`{PATH}` has the old owner 1000: root restores only files of root"));
    let why = refused(|record| record.files[0].path = "etc/passwd".into());
    assert_eq!(why, "the file `etc/passwd` is never written");
    let why = refused(|record| record.files[0].was = Some("0123".into()));
    assert_eq!(why, format!("the value `was` of `{PATH}` is not a sha256"));
    let why = refused(|record| record.directories.push("etc/cron.d".into()));
    assert_eq!(why, "the directory `etc/cron.d` is never created");
    for name in ["-x", "a,b", "a:b", ""] {
        let why = refused(|record| record.members[0].group = name.into());
        assert_eq!(why, format!("`{name}` is not the name of a user or group"));
    }
    let edit = |path: &str| EditRecord { path: path.into(), made: false, keys: Vec::new() };
    assert_eq!(refused(|record| record.edits.push(edit("etc/libvirt/libvirtd.conf"))), "");
    let why = refused(|record| record.edits.push(edit("etc/ssh/sshd_config")));
    assert_eq!(why, "the configuration `etc/ssh/sshd_config` is never edited");
}

#[test]
fn a_file_is_ours_with_the_text_of_the_record_or_with_the_text_before_an_interruption() {
    let is_ours = |text: Option<&str>| {
        let contents = text.map(|text| Contents { bytes: text.as_bytes().to_vec(), mode: 0o644, uid: 0, gid: 0 });
        file().is_ours(contents.as_ref())
    };
    assert_eq!([is_ours(Some("ours\n")), is_ours(Some("theirs\n"))], [true; 2]);
    assert_eq!([is_ours(Some("mine\n")), is_ours(None)], [false; 2]);
}
