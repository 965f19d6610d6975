//! Findings about the request itself: a text that is not recognized or has another cause than polkit, an unknown action, and a
//! refusal of a mechanism whose subject is unknown.

use super::Finding;
use crate::doctor::error::Class;
use crate::doctor::facts::{Facts, Polkitd};
use crate::doctor::fixes::{Fix, grant_for, manual};
use crate::mechanisms::{Recognized, class};

/// Returns the finding if the text is not recognized, or if polkit is not its cause. Nothing else follows from such a text.
pub(super) fn of_text(facts: &Facts) -> Option<Finding> {
    if facts.is_text_unknown && facts.bad_advice.is_empty() {
        return Some(unknown_text(facts));
    }
    let recognized = facts.reported.as_ref()?.recognized.as_ref().filter(|recognized| recognized.code.is_some())?;
    let finding = Finding::new(recognized.code?, "polkit did not refuse: the text has another cause");
    Some(finding.evidence(recognized.hint.unwrap_or_default()))
}

fn unknown_text(facts: &Facts) -> Finding {
    let mut finding = Finding::new(
        "text-not-recognized",
        "the text contains no error that this program knows: it concludes nothing from it",
    );
    if let Polkitd::Answers { version, .. } = &facts.polkitd {
        finding.evidence.push(format!("examined: polkit {version}, its files, and the host"));
    }
    match (&facts.action, &facts.subject) {
        (Some(action), Some(subject)) => finding.evidence.push(format!("examined: {action} for {}", subject.user)),
        (Some(action), None) => finding.evidence.push(format!("examined: {action}, for no subject")),
        (None, _) => finding.evidence.push("not examined: a request, because no action is known".to_owned()),
    }
    let commands = [
        "# if the text is translated, repeat the refused command with LC_ALL=C".to_owned(),
        "polkit-policy-gen actions    # which actions exist".to_owned(),
        "polkit-policy-gen doctor --user USER --action ACTION".to_owned(),
    ];
    finding.fix(manual("name-the-action", &commands, "nothing: it shows the possible fixes"))
}

/// Returns the finding if a request is examined whose action is unknown.
pub(super) fn without_action(facts: &Facts) -> Option<Finding> {
    let is_examined = facts.subject.is_some() || facts.reported.is_some();
    let needs_none = facts
        .reported
        .as_ref()
        .is_some_and(|reported| !matches!(reported.class, Class::NoAgent | Class::Refused | Class::Mentioned));
    if facts.action.is_some() || facts.answer.is_some() || !is_examined || needs_none || facts.is_text_unknown {
        return None;
    }
    let mut finding = Finding::new("action-unknown", "it is unknown which action was refused");
    match &facts.reported {
        Some(reported) => {
            finding.evidence.push("the text names no action".to_owned());
            finding.evidence.extend(statements(facts));
            if reported.recognized.is_none() && reported.class == Class::NoAgent {
                finding.evidence.push(
                    "services that ask polkit only if the client allows interaction reply with this text: a program that \
                     calls D-Bus itself mostly does not allow it, and then polkit never asks an agent"
                        .to_owned(),
                );
            }
        }
        None => finding.evidence.push(match &facts.subject {
            Some(subject) if subject.unit.is_some() => {
                "neither the journal of the unit nor its processes show which service refused".to_owned()
            }
            _ => "no text, action or unit was given that shows which service refused".to_owned(),
        }),
    }
    Some(finding.fix(name_the_action(facts)))
}

fn name_the_action(facts: &Facts) -> Fix {
    let subject = facts.subject.as_ref();
    let who = match (subject.and_then(|subject| subject.unit.as_ref()), subject) {
        (Some(unit), _) => format!("--unit {unit}"),
        (None, Some(subject)) => format!("--user {}", subject.user),
        (None, None) => "--user USER".to_owned(),
    };
    let commands = [
        format!("polkit-policy-gen doctor {who} --error 'THE ERROR TEXT'"),
        format!("polkit-policy-gen doctor {who} --action ACTION"),
    ];
    manual("name-the-action", &commands, "nothing: it shows the possible fixes")
}

/// Returns the finding about a refusal if the text does not name the subject.
pub(super) fn without_subject(facts: &Facts) -> Option<Finding> {
    let (reported, action) = (facts.reported.as_ref()?, facts.action.as_ref()?);
    let is_refusal = matches!(reported.class, Class::NoAgent | Class::Refused | Class::Mentioned);
    if facts.subject.is_some() || !is_refusal || facts.about_libvirt {
        return None;
    }
    let name = facts.mechanism.map_or("a service", |mechanism| mechanism.name.as_str());
    let (code, cause) = match reported.class {
        Class::NoAgent => {
            ("must-authenticate", format!("{name} required authentication for {action}, and there was no agent"))
        }
        Class::Refused => ("refused", format!("{name} refused {action}: no rule allows it to the subject")),
        _ => ("action-mentioned", format!("the text names {action}, and no refusal that this program knows")),
    };
    let mut finding = Finding::new(code, cause).evidence("the text does not name the subject");
    finding.evidence.extend(statements(facts));
    let detail: String = facts.details.iter().map(|(key, value)| format!(" --detail {key}={value}")).collect();
    let commands = [
        format!("polkit-policy-gen doctor --user USER --action {action}{detail}"),
        format!("polkit-policy-gen doctor --unit UNIT --action {action}{detail}"),
    ];
    let finding = finding.fix(manual("say-who", &commands, "nothing: it shows the possible fixes"));
    Some(finding.fix(grant_for("USER", action, &facts.details)))
}

/// Returns what is known of the mechanism and the request, one sentence each.
pub(super) fn statements(facts: &Facts) -> Vec<String> {
    let recognized = facts.reported.as_ref().and_then(|reported| reported.recognized.as_ref());
    let mut said = Vec::new();
    if !facts.details.is_empty() {
        let details: Vec<String> = facts.details.iter().map(|(key, value)| format!("{key}={value}")).collect();
        said.push(format!("details of the request: {}", details.join(" ")));
    }
    if let Some(Recognized { also, .. }) = recognized.filter(|recognized| !recognized.also.is_empty()) {
        said.push(format!("depending on the request, the action can also be {}", also.join(", ")));
    }
    said.extend(recognized.and_then(|recognized| recognized.hint).map(str::to_owned));
    said.extend(recognized.and_then(|recognized| recognized.device.as_ref()).map(|device| format!("device: {device}")));
    let Some(mechanism) = facts.mechanism else { return said };
    // The advice of a text can say the same.
    let has_said = |text: &str| {
        said.iter().any(|other: &String| other.contains("says auth_self")) && text.contains("says auth_self")
    };
    let of_class: Vec<String> =
        class::asks(mechanism, facts.implicit).into_iter().filter(|text| !has_said(text)).collect();
    said.extend(of_class);
    if mechanism.is_by_process() {
        said.push(format!(
            "{} passes polkit a process without its unit: a policy rule can name users and groups; for one unit, use \
             polkit-service-agent (its hook, or a registration)",
            mechanism.name
        ));
    }
    said
}
