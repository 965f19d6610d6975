use std::collections::{BTreeMap, BTreeSet};

use polkit_config::report::Source;

use super::*;
use crate::implicit_authorization::Session;
use crate::policy::permissions::root_equivalent;
use crate::policy::{Draft, Policy, PolicyRequest};

fn policy(text: &str) -> (Policy, Vec<String>) {
    let draft = Draft::read(&[Source::new("p.toml", text)], Report::new());
    (draft.policy, draft.report.lines())
}

const ROLES: &str = "[libvirt]\nmode = 'acl'\n\n[[libvirt_role]]\nrole = 'operator'\ngroups = 'ops'\nusers = ['bob']\n\
                     domains = ['web-*', 'db']\nnetworks = 'default'\n\n[[libvirt_role]]\nrole = 'viewer'\ngroups = 'all'\ndomains = '*'\n";

#[test]
fn users_with_a_role_may_connect_and_get_the_permissions_of_the_role() {
    let (policy, problems) = policy(ROLES);
    assert_eq!(problems, [""; 0]);
    let libvirt = policy.libvirt.as_ref().unwrap();
    let may_connect = |user: &str, group: &str| {
        let (groups, netgroups, details) = ([group.to_owned()].into(), BTreeSet::new(), BTreeMap::new());
        let request = PolicyRequest {
            action: MANAGE,
            user,
            groups: &groups,
            netgroups: &netgroups,
            details: &details,
            unit: None,
            no_new_privileges: false,
            session: Session::None,
        };
        policy.results(&request).is_some()
    };
    assert!(may_connect("x", "ops") && may_connect("x", "all") && may_connect("bob", "x") && !may_connect("x", "x"));
    let answer = |action: &str, object: &str, group: &str| {
        let answer =
            libvirt.answer(&format!("org.libvirt.api.{action}"), Some(object), "x", &[group.to_owned()].into());
        answer.map(ImplicitAuthorization::text)
    };
    for (action, object, ops, all) in [
        ("domain.getattr", "web-1", "yes", "yes"),
        ("domain.start", "web-1", "yes", "no"),
        ("domain.start", "web", "no", "no"),
        ("domain.start", "db", "yes", "no"),
        ("domain.start", "db2", "no", "no"),
        ("domain.getattr", "mail", "no", "yes"),
        ("domain.write", "web-1", "no", "no"),
        ("connect.write", "", "no", "no"),
        ("connect.search-networks", "", "yes", "no"),
        ("network-port.create", "default", "yes", "no"),
        ("network.read", "other", "no", "no"),
        ("secret.getattr", "", "no", "no"),
        ("domain.of-the-future", "web-1", "no", "no"),
    ] {
        assert_eq!(
            (answer(action, object, "ops"), answer(action, object, "all")),
            (Some(ops), Some(all)),
            "{action} {object}"
        );
        assert_eq!(answer(action, object, "none"), None);
    }
    assert_eq!(
        libvirt.answer("org.libvirt.api.domain.read", None, "bob", &BTreeSet::new()).map(ImplicitAuthorization::text),
        Some("no")
    );
    // A user with two roles has the permissions of both.
    let both = ["ops".to_owned(), "all".to_owned()].into();
    assert_eq!(
        libvirt.answer("org.libvirt.api.domain.read", Some("mail"), "x", &both),
        Some(ImplicitAuthorization::Yes)
    );
    assert_eq!(libvirt.answer(MANAGE, None, "bob", &both), None);
}

#[test]
fn a_mode_accepts_only_its_users_and_groups() {
    for (text, expected) in [
        (
            "[libvirt]\nmode = 'both'",
            "p.toml:2:8: `both` is not a mode of [libvirt] (use one of read-only, polkit, acl, socket)",
        ),
        (
            "[libvirt]\nmode = 'polkit'",
            "p.toml:1:1: [libvirt] has no groups or users (add `groups = [\"…\"]` or `users = [\"…\"]`)",
        ),
        (
            "[libvirt]\nmode = 'acl'",
            "p.toml:1:1: mode `acl` needs a [[libvirt_role]] (add one: `role = \"viewer\"`, `groups = […]`, `domains = […]`)",
        ),
        (
            "[libvirt]\nmode = 'socket'\nusers = 'a'\ngroups = 'b'",
            "p.toml:3:9: a socket belongs to a group (add the user to the group with a [[member]])",
        ),
        (
            "[libvirt]\nmode = 'socket'\ngroups = ['a', 'b']",
            "p.toml:3:16: a socket belongs to one group (keep only one)",
        ),
        (
            "[libvirt]\nmode = 'socket'\ngroups = 'a b'",
            "p.toml:3:10: this name is not valid in a socket unit (use only letters, digits, `_`, `-` and `.`)",
        ),
        (
            "[libvirt]\nmode = 'read-only'\ngroups = 'a'",
            "p.toml:3:10: mode `read-only` takes no users or groups here (every user may open read-only connections: remove it)",
        ),
        (
            "[libvirt]\nmode = 'acl'\ngroups = 'a'\n[[libvirt_role]]\nrole = 'viewer'\nusers = 'a'\ndomains = '*'",
            "p.toml:3:10: mode `acl` takes no users or groups here (move them to a [[libvirt_role]])",
        ),
        (
            "[libvirt]\nmode = 'read-only'\ndaemons = 'sshd'",
            "p.toml:3:11: `sshd` is not a libvirt daemon (use the name of its service: `libvirtd`, `virtqemud`, `virtnetworkd`)",
        ),
        (
            "[libvirt]\nmode = 'read-only'\nothers = 'nothing'",
            "p.toml:3:10: `others` is valid only with mode `acl` (remove it, or set `mode = \"acl\"`)",
        ),
        (
            "[[libvirt_role]]\nrole = 'viewer'\nusers = 'a'\ndomains = '*'",
            "p.toml:1:1: a [[libvirt_role]] needs mode `acl` (add `[libvirt]` with `mode = \"acl\"`)",
        ),
    ] {
        assert_eq!(policy(text).1, [expected], "{text}");
    }
    let role = "[[libvirt_role]]\nrole = 'boss'\ndomains = ['a/b', '']\n";
    assert_eq!(policy(&format!("[libvirt]\nmode = 'acl'\n{role}")).1.len(), 4);
}

#[test]
fn a_user_without_a_role_gets_nothing_if_the_policy_says_so() {
    let (policy, problems) = policy(&ROLES.replace("'acl'", "'acl'\nothers = 'nothing'"));
    assert_eq!(problems, [""; 0]);
    let answer = policy.libvirt.unwrap().answer("org.libvirt.api.domain.getattr", Some("web-1"), "x", &BTreeSet::new());
    assert_eq!(answer, Some(ImplicitAuthorization::No));
}

#[test]
fn a_role_is_root_equivalent_by_the_permissions_that_it_has() {
    let of = |role: &str, pools: &str| {
        let text = format!(
            "[libvirt]\nmode = 'acl'\n\n[[libvirt_role]]\nrole = '{role}'\ngroups = 'ops'\ndomains = '*'\n{pools}"
        );
        let (policy, problems) = policy(&text);
        assert_eq!(problems, [""; 0]);
        let found = root_equivalent(&policy.libvirt.unwrap().roles[0]);
        found.into_iter().map(|(permission, _)| permission).collect::<Vec<_>>()
    };
    for role in ["viewer", "console", "operator"] {
        assert_eq!(of(role, "pools = '*'\n"), [""; 0], "{role}");
    }
    let domains = ["domain.write", "domain.block-write", "domain.snapshot", "domain.core-dump", "domain.hibernate"];
    assert_eq!(of("admin", ""), domains);
    assert_eq!(
        of("admin", "pools = 'default'\n"),
        [&domains[..], &["storage-vol.create", "storage-vol.data-write"]].concat()
    );
}
