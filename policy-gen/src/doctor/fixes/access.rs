//! Fixes that give the subject access: a read-only connection, an agent rule for one unit, a grant, a group.

use super::super::facts::{Decision, Facts, Subject};
use super::{Fix, Step, line, manual, old_polkitd, owned};
use crate::emit::quote::shell;
use crate::libvirt::MANAGE;

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
    let rule = agent_rule(facts, subject, answer);
    fixes.extend(rule.is_some().then(|| own_user(subject)).flatten());
    fixes.extend(rule);
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

/// Formats a TOML string.
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
    vec![line(&["mkdir", "-p", directory]), format!("cat > {} <<'END'\n{text}END", shell(path))]
}

fn grant_user(facts: &Facts, subject: &Subject, answer: &Decision) -> Fix {
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
        grants: format!("every process of {} {}, and nothing to other users", subject.user, answer.action),
        undo: vec![line(&["rm", &path]), "polkit-policy-gen install || polkit-policy-gen remove".to_owned()],
        steps: vec![Step::Write { path, text }, Step::Install],
    };
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

fn agent_rule(facts: &Facts, subject: &Subject, answer: &Decision) -> Option<Fix> {
    let unit = subject.unit.as_deref()?;
    // The agent only answers for users without a usable password.
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
            "processes of {} with the user {} {}; each decision is recorded. This separates programs, not attackers: code that \
             runs as this user can enter the unit. Only a separate user (User= or DynamicUser=) protects against it",
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
