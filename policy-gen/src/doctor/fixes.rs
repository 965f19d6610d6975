//! What can be done, from the least privilege to the most: each fix with the commands that a person would type, and the steps
//! that `--fix` takes instead. Pure.

use super::facts::{Answer, Facts, Subject};
use crate::policy::MANAGE;
use crate::target::Version;

/// One step of a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Run a program.
    Run(Vec<String>),
    /// Write a file that is not there yet; root's, 0644, with the directories above it.
    Write {
        /// Its path.
        path: String,
        /// Its text.
        text: String,
    },
    /// Give a file another place, as root's and 0644 there.
    Move {
        /// Where it is.
        from: String,
        /// Where it goes; nothing may be there.
        to: String,
    },
    /// Write the file as it is anew, as root's and 0644, so that polkitd reads it.
    Rewrite(String),
    /// Set the mode, and owner and group if they are named, of a directory.
    Directory {
        /// Its path.
        path: String,
        /// Its mode.
        mode: u32,
        /// Its owner's and its group's name.
        owner: Option<(String, String)>,
    },
    /// Put a user into a group.
    Join {
        /// The user.
        user: String,
        /// The group.
        group: String,
    },
    /// Install the policy of `/etc/polkit-policy-gen`.
    Install,
    /// Write all pkla files as one rules file.
    Convert(String),
    /// Take keys out of a configuration of libvirt's, by making comments of their lines.
    Unset {
        /// Its path.
        path: String,
        /// The keys.
        keys: Vec<&'static str>,
    },
    /// Restart polkitd.
    RestartPolkitd,
}

/// A way to put it right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fix {
    /// Its name, which stays.
    pub id: &'static str,
    /// Whether a person must do it.
    pub manual: bool,
    /// Whether who is let in by it is as good as root.
    pub root_equivalent: bool,
    /// What a person would type.
    pub commands: Vec<String>,
    /// What it grants.
    pub grants: String,
    /// What a person would type to have it back as it was.
    pub undo: Vec<String>,
    /// What `--fix` does.
    pub steps: Vec<Step>,
}

const NOTHING: &str = "nothing that was not meant to be granted already";

/// A word for a shell.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=@+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn line(words: &[&str]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A fix that is a person's to do.
#[must_use]
pub fn manual(id: &'static str, commands: &[String], grants: &str) -> Fix {
    Fix { id, manual: true, commands: commands.to_vec(), grants: grants.to_owned(), ..Fix::default() }
}

/// Programs that are run one after the other.
#[must_use]
pub fn programs(id: &'static str, all: &[&[&str]], grants: &str, undo: &[String]) -> Fix {
    Fix {
        id,
        commands: all.iter().map(|words| line(words)).collect(),
        grants: grants.to_owned(),
        undo: undo.to_vec(),
        steps: all.iter().map(|words| Step::Run(owned(words))).collect(),
        ..Fix::default()
    }
}

/// polkitd is started anew.
#[must_use]
pub fn restart_polkitd(facts: &Facts) -> Fix {
    Fix {
        id: "restart-polkitd",
        commands: vec![restart_command(facts)],
        grants: NOTHING.to_owned(),
        undo: Vec::new(),
        steps: vec![Step::RestartPolkitd],
        ..Fix::default()
    }
}

fn restart_command(facts: &Facts) -> String {
    if facts.has_systemd {
        "systemctl restart polkit.service".to_owned()
    } else {
        "kill PID-OF-POLKITD    # the bus starts it again".to_owned()
    }
}

/// A file is made readable for polkitd.
#[must_use]
pub fn make_readable(path: &str, root_equivalent: bool) -> Fix {
    let shown = quote(path);
    Fix {
        id: "make-readable",
        root_equivalent,
        commands: vec![format!("install -o root -g root -m 0644 {shown} {shown}.new && mv {shown}.new {shown}")],
        grants: "what the file says".to_owned(),
        undo: vec![format!("chmod 0600 {shown}")],
        steps: vec![Step::Rewrite(path.to_owned())],
        ..Fix::default()
    }
}

/// A directory of polkit's gets the owner and mode that this version's package gives it.
#[must_use]
pub fn open_directory(path: &str, was: &str, facts: &Facts) -> Fix {
    let private = facts.version().is_some_and(|version| version < Version(123));
    let etc = path.starts_with("/etc/") || path.starts_with("/usr/share/polkit-1/rules.d") && private;
    let (mode, owner) = match (etc, private) {
        (true, true) => (0o700, ("polkitd", "root")),
        (true, false) => (0o750, ("root", "polkitd")),
        (false, _) => (0o755, ("root", "root")),
    };
    let owner = if path.ends_with("localauthority") { ("root", "polkitd") } else { owner };
    let mode = if path.ends_with("localauthority") { 0o750 } else { mode };
    let mut steps =
        vec![Step::Directory { path: path.to_owned(), mode, owner: Some((owner.0.to_owned(), owner.1.to_owned())) }];
    steps.push(Step::RestartPolkitd);
    let quoted = quote(path);
    Fix {
        id: "open-directory",
        commands: vec![
            format!("chown {}:{} {quoted}", owner.0, owner.1),
            format!("chmod {mode:04o} {quoted}"),
            restart_command(facts),
        ],
        grants: "what the files in it say".to_owned(),
        undo: vec![format!("chmod {was} {quoted}")],
        steps,
        ..Fix::default()
    }
}

/// A file is put where it is read.
#[must_use]
pub fn move_file(id: &'static str, from: &str, to: &str, root_equivalent: bool, facts: &Facts) -> Fix {
    let (shown_from, shown_to) = (quote(from), quote(to));
    let mut fix = Fix {
        id,
        root_equivalent,
        commands: vec![format!("install -o root -g root -m 0644 {shown_from} {shown_to} && rm {shown_from}")],
        grants: "what the file says".to_owned(),
        undo: vec![format!("mv {shown_to} {shown_from}")],
        steps: vec![Step::Move { from: from.to_owned(), to: to.to_owned() }],
        ..Fix::default()
    };
    old_polkitd(&mut fix, facts);
    fix
}

/// A file is laid aside.
#[must_use]
pub fn set_aside(path: &str, facts: &Facts) -> Fix {
    let to = format!("{path}.set-aside");
    let mut fix = Fix {
        id: "set-aside",
        commands: vec![line(&["mv", path, &to])],
        grants: "nothing; what the file grants or refuses is gone with it".to_owned(),
        undo: vec![line(&["mv", &to, path])],
        steps: vec![Step::Move { from: path.to_owned(), to }],
        ..Fix::default()
    };
    old_polkitd(&mut fix, facts);
    fix
}

/// polkit 0.105 looks for directories when it starts.
fn old_polkitd(fix: &mut Fix, facts: &Facts) {
    if facts.version().is_some_and(|version| version < Version::RULES) {
        fix.commands.push(restart_command(facts));
        fix.steps.push(Step::RestartPolkitd);
    }
}

/// All that lets the subject do what it asked for, from the least privilege to the most.
#[must_use]
pub fn access(facts: &Facts) -> Vec<Fix> {
    let (Some(subject), Some(answer)) = (&facts.subject, &facts.answer) else { return Vec::new() };
    let mut fixes = Vec::new();
    if answer.action == MANAGE {
        fixes.push(read_only());
    }
    fixes.extend(agent_rule(facts, subject, answer));
    if answer.grant_comes_first {
        fixes.push(grant_user(facts, subject, answer));
    }
    for remedy in answer.groups.iter().filter(|remedy| remedy.exists).take(2) {
        fixes.push(join_group(&subject.user, &remedy.group, is_root_equivalent(&answer.action)));
    }
    fixes
}

fn is_root_equivalent(action: &str) -> bool {
    let root = [
        MANAGE,
        "org.freedesktop.policykit.exec",
        "org.freedesktop.systemd1.manage-units",
        "org.libvirt.api.domain.write",
    ];
    root.contains(&action)
}

/// The caller asks for less.
#[must_use]
pub fn read_only() -> Fix {
    let commands = [
        "virsh -r -c qemu:///system list",
        "# PHP: libvirt_connect('qemu:///system', true); C: virConnectOpenReadOnly()",
    ];
    manual(
        "open-read-only",
        &commands.map(str::to_owned),
        "nothing: to list and to look everybody may (org.libvirt.unix.monitor)",
    )
}

/// The member of a group.
#[must_use]
pub fn join_group(user: &str, group: &str, root_equivalent: bool) -> Fix {
    Fix {
        id: "join-group",
        root_equivalent,
        commands: vec![line(&["usermod", "-aG", group, user])],
        grants: format!("{user} all that the group {group} may, which need not be this alone; polkit sees it at once"),
        undo: vec![line(&["gpasswd", "--delete", user, group])],
        steps: vec![Step::Join { user: user.to_owned(), group: group.to_owned() }],
        ..Fix::default()
    }
}

/// Names for files and for grants: letters, digits and hyphens.
fn slug(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).take(60).collect()
}

/// A string of TOML.
fn toml(text: &str) -> String {
    let escaped = text.chars().flat_map(|c| match c {
        '"' | '\\' => vec!['\\', c],
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)).chars().collect(),
        c => vec![c],
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn written(path: &str, text: &str) -> Vec<String> {
    let directory = path.rsplit_once('/').map_or("/", |(directory, _)| directory);
    vec![line(&["mkdir", "-p", directory]), format!("cat > {} <<'END'\n{text}END", quote(path))]
}

fn grant_user(facts: &Facts, subject: &Subject, answer: &Answer) -> Fix {
    let last = answer.action.rsplit('.').take(3).collect::<Vec<_>>();
    let last = last.into_iter().rev().collect::<Vec<_>>().join("-");
    let path = format!("/etc/polkit-policy-gen/policy.d/50-doctor-{}-{}.toml", slug(&subject.user), slug(&last));
    let text = format!(
        "[[grant]]\nname = {}\nactions = [{}]\nusers = [{}]\nresult = \"yes\"\n",
        toml(&format!("{} for {}", answer.action, subject.user)),
        toml(&answer.action),
        toml(&subject.user)
    );
    let mut commands = written(&path, &text);
    commands.push("polkit-policy-gen install".to_owned());
    let mut fix = Fix {
        id: "grant-user",
        manual: answer.no_grant.is_some(),
        root_equivalent: is_root_equivalent(&answer.action),
        commands,
        grants: format!("every process of {} {}, always, and nobody else", subject.user, answer.action),
        undo: vec![line(&["rm", &path]), "polkit-policy-gen install || polkit-policy-gen remove".to_owned()],
        steps: vec![Step::Write { path, text }, Step::Install],
    };
    if let Some(why) = &answer.no_grant {
        fix.grants = format!("{}. Not by --fix: {why}", fix.grants);
    }
    old_polkitd(&mut fix, facts);
    fix
}

fn agent_rule(facts: &Facts, subject: &Subject, answer: &Answer) -> Option<Fix> {
    let unit = subject.unit.as_deref()?;
    // The agent answers for a user who could not have typed a password.
    if subject.uid == 0 || subject.password == Some(true) || !unit.ends_with(".service") || facts.agent.serves {
        return None;
    }
    let name = slug(unit.trim_end_matches(".service"));
    let own = format!("/etc/polkit-service-agent/agent.d/50-doctor-{name}.toml");
    let rule = format!(
        "[[serve]]\nunit = {unit}\n\n[[rule]]\nid = \"doctor-{name}\"\naction = {action}\nunit = {unit}\nuser = {user}\nanswer = \"allow\"\n",
        unit = toml(unit),
        action = toml(&answer.action),
        user = toml(&subject.user)
    );
    let policy = format!("/etc/polkit-policy-gen/policy.d/50-doctor-agent-{name}.toml");
    let asks = format!("[[agent]]\nactions = [{}]\nusers = [{}]\n", toml(&answer.action), toml(&subject.user));
    let mut commands = written(&own, &rule);
    commands.extend(written(&policy, &asks));
    commands.extend(
        ["polkit-policy-gen install", "systemctl enable --now polkit-service-agent.service"].map(str::to_owned),
    );
    let mut steps = vec![
        Step::Write { path: own.clone(), text: rule },
        Step::Write { path: policy.clone(), text: asks },
        Step::Install,
        Step::Run(owned(&["systemctl", "enable", "--now", "polkit-service-agent.service"])),
    ];
    if facts.agent.running {
        commands.push("systemctl reload polkit-service-agent.service".to_owned());
        steps.push(Step::Run(owned(&["systemctl", "reload", "polkit-service-agent.service"])));
    }
    let possible = facts.agent.installed && facts.has_systemd && answer.no_grant.is_none() && answer.grant_comes_first;
    let mut fix = Fix {
        id: "agent-rule",
        manual: !possible,
        root_equivalent: is_root_equivalent(&answer.action),
        commands,
        grants: format!(
            "processes of {} of the user {} {}, and no other process of that user; each decision is recorded",
            unit, subject.user, answer.action
        ),
        undo: vec![
            line(&["rm", &own, &policy]),
            "polkit-policy-gen install || polkit-policy-gen remove".to_owned(),
            "systemctl reload polkit-service-agent.service".to_owned(),
        ],
        steps,
    };
    old_polkitd(&mut fix, facts);
    Some(fix)
}

/// All pkla files become rules, and these are laid aside.
#[must_use]
pub fn convert(files: &[String]) -> Fix {
    let path = "/etc/polkit-1/rules.d/49-polkit-policy-gen-pkla.rules";
    let aside = |file: &String| format!("{file}.set-aside");
    let mut fix = Fix {
        id: "convert-pkla",
        root_equivalent: true,
        commands: vec![line(&["polkit-policy-gen", "convert", "-o", path])],
        grants: "what the pkla files say, all of them".to_owned(),
        undo: vec![line(&["rm", path])],
        steps: vec![Step::Convert(path.to_owned())],
        ..Fix::default()
    };
    fix.commands.extend(files.iter().map(|file| line(&["mv", file, &aside(file)])));
    fix.undo.extend(files.iter().map(|file| line(&["mv", &aside(file), file])));
    fix.steps.extend(files.iter().map(|file| Step::Move { from: file.clone(), to: aside(file) }));
    fix
}

/// Keys are taken out of a configuration of libvirt's, and the daemon reads it anew.
#[must_use]
pub fn unset(id: &'static str, conf: &str, keys: &[&'static str], restart: &[&[&str]], grants: &str) -> Fix {
    let path = format!("/{conf}");
    let pattern = keys.iter().map(|key| format!("-e 's/^ *{key}/# &/'")).collect::<Vec<_>>().join(" ");
    let mut commands = vec![format!("sed -i {pattern} {}", quote(&path))];
    commands.extend(restart.iter().map(|words| line(words)));
    let mut steps = vec![Step::Unset { path: path.clone(), keys: keys.to_vec() }];
    steps.extend(restart.iter().map(|words| Step::Run(owned(words))));
    Fix { id, commands, grants: grants.to_owned(), undo: undo(&path, restart), steps, ..Fix::default() }
}

/// Has the lines back that were set aside: their mark is that of `libvirt::conf`.
fn undo(path: &str, restart: &[&[&str]]) -> Vec<String> {
    let back = format!("sed -i 's/^# set aside by polkit-policy-gen: //' {}", quote(path));
    std::iter::once(back).chain(restart.iter().map(|words| line(words))).collect()
}
