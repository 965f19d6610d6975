//! What libvirt's access control costs a list of 500 domains, with 100 roles of ours and with the rules that libvirt's documentation
//! recommends (aclpolkit.html): a function for each user, one after the other. Both are asked as the user of the last.

use std::time::Instant;

use polkit_tests::{LightBed, Root};

use crate::grants::generate;
use crate::table::{Goal, Side, Table, paired};

/// How many roles, or functions, there are; each has five domains.
const ROLES: usize = 100;
const RULES: &str = "/etc/polkit-1/rules.d/45-polkit-policy-gen.rules";
const CONF: &str = "/etc/libvirt/libvirtd.conf";

/// The time of `virsh list --all`.
pub fn of_a_list(root: &Root, table: &mut Table) {
    let ours = with_rules(root, Some(&generated()));
    let chain = with_rules(root, Some(documented().as_bytes()));
    let none = with_rules(root, None);
    let way = format!("light bed, {}, 500 domains, {ROLES} roles; the last one's user sees 5", root.suite());
    let last = format!("u{}", ROLES - 1);
    assert_eq!((listed(&ours, &last), listed(&chain, &last), listed(&none, "root")), (5, 5, 500));
    let time = |bed: &LightBed, user: &str| {
        let began = Instant::now();
        let _ = listed(bed, user);
        began.elapsed().as_secs_f64() * 1000.0
    };
    let against = paired(15, |side| time(if side == Side::Ours { &ours } else { &chain }, &last));
    table.compare("virsh list --all, against a function for each user", &way, "ms", against, Goal::None);
    let against = paired(15, |side| if side == Side::Ours { time(&ours, &last) } else { time(&none, "root") });
    table.compare("the same, against root's without access control", &way, "ms", against, Goal::None);
}

/// How many domains a user sees.
fn listed(bed: &LightBed, user: &str) -> usize {
    let list = bed.exec_as(user, ["virsh", "-c", "qemu:///system", "list", "--all", "--name"]).success();
    list.stdout.lines().filter(|line| !line.is_empty()).count()
}

fn with_rules(root: &Root, rules: Option<&[u8]>) -> LightBed {
    let mut builder = LightBed::on(root);
    if let Some(rules) = rules {
        builder = builder.file(CONF, 0o644, "access_drivers = [ \"polkit\" ]\n").file(RULES, 0o644, rules);
    }
    let users: String = (0..ROLES).map(|user| format!("u{user}:x:{}:100::/:/bin/sh\n", 4000 + user)).collect();
    let bed = builder.start();
    bed.write("/etc/passwd", 0o644, bed.read("/etc/passwd") + &users);
    let mut commands = String::new();
    for domain in (0..ROLES).flat_map(|role| (0..5).map(move |number| format!("vm-{role}-{number}"))) {
        let xml = format!(
            "<domain type='qemu'><name>{domain}</name><memory unit='MiB'>16</memory>\
             <os><type arch='x86_64' machine='pc'>hvm</type></os>\
             <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>\n"
        );
        bed.write(format!("/root/domains/{domain}.xml"), 0o644, xml);
        commands.push_str(&format!("define /root/domains/{domain}.xml\n"));
    }
    bed.write("/root/define", 0o644, commands);
    let _ = bed.exec(["sh", "-c", "virsh -q -c qemu:///system < /root/define"]).success();
    bed
}

/// Ours, as the program writes them.
fn generated() -> Vec<u8> {
    let role = |role| {
        format!(
            "[[libvirt_role]]\nrole = 'operator'\nusers = 'u{role}'\ndomains = 'vm-{role}-*'\nnetworks = '*'\npools = '*'\n"
        )
    };
    let policy = "[libvirt]\nmode = 'acl'\n".to_owned() + &(0..ROLES).map(role).collect::<String>();
    generate(&policy, "debian:13", "rules")
}

/// In the manner of the documentation: who it is, then which driver and which domain, else no.
fn documented() -> String {
    let rule = |user| {
        format!(
            "polkit.addRule(function(action, subject) {{
    if (action.id == \"org.libvirt.unix.manage\" && subject.user == \"u{user}\") {{
        return polkit.Result.YES;
    }}
    if (action.id.indexOf(\"org.libvirt.api.domain.\") == 0 && subject.user == \"u{user}\") {{
        if (action.lookup(\"connect_driver\") == 'QEMU' && /^vm-{user}-/.test(action.lookup(\"domain_name\"))) {{
            return polkit.Result.YES;
        }} else {{
            return polkit.Result.NO;
        }}
    }}
}});
"
        )
    };
    (0..ROLES).map(rule).collect()
}
