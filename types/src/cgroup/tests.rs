use proptest::prelude::*;

use super::*;

#[test]
fn the_path_of_a_unit_ends_with_its_name() {
    for (path, own) in [
        ("/system.slice/a.service", Some("/system.slice/a.service")),
        ("/system.slice/a.service/x/y", Some("/system.slice/a.service")),
        ("/init.scope", Some("/init.scope")),
        ("/web.slice/web-php.slice/php@1.service/b.service", Some("/web.slice/web-php.slice/php@1.service")),
        ("/system.slice", None),
        ("/", None),
    ] {
        assert_eq!(unit_path(path), own, "{path}");
    }
}

#[test]
fn the_unified_line_is_found_among_the_old_hierarchies() {
    let text = "12:pids:/\n9:name=systemd:/system.slice/forged.service\n0::/system.slice/apache2.service\n";
    assert_eq!(unified(text), Some("/system.slice/apache2.service"));
    assert_eq!(unified("9:name=systemd:/system.slice/apache2.service\n"), None);
    assert_eq!(unified(""), None);
}

#[test]
fn cgroups_below_a_service_belong_to_the_service() {
    assert_eq!(unit("/system.slice/apache2.service"), Some("apache2.service"));
    assert_eq!(unit("/system.slice/apache2.service/workers/1"), Some("apache2.service"));
    assert_eq!(unit("/system.slice/system-app.slice/app@1.service"), Some("app@1.service"));
    assert_eq!(unit("/_cgroup.service"), Some("cgroup.service"));
    assert_eq!(unit("/init.scope"), Some("init.scope"));
}

#[test]
fn a_user_manager_cannot_imitate_a_system_unit() {
    let forged = "/user.slice/user-1001.slice/user@1001.service/system.slice/pool.service";
    assert_eq!(unit(forged), Some("user@1001.service"));
    let forged = "/user.slice/user-1001.slice/user@1001.service/app.slice/apache2.service";
    assert_eq!(unit(forged), Some("user@1001.service"));
}

#[test]
fn a_delegated_unit_cannot_imitate_another_unit() {
    assert_eq!(unit("/system.slice/lent.service/system.slice/pool.service"), Some("lent.service"));
    assert_eq!(unit("/system.slice/lent.service/apache2.service"), Some("lent.service"));
    assert_eq!(unit("/machine.slice/box.scope/system.slice/apache2.service"), Some("box.scope"));
}

#[test]
fn a_unit_name_that_contains_another_name_is_a_different_unit() {
    assert_eq!(unit("/system.slice/not-apache2.service"), Some("not-apache2.service"));
    assert_eq!(unit("/system.slice/apache2.service.service"), Some("apache2.service.service"));
    assert_ne!(unit("/system.slice/apache2.service (deleted)"), Some("apache2.service"));
}

#[test]
fn a_path_without_a_unit_has_no_unit() {
    for path in ["/", "/system.slice", "/bed-exec", "/system.slice/app@.service", "/system.slice/a b.service", "/a.b"] {
        assert_eq!(unit(path), None, "{path}");
    }
}

#[test]
fn a_path_outside_the_managers_root_is_ignored() {
    assert_eq!(below("/../../system.slice/apache2.service", ""), None);
    assert_eq!(below("/system.slice/a.service", ""), Some("/system.slice/a.service"));
    assert_eq!(below("/docker/4f/system.slice/a.service", "/docker/4f"), Some("/system.slice/a.service"));
    assert_eq!(below("/docker/4f0/system.slice/a.service", "/docker/4f"), None);
    assert_eq!(below("/system.slice/a.service", "/docker/4f"), None);
    assert_eq!(root_of("/init.scope"), "");
    assert_eq!(root_of("/"), "");
    assert_eq!(root_of("/docker/4f/init.scope"), "/docker/4f");
}

#[test]
fn only_the_scope_of_a_session_is_a_session() {
    assert_eq!(session("/user.slice/user-1000.slice/session-c2.scope"), Some("c2"));
    assert_eq!(session("/user.slice/user-1000.slice/user@1000.service/session-7.scope"), None);
    assert_eq!(session("/system.slice/cron.service"), None);
    assert_eq!(session("/user.slice/user-1000.slice/session-.._.scope"), None);
}

#[test]
fn the_owner_is_the_slice_before_the_unit() {
    assert_eq!(owner("/user.slice/user-1000.slice/session-c2.scope"), Some(1000));
    assert_eq!(owner("/user.slice/user-1000.slice/user@1000.service/user-0.slice/x.service"), Some(1000));
    assert_eq!(owner("/system.slice/user-0.service"), None);
    assert_eq!(owner("/system.slice/x.service/user-0.slice"), None);
}

proptest! {
    #[test]
    fn no_path_panics(text in ".*") {
        let _ = (unified(&text), unit(&text), session(&text), owner(&text), below(&text, &text), root_of(&text));
    }

    /// The cgroups that a user creates below a unit do not change the unit.
    #[test]
    fn cgroups_below_a_unit_do_not_change_the_unit(tail in "(/[a-z@.:_-]{0,12}(\\.slice|\\.service|\\.scope)?){0,5}") {
        let path = format!("/user.slice/user-1001.slice/user@1001.service{tail}");
        prop_assume!(!tail.is_empty() && tail.starts_with('/'));
        prop_assert_eq!(unit(&path), Some("user@1001.service"));
    }
}
