//! One request, tried for a process of the unit that was enabled.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use polkit_dbus::{Authority, Interaction};

use crate::doctor::facts::{Facts, Subject};
use crate::doctor::fixes::enable::Way;
use crate::verify::probe_process::subject as subject_of;

/// Time limit for polkitd to read the new rules, and for the agent to register the processes.
const SETTLE: Duration = Duration::from_secs(5);
/// Time limit of one request.
const REQUEST: Duration = Duration::from_secs(10);

/// What polkitd decided.
#[derive(Debug, PartialEq, Eq)]
pub enum Trial {
    /// Yes.
    Allowed,
    /// Not yes, and why not.
    Refused(&'static str),
    /// No request was tried, and why not.
    None(&'static str),
}

impl Trial {
    /// Returns the result as a sentence.
    pub fn sentence(&self, action: &str, subject: &Subject) -> String {
        let pid = subject.process.as_ref().map_or_else(String::new, |process| format!(" for process {}", process.pid));
        let unit = subject.unit.as_deref().unwrap_or_default();
        match self {
            Self::Allowed => format!("tried {action}{pid}: yes"),
            Self::Refused(why) => format!(
                "tried {action}{pid}: {why}. To find the cause: polkit-policy-gen doctor --unit {unit} --action {action}"
            ),
            Self::None(why) => format!("not tried: {action}, because {why}"),
        }
    }
}

/// Asks polkitd about the request until it allows it, or until the time limit.
pub async fn of(facts: &Facts, subject: &Subject, way: Way, ask: bool) -> Trial {
    if ask {
        return Trial::None("a person decides about the request (polkit-service-agent pending)");
    }
    let process = subject.process.as_ref().and_then(|process| subject_of(process.pid, subject.uid));
    let (Some(process), Some(action)) = (process, &facts.action) else {
        return Trial::None("the unit has no process of this user now");
    };
    let Ok(connection) = polkit_dbus::connect().await else { return Trial::Refused("the bus cannot be reached") };
    let authority = Authority::new(connection);
    let details: HashMap<&str, &str> =
        facts.details.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let interaction = if way == Way::Hook { Interaction::Forbidden } else { Interaction::Allowed };
    let deadline = Instant::now() + SETTLE;
    loop {
        let asked = authority.check(&process, action, &details, interaction);
        let why = match tokio::time::timeout(REQUEST, asked).await {
            Ok(Ok(reply)) if reply.authorized => return Trial::Allowed,
            Ok(Ok(reply)) if reply.challenge => "polkit requires authentication",
            Ok(Ok(_)) => "no",
            Ok(Err(_)) => "polkitd reported an error",
            Err(_) => "polkitd did not respond",
        };
        if Instant::now() > deadline {
            return Trial::Refused(why);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::facts::Process;

    #[test]
    fn a_trial_names_the_process_and_what_to_do_after_a_refusal() {
        let process = Process { pid: 7, ..Process::default() };
        let subject = Subject { unit: Some("web.service".into()), process: Some(process), ..Subject::default() };
        assert_eq!(Trial::Allowed.sentence("a.b", &subject), "tried a.b for process 7: yes");
        assert_eq!(
            Trial::Refused("no").sentence("a.b", &subject),
            "tried a.b for process 7: no. To find the cause: polkit-policy-gen doctor --unit web.service --action a.b"
        );
        assert_eq!(Trial::None("it waits").sentence("a.b", &subject), "not tried: a.b, because it waits");
    }

    #[tokio::test]
    async fn a_request_that_a_person_decides_and_a_unit_without_a_process_are_not_tried() {
        let facts = Facts { action: Some("a.b".into()), ..Facts::default() };
        let asked = of(&facts, &Subject::default(), Way::Hook, true).await;
        assert!(matches!(asked, Trial::None(why) if why.contains("a person decides")), "{asked:?}");
        let without = of(&facts, &Subject::default(), Way::Hook, false).await;
        assert!(matches!(without, Trial::None(why) if why.contains("no process")), "{without:?}");
    }
}
