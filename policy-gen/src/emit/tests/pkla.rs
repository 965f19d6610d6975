//! What becomes of a policy in pkla.

use super::*;

#[test]
fn pkla_refuses_details_and_stars_in_the_midst_by_name() {
    let (_, problems) = emitted(NARROWED, Format::Pkla, Owner::Admin);
    assert_snapshot!(problems.join("\n"), @r"
    p.toml:2:1: pkla cannot say `systemd 1`: it knows nothing of an action's details (only rules can: polkit 0.106 or later. Without details it would be for all units, domains or programs)
    p.toml:8:29: pkla cannot say `org.*.manage`: its `*` does not end at a dot (name the actions, or end the pattern with its first star: `org.libvirt.*`)
    p.toml:8:45: pkla cannot say `org.a.*.b*`: its `*` does not end at a dot (name the actions, or end the pattern with its first star: `org.libvirt.*`)
    ");
    let text = "[[grant]]\nactions = ['org.libvirt.*', 'a.b']\nnetgroups = ['ops']\ngroups = ['vm']\nresult = 'yes'\n";
    let (files, problems) = emitted(text, Format::Pkla, Owner::Admin);
    assert_eq!(problems, [""; 0]);
    let expected = "[1]\nIdentity=unix-netgroup:ops;unix-group:vm\nAction=org.libvirt.*;a.b\nResultAny=yes\n";
    assert!(files[0].text.contains(expected), "{}", files[0].text);
}

#[test]
fn pkla_refuses_each_hook_by_name() {
    let (_, problems) = emitted(HOOKS, Format::Pkla, Owner::Admin);
    assert_snapshot!(problems.join("\n"), @r"
    p.toml:2:1: pkla cannot say `hook 1`: it asks nobody (only rules can: polkit 0.106 or later; on this one the agent serves by registration, with [[agent]])
    p.toml:5:1: pkla cannot say `hook 2`: it asks nobody (only rules can: polkit 0.106 or later; on this one the agent serves by registration, with [[agent]])
    ");
}

#[test]
fn pkla_has_the_first_grant_last_and_all_three_results() {
    let sample = SAMPLE.replace("</script>", "").replace("auth_self", "yes").replace("[[agent]]", "[[agents]]");
    let sample = sample.split("[[agents]]").next().unwrap().to_owned();
    let (files, problems) = emitted(&sample, Format::Pkla, Owner::Admin);
    assert_eq!(problems, [""; 0]);
    assert_snapshot!(files[0].text, @r#"
    # Written by polkit-policy-gen from /etc/p.toml. To change it, edit that and run `polkit-policy-gen install`.
    # polkit takes the last match in the order of the names of directories: this one comes after 10-vendor.d, 20-org.d and 30-site.d, and before 50-local.d and 90-mandatory.d.

    # grant 2
    [2]
    Identity=unix-group:köln";unix-group:libvirt
    Action=org.libvirt.unix.manage
    ResultAny=yes
    ResultInactive=yes
    ResultActive=yes

    # web panel
    [1]
    Identity=unix-user:alice;unix-user:__proto__;unix-group:libvirt
    Action=org.libvirt.unix.manage;org.libvirt.unix.monitor
    ResultAny=yes
    ResultInactive=yes
    ResultActive=yes
    "#);
}

#[test]
fn what_pkla_cannot_say_is_refused_by_name() {
    let grant =
        |who: &str, result: &str| format!("[[grant]]\nname = '{who}'\nactions = ['a.b']\n{who}\nresult = '{result}'\n");
    let refused = |first: &str, second: &str| -> Vec<String> {
        let text = grant(&first.replace('\'', "\""), "yes")
            .replace("name = '", "name = '''")
            .replace("'\nactions", "'''\nactions");
        let second = grant(&second.replace('\'', "\""), "no")
            .replace("name = '", "name = '''")
            .replace("'\nactions", "'''\nactions");
        emitted(&(text + &second), Format::Pkla, Owner::Admin).1
    };
    // A user first, then a group: the user's entry wins, as it should.
    assert_eq!(refused("users = 'u'", "groups = 'g'"), [""; 0]);
    assert_eq!(refused("users = 'u'", "users = 'v'"), [""; 0]);
    // The second one's user is shadowed by the first in our order, and never written.
    assert_eq!(refused("users = 'u'", "users = 'u'"), [""; 0]);
    assert_snapshot!(refused("groups = 'g'", "users = 'u'").join("\n"), @r#"p.toml:6:1: pkla cannot say that `groups = "g"` comes before `users = "u"` for a.b: the entry of a user or netgroup beats that of a group (give both the same result, or write the one that names users first)"#);
    assert_snapshot!(refused("groups = 'g'", "groups = 'h'").join("\n"), @r#"p.toml:6:1: pkla cannot say that `groups = "g"` comes before `groups = "h"` for a.b: which of a user's groups counts is not defined (give both the same result, or write the one that names users first)"#);
    assert_snapshot!(refused("users = 'a*'", "users = 'b;c'").join("\n"), @r"
    p.toml:4:9: pkla cannot name `a*`: `*`, `?` and `;` do not stand for themselves (only rules can: polkit 0.106 or later)
    p.toml:9:9: pkla cannot name `b;c`: `*`, `?` and `;` do not stand for themselves (only rules can: polkit 0.106 or later)
    ");
}
