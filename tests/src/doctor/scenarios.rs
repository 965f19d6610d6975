//! The scenarios in light beds, after the causes that people ask about: C1 to C12.

use crate::Suite::{Bookworm, Bullseye};
use crate::light::LightBuilder;
use crate::{Bed, Suite};

use super::{ALL, MANAGE, PKLA, RULES, Scenario, WITH_RULES, pkcheck, sh, virsh};

/// Those that read pkla files, with the package for it.
const WITH_PKLA: &[Suite] = &[Bullseye, Bookworm];
const ASK: &[&str] = &["--user", "www-data"];
const NO_AGENT: &str =
    "error: authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'";
const POLICY: &str = "/usr/share/polkit-1/actions/org.libvirt.unix.policy";
/// Where that is kept while it is broken.
const KEPT: &str = "/root/org.libvirt.unix";
/// A log of a page that only lists, in the words of PHP.
const LOG: &str = "[Sat May 18 2019] [:error] [client 192.0.2.1:2] PHP Warning:  libvirt_connect(): authentication unavailable: no \
                   polkit agent available to authenticate action 'org.libvirt.unix.manage' in /srv/www/a.php on line 3\n\
                   [Sat May 18 2019] [:error] [client 192.0.2.1:2] PHP Warning:  libvirt_list_domains(): Invalid arguments in \
                   /srv/www/a.php on line 4\n";

fn unchanged(builder: LightBuilder) -> LightBuilder {
    builder
}

fn pkla_is_read(builder: LightBuilder) -> LightBuilder {
    builder.with_pkla()
}

fn www_data_lists(bed: &Bed) -> bool {
    virsh(bed, "www-data")
}

fn www_data_may(bed: &Bed) -> bool {
    pkcheck(bed, "www-data", MANAGE)
}

/// A rule for www-data, in these words.
fn rule(condition: &str) -> String {
    format!(
        "polkit.addRule(function (action, subject) {{\n    if (action.id == \"{MANAGE}\" && {condition}) {{\n        \
         return polkit.Result.YES;\n    }}\n}});\n"
    )
}

fn for_www_data() -> String {
    rule("subject.user == \"www-data\"")
}

/// A pkla entry for www-data.
fn entry(identity: &str, results: &str) -> String {
    format!("[managers]\nIdentity={identity}\nAction={MANAGE}\n{results}\n")
}

/// Puts www-data into a group, which is made if it is not there.
pub fn join(bed: &Bed, group: &str) {
    sh(bed, &format!("getent group {group} >/dev/null || groupadd --system {group}; usermod -aG {group} www-data"));
}

/// Ends polkitd; the bus starts it again.
pub fn restart_polkitd(bed: &Bed) {
    sh(
        bed,
        "kill $(pidof polkitd); while pidof polkitd >/dev/null; do sleep 0.01; done
         until dbus-send --system --print-reply --dest=org.freedesktop.PolicyKit1 /org/freedesktop/PolicyKit1/Authority \
             org.freedesktop.DBus.Peer.Ping >/dev/null 2>&1; do sleep 0.02; done",
    );
}

/// A process of www-data in the cgroup of a unit, started by that setpriv(1).
pub fn unit(bed: &Bed, options: &str) {
    sh(
        bed,
        &format!(
            "mkdir -p /sys/fs/cgroup/system.slice/web.service
             setpriv --reuid=www-data --regid=www-data {options} sleep 1000 </dev/null >/dev/null 2>&1 &
             echo $! > /sys/fs/cgroup/system.slice/web.service/cgroup.procs; sleep 0.05"
        ),
    );
}

fn scenario(name: &'static str, suites: &'static [Suite], code: &'static str, breaks: fn(&Bed)) -> Scenario {
    Scenario {
        name,
        suites,
        before: unchanged,
        breaks,
        asked: ASK,
        code,
        works: www_data_may,
        by_hand: None,
        full: false,
    }
}

fn of_pkla(name: &'static str, suites: &'static [Suite], code: &'static str, breaks: fn(&Bed)) -> Scenario {
    Scenario { before: pkla_is_read, ..scenario(name, suites, code, breaks) }
}

fn in_full(name: &'static str, suites: &'static [Suite], code: &'static str, breaks: fn(&Bed)) -> Scenario {
    Scenario { full: true, works: www_data_lists, ..scenario(name, suites, code, breaks) }
}

/// One that a person mends, in this way.
fn by_hand(by_hand: fn(&Bed), scenario: Scenario) -> Scenario {
    Scenario { by_hand: Some(by_hand), ..scenario }
}

/// What `apt-get install --reinstall` comes to: the file of the package.
fn reinstall(bed: &Bed) {
    sh(bed, &format!("cp {KEPT} {POLICY}; sleep 0.1"));
    restart_polkitd(bed);
}

/// A process of web.service with this in its environment.
fn with_variable(bed: &Bed, variable: &str) {
    sh(bed, "mkdir -p /run/user/0; chmod 0700 /run/user/0; pkill -u www-data sleep || true");
    unit(bed, &format!("--init-groups env {variable}"));
}

/// Whether virsh, with the environment of that process and no connection named, gets to the system's daemon.
fn goes_to_the_system(bed: &Bed) -> bool {
    let script = "pid=$(head -n 1 /sys/fs/cgroup/system.slice/web.service/cgroup.procs)
        tr '\\0' '\\n' < /proc/$pid/environ | grep -E '^(LIBVIRT|XDG_|HOME|PATH)' > /tmp/environment
        exec setpriv --reuid=www-data --regid=www-data --init-groups env -i $(cat /tmp/environment) timeout 15 virsh -q uri";
    let output = bed.exec(["sh", "-c", script]);
    output.stdout.trim() == "qemu:///system"
}

fn to_the_system(bed: &Bed) {
    with_variable(bed, "-u XDG_RUNTIME_DIR LIBVIRT_DEFAULT_URI=qemu:///system");
}

/// One whose unit has that in its environment, and is in the group.
fn elsewhere(name: &'static str, code: &'static str, breaks: fn(&Bed)) -> Scenario {
    let asked: &[&str] = &["--unit", "web.service", "--action", MANAGE];
    by_hand(to_the_system, Scenario { asked, works: goes_to_the_system, ..scenario(name, ALL, code, breaks) })
}

/// All of them.
#[rustfmt::skip]
pub fn all() -> Vec<Scenario> {
    vec![
        Scenario { works: www_data_lists, ..scenario("C1 not in the group", ALL, "not-in-group", |_| ()) },
        Scenario { asked: &["--unit", "web.service", "--action", MANAGE], ..scenario("C1 a service, not in the group", ALL, "not-in-group", |bed| unit(bed, "--init-groups")) },
        Scenario { asked: &["--user", "www-data", "--error", NO_AGENT], ..scenario("C1 the pasted message", ALL, "not-in-group", |_| ()) },
        scenario("C2 in kvm", ALL, "wrong-group", |bed| join(bed, "kvm")),
        scenario("C2 in libvirtd", ALL, "wrong-group", |bed| join(bed, "libvirtd")),
        scenario("C2 a rule for a group that is not", WITH_RULES, "group-missing", |bed| {
            bed.write(format!("{RULES}/50-vm.rules"), 0o644, rule("subject.isInGroup(\"virtadmins\")"));
        }),
        of_pkla("C2 a pkla for a group that is not", WITH_PKLA, "group-missing", |bed| {
            bed.write(format!("{PKLA}/vm.pkla"), 0o644, entry("unix-group:libvirtd", "ResultAny=yes"));
        }),
        of_pkla("C3 no rule at all", ALL, "must-authenticate", |bed| {
            bed.remove("/usr/share/polkit-1/rules.d/60-libvirt.rules");
            bed.remove("/var/lib/polkit-1/localauthority/10-vendor.d/60-libvirt.pkla");
            restart_polkitd(bed);
        }),
        Scenario {
            asked: &["--user", "www-data", "--action", "org.freedesktop.timedate1.set-time"],
            works: |bed| pkcheck(bed, "www-data", "org.freedesktop.timedate1.set-time"),
            ..scenario("C3 another action", ALL, "must-authenticate", |_| ())
        },
        scenario("C4 a pkla where nothing reads it", WITH_RULES, "pkla-not-read", |bed| {
            bed.write(format!("{PKLA}/vm.pkla"), 0o644, entry("unix-user:www-data", "ResultAny=yes"));
        }),
        scenario("C4 rules for polkit 0.105", &[Bullseye], "rules-not-read", |bed| {
            bed.write(format!("{RULES}/50-vm.rules"), 0o644, for_www_data());
        }),
        scenario("C4 /etc/polkit-1.rules.d", WITH_RULES, "rule-misplaced", |bed| {
            bed.write("/etc/polkit-1.rules.d/50-vm.rules", 0o644, for_www_data());
        }),
        scenario("C4 localauthority/rules.d", WITH_RULES, "rule-misplaced", |bed| {
            bed.write("/etc/polkit-1/localauthority/rules.d/50-vm.rules", 0o644, for_www_data());
        }),
        scenario("C4 /run before 126", &[Bookworm], "rule-misplaced", |bed| {
            bed.write("/run/polkit-1/rules.d/50-vm.rules", 0o644, for_www_data());
        }),
        of_pkla("C4 a pkla one directory too high", WITH_PKLA, "rule-misplaced", |bed| {
            bed.write("/etc/polkit-1/localauthority/vm.pkla", 0o644, entry("unix-user:www-data", "ResultAny=yes"));
        }),
        scenario("C4 .rule", WITH_RULES, "rule-misnamed", |bed| {
            bed.write(format!("{RULES}/50-vm.rule"), 0o644, for_www_data());
        }),
        of_pkla("C4 .pkla.txt", WITH_PKLA, "rule-misnamed", |bed| {
            bed.write(format!("{PKLA}/vm.pkla.txt"), 0o644, entry("unix-user:www-data", "ResultAny=yes"));
        }),
        of_pkla("C4 a pkla among the rules", &[Bookworm], "rule-misplaced", |bed| {
            bed.write(format!("{RULES}/vm.pkla"), 0o644, entry("unix-user:www-data", "ResultAny=yes"));
        }),
        scenario("C5 a rule of mode 0600", WITH_RULES, "rule-unreadable", |bed| {
            bed.write(format!("{RULES}/50-vm.rules"), 0o600, for_www_data());
        }),
        of_pkla("C5 a pkla of mode 0600", &[Bookworm], "rule-unreadable", |bed| {
            bed.write(format!("{PKLA}/vm.pkla"), 0o600, entry("unix-user:www-data", "ResultAny=yes"));
        }),
        scenario("C5 a directory of root's alone", WITH_RULES, "rules-directory-closed", |bed| {
            sh(bed, &format!("chown root:root {RULES}; chmod 0700 {RULES}"));
            bed.write(format!("{RULES}/50-vm.rules"), 0o644, for_www_data());
            restart_polkitd(bed);
        }),
        scenario("C5 a brace too many", WITH_RULES, "rule-not-compiled", |bed| {
            bed.write(format!("{RULES}/50-vm.rules"), 0o644, for_www_data() + "}\n");
        }),
        scenario("C5 a comment of a shell's", WITH_RULES, "rule-not-compiled", |bed| {
            bed.write(format!("{RULES}/50-vm.rules"), 0o644, format!("# for the panel\n{}", for_www_data()));
        }),
        scenario("C5 newer JavaScript", WITH_RULES, "rule-not-compiled", |bed| {
            bed.write(format!("{RULES}/50-vm.rules"), 0o644, for_www_data().replace("function (action, subject)", "(action, subject) =>"));
        }),
        of_pkla("C5 ResultsAny", WITH_PKLA, "pkla-broken", |bed| {
            bed.write(format!("{PKLA}/vm.pkla"), 0o644, entry("unix-user:www-data", "ResultsAny=yes"));
        }),
        of_pkla("C5 a line that is none", WITH_PKLA, "pkla-broken", |bed| {
            bed.write(format!("{PKLA}/vm.pkla"), 0o644, entry("unix-user:www-data", "ResultAny=yes\nand nothing else"));
        }),
        scenario("C5 a chmod that was not noticed", WITH_RULES, "polkitd-not-reloaded", |bed| {
            bed.write(format!("{RULES}/50-vm.rules"), 0o600, for_www_data());
            restart_polkitd(bed);
            sh(bed, &format!("chmod 0644 {RULES}/50-vm.rules; sleep 0.2"));
        }),
        scenario("C6 a rule for those at the screen", WITH_RULES, "rule-wants-session", |bed| {
            bed.write(format!("{RULES}/50-vm.rules"), 0o644, rule("subject.user == \"www-data\" && subject.local && subject.active"));
        }),
        of_pkla("C6 a pkla with ResultActive alone", WITH_PKLA, "rule-wants-session", |bed| {
            bed.write(format!("{PKLA}/vm.pkla"), 0o644, entry("unix-user:www-data", "ResultActive=yes"));
        }),
        Scenario { asked: &["--unit", "web", "--action", MANAGE], ..scenario("C6 SupplementaryGroups=", ALL, "not-in-group", |bed| {
            unit(bed, "--groups libvirt");
        }) },
        Scenario { works: www_data_lists, ..scenario("C7 /run/libvirt is closed", ALL, "socket-directory-closed", |bed| {
            join(bed, "libvirt");
            sh(bed, "chmod 0700 /run/libvirt");
        }) },
        by_hand(reinstall, scenario("C8 the action is gone", ALL, "action-not-registered", |bed| {
            join(bed, "libvirt");
            sh(bed, &format!("mv {POLICY} {KEPT}; sleep 0.1"));
            restart_polkitd(bed);
        })),
        by_hand(reinstall, scenario("C8 a mistake in a .policy file", ALL, "action-file-broken", |bed| {
            join(bed, "libvirt");
            sh(bed, &format!("cp {POLICY} {KEPT}; sed -i '0,/<action /s//<action <action /' {POLICY}; sleep 0.1"));
            restart_polkitd(bed);
        })),
        scenario("C9 hidepid", WITH_RULES, "hidepid", |bed| {
            join(bed, "libvirt");
            sh(bed, "mount -o remount,hidepid=2 /proc");
        }),
        Scenario { asked: &["--error", LOG], ..scenario("C10 a page that only lists", ALL, "read-only-is-enough", |_| ()) },
        Scenario {
            asked: &["--user", "www-data", "--action", "org.libvirt.api.domain.start"],
            works: |bed| pkcheck(bed, "www-data", "org.libvirt.api.domain.start"),
            ..scenario("C11 access control refuses", ALL, "acl-refuses", |_| ())
        },
        Scenario {
            asked: &["--user", "www-data", "--action", "org.libvirt.api.domain.start"],
            works: |bed| pkcheck(bed, "www-data", "org.libvirt.api.domain.start"),
            ..scenario("C11 access control asks", WITH_RULES, "acl-asks", |bed| {
                bed.write(format!("{RULES}/50-vm.rules"), 0o644, "polkit.addRule(function (action) { if (action.id.indexOf('org.libvirt.api.') == 0) { return 'auth_admin'; } });\n");
            })
        },
        scenario("rule: throws", WITH_RULES, "rule-throws", |bed| {
            join(bed, "libvirt");
            bed.write(format!("{RULES}/10-x.rules"), 0o644, "polkit.addRule(function (action) { return action.startsWith('org.x.') ? 'yes' : null; });\n");
        }),
        scenario("rule: a word that is none", WITH_RULES, "rule-returns-junk", |bed| {
            join(bed, "libvirt");
            bed.write(format!("{RULES}/10-x.rules"), 0o644, "polkit.addRule(function () { return 'YES'; });\n");
        }),
        scenario("rule: returns true", WITH_RULES, "rule-ends-polkitd", |bed| {
            join(bed, "libvirt");
            bed.write(format!("{RULES}/10-x.rules"), 0o644, "polkit.addRule(function (action, subject) { if (subject.user == 'www-data') { return true; } });\n");
        }),
        by_hand(|bed| bed.remove(format!("{RULES}/10-x.rules")), scenario("rule: refuses", WITH_RULES, "rule-refuses", |bed| {
            join(bed, "libvirt");
            bed.write(format!("{RULES}/10-x.rules"), 0o644, format!("polkit.addRule(function (action) {{ if (action.id == '{MANAGE}') {{ return 'no'; }} }});\n"));
        })),
        elsewhere("C12 LIBVIRT_DEFAULT_URI=qemu:///session", "session-not-system", |bed| {
            join(bed, "libvirt");
            with_variable(bed, "LIBVIRT_DEFAULT_URI=qemu:///session");
        }),
        elsewhere("C12 LIBVIRT_DEFAULT_URI over TCP", "remote-client", |bed| {
            join(bed, "libvirt");
            with_variable(bed, "LIBVIRT_DEFAULT_URI=qemu+tcp://localhost/system");
        }),
        elsewhere("C12 the XDG_RUNTIME_DIR of root", "foreign-runtime-directory", |bed| {
            join(bed, "libvirt");
            with_variable(bed, "XDG_RUNTIME_DIR=/run/user/0");
        }),
        by_hand(reinstall, Scenario { asked: &[], works: |bed| !pkcheck(bed, "alice", MANAGE), ..scenario("unsafe: an edited .policy file", ALL, "policy-edited", |bed| {
            sh(bed, &format!("cp {POLICY} {KEPT}; sed -i s/auth_admin_keep/yes/ {POLICY}; sleep 0.1"));
            restart_polkitd(bed);
        }) }),
        Scenario { asked: &[], works: |bed| !pkcheck(bed, "alice", MANAGE), ..of_pkla("unsafe: a pkla for everybody", WITH_PKLA, "everybody-may", |bed| {
            bed.write(format!("{PKLA}/vm.pkla"), 0o644, entry("unix-user:*", "ResultAny=yes"));
        }) },
        Scenario { asked: &[], works: |bed| !pkcheck(bed, "alice", MANAGE), ..scenario("unsafe: a rule for everybody", WITH_RULES, "everybody-may", |bed| {
            bed.write(format!("{RULES}/50-vm.rules"), 0o644, rule("true"));
        }) },
        Scenario { asked: &[], works: |bed| !pkcheck(bed, "bob", "org.freedesktop.policykit.exec"), ..scenario("unsafe: nopasswd_global", WITH_RULES, "nopasswd-for-all", |bed| {
            sh(bed, "usermod -aG sudo bob");
            bed.write(format!("{RULES}/49-nopasswd_global.rules"), 0o644, "polkit.addRule(function (action, subject) { if (subject.isInGroup('sudo')) { return polkit.Result.YES; } });\n");
        }) },
        Scenario { asked: &[], works: |bed| !bed.exists("/etc/libvirt/libvirtdconf"), ..scenario("seed: /etc/libvirt/libvirtdconf", ALL, "conf-misnamed", |bed| {
            bed.write("/etc/libvirt/libvirtdconf", 0o644, "unix_sock_group = \"libvirt\"\n");
        }) },
    ]
}

const STOP: &str = "systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service";
const START: &str = "systemctl daemon-reload; systemctl start libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket";

/// Gives libvirt's socket another mode and group, and its daemon these settings.
pub fn socket(bed: &Bed, unit: &str, conf: &str) {
    bed.write("/etc/systemd/system/libvirtd.socket.d/50-own.conf", 0o644, format!("[Socket]\n{unit}\n"));
    sh(bed, &format!("{STOP}; printf '{conf}' >> /etc/libvirt/libvirtd.conf; {START}"));
}

/// The process of web.service, which runs as www-data.
fn web_service_has(bed: &Bed, group: &str) -> bool {
    let script =
        "grep ^Groups: /proc/$(systemctl show -P MainPID web)/status | grep -qw $(getent group $1 | cut -d: -f3)";
    bed.exec(["sh", "-c", script, "sh", group]).status.success()
}

/// The scenarios that need systemd.
#[rustfmt::skip]
pub fn with_systemd() -> Vec<Scenario> {
    vec![
        in_full("C7 the socket is stopped", ALL, "socket-missing", |bed| {
            join(bed, "libvirt");
            sh(bed, &format!("{STOP}; rm -f /run/libvirt/libvirt-sock*"));
        }),
        in_full("C7 the socket is masked", ALL, "socket-missing", |bed| {
            join(bed, "libvirt");
            sh(bed, &format!("{STOP}; rm -f /run/libvirt/libvirt-sock*; systemctl mask libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"));
        }),
        in_full("C7 a socket without a listener", ALL, "socket-refused", |bed| {
            join(bed, "libvirt");
            sh(bed, &format!("{STOP}; [ -e /run/libvirt/libvirt-sock ] || perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"/run/libvirt/libvirt-sock\", Listen => 1) or die'"));
        }),
        in_full("C7 SocketMode=0600", ALL, "socket-closed", |bed| {
            join(bed, "libvirt");
            socket(bed, "SocketMode=0600", "");
        }),
        in_full("C7 the socket is a group's", ALL, "not-in-socket-group", |bed| {
            socket(bed, "SocketMode=0660\nSocketGroup=libvirt", "auth_unix_rw = \"none\"\\n");
        }),
        Scenario { asked: &["--unit", "web", "--action", MANAGE], works: |bed| web_service_has(bed, "libvirt"), ..in_full("C7 groups of before", ALL, "stale-groups", |bed| {
            socket(bed, "SocketMode=0660\nSocketGroup=libvirt", "auth_unix_rw = \"none\"\\n");
            bed.write("/etc/systemd/system/web.service", 0o644, "[Service]\nType=exec\nUser=www-data\nExecStart=/bin/sleep 1000\n");
            sh(bed, "systemctl daemon-reload; systemctl start web");
            join(bed, "libvirt");
        }) },
        in_full("C8 polkitd is masked", ALL, "polkitd-masked", |bed| {
            join(bed, "libvirt");
            sh(bed, "systemctl mask --now polkit.service");
        }),
        Scenario { asked: &[], works: |bed| !virsh(bed, "alice"), ..in_full("unsafe: auth_unix_rw = none", ALL, "auth-none", |bed| {
            socket(bed, "SocketMode=0666", "auth_unix_rw = \"none\"\\n");
        }) },
        Scenario { asked: &[], works: |bed| !bed.read("/etc/libvirt/libvirtd.conf").contains("\nunix_sock_group"), ..in_full("C7 unix_sock_group with systemd", ALL, "conf-ignored", |bed| {
            sh(bed, "printf 'unix_sock_group = \"libvirt\"\\nunix_sock_rw_perms = \"0770\"\\n' >> /etc/libvirt/libvirtd.conf");
        }) },
    ]
}
