//! What the tests of policy-gen share: a bed with it, with two actions and some users, and ways to ask.

use std::collections::BTreeMap;

use crate::layers;
use crate::polkit::{Verdict, subject};
use crate::{LightBed, Output, Polkit, Process, Root, Suite, product_dir};

/// A grant for the group `vm`.
pub const GRANT: &str = r#"
[[grant]]
name = "machines"
actions = ["org.example.psa.run"]
groups = ["vm"]
result = "yes"
"#;

/// A grant, a rule for the agent, and a membership.
pub const ALL: &str = r#"
[[grant]]
name = "machines"
actions = ["org.example.psa.run"]
groups = ["vm"]
result = "yes"

[[agent]]
actions = ["org.example.psa.stop"]
users = ["www-data"]

[[member]]
user = "bob"
group = "vm"
"#;

/// Wants an administrator's authentication from every user, and keeps nothing.
pub const RUN: &str = "org.example.psa.run";
/// The same.
pub const STOP: &str = "org.example.psa.stop";

/// Where the policy of a test is in its bed.
pub const POLICY: &str = "/root/policy.toml";

/// Users of the bed besides those of Debian. Only `carol` has a password.
pub const USERS: &[(&str, u32)] = &[("alice", 3001), ("bob", 3002), ("carol", 3003), ("dave", 3004)];

/// A light bed with policy-gen (where it starts), its actions and users, and the group `vm` (3100), whose member is alice.
pub fn bed(root: &Root) -> LightBed {
    prepare(LightBed::on(&installed(root)).without_libvirtd().file(ACTIONS, 0o644, actions()).start())
}

/// The same on bookworm with what reads pkla files.
pub fn bed_with_pkla(root: &Root) -> LightBed {
    prepare(LightBed::on(&installed(root)).without_libvirtd().with_pkla().file(ACTIONS, 0o644, actions()).start())
}

/// The root filesystem with policy-gen, where it starts.
fn installed(root: &Root) -> Root {
    if root.suite() == Suite::Bullseye {
        return root.clone();
    }
    layers::above(root, "policy-gen", || {
        let program = product_dir().join("polkit-policy-gen");
        let content = std::fs::read(&program).unwrap_or_else(|error| panic!("reading {}: {error}", program.display()));
        vec![("/usr/bin/polkit-policy-gen".to_owned(), 0o755, content)]
    })
}

fn prepare(bed: LightBed) -> LightBed {
    for (name, uid) in USERS {
        add_user(&bed, name, *uid);
    }
    append(&bed, "/etc/group", "vm:x:3100:alice\n");
    append(&bed, "/etc/gshadow", "vm:!::alice\n");
    let shadow = bed.read("/etc/shadow").replace("carol:!:", "carol:$y$j9T$abc$def:");
    bed.write("/etc/shadow", 0o640, shadow);
    bed
}

/// Adds a user of any name, which useradd would refuse.
pub fn add_user(bed: &LightBed, name: &str, uid: u32) {
    append(bed, "/etc/passwd", &format!("{name}:x:{uid}:{uid}::/:/bin/sh\n"));
    append(bed, "/etc/shadow", &format!("{name}:!:19000:0:99999:7:::\n"));
}

/// Adds lines to a file that is there.
pub fn append(bed: &LightBed, path: &str, text: &str) {
    let old = bed.read(path);
    let mode = if path.contains("shadow") { 0o640 } else { 0o644 };
    bed.write(path, mode, old + text);
}

/// Writes the policy and installs it in the bed.
pub fn install(bed: &LightBed, policy: &str, options: &[&str]) -> Output {
    bed.write(POLICY, 0o600, policy);
    policy_gen(bed, &[&["install", POLICY], options].concat())
}

/// Runs policy-gen in the bed, with a umask that gives other users no rights.
pub fn policy_gen(bed: &LightBed, arguments: &[&str]) -> Output {
    bed.exec([&["sh", "-c", "umask 077; exec polkit-policy-gen \"$@\"", "sh"], arguments].concat())
}

/// Starts a process of that user, and returns polkitd's verdict on it. No kept authorization applies: the process is new.
pub fn verdict(bed: &LightBed, user: &str, action: &str) -> Verdict {
    let (process, uid) = (sleeper(bed, user), uid_of(bed, user));
    Polkit::of(bed).check(&subject(bed, process.pid(), uid), action)
}

/// The verdicts on one action, by user.
pub fn verdicts<'a>(bed: &LightBed, action: &str, users: &[&'a str]) -> BTreeMap<&'a str, Verdict> {
    users.iter().map(|user| (*user, verdict(bed, user, action))).collect()
}

/// A process of that user that does nothing.
pub fn sleeper(bed: &LightBed, user: &str) -> Process {
    bed.spawn_as(user, ["sleep", "1000"])
}

/// The uid of a user of the bed.
pub fn uid_of(bed: &LightBed, user: &str) -> u32 {
    let passwd = bed.read("/etc/passwd");
    let mut lines = passwd.lines().map(|line| line.split(':'));
    let uid = lines.find_map(|mut fields| (fields.next() == Some(user)).then(|| fields.nth(1).unwrap().to_owned()));
    uid.unwrap_or_else(|| panic!("no user {user}")).parse().unwrap()
}

/// Every file and directory that an installation could touch, with owner, mode and content, but for the backup copies
/// that the account tools keep and the directory of our own record.
pub fn state(bed: &LightBed) -> String {
    let script = "
        find /etc /usr/share/polkit-1 /var/lib/polkit-1 /usr/lib/sysusers.d -printf '%p %y %m %U:%G %l\\n'
        find /etc /usr/share/polkit-1 /var/lib/polkit-1 /usr/lib/sysusers.d -type f -exec sha256sum {} +";
    let output = bed.exec(["sh", "-c", script]);
    let backup = |line: &&str| {
        ["/etc/group-", "/etc/gshadow-", "/etc/passwd-", "/etc/shadow-", "/etc/.pwd.lock"]
            .iter()
            .any(|path| line.split(' ').any(|word| word == *path))
    };
    let mut lines: Vec<&str> = output.stdout.lines().filter(|line| !backup(line)).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// What differs between two states.
pub fn difference(before: &str, after: &str) -> Vec<String> {
    let gone = before.lines().filter(|line| !after.lines().any(|other| other == *line)).map(|line| format!("-{line}"));
    let came = after.lines().filter(|line| !before.lines().any(|other| other == *line)).map(|line| format!("+{line}"));
    gone.chain(came).collect()
}

const ACTIONS: &str = "/usr/share/polkit-1/actions/org.example.psa.policy";

fn actions() -> String {
    let action = |id: &str| {
        format!(
            "<action id=\"{id}\"><description>A test</description><message>A test</message><defaults>\
             <allow_any>auth_admin</allow_any><allow_inactive>auth_admin</allow_inactive>\
             <allow_active>auth_admin</allow_active></defaults></action>\n"
        )
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<policyconfig>\n{}{}</policyconfig>\n",
        action(RUN),
        action(STOP)
    )
}

/// The rows of the table of `install`, each with the grant and the action that stand above it: `web: org.example.run bob yes yes`.
#[must_use]
pub fn rows(installed: &str) -> Vec<String> {
    let mut title = "";
    let mut rows = Vec::new();
    for line in installed.lines().skip_while(|line| !line.contains("POLKITD, NO SESSION")).skip(1) {
        match line.strip_prefix("  ") {
            Some(row) => rows.push(format!("{title} {}", row.split_whitespace().collect::<Vec<_>>().join(" "))),
            None => title = line,
        }
    }
    rows
}
