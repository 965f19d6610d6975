//! Fixes that give the subject access: a read-only connection, an agent rule for one unit, a grant, a group.

mod agent;
mod unit;

use std::collections::BTreeMap;

pub use agent::{bind, start};

use super::super::facts::{Decision, Facts, Subject};
use super::{Fix, Step, line, manual, old_polkitd, tables};
use crate::emit::quote::{shell, toml};
use crate::libvirt::MANAGE;
use crate::policy::SYSTEMD_ACTION;

/// The action of pkexec.
pub const EXEC: &str = "org.freedesktop.policykit.exec";
/// Length limit of the name of a written file, without its suffix.
const NAME_MAX: usize = 120;
/// The length limit of user names in useradd(8).
const USER_NAME_MAX: usize = 32;

/// Returns all fixes that give the subject access, from the least privilege to the most.
#[must_use]
pub fn access(facts: &Facts) -> Vec<Fix> {
    let (Some(subject), Some(answer)) = (&facts.subject, &facts.answer) else { return Vec::new() };
    let mut fixes = Vec::new();
    if answer.action == MANAGE {
        fixes.push(read_only());
    }
    fixes.extend(unit::grant(facts, subject, answer));
    let rule = agent::rule(facts, subject, answer);
    fixes.extend((rule.is_some() && !subject.is_dynamic).then(|| own_user(subject)).flatten());
    fixes.extend(rule);
    if facts.agent.running && fixes.iter().all(|fix| fix.id == "open-read-only") {
        // A grant would bypass the agent.
        fixes.push(name_the_unit(subject, &answer.action));
    }
    if subject.is_dynamic {
        // The next start of the unit can have another uid.
        return fixes;
    }
    if answer.grant_comes_first {
        fixes.push(grant_user(facts, subject, answer));
    }
    for remedy in answer.groups.iter().filter(|remedy| remedy.exists).take(2) {
        fixes.push(join_group(&subject.user, &remedy.group, is_root_equivalent(&answer.action, &facts.details)));
    }
    fixes
}

/// Whether a grant of this request is equivalent to root access.
#[must_use]
pub fn is_root_equivalent(action: &str, details: &BTreeMap<String, String>) -> bool {
    let always = [MANAGE, "org.libvirt.api.domain.write"];
    always.contains(&action)
        || action == SYSTEMD_ACTION && !details.contains_key("unit")
        || action == EXEC && !details.contains_key("program")
}

/// A fix that changes the client to a read-only connection.
#[must_use]
pub fn read_only() -> Fix {
    let commands = [
        "virsh -r -c qemu:///system list",
        "# PHP: libvirt_connect('qemu:///system', true); C: virConnectOpenReadOnly()",
    ];
    manual(
        "open-read-only",
        &commands.map(str::to_owned),
        "nothing: every user may list and show domains (org.libvirt.unix.monitor)",
    )
}

/// A fix that leads to a rule of the running agent.
fn name_the_unit(subject: &Subject, action: &str) -> Fix {
    let unit = subject.unit.as_deref().unwrap_or("UNIT");
    let commands = [
        line(&["polkit-policy-gen", "doctor", "--unit", unit, "--action", action]),
        "# or write a [[rule]] for the running agent: agent.toml(5)".to_owned(),
    ];
    manual("use-the-agent", &commands, "nothing: it shows how the running agent can allow the request to one unit")
}

/// A fix that adds the user to a group.
#[must_use]
pub fn join_group(user: &str, group: &str, root_equivalent: bool) -> Fix {
    Fix {
        id: "join-group",
        root_equivalent,
        commands: vec![line(&["usermod", "-aG", group, user])],
        grants: format!(
            "{user} all permissions of the group {group}, possibly more than this action; polkit uses the membership at once"
        ),
        undo: vec![line(&["gpasswd", "--delete", user, group])],
        steps: vec![Step::Join { user: user.to_owned(), group: group.to_owned() }],
        ..Fix::default()
    }
}

/// Makes a name for files and grants from letters, digits and hyphens.
fn slug(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).take(60).collect()
}

pub(super) fn written(path: &str, text: &str) -> Vec<String> {
    let directory = path.rsplit_once('/').map_or("/", |(directory, _)| directory);
    vec![line(&["mkdir", "-p", directory]), format!("{HERE_DOCUMENT}{} <<'END'\n{text}END", shell(path))]
}

/// The start of a command that writes a file.
const HERE_DOCUMENT: &str = "cat > ";

/// Whether a command writes a file, whose text the diff of the fix shows as well.
#[must_use]
pub fn writes_a_file(command: &str) -> bool {
    command.starts_with(HERE_DOCUMENT)
}

/// The key of a table for one user.
fn to_user(user: &str) -> String {
    format!("users = [{}]\n", toml(user))
}

/// Returns a policy that grants exactly this request to `subject`, which is the keys of the subject, and whether a person must complete
/// it: an action that is root-equivalent without details gets a placeholder for the detail that is unknown.
fn grant_text(name: &str, subject: &str, action: &str, details: &BTreeMap<String, String>) -> (String, bool) {
    if action == SYSTEMD_ACTION {
        let unit = details.get("unit");
        let verb = details.get("verb").map_or_else(String::new, |verb| format!("verbs = [{}]\n", toml(verb)));
        let text = format!(
            "[[systemd]]\nname = {}\nunits = [{}]\n{verb}{subject}",
            toml(name),
            toml(unit.map_or("UNIT.service", String::as_str)),
        );
        return (text, unit.is_none());
    }
    let mut details = details.clone();
    let is_open = action == EXEC && !details.contains_key("program");
    if is_open {
        details.insert("program".to_owned(), "/PATH/OF/THE/PROGRAM".to_owned());
    }
    let details = tables::details(&details);
    let text = format!(
        "[[grant]]\nname = {}\nactions = [{}]\n{subject}{details}result = \"yes\"\n",
        toml(name),
        toml(action),
    );
    (text, is_open)
}

/// A grant that a person completes: for a text that does not name the subject.
#[must_use]
pub fn grant_for(user: &str, action: &str, details: &BTreeMap<String, String>) -> Fix {
    let (text, _) = grant_text(&format!("{action} for {user}"), &to_user(user), action, details);
    let mut commands = written("/etc/polkit-policy-gen/policy.d/50-grant.toml", &text);
    commands.push("polkit-policy-gen install".to_owned());
    let mut fix = manual("grant-user", &commands, &format!("every process of {user} {}", request(action, details)));
    fix.root_equivalent = is_root_equivalent(action, details);
    fix
}

/// Names the request as the object of "grants".
fn request(action: &str, details: &BTreeMap<String, String>) -> String {
    let details: Vec<String> = details.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if details.is_empty() { action.to_owned() } else { format!("{action} with {}", details.join(" ")) }
}

fn grant_user(facts: &Facts, subject: &Subject, answer: &Decision) -> Fix {
    let last = answer.action.rsplit('.').take(3).collect::<Vec<_>>();
    let last = last.into_iter().rev().collect::<Vec<_>>().join("-");
    let of = facts.details.values().map(|value| format!("-{}", slug(value))).collect::<String>();
    let stem: String =
        format!("50-doctor-{}-{}{of}", slug(&subject.user), slug(&last)).chars().take(NAME_MAX).collect();
    let path = format!("/etc/polkit-policy-gen/policy.d/{stem}.toml");
    let name = format!("{} for {}", answer.action, subject.user);
    let (text, is_open) = grant_text(&name, &to_user(&subject.user), &answer.action, &facts.details);
    let mut commands = written(&path, &text);
    commands.push("polkit-policy-gen install".to_owned());
    let mut fix = Fix {
        id: "grant-user",
        manual: answer.no_grant.is_some() || is_open,
        root_equivalent: is_root_equivalent(&answer.action, &facts.details),
        commands,
        grants: format!(
            "every process of {} {}, and nothing to other users",
            subject.user,
            request(&answer.action, &facts.details)
        ),
        undo: vec![line(&["rm", &path]), "polkit-policy-gen install || polkit-policy-gen remove".to_owned()],
        steps: vec![Step::Write { path, text }, Step::Install],
        ..Fix::default()
    };
    if is_open {
        fix.grants.push_str(". Complete it by hand: without this detail it would be equivalent to root access");
    }
    if let Some(why) = &answer.no_grant {
        fix.grants = format!("{}. Not possible with --fix: {why}", fix.grants);
    }
    old_polkitd(&mut fix, facts);
    fix
}

/// A separate user for the unit. This is possible if systemd starts the unit as the subject's user; daemons such as Apache and
/// PHP-FPM change their user themselves.
fn own_user(subject: &Subject) -> Option<Fix> {
    let unit = subject.unit.as_deref()?;
    if subject.unit_user.as_deref() != Some(subject.user.as_str()) {
        return None;
    }
    let name: String = slug(unit.trim_end_matches(".service")).to_lowercase().chars().take(USER_NAME_MAX).collect();
    if name == subject.user || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return None;
    }
    let path = format!("/etc/systemd/system/{unit}.d/50-own-user.conf");
    let mut commands = vec![line(&["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", &name])];
    commands.extend(written(&path, &format!("[Service]\nUser={name}\nGroup={name}\n")));
    commands.push(line(&["chown", "-R", &format!("{name}:{name}"), "THE-UNIT-S-FILES"]));
    commands.push(format!("systemctl daemon-reload && {}", line(&["systemctl", "restart", unit])));
    let grants = format!(
        "nothing; it separates {unit} from other services that run as {}. Then grant access to the user {name}",
        subject.user
    );
    Some(Fix {
        undo: vec![
            line(&["rm", &path]),
            format!("systemctl daemon-reload && {}", line(&["systemctl", "restart", unit])),
        ],
        ..manual("own-user", &commands, &grants)
    })
}

#[cfg(test)]
mod tests;
