//! Findings about files that polkitd does not read.

use super::*;
use crate::doctor::facts::Stray;

const RULES: &str = "/etc/polkit-1/rules.d/a.rules";

fn skipped(file: &str, line: Option<usize>, why: SkipReason) -> SkippedFile {
    SkippedFile { file: file.to_owned(), line, why }
}

/// The findings about these files, and whether each explains the refusal.
fn found(files: &[(&str, SkipReason)], change: impl FnOnce(&mut Facts)) -> Vec<(bool, Finding)> {
    let mut facts = changed(|facts| {
        facts.skipped = files.iter().map(|(file, why)| skipped(file, None, why.clone())).collect();
    });
    change(&mut facts);
    super::super::files::all(&facts)
}

fn old() -> SkipReason {
    SkipReason::DirectoryOfOtherVersion(Version(122))
}

fn compat() -> SkipReason {
    SkipReason::NeedsPklaCompat(Version(126))
}

fn about(files: &'static [&'static str]) -> impl FnOnce(&mut Facts) {
    |facts| facts.skipped_about = files.iter().map(|file| (*file).to_owned()).collect()
}

fn ids(finding: &Finding) -> Vec<&'static str> {
    finding.fixes.iter().map(|fix| fix.id).collect()
}

#[test]
fn a_file_explains_a_refusal_only_if_it_is_about_the_action() {
    let broken = [(RULES, SkipReason::NotCompiled("x".to_owned()))];
    let explains = |change: fn(&mut Facts)| found(&broken, change)[0].0;
    assert!(explains(|facts| facts.skipped_about = vec![RULES.to_owned()]));
    assert!(!explains(|facts| facts.skipped_about = vec!["/other".to_owned()]));
    assert!(!explains(|facts| {
        facts.skipped_about = vec![RULES.to_owned()];
        facts.answer = Some(answer(ImplicitAuthorization::Yes, DeciderKind::Rule, "/x"));
    }));
    assert!(!explains(|facts| {
        facts.skipped_about = vec![RULES.to_owned()];
        facts.answer = None;
    }));
}

#[test]
fn unread_pkla_files_are_one_finding_that_converts_them() {
    let (one, other) =
        ("/etc/polkit-1/localauthority/50-local.d/a.pkla", "/etc/polkit-1/localauthority/50-local.d/b.pkla");
    let files = [(one, compat()), (other, compat()), ("/var/lib/polkit-1/localauthority/10-vendor.d/c.pkla", compat())];
    let all = found(&files, about(&["/etc/polkit-1/localauthority/50-local.d/b.pkla"]));
    let [(true, finding)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((finding.code, &finding.evidence[..]), ("pkla-not-read", &[one.to_owned(), other.to_owned()][..]));
    assert!(finding.cause.starts_with("there are pkla files that nothing reads: "), "{finding:?}");
    assert_eq!(finding.fixes, [crate::doctor::fixes::convert(&[one.to_owned(), other.to_owned()])]);
    assert!(!found(&files, |_| ())[0].0);
    let allowed = |facts: &mut Facts| {
        facts.skipped_about = vec![one.to_owned()];
        facts.answer = None;
    };
    assert!(!found(&files, allowed)[0].0, "there is no refusal");
}

#[test]
fn rules_in_a_directory_of_another_version_are_moved_or_set_aside() {
    let (one, other) = ("/run/polkit-1/rules.d/x.rules", "/usr/local/share/polkit-1/rules.d/y.rules");
    let files = [(one, old()), (other, old()), ("/usr/share/polkit-1/rules.d/z.rules", old())];
    let with = |version: u32| {
        let all = found(&files, |facts| {
            facts.skipped_about = vec!["/run/polkit-1/rules.d/x.rules".to_owned()];
            facts.target = Some(Target { version: Version(version), pkla: Pkla::No, javascript: JavaScript::Duktape });
        });
        let [(true, finding)] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(finding.evidence, [one, other]);
        assert!(finding.cause.ends_with(&format!(": {one}")), "{finding:?}");
        finding.clone()
    };
    let moved = with(126);
    assert_eq!((moved.code, ids(&moved)), ("rule-misplaced", vec!["move-file"]));
    assert!(moved.fixes[0].commands[0].contains(" /etc/polkit-1/rules.d/x.rules && rm /run/polkit-1/rules.d/x.rules"));
    assert!(moved.fixes[0].root_equivalent);
    let unread = with(105);
    assert_eq!(unread.code, "rules-not-read");
    assert_eq!(ids(&unread), ["open-read-only", "grant-user", "join-group", "set-aside"]);
    assert_eq!(unread.fixes[3].commands[0], "mv /run/polkit-1/rules.d/x.rules /run/polkit-1/rules.d/x.rules.set-aside");
}

#[test]
fn equal_findings_about_several_files_are_one() {
    let closed = || SkipReason::Closed { path: "/etc/polkit-1/rules.d".to_owned(), mode: 0o700 };
    let all = found(&[(RULES, closed()), ("/etc/polkit-1/rules.d/b.rules", closed())], |_| ());
    let [(false, finding)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((finding.code, ids(finding)), ("rules-directory-closed", vec!["open-directory"]));
    assert_eq!(finding.evidence, ["/etc/polkit-1/rules.d: mode 0700"]);
    assert_eq!(finding.fixes[0].undo, ["chmod 0700 /etc/polkit-1/rules.d"]);
    let broken = || SkipReason::NotCompiled("x".to_owned());
    let throws = || SkipReason::Throws("x".to_owned());
    let all = found(&[(RULES, broken()), ("/etc/b.rules", broken()), ("/etc/b.rules", throws())], |_| ());
    assert_eq!(all.len(), 3, "another file, or another code");
}

#[test]
fn a_file_that_is_corrected_by_hand_comes_with_the_fixes_for_access() {
    let access = ["open-read-only", "grant-user", "join-group"];
    let of = |file: &'static str, why: SkipReason| {
        let all = found(&[(file, why)], move |facts| facts.skipped_about = vec![file.to_owned()]);
        ids(&all[0].1)
    };
    let broken = of(RULES, SkipReason::NotCompiled("x".to_owned()));
    assert_eq!(broken, [&["edit-file"], &access[..], &["set-aside"]].concat());
    assert_eq!(of(RULES, SkipReason::Throws("x".to_owned())), [&["edit-file"], &access[..]].concat());
    let closed = SkipReason::Closed { path: RULES.to_owned(), mode: 0o600 };
    assert_eq!(of(RULES, closed.clone()), ["make-readable"]);
    let (_, readable) = found(&[(RULES, closed.clone())], about(&[RULES])).remove(0);
    assert!(readable.fixes[0].root_equivalent, "the file is about the action");
    assert!(!found(&[(RULES, closed)], |_| ())[0].1.fixes[0].root_equivalent);
}

#[test]
fn the_place_of_an_error_is_its_file_and_line() {
    let evidence = |line| {
        let facts = changed(|facts| {
            facts.skipped = vec![skipped(RULES, line, SkipReason::NotCompiled("bad".to_owned()))];
        });
        let (_, finding) = super::super::files::all(&facts).remove(0);
        assert_eq!(finding.fixes[0].commands, [format!("polkit-policy-gen check {RULES}")]);
        finding.evidence[0].clone()
    };
    assert!(
        evidence(Some(7)).starts_with(&format!("{RULES}:7: ")) && evidence(None).starts_with(&format!("{RULES}: "))
    );
}

#[test]
fn a_misnamed_pkla_file_is_renamed_unless_it_was_set_aside_or_is_a_stray() {
    let directory = "/etc/polkit-1/localauthority/50-local.d";
    let of = |name: &str, stray: bool| {
        let path = format!("{directory}/{name}");
        let facts = changed(|facts| {
            facts.skipped = vec![skipped(&path, None, SkipReason::PklaSuffix)];
            facts.strays.extend(stray.then(|| Stray {
                path: path.clone(),
                belongs: None,
                why: "x".to_owned(),
                misnamed: true,
                about_action: false,
                root_equivalent: false,
            }));
        });
        super::super::files::all(&facts).into_iter().map(|(_, finding)| finding.fixes[0].id).collect::<Vec<_>>()
    };
    assert_eq!([of("a.conf", false), of("a.conf", true)], [["rename-file"], ["set-aside"]]);
    for ending in ["~", ".bak", ".old", ".orig", ".save", ".disabled", ".off", ".set-aside", ".dpkg-old", ".dpkg-new"] {
        assert_eq!(of(&format!("a.pkla{ending}"), false), [""; 0], "{ending}");
    }
    let facts = changed(|facts| {
        facts.skipped = vec![skipped(&format!("{directory}/10-a.b.conf"), None, SkipReason::PklaSuffix)];
    });
    let (_, finding) = super::super::files::all(&facts).remove(0);
    assert!(finding.fixes[0].commands[0].contains(&format!(" {directory}/10-a.pkla && rm ")), "{finding:?}");
    assert!(finding.fixes[0].root_equivalent);
}

#[test]
fn a_stray_file_about_the_action_explains_the_refusal() {
    let of = |about_action, belongs: Option<&str>, misnamed, change: fn(&mut Facts)| {
        let mut facts = changed(|facts| {
            facts.strays.push(Stray {
                path: "/etc/polkit-1/a.rules".to_owned(),
                belongs: belongs.map(str::to_owned),
                why: "it is elsewhere".to_owned(),
                misnamed,
                about_action,
                root_equivalent: about_action,
            });
        });
        change(&mut facts);
        super::super::files::all(&facts).remove(0)
    };
    let (explains, finding) = of(true, Some(RULES), false, |_| ());
    assert!(explains && finding.fixes[0].root_equivalent, "{finding:?}");
    assert_eq!(finding.cause, "/etc/polkit-1/a.rules looks like policy but is not read: it is elsewhere");
    assert_eq!((finding.code, ids(&finding)), ("rule-misplaced", vec!["move-file"]));
    let (explains, finding) = of(false, Some(RULES), true, |_| ());
    assert!(!explains && !finding.fixes[0].root_equivalent, "{finding:?}");
    assert_eq!((finding.code, ids(&finding)), ("rule-misnamed", vec!["rename-file"]));
    assert!(!of(true, Some(RULES), false, |facts| facts.answer = None).0);
    let (_, without_place) = of(true, None, false, |_| ());
    assert_eq!(ids(&without_place), ["open-read-only", "grant-user", "join-group", "set-aside"]);
    assert_eq!(ids(&of(false, None, false, |_| ()).1), ["set-aside"]);
}
