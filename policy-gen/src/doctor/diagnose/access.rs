//! What polkit decides for the subject, and why it is not a yes.

use super::Finding;
use super::broken::{breaks, not_registered, not_reloaded};
use super::evidence::with_evidence;
use crate::doctor::facts::{Answer, Facts, GroupRemedy, Real, Subject};
use crate::doctor::fixes::{Fix, access, manual, programs, read_only};
use crate::emit::quote::shell;
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
                format!("libvirt's access control refuses {} to {}: no rule allows it", answer.action, subject.user),
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
        &[format!("editor {}", shell(&file))],
        "what the rule then says; somebody meant it to refuse",
    );
    finding.fix(change).fixes(access(facts))
}
