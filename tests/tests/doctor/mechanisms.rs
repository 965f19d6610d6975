//! The table of mechanisms compared with the real daemons: what each of them passes to polkitd, and what its command prints.

mod compared;
mod daemons;
mod watch;

use polkit_tests::doctor::healthy_full;
use polkit_tests::full::FullBuilder;
use polkit_tests::{Root, Suite, on_each_suite_with_rules};

use compared::{Call, compare};

on_each_suite_with_rules! {
    the_real_daemons_ask_polkit_as_the_table_says
}

/// The names of mechanisms, each with commands.
const COMMANDS: &[(&str, &str)] = &[
    ("systemd", "systemctl restart apache2.service"),
    ("systemd", "systemctl stop apache2.service"),
    ("systemd", "systemctl mask apache2.service"),
    ("systemd", "systemctl daemon-reload"),
    ("systemd", "systemctl set-environment A=b"),
    ("systemd", "systemctl kill apache2.service"),
    ("systemd", "systemctl enable apache2.service"),
    ("systemd", "systemd-run true"),
    ("systemd", "run0 true"),
    ("systemd-logind", "loginctl enable-linger bob"),
    ("systemd-logind", "systemctl reboot"),
    ("systemd-logind", "systemctl poweroff"),
    ("systemd-hostnamed", "hostnamectl set-hostname other"),
    ("systemd-hostnamed", "hostnamectl set-chassis server"),
    ("systemd-hostnamed", "hostnamectl set-location here"),
    ("systemd-timedated", "timedatectl set-timezone Europe/Rome"),
    ("systemd-timedated", "timedatectl set-time 12:00"),
    ("systemd-timedated", "timedatectl set-local-rtc true"),
    ("systemd-localed", "localectl set-locale LC_TIME=POSIX"),
    ("systemd-localed", "localectl set-keymap us"),
    ("systemd-localed", "localectl set-x11-keymap us"),
    ("systemd-networkd", "networkctl reload"),
    ("systemd-portabled", "portablectl detach image"),
    ("systemd-machined", "machinectl shell root@.host /bin/true"),
    ("systemd-importd", "importctl --class=machine pull-tar http://127.0.0.1/x.tar x"),
    ("systemd-importd", "machinectl pull-tar http://127.0.0.1/x.tar x"),
    ("pkexec", "pkexec /usr/bin/id"),
    ("libvirt", "virsh -c qemu:///system list"),
    ("libvirt", "virsh -r -c qemu:///system list"),
];

/// The names of mechanisms that ask by the flag of the client, each with its bus name, its object and a call.
const CALLS: &[(&str, &str, &str)] = &[
    ("systemd", "systemd1", "StopUnit ss apache2.service replace"),
    ("systemd-logind", "login1", "SetUserLinger ubb 3002 true false"),
    ("systemd-hostnamed", "hostname1", "SetChassis sb server false"),
    ("systemd-timedated", "timedate1", "SetTimezone sb Europe/Rome false"),
    ("systemd-localed", "locale1", "SetLocale asb 1 LC_TIME=POSIX false"),
    ("systemd-networkd", "network1", "Reload"),
    ("systemd-portabled", "portable1", "SetPoolLimit t 1000000000"),
    ("systemd-machined", "machine1", "OpenMachineShell sssasas .host root /bin/true 0 0"),
    ("systemd-importd", "import1", "PullTar sssb http://127.0.0.1/x.tar x no false"),
];

/// What Debian adds to the policy of the bus, by suite.
const READ_ONLY: [&str; 2] = [
    "/usr/share/dbus-1/system.d/systemd-localed-read-only.conf",
    "/usr/share/dbus-1/system.d/org.freedesktop.locale1.read-only.conf",
];

fn the_real_daemons_ask_polkit_as_the_table_says(root: &Root) {
    // Debian 13 and later let no user change anything by localed: localed gets no request, and so polkit is not asked.
    let bed = healthy_full(root, |builder| READ_ONLY.into_iter().fold(builder, FullBuilder::without));
    // It is not enabled in the root file systems.
    let _ = bed.exec(["systemctl", "start", "systemd-networkd.service"]).success();
    let calls = CALLS.iter().flat_map(|(name, bus, call)| {
        // The small daemons have one interface, with the name of the bus.
        let last = if matches!(*bus, "hostname1" | "timedate1" | "locale1") { "" } else { ".Manager" };
        let name_of = format!("org.freedesktop.{bus}");
        let object = format!("/{}", name_of.replace('.', "/"));
        [true, false].map(|allows| Call {
            mechanism: name,
            command: format!(
                "busctl --allow-interactive-authorization={allows} call {name_of} {object} {name_of}{last} {call}"
            ),
            allows,
        })
    });
    let commands = COMMANDS.iter().map(|(name, command)| Call::of(name, command));
    let compared = compare(&bed, commands.chain(calls));
    compared.check("the_real_daemons_ask_polkit_as_the_table_says", &[], 20);
    let has_run0 = bed.exists("/usr/bin/run0");
    assert_eq!((compared.asked_by("run0 true"), has_run0), (has_run0, root.suite() != Suite::Bookworm));
}
