//! What the tests of libvirt's modes share: a bed with domains and people, and what each of them gets.

use std::process::Command;

use crate::{Bed, FullBed, Output, Root, Suite, product_dir, program};

/// Where the policy of a test is.
pub const POLICY: &str = "/root/policy.toml";
/// The page that does what it is asked for, as Apache's user.
const PAGE: &str = r"<?php
$connection = @libvirt_connect('qemu:///system', $_GET['do'] === 'look');
if ($connection && $_GET['do'] === 'start') {
    $domain = @libvirt_domain_lookup_by_name($connection, $_GET['name']);
    $done = $domain && @libvirt_domain_create($domain);
} else {
    $done = $connection && @libvirt_list_domains($connection) !== false;
}
echo $done ? 'done' : libvirt_get_last_error(), PHP_EOL;
";

/// A domain without a disk, which starts in software.
fn domain(name: &str) -> String {
    format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>16</memory>\
         <os><type arch='x86_64' machine='pc'>hvm</type></os>\
         <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>\n"
    )
}

/// What came of trying something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It was done.
    Yes,
    /// polkit wanted an authentication, and found no agent.
    NoAgent,
    /// The socket could not be opened.
    Closed,
    /// libvirt's access control refused it, or to show the domain at all.
    Denied,
}

/// Prepares a bed: the domains web-1 and db-1, the group ops, alice in it, bob in none, carol in Debian's own group libvirt.
pub fn prepare(bed: &FullBed) {
    let script = "groupadd --system ops; useradd -m -G ops alice; useradd -m bob; useradd -m -G libvirt carol
        for name in web-1 db-1; do virsh define /root/$name.xml || exit; done";
    bed.write("/root/web-1.xml", 0o644, domain("web-1"));
    bed.write("/root/db-1.xml", 0o644, domain("db-1"));
    bed.write("/var/www/html/libvirt.php", 0o644, PAGE);
    let _ = bed.exec(["sh", "-ec", script]).success();
    if bed.suite() != Suite::Bullseye {
        bed.copy_in(product_dir().join("polkit-policy-gen"), "/usr/bin/polkit-policy-gen", 0o755);
    }
}

/// A full bed that is prepared, with Debian's rule for pkla files if it is wanted.
pub fn bed(root: &Root, pkla: bool) -> FullBed {
    let builder = FullBed::on(root);
    let bed = if pkla { builder.with_pkla() } else { builder }.start();
    prepare(&bed);
    bed
}

/// Runs policy-gen in the bed; for bullseye, where it does not start, on the bed's tree from outside.
pub fn policy_gen(bed: &FullBed, arguments: &[&str]) -> Output {
    if bed.suite() != Suite::Bullseye {
        return bed.exec([&["polkit-policy-gen"], arguments].concat());
    }
    let root = format!("/proc/{}/root", bed.pid1());
    let output = Command::new(program("polkit-policy-gen")).args(arguments).args(["--root", &root]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output {
        command: format!("polkit-policy-gen {}", arguments.join(" ")),
        status: output.status,
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// Installs a policy, with the restarts that it needs.
pub fn install(bed: &FullBed, policy: &str, options: &[&str]) -> Output {
    if bed.suite() == Suite::Bullseye {
        bed.write(POLICY, 0o600, policy);
        let path = format!("/proc/{}/root{POLICY}", bed.pid1());
        let output = policy_gen(bed, &[&["install", path.as_str()], options].concat());
        restart_by_hand(bed);
        return output;
    }
    bed.write(POLICY, 0o600, policy);
    policy_gen(bed, &[&["install", POLICY, "--restart"], options].concat())
}

/// Takes it away again.
pub fn remove(bed: &FullBed) {
    let options: &[&str] = if bed.suite() == Suite::Bullseye { &["remove"] } else { &["remove", "--restart"] };
    let _ = policy_gen(bed, options).success();
    if bed.suite() == Suite::Bullseye {
        restart_by_hand(bed);
    }
}

/// What --restart does, and for polkit 0.105 a restart of its own: it sees a new folder when it starts.
fn restart_by_hand(bed: &Bed) {
    let script = "s='libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket'
        systemctl stop $s libvirtd.service; systemctl daemon-reload; systemctl start $s; systemctl restart polkit";
    let _ = bed.exec(["sh", "-ec", script]).success();
}

/// What a user tries: to look, to list with all rights, to start a domain.
pub const TRIES: [&[&str]; 4] = [&["-r", "list"], &["list"], &["start", "web-1"], &["start", "db-1"]];

/// What a user of the bed gets of each of [`TRIES`]; each is a process of its own, so that nothing kept counts.
pub fn by_virsh(bed: &Bed, user: &str) -> Vec<Seen> {
    let tried = TRIES.iter().map(|words| {
        let output = bed.exec_as(user, [&["virsh", "-q", "-c", "qemu:///system"], *words].concat());
        let seen = if output.status.success() { Seen::Yes } else { seen(&output.stderr) };
        settle(bed, words, seen)
    });
    tried.collect()
}

/// The same of a page under Apache; where the suite has no PHP for libvirt, of virsh as its user.
pub fn by_page(bed: &FullBed) -> Vec<Seen> {
    if bed.suite() == Suite::Forky {
        return by_virsh(bed, "www-data");
    }
    // The page's processes live on, and their groups are those of their start.
    let _ = bed.exec(["systemctl", "restart", "apache2"]).success();
    let tried = TRIES.iter().map(|words| {
        let query = match *words {
            ["-r", _] => "do=look".to_owned(),
            ["start", name] => format!("do=start&name={name}"),
            _ => "do=list".to_owned(),
        };
        let output = bed.exec(["curl", "-sS", &format!("http://localhost/libvirt.php?{query}")]).success();
        let seen = if output.text() == "done" { Seen::Yes } else { seen(output.text()) };
        settle(bed, words, seen)
    });
    tried.collect()
}

/// Stops what was started.
fn settle(bed: &Bed, words: &[&str], seen: Seen) -> Seen {
    if let (["start", name], Seen::Yes) = (words, seen) {
        let _ = bed.exec(["virsh", "-q", "destroy", name]).success();
    }
    seen
}

fn seen(error: &str) -> Seen {
    for (part, seen) in [
        ("no polkit agent available", Seen::NoAgent),
        ("Permission denied", Seen::Closed),
        ("access denied", Seen::Denied),
        // virsh says no more of a domain that is not to be seen.
        ("failed to get domain", Seen::Denied),
    ] {
        if error.contains(part) {
            return seen;
        }
    }
    panic!("{error}")
}

/// Everything below /etc with owner, mode and content, but for the copies that the account tools keep.
pub fn etc(bed: &Bed) -> Vec<String> {
    let script = "find /etc -printf '%p %y %m %U:%G %l\\n'; find /etc -type f -exec sha256sum {} +";
    let output = bed.exec(["sh", "-c", script]).success();
    let kept = ["/etc/group-", "/etc/gshadow-", "/etc/passwd-", "/etc/shadow-", "/etc/.pwd.lock"];
    let others = output.stdout.lines().filter(|line| !line.split(' ').any(|word| kept.contains(&word)));
    let mut lines: Vec<String> = others.map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// What differs between two of these.
pub fn difference(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("-{line}"));
    let came = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+{line}"));
    gone.chain(came).collect()
}
