//! What a user would choose instead of the agent: pkttyagent with a script that types the password, a policy rule that says yes, and
//! an entry of a pkla file. One check at a time, each beside the agent in the same run.

use polkit_tests::{Bed, LightBed, Process, Root, program};

use crate::beds::{ASK, Agent, Client, POOL, WWW_DATA, config, light, policy, sleeping};
use crate::table::{Goal, Side, Table, paired};

/// The cgroup of the process that pkttyagent serves.
const OTHER: &str = "system.slice/other.service";
/// The action of the policy rule, and of the pkla entry.
const RULED: &str = "org.example.other.ruled";
const ROUNDS: usize = 12;
const FIGURE: &str = "a check, one at a time (median)";

/// Says yes as the agent's rule does. A policy rule sees no process, so it names the user alone.
const RULE: &str = r#"
polkit.addRule(function (action, subject) {
    if (action.id === "org.example.other.ruled" && subject.user === "www-data") {
        return polkit.Result.YES;
    }
    return null;
});
"#;
const ENTRY: &str = "[bench]\nIdentity=unix-user:www-data\nAction=org.example.other.ruled\nResultAny=yes\n";

/// Runs pkttyagent on a terminal of its own, and types the password at each prompt. Prints `ready` once pkttyagent is registered:
/// it closes the descriptor that it is told then.
const TYPIST: &str = r#"
use strict; use POSIX qw(setsid ECHO); use Fcntl;
my ($subject, $password) = @ARGV;
sysopen(my $terminal, '/dev/ptmx', O_RDWR | O_NOCTTY) or die "ptmx: $!";
my ($unlock, $number) = (pack('i', 0), pack('i', 0));
ioctl($terminal, 0x40045431, $unlock) or die "TIOCSPTLCK: $!";
ioctl($terminal, 0x80045430, $number) or die "TIOCGPTN: $!";
my $path = '/dev/pts/' . unpack('i', $number);
$^F = 100;
pipe(my $registered, my $notify) or die $!;
if (!fork) {
    setsid; close $registered;
    sysopen(my $own, $path, O_RDWR) or die "$path: $!";
    open(STDIN, '<&', $own); open(STDOUT, '>&', $own); open(STDERR, '>&', $own);
    exec 'pkttyagent', '--process', $subject, '--notify-fd', fileno $notify;
    die "pkttyagent: $!";
}
close $notify;
sysread $registered, my $nothing, 1;
$| = 1; print "ready\n";
my $shown = '';
while (sysread $terminal, $shown, 4096, length $shown) {
    next unless $shown =~ /Password: \z/;
    # pkttyagent switches the echo off after its prompt, and drops what was typed before that.
    my $modes = POSIX::Termios->new;
    do { $modes->getattr(fileno $terminal) } while $modes->getlflag & ECHO;
    syswrite $terminal, "$password\n";
    $shown = '';
}
"#;

/// The agent against pkttyagent and against a policy rule, in one bed.
pub fn that_need_no_package(root: &Root, table: &mut Table) {
    let actions = policy(&[RULED]);
    let bed = light(root)
        .file("/usr/share/polkit-1/actions/org.example.other.policy", 0o644, actions)
        .file("/etc/polkit-1/rules.d/47-ruled.rules", 0o644, RULE)
        .file("/usr/local/lib/typist.pl", 0o644, TYPIST)
        .start();
    let (ours, other) = (sleeping(&bed, POOL), sleeping(&bed, OTHER));
    let _agent = Agent::start(&bed, &config(1));
    let _typist = typist(&bed, other.pid());
    let mut client = Client::new(&bed);
    let way =
        format!("light bed, {}, records to a file; against pkttyagent, a script types the password", root.suite());
    let typed = paired(ROUNDS, |side| match side {
        Side::Ours => client.round(ASK, ours.pid(), 40, 1).median,
        Side::Baseline => client.round(ASK, other.pid(), 10, 1).median,
    });
    table.compare(FIGURE, &way, "µs", typed, Goal::None);
    let way = format!("light bed, {}, records to a file; against a policy rule that says yes", root.suite());
    let ruled = paired(ROUNDS, |side| match side {
        Side::Ours => client.round(ASK, ours.pid(), 100, 1).median,
        Side::Baseline => client.round(RULED, other.pid(), 100, 1).median,
    });
    table.compare(FIGURE, &way, "µs", ruled, Goal::None);
}

/// The agent against an entry of a pkla file, each in a bed of its own: what reads pkla files has a part in every check.
pub fn by_pkla(root: &Root, table: &mut Table) {
    let bed = light(root).start();
    let ours = sleeping(&bed, POOL);
    let _agent = Agent::start(&bed, &config(1));
    let (with_pkla, process) = bed_with_pkla(root);
    let (mut client, mut other) = (Client::new(&bed), Client::new(&with_pkla));
    let way = format!("light bed, {}, records to a file; against an entry of a pkla file", root.suite());
    let pair = paired(ROUNDS, |side| match side {
        Side::Ours => client.round(ASK, ours.pid(), 100, 1).median,
        Side::Baseline => other.round(RULED, process.pid(), 30, 1).median,
    });
    table.compare(FIGURE, &way, "µs", pair, Goal::None);
}

fn bed_with_pkla(root: &Root) -> (LightBed, Process) {
    let client = std::fs::read(program("bench-client")).expect("bench-client");
    let bed = LightBed::on(root)
        .without_libvirtd()
        .with_pkla()
        .file("/usr/bin/bench-client", 0o755, client)
        .file("/usr/share/polkit-1/actions/org.example.other.policy", 0o644, policy(&[RULED]))
        .file("/etc/polkit-1/localauthority/50-local.d/bench.pkla", 0o644, ENTRY)
        .start();
    let process = sleeping(&bed, OTHER);
    (bed, process)
}

/// pkttyagent for a process of www-data, as that user.
fn typist(bed: &Bed, pid: u32) -> Process {
    const PASSWORD: &str = "correct-horse";
    let _ = bed.exec(["sh", "-c", &format!("echo 'www-data:{PASSWORD}' | chpasswd")]).success();
    let subject = format!("{pid},{}", bed.start_time(pid).expect("the process is alive"));
    let mut typist = bed.spawn_as("www-data", ["perl", "/usr/local/lib/typist.pl", &subject, PASSWORD]);
    let line = typist.line();
    assert_eq!(line, "ready", "pkttyagent for uid {WWW_DATA}: {}", typist.stderr());
    typist
}
