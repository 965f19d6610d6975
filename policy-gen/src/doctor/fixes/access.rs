//! What lets somebody do what he asked for: a lesser question, an agent's rule for one unit, a grant, a group.

use super::super::facts::{Answer, Facts, Subject};
use super::{Fix, Step, line, manual, old_polkitd, owned};
use crate::emit::quote::shell;
use crate::libvirt::MANAGE;

/// The longest name that useradd(8) takes.
const USER_NAME_MAX: usize = 32;

/// All that lets the subject do what it asked for, from the least privilege to the most.
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
    vec![line(&["mkdir", "-p", directory]), format!("cat > {} <<'END'\n{text}END", shell(path))]
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

/// A user of the unit's own, where a drop-in is enough: systemd starts the unit as the subject's user. What a daemon such as
/// Apache or PHP-FPM changes to by itself is in its own configuration.
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
        "nothing; it takes {unit} apart from everything else that runs as {}. Then grant to the user {name}",
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
            "processes of {} of the user {} {}; each decision is recorded. This separates programs, not attackers: code that \
             runs as that user can get into the unit. A user of the unit's own (User= or DynamicUser=) keeps others out",
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
