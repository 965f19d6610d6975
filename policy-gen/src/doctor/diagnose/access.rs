//! What polkit decides for the subject, and why it is not a yes.

use super::Finding;
use crate::doctor::error::Class;
use crate::doctor::facts::{Answer, Facts, GroupRemedy, Real, Subject};
use crate::doctor::fixes::{Fix, access, manual, programs, read_only, restart_polkitd, set_aside};
use crate::libvirt::MANAGE;
use crate::verdict::{Kind, Outcome};
use crate::word::{Session, Word};

const API: &str = "org.libvirt.api.";
const AGENT_RULES: &str = "46-polkit-policy-gen-agent.rules";

/// The finding about the verdict; none if it is a yes. `explained`: another finding says why already.
pub(super) fn verdict(facts: &Facts, explained: bool) -> Vec<Finding> {
    let (Some(subject), Some(answer)) = (&facts.subject, &facts.answer) else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(why) = &answer.verdict.ends_polkitd {
        return vec![breaks(
            facts,
            answer,
            "rule-ends-polkitd",
            "a rule returns something that is no text, and polkitd ends or hangs of it, for everybody",
            why,
        )];
    }
    let unregistered = answer.real == Some(Real::Unregistered)
        || (answer.real.is_none() && answer.verdict.outcome == Outcome::Unregistered);
    if unregistered {
        return vec![not_registered(facts, answer)];
    }
    if answer.is_yes() || answer.is_unknown() || matches!(answer.real, Some(Real::Silent | Real::NoSuchProcess)) {
        return found;
    }
    // Where the daemon asks nobody, the socket is all that decides.
    if answer.action == MANAGE && facts.daemon().is_some_and(|daemon| daemon.auth.as_deref() == Some("none")) {
        return found;
    }
    if answer.word() == Some(Word::Yes) {
        return vec![not_reloaded(facts, subject, answer)];
    }
    if facts.agent.verdict.as_deref() == Some("allow") && facts.agent.serves {
        return found;
    }
    if facts.reported.as_ref().is_some_and(|reported| reported.only_reads) && answer.action == MANAGE {
        found.push(
            Finding::new("read-only-is-enough", "the caller opens libvirt for everything, and then only looks")
                .evidence(
                    "the calls that follow in the text list and read; opened read-only they need no policy at all",
                )
                .fix(read_only()),
        );
    }
    if explained {
        return found;
    }
    found.push(match answer.word() {
        Some(Word::No) => refused(facts, subject, answer),
        _ => asks(facts, subject, answer),
    });
    found
}

fn decided(answer: &Answer) -> String {
    let by = answer.verdict.decided_by.as_ref();
    let what = match by.map(|by| by.kind) {
        Some(Kind::Rule) => "a rule",
        Some(Kind::Pkla) => "a pkla entry",
        Some(Kind::Implicit) => "the action's own defaults",
        Some(Kind::Root) | None => "what is not known",
    };
    let place = by.and_then(|by| by.file.as_ref()).map_or_else(String::new, |file| {
        by.and_then(|by| by.line).map_or_else(|| format!(" at {file}"), |line| format!(" at {file}:{line}"))
    });
    format!("polkit's answer is {} by {what}{place}", answer.verdict.outcome.text())
}

fn who(subject: &Subject, answer: &Answer) -> String {
    let session = match answer.session {
        Session::None => "in no session",
        Session::Remote => "in a session without a seat, as by ssh",
        Session::Inactive => "in a session in the background",
        Session::Active => "in the active session",
    };
    let process = subject.process.as_ref().map_or_else(String::new, |process| format!(" (process {})", process.pid));
    let unit = subject.unit.as_ref().map_or_else(String::new, |unit| format!(", in {unit}"));
    format!("asked for {}{process}{unit}, {session}: {}", subject.user, subject.by)
}

/// The evidence that every verdict has.
fn with_evidence(finding: Finding, facts: &Facts, subject: &Subject, answer: &Answer) -> Finding {
    let mut finding = finding.evidence(who(subject, answer)).evidence(decided(answer));
    let groups = format!("groups by the user database, which polkit goes by: {}", subject.groups.join(", "));
    finding.evidence.push(groups);
    if let Some(process) = &subject.process {
        let only: Vec<&str> =
            process.groups.iter().filter(|group| !subject.groups.contains(group)).map(String::as_str).collect();
        if !only.is_empty() {
            finding.evidence.push(format!(
                "groups of the process alone, which polkit does not see (SupplementaryGroups= does not help): {}",
                only.join(", ")
            ));
        }
    }
    match (facts.agent.running, facts.agent.verdict.as_deref()) {
        (true, Some(verdict)) => {
            finding.evidence.push(format!("polkit-service-agent would answer the process: {verdict}"))
        }
        (true, None) => finding.evidence.push("polkit-service-agent runs".to_owned()),
        _ => {}
    }
    finding.evidence.extend(answer.depends_on.iter().map(|what| format!("not known: {what}")));
    finding
}

fn asks(facts: &Facts, subject: &Subject, answer: &Answer) -> Finding {
    let user = &subject.user;
    if answer.action.starts_with(API) {
        return with_evidence(
            Finding::new("acl-asks", "a rule wants somebody to authenticate for an action of libvirt's access control, which never asks anybody: it is a refusal"),
            facts, subject, answer,
        )
        .fixes(access(facts));
    }
    let by_agent = answer
        .verdict
        .decided_by
        .as_ref()
        .and_then(|by| by.file.as_deref())
        .is_some_and(|file| file.ends_with(AGENT_RULES));
    if by_agent && !facts.agent.running && facts.is_root {
        let start: Vec<Fix> = if facts.has_systemd && facts.agent.installed {
            vec![programs(
                "start-agent",
                &[&["systemctl", "enable", "--now", "polkit-service-agent.service"]],
                "what the agent's rules allow",
                &["systemctl disable --now polkit-service-agent.service".to_owned()],
            )]
        } else {
            vec![manual("start-agent", &["polkit-service-agent run".to_owned()], "what the agent's rules allow")]
        };
        return with_evidence(
            Finding::new("agent-not-running", "polkit hands the question to polkit-service-agent, which does not run"),
            facts,
            subject,
            answer,
        )
        .fixes(start);
    }
    let alike = answer.groups.iter().find(|remedy| remedy.exists && remedy.look_alike.is_some());
    let existing = answer.groups.iter().find(|remedy| remedy.exists);
    // Of a package's rule alone where it is about libvirt: others may be for groups that nobody needs to have.
    let of_libvirt = |remedy: &&GroupRemedy| existing.is_none() && remedy.group.starts_with("libvirt");
    let missing = answer.groups.iter().filter(|remedy| !remedy.exists);
    let missing =
        missing.clone().find(|remedy| names_it(remedy.place.as_deref())).or_else(|| missing.clone().find(of_libvirt));
    let by_rule = |place: &Option<String>| place.as_ref().is_some_and(|place| !place.contains(".policy"));
    let session = answer.sessions.iter().find(|(_, place)| by_rule(place)).or(answer.sessions.first());
    let at = |place: &Option<String>| place.as_ref().map_or_else(String::new, |place| format!(" ({place})"));
    let finding = if let Some(remedy) = alike {
        let other = remedy.look_alike.as_deref().unwrap_or_default();
        Finding::new(
            "wrong-group",
            format!("{user} is in the group {other}, and the rule is about {}{}", remedy.group, at(&remedy.place)),
        )
    } else if let Some((session, place)) = session {
        let state = match session {
            Session::Active => "the active session at a seat",
            Session::Inactive => "a session at a seat",
            Session::Remote | Session::None => "a session",
        };
        Finding::new(
            "rule-wants-session",
            format!("{user} would be allowed in {state} alone{}, and services and cron are in none", at(place)),
        )
    } else if let Some(remedy) = missing {
        Finding::new(
            "group-missing",
            format!("a rule is about the group {}{}, and there is no such group here", remedy.group, at(&remedy.place)),
        )
    } else if let Some(remedy) = existing {
        Finding::new(
            "not-in-group",
            format!("{user} is not in the group {}, whose members would be allowed{}", remedy.group, at(&remedy.place)),
        )
    } else {
        Finding::new(
            "must-authenticate",
            format!("no rule allows {user} {}, and somebody would have to authenticate", answer.action),
        )
    };
    let finding = finding.evidence("nobody can authenticate for a service: no agent is registered for it, and installing one for people does not help");
    with_evidence(finding, facts, subject, answer).fixes(access(facts))
}

/// Whether an administrator's own rule names a group that does not exist.
fn names_it(place: Option<&str>) -> bool {
    place.is_some_and(|place| place.starts_with("/etc/"))
}

fn refused(facts: &Facts, subject: &Subject, answer: &Answer) -> Finding {
    let says = answer.verdict.steps.iter().rev().find(|step| step.by == "rules").map_or("", |step| step.says.as_str());
    if says.starts_with("no: the rule throws") {
        return breaks(
            facts,
            answer,
            "rule-throws",
            "a rule throws, and that refuses everything to everybody who gets to it",
            says,
        );
    }
    if says.contains("is not a result of polkit") {
        return breaks(
            facts,
            answer,
            "rule-returns-junk",
            "a rule returns a text that is no result of polkit's, and that is a refusal",
            says,
        );
    }
    let by = answer.verdict.decided_by.as_ref();
    let kind = by.map(|by| by.kind);
    let file = by.and_then(|by| by.file.clone()).unwrap_or_default();
    if kind == Some(Kind::Implicit) {
        let (code, cause) = if answer.action.starts_with(API) {
            (
                "acl-refuses",
                format!(
                    "libvirt's access control refuses {} to {}: no rule allows {}",
                    "it", subject.user, answer.action
                ),
            )
        } else {
            (
                "refused-by-default",
                format!(
                    "the action's own defaults refuse {} without a session at a seat, and no rule says otherwise",
                    answer.action
                ),
            )
        };
        return with_evidence(Finding::new(code, cause), facts, subject, answer).fixes(access(facts));
    }
    let code = if answer.action.starts_with(API) { "acl-refuses" } else { "rule-refuses" };
    let what = if kind == Some(Kind::Pkla) { "pkla entry" } else { "rule" };
    let finding = with_evidence(
        Finding::new(code, format!("a {what} refuses {} to {}", answer.action, subject.user)),
        facts,
        subject,
        answer,
    );
    let change = manual(
        "change-rule",
        &[format!("editor {}", crate::doctor::fixes::quote(&file))],
        "what the rule then says; somebody meant it to refuse",
    );
    finding.fix(change).fixes(access(facts))
}

/// A rule that does harm to everybody: it is laid aside.
fn breaks(facts: &Facts, answer: &Answer, code: &'static str, cause: &str, says: &str) -> Finding {
    let file = answer.verdict.decided_by.as_ref().and_then(|by| by.file.clone());
    let file = file.or_else(|| {
        answer.verdict.steps.iter().rev().find_map(|step| step.file.clone().filter(|file| file.ends_with(".rules")))
    });
    let finding = Finding::new(code, cause).evidence(decided(answer)).evidence(says.to_owned());
    let Some(file) = file else { return finding.fix(restart_polkitd(facts)) };
    let finding = finding.fix(manual(
        "edit-file",
        &[format!("polkit-policy-gen check {}", crate::doctor::fixes::quote(&file))],
        "what the file then says",
    ));
    let mut fix = set_aside(&file, facts);
    if code == "rule-ends-polkitd" {
        let restart = restart_polkitd(facts);
        fix.commands.extend(restart.commands);
        fix.steps.extend(restart.steps);
    }
    finding.fix(fix)
}

fn not_registered(facts: &Facts, answer: &Answer) -> Finding {
    let action = &answer.action;
    let finding = Finding::new("action-not-registered", format!("polkit does not know the action {action}"));
    if answer.verdict.outcome != Outcome::Unregistered {
        return finding.evidence("a .policy file has it, and polkitd has not read it").fix(restart_polkitd(facts));
    }
    let finding = match &facts.container {
        Some(what) => finding.evidence(format!(
            "this is a container ({what}): the program that asks may have its .policy file elsewhere"
        )),
        None => finding.evidence("no .policy file that this polkit reads has it"),
    };
    let package = if action.starts_with("org.libvirt.") {
        "libvirt-daemon-system libvirt-daemon"
    } else {
        "THE-PACKAGE-OF-THE-PROGRAM-THAT-ASKS"
    };
    finding.fix(manual(
        "reinstall-package",
        &[format!("apt-get install --reinstall {package}")],
        "nothing: the action has the defaults of its package then",
    ))
}

fn not_reloaded(facts: &Facts, subject: &Subject, answer: &Answer) -> Finding {
    let real = match answer.real {
        Some(Real::Challenge) => "somebody must authenticate",
        _ => "no",
    };
    with_evidence(
        Finding::new(
            "polkitd-not-reloaded",
            format!("the files allow {} {}, and polkitd does not go by them yet", subject.user, answer.action),
        ),
        facts,
        subject,
        answer,
    )
    .evidence(format!(
        "polkitd itself says: {real}; it does not notice a chmod or chown of a file that it could not read"
    ))
    .fix(restart_polkitd(facts))
}

/// What an error says by itself, where nothing else was found and nobody can be told whom it is about.
pub(super) fn reported(facts: &Facts, found: &[Finding]) -> Vec<Finding> {
    let Some(reported) = &facts.reported else { return Vec::new() };
    if !found.is_empty()
        || facts.answer.as_ref().is_some_and(|answer| answer.is_yes() && reported.class != Class::AclRefused)
    {
        return Vec::new();
    }
    let action = reported.action.as_deref().unwrap_or("the action");
    let name = |action: &str| {
        manual(
            "say-who",
            &[
                format!("polkit-policy-gen doctor --user USER --action {action}"),
                "polkit-policy-gen doctor --unit UNIT".to_owned(),
            ],
            "nothing: it says what can be done",
        )
    };
    match reported.class {
        Class::NoAgent if facts.subject.is_none() => vec![
            Finding::new("must-authenticate", format!("polkit wanted somebody to authenticate for {action}, and nobody was there: no rule allows it to whoever asked"))
                .evidence("who asked does not stand in the text")
                .fix(name(action)),
        ],
        Class::Refused if facts.subject.is_none() => vec![
            Finding::new("rule-refuses", "a rule refused, threw, or returned what is no result").evidence("who asked does not stand in the text").fix(name("ACTION")),
        ],
        Class::Dismissed => vec![Finding::new("dismissed", "an agent was asked, and whoever sat there did not authenticate").fix(name(action))],
        Class::AclRefused => vec![acl(facts)],
        _ => Vec::new(),
    }
}

fn acl(facts: &Facts) -> Finding {
    let drivers: Vec<String> = facts
        .libvirt
        .daemons
        .iter()
        .filter(|daemon| !daemon.drivers.is_empty())
        .map(|daemon| format!("/{}: access_drivers = {}", daemon.conf, daemon.drivers.join(", ")))
        .collect();
    let mut finding = Finding::new(
        "acl-refuses",
        "libvirt's own access control refused: the connection is allowed, and this call or object is not",
    );
    finding.evidence = drivers;
    let commands = [
        "polkit-policy-gen actions 'org.libvirt.api.*'    # which action the call needs".to_owned(),
        "polkit-policy-gen doctor --user USER --action org.libvirt.api.OBJECT.PERMISSION".to_owned(),
        "polkit-policy-gen libvirt --mode acl --group GROUP --role operator --domains 'NAME-*' -o policy.toml"
            .to_owned(),
    ];
    finding.fix(manual("give-a-role", &commands, "a role over the domains that it names"))
}
