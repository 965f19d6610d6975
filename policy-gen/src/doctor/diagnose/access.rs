//! Findings about the verdict: what polkit decides for the subject, and why it is not a yes.

use super::broken::{breaks, not_registered, not_reloaded};
use super::evidence::with_evidence;
use super::{Finding, agent, near};
use crate::doctor::facts::{Daemon, Decision, Facts, GroupRemedy, RunningResult, Subject};
use crate::doctor::fixes::{access, manual, read_only};
use crate::emit::quote::shell;
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::libvirt::MANAGE;
use crate::verdict::evaluate::NOT_RUN;
use crate::verdict::{DeciderKind, Outcome, RuleError};

const API: &str = "org.libvirt.api.";

/// Returns the findings about the verdict; none if it is a yes. `explained`: another finding already explains the refusal.
pub(super) fn verdict(facts: &Facts, explained: bool) -> Vec<Finding> {
    let (Some(subject), Some(answer)) = (&facts.subject, &facts.answer) else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(why) = &answer.verdict.ends_polkitd {
        return vec![breaks(
            facts,
            answer,
            "rule-ends-polkitd",
            "a rule returns a value that is not a string, which makes polkitd end or hang, for all users",
            why,
        )];
    }
    let unregistered = answer.real == Some(RunningResult::Unregistered)
        || (answer.real.is_none() && answer.verdict.outcome == Outcome::Unregistered);
    if unregistered {
        return vec![not_registered(facts, answer)];
    }
    if answer.action == MANAGE
        && let Some(daemon) = facts.daemon().filter(|daemon| daemon.auth.as_deref() == Some("sasl"))
    {
        return vec![sasl(daemon)];
    }
    if let Some(finding) = agent::finding(facts, subject, answer) {
        return vec![finding];
    }
    if !answer.is_yes() && answer.depends_on.iter().any(|what| what.starts_with(NOT_RUN)) {
        return vec![with_evidence(rules_not_run(), facts, subject, answer)];
    }
    if answer.is_yes()
        || answer.is_unknown()
        || matches!(answer.real, Some(RunningResult::Silent | RunningResult::NoSuchProcess))
    {
        return found;
    }
    // Without authentication by polkit, only the mode of the socket decides.
    if answer.action == MANAGE && facts.daemon().is_some_and(|daemon| daemon.auth.as_deref() == Some("none")) {
        return found;
    }
    if answer.result() == Some(ImplicitAuthorization::Yes) {
        return vec![not_reloaded(facts, subject, answer)];
    }
    if facts.agent.verdict.as_deref() == Some("allow") && facts.agent.serves && facts.agent.running {
        return found;
    }
    if facts.reported.as_ref().is_some_and(|reported| reported.only_reads) && answer.action == MANAGE {
        found.push(
            Finding::new("read-only-is-enough", "the client opens a read-write connection to libvirt but only reads")
                .evidence("the later calls in the text only list and read; a read-only connection needs no policy")
                .fix(read_only()),
        );
    }
    if explained {
        return found;
    }
    found.push(match answer.result() {
        Some(ImplicitAuthorization::No) => refused(facts, subject, answer),
        _ => asks(facts, subject, answer),
    });
    near::add(facts, subject, answer, &mut found);
    found
}

/// The daemon does not ask polkit.
fn sasl(daemon: &Daemon) -> Finding {
    let commands = [
        "saslpasswd2 -a libvirt USER    # then connect as this user".to_owned(),
        "virsh -r -c qemu:///system list    # read-only, if auth_unix_ro is not \"sasl\"".to_owned(),
    ];
    Finding::new(
        "sasl-not-polkit",
        format!("{} authenticates its clients by SASL, and does not ask polkit", daemon.name),
    )
    .evidence(format!("/{}: auth_unix_rw = \"sasl\"", daemon.conf))
    .fix(manual("use-sasl", &commands, "what SASL users of libvirt may do"))
}

/// Without the engine nothing follows from the rules.
fn rules_not_run() -> Finding {
    let commands = ["# install polkit-policy-gen-js: a build with libduktape (Debian: duktape-dev)".to_owned()];
    Finding::new(
        "rules-not-run",
        "the policy rules were not run, so it is unknown whether a rule allows or refuses the request",
    )
    .fix(manual("install-engine", &commands, "nothing"))
}

fn asks(facts: &Facts, subject: &Subject, answer: &Decision) -> Finding {
    let user = &subject.user;
    if answer.action.starts_with(API) {
        return with_evidence(
            Finding::new("acl-asks", "a rule requires authentication for an action of libvirt's access control, which never authenticates: the request is refused"),
            facts, subject, answer,
        )
        .fixes(access(facts));
    }
    let similar = answer.groups.iter().find(|remedy| remedy.exists && remedy.similar_name.is_some());
    let existing = answer.groups.iter().find(|remedy| remedy.exists);
    // A missing group of a package's rule counts only for libvirt: the groups of other packages may be missing on purpose.
    let of_libvirt = |remedy: &&GroupRemedy| existing.is_none() && remedy.group.starts_with("libvirt");
    let missing = answer.groups.iter().filter(|remedy| !remedy.exists);
    let missing =
        missing.clone().find(|remedy| names_it(remedy.place.as_deref())).or_else(|| missing.clone().find(of_libvirt));
    let by_rule = |place: &Option<String>| place.as_ref().is_some_and(|place| !place.contains(".policy"));
    let session = answer.sessions.iter().find(|(_, place)| by_rule(place)).or(answer.sessions.first());
    let at = |place: &Option<String>| place.as_ref().map_or_else(String::new, |place| format!(" ({place})"));
    let finding = if let Some(remedy) = similar {
        let other = remedy.similar_name.as_deref().unwrap_or_default();
        Finding::new(
            "wrong-group",
            format!(
                "{user} is in the group {other}, but the rule allows the group {}{}",
                remedy.group,
                at(&remedy.place)
            ),
        )
    } else if let Some((session, place)) = session {
        let state = match session {
            Session::Active => "the active session at a seat",
            Session::Inactive => "a session at a seat",
            Session::Remote | Session::None => "a session",
        };
        Finding::new(
            "rule-wants-session",
            format!("{user} would be allowed only in {state}{}; services and cron jobs have no session", at(place)),
        )
    } else if let Some(remedy) = missing {
        Finding::new(
            "group-missing",
            format!("a rule allows the group {}{}, but there is no such group", remedy.group, at(&remedy.place)),
        )
    } else if let Some(remedy) = existing {
        Finding::new(
            "not-in-group",
            format!("{user} is not in the group {}, whose members would be allowed{}", remedy.group, at(&remedy.place)),
        )
    } else {
        Finding::new(
            "must-authenticate",
            format!("no rule allows {user} {}, so polkit requires authentication", answer.action),
        )
    };
    let finding = finding.evidence(
        "a service cannot type a password; installing a desktop agent (polkit-gnome, lxpolkit) does not help",
    );
    with_evidence(finding, facts, subject, answer).fixes(access(facts))
}

/// Whether a rule of the administrator names a group that does not exist.
fn names_it(place: Option<&str>) -> bool {
    place.is_some_and(|place| place.starts_with("/etc/"))
}

fn refused(facts: &Facts, subject: &Subject, answer: &Decision) -> Finding {
    let says = answer.verdict.steps.iter().rev().find(|step| step.by == "rules").map_or("", |step| step.says.as_str());
    if matches!(answer.verdict.rule_error, Some(RuleError::Throws(_))) {
        return breaks(
            facts,
            answer,
            "rule-throws",
            "a rule throws an exception, which refuses every request that reaches it",
            says,
        );
    }
    if matches!(answer.verdict.rule_error, Some(RuleError::NotAResult(_))) {
        return breaks(
            facts,
            answer,
            "rule-returns-junk",
            "a rule returns a string that is not a result of polkit, which is a refusal",
            says,
        );
    }
    let by = answer.verdict.decided_by.as_ref();
    let kind = by.map(|by| by.kind);
    let file = by.and_then(|by| by.file.clone()).unwrap_or_default();
    if kind == Some(DeciderKind::Implicit) {
        let (code, cause) = if answer.action.starts_with(API) {
            (
                "acl-refuses",
                format!("libvirt's access control refuses {} to {}: no rule allows it", answer.action, subject.user),
            )
        } else {
            (
                "refused-by-default",
                format!(
                    "the implicit authorization of {} is \"no\" without a session at a seat, and no rule allows it",
                    answer.action
                ),
            )
        };
        return with_evidence(Finding::new(code, cause), facts, subject, answer).fixes(access(facts));
    }
    let code = if answer.action.starts_with(API) { "acl-refuses" } else { "rule-refuses" };
    let what = if kind == Some(DeciderKind::Pkla) { "pkla entry" } else { "rule" };
    let finding = with_evidence(
        Finding::new(code, format!("a {what} refuses {} to {}", answer.action, subject.user)),
        facts,
        subject,
        answer,
    );
    let change = manual(
        "change-rule",
        &[format!("editor {}", shell(&file))],
        "what the changed rule allows; the refusal may be intended",
    );
    finding.fix(change).fixes(access(facts))
}
