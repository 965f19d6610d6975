use super::*;

fn options(mode: Mode) -> Libvirt {
    Libvirt { mode, group: None, member: Vec::new(), role: None, domains: Vec::new(), output: None }
}

/// The lines of a policy file that are not comments.
fn policy(options: &Libvirt, group: Option<&str>) -> String {
    let text = text(options, group);
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn each_mode_has_its_policy() {
    assert_eq!(policy(&options(Mode::ReadOnly), None), "[libvirt]\nmode = \"read-only\"\n");
    for (mode, name) in [(Mode::Polkit, "polkit"), (Mode::Socket, "socket")] {
        let expected = format!("[libvirt]\nmode = \"{name}\"\ngroups = [\"vm\"]\n");
        assert_eq!(policy(&options(mode), Some("vm")), expected);
    }
    for (role, name) in [
        (None, "viewer"),
        (Some(RoleKind::Viewer), "viewer"),
        (Some(RoleKind::Console), "console"),
        (Some(RoleKind::Operator), "operator"),
        (Some(RoleKind::Admin), "admin"),
    ] {
        let domains = vec!["web-*".to_owned(), "db".to_owned()];
        let options = Libvirt { role, domains, ..options(Mode::Acl) };
        let expected = format!(
            "[libvirt]\nmode = \"acl\"\n[[libvirt_role]]\nrole = \"{name}\"\ngroups = [\"vm\"]\ndomains = [\"web-*\", \"db\"]\n"
        );
        assert_eq!(policy(&options, Some("vm")), expected);
        assert!(text(&options, Some("vm")).contains(&format!("\n# {name}: ")) || role.is_none());
    }
}

#[test]
fn members_are_added_to_the_group() {
    let options = Libvirt { member: vec!["bob".to_owned(), "eve".to_owned()], ..options(Mode::Socket) };
    let member = |user: &str| format!("[[member]]\nuser = \"{user}\"\ngroup = \"vm\"\n");
    assert!(policy(&options, Some("vm")).ends_with(&format!("{}{}", member("bob"), member("eve"))));
    assert!(text(&options, Some("vm")).contains("# Adds bob to the group.\n"));
}

#[test]
fn the_file_explains_its_mode_before_the_table() {
    for (mode, words) in [
        (Mode::ReadOnly, "Every user may list and show domains"),
        (Mode::Polkit, "equivalent to root access"),
        (Mode::Acl, "All other requests are refused"),
        (Mode::Socket, "polkit is not asked"),
    ] {
        let text = text(&options(mode), Some("vm"));
        let (before, _) = text.split_once("[libvirt]\n").unwrap();
        assert!(before.lines().any(|line| line.starts_with("# ") && line.contains(words)), "{text}");
        assert!(before.lines().all(|line| line.starts_with('#') && !line.ends_with(' ')), "{text}");
        assert!(before.lines().any(|line| line == "#"), "{text}");
    }
}

#[test]
fn an_option_that_does_not_fit_the_mode_is_wrong_usage() {
    let (group, member) = (Some("vm".to_owned()), vec!["bob".to_owned()]);
    let (role, domains) = (Some(RoleKind::Viewer), vec!["web".to_owned()]);
    let acl = || Libvirt { group: group.clone(), role, domains: domains.clone(), ..options(Mode::Acl) };
    for (options, expected) in [
        (acl(), None),
        (Libvirt { role: None, ..acl() }, Some("--mode acl needs --role and --domains")),
        (Libvirt { domains: Vec::new(), ..acl() }, Some("--mode acl needs --role and --domains")),
        (Libvirt { group: None, ..acl() }, Some("--mode acl needs the --group of the role")),
        (Libvirt { member: member.clone(), ..acl() }, None),
        (options(Mode::ReadOnly), None),
        (options(Mode::Polkit), None),
        (options(Mode::Socket), None),
        (Libvirt { role, ..options(Mode::Polkit) }, Some("only with --mode acl")),
        (Libvirt { domains: domains.clone(), ..options(Mode::Socket) }, Some("only with --mode acl")),
        (Libvirt { role, ..options(Mode::ReadOnly) }, Some("only with --mode acl")),
        (Libvirt { group: group.clone(), ..options(Mode::ReadOnly) }, Some("takes no --group and no --member")),
        (Libvirt { member: member.clone(), ..options(Mode::ReadOnly) }, Some("takes no --group and no --member")),
        (Libvirt { group: group.clone(), member: member.clone(), ..options(Mode::Polkit) }, None),
    ] {
        let found = check(&options).err().map(|failure| failure.to_string());
        assert_eq!(found.is_some(), expected.is_some(), "{options:?}: {found:?}");
        assert!(expected.is_none_or(|expected| found.as_ref().unwrap().contains(expected)), "{found:?}");
    }
}

#[test]
fn an_existing_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("libvirt.toml");
    let options = Libvirt { output: Some(output.clone()), ..options(Mode::ReadOnly) };
    assert_eq!(run(&options).unwrap(), DONE);
    assert_eq!(std::fs::read_to_string(&output).unwrap(), text(&options, None));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&output).unwrap().permissions());
    assert_eq!(mode & 0o7777, 0o644);
    std::fs::write(&output, "own").unwrap();
    let refused = run(&options).unwrap_err().to_string();
    assert!(refused.contains("libvirt.toml: the file exists"), "{refused}");
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "own");
}
