//! The table of mechanisms compared with the real daemons: what each of them passes to polkitd, and what its command prints.

mod compared;
mod daemons;
mod watch;

use polkit_tests::doctor::healthy_full;
use polkit_tests::{Root, on_each_suite_with_rules};

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
    ("systemd", "systemd-run true"),
    ("systemd-logind", "loginctl enable-linger bob"),
    ("systemd-logind", "systemctl reboot"),
    ("systemd-logind", "systemctl poweroff"),
    ("systemd-hostnamed", "hostnamectl set-hostname other"),
    ("systemd-hostnamed", "hostnamectl set-chassis server"),
    ("systemd-timedated", "timedatectl set-timezone Europe/Rome"),
    ("systemd-timedated", "timedatectl set-time 12:00"),
    ("systemd-localed", "localectl set-keymap us"),
    ("systemd-localed", "localectl set-x11-keymap us"),
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
    ("systemd-localed", "locale1", "SetX11Keyboard ssssbb us '' '' '' false false"),
    ("systemd-machined", "machine1", "OpenMachineShell sssasas .host root /bin/true 0 0"),
    ("systemd-importd", "import1", "PullTar sssb http://127.0.0.1/x.tar x no false"),
];

fn the_real_daemons_ask_polkit_as_the_table_says(root: &Root) {
    let bed = healthy_full(root, |builder| builder);
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
    compare(&bed, commands.chain(calls)).check("the_real_daemons_ask_polkit_as_the_table_says", &[]);
}
