use super::super::entry::Interaction;
use super::*;

/// The problems of a file, one line each.
fn problems(text: &str) -> Vec<String> {
    let mut report = Report::new();
    let entry = read(&Source::new("x.toml", text), &mut report);
    assert_eq!(entry.is_none(), report.has_errors(), "{text}");
    report.lines()
}

#[test]
fn a_valid_file_is_read() {
    let text = r"name = 'exampled'
packages = ['exampled']
actions = ['org.example.*']
subject = ['bus-name', 'varlink']
interaction = 'caller'

[[action]]
ids = ['org.example.run']
details = { job = 'the name of the job' }

[[change]]
since = 'exampled 2.1'
interaction = 'always'
checks_root = ['org.example.run']
meaning = 'The daemon always lets polkit ask an agent.'

[[text]]
pattern = '''exampled: job (?<job>\S+): not allowed for uid (?<uid>\d+)'''
error = 'refused'
action = 'org.example.run'
";
    assert_eq!(problems(text), [""; 0]);
    let mechanism = read(&Source::new("x.toml", text), &mut Report::new()).unwrap().mechanism;
    assert_eq!(
        (mechanism.first.interaction, mechanism.latest().interaction),
        (Interaction::Caller, Interaction::Always)
    );
    assert_eq!(mechanism.checks_root_since("org.example.run"), Some("exampled 2.1"));
    assert_eq!(mechanism.details_of("org.example.run").map(|keys| keys[0].1.as_str()), Some("the name of the job"));
    assert_eq!(mechanism.details_of("org.example.other"), None);
}

#[test]
fn a_grant_for_one_request_needs_what_identifies_the_object_and_what_is_not_incidental() {
    let head = "name = 'x'\nactions = ['org.example.*']\nsubject = 'bus-name'\ninteraction = 'caller'\n[[action]]\n\
                ids = ['org.example.mount']\nidentity = ['uuid', 'device']\nincidental = ['label']\n";
    let text = format!(
        "{head}[action.details]\nuuid = 'the UUID'\ndevice = 'the device'\nlabel = 'the label'\nuser = 'the user'\n"
    );
    let mechanism = read(&Source::new("x.toml", text.as_str()), &mut Report::new()).unwrap().mechanism;
    let narrowed = |action: &str, details: &[&str]| {
        let details = details.iter().map(|key| ((*key).to_owned(), "1".to_owned())).collect();
        mechanism.narrowing(action, &details).into_keys().collect::<Vec<_>>()
    };
    let mount = "org.example.mount";
    assert_eq!(narrowed(mount, &["uuid", "device", "label", "user", "polkit.message"]), ["user", "uuid"]);
    assert_eq!(narrowed(mount, &["device", "label", "new"]), ["device", "new"]);
    assert_eq!(
        narrowed(mount, &["label", "user"]),
        ["label", "user"],
        "the label is all that tells the object from others"
    );
    assert_eq!(narrowed("org.example.other", &["uuid", "device"]), ["device", "uuid"]);
    assert_eq!(
        problems(&format!("{head}details = {{ uuid = 'the UUID', device = 'the device' }}\n")),
        [
            "x.toml:8:15: `label` is not a detail of these actions (list the detail with its meaning in `[action.details]`, or \
             remove it here)"
        ]
    );
}

#[test]
fn all_problems_of_a_file_are_found_with_their_places() {
    let found = problems(
        "name = 'x'\nactions = ['org example']\nsubject = 'dbus'\ninteraction = 'sometimes'\nspeed = 1\n\
         [[change]]\nsince = 'yesterday'\nmeaning = 'x'\n[[text]]\npattern = 'b'\nerror = 'unknown'\n",
    );
    for (at, what) in [
        ("x.toml:2:12", "`org example` is neither an action id nor a pattern"),
        ("x.toml:3:11", "`dbus` is not a value of `subject`"),
        ("x.toml:4:15", "`sometimes` is not a value of `interaction`"),
        ("x.toml:5:1", "unknown key `speed`"),
        ("x.toml:7:9", "`yesterday` is not a program and a version"),
        ("x.toml:11:9", "`unknown` is not a value of `error`"),
    ] {
        assert!(found.iter().any(|line| line.starts_with(at) && line.contains(what)), "{at} {what}: {found:#?}");
    }
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn a_version_is_the_last_word_of_a_change() {
    let since = |since: &str| {
        problems(&format!(
            "name = 'x'\nactions = ['a.b']\nsubject = 'process'\ninteraction = 'never'\n\
             [[change]]\nsince = '{since}'\nmeaning = 'x'\n"
        ))
    };
    assert_eq!(since("exampled 2.1"), [""; 0]);
    assert_eq!(since("example daemon 2.1"), [""; 0], "a program of two words");
    for wrong in ["exampled 2.1 beta", "exampled", "2.1"] {
        assert!(since(wrong).join("").contains("is not a program and a version"), "{wrong}");
    }
}

#[test]
fn a_text_has_a_valid_expression_with_known_groups() {
    let with = |rest: &str| {
        let head = "name = 'x'\nactions = ['a.b']\nsubject = 'process'\ninteraction = 'never'\n[[text]]\n";
        problems(&format!("{head}error = 'refused'\n{rest}\n")).join("\n")
    };
    assert_eq!(with("pattern = '(?<uid>a)'"), "");
    assert!(with("pattern = '('").contains("x.toml:7:11: invalid regular expression"));
    assert!(with("pattern = '(?<thing>a)'").contains("the group `thing` has no meaning"));
    assert!(with("pattern = 'a'\ncode = 'c'").contains("`code` is for texts"));
}

#[test]
fn a_file_without_actions_has_only_texts_without_polkit() {
    let with = |error: &str| problems(&format!("name = 'x'\n[[text]]\npattern = 'a'\n{error}")).join("\n");
    assert_eq!(with("error = 'not-polkit'\ncode = 'c'\nhint = 'h'\n"), "");
    assert!(with("error = 'refused'\n").contains("does not ask polkit"));
    assert!(with("error = 'not-polkit'\ncode = 'c'\n").contains("has no `hint`"));
    assert!(problems("name = 'x'\nsubject = 'process'\n")[0].contains("unknown key `subject`"));
    assert!(problems("packages = ['x']\n")[0].contains("has no `name`"));
}

#[test]
fn an_action_is_an_id_or_a_pattern_of_ids() {
    let of = |action: &str| {
        let text = format!(
            "name = 'exampled'\npackages = ['x']\nactions = ['{action}']\nsubject = ['bus-name']\ninteraction = 'caller'\n"
        );
        problems(&text)
    };
    for valid in ["org.example.run", "org.example.*", "org.example.*-ignore", "org.a_b.c"] {
        assert_eq!(of(valid), [""; 0], "{valid}");
    }
    for wrong in ["*-run", "a b.c", "org.example.run!", "org.*.ü"] {
        let found = of(wrong);
        assert!(found.len() == 1 && found[0].contains("is neither an action id nor a pattern"), "{wrong}: {found:?}");
    }
}
