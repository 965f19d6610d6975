//! Checks of grants whose effect depends on what the mechanism passes: whether polkit may ask an agent, and whether root is checked.

use polkit_config::report::{Location, Problem, Report};

use crate::implicit_authorization::ImplicitAuthorization;
use crate::mechanisms::{Interaction, Mechanism, checks_root, of_action};
use crate::policy::{Grant, GrantKind, Policy};

/// Warns of results that need an agent where the mechanism never lets polkit ask one, and of grants to root without an effect.
pub(super) fn asking(policy: &Policy, report: &mut Report) {
    for grant in &policy.grants {
        if grant.results.all().into_iter().any(needs_agent) {
            never_asked(grant, report);
        }
        root_is_exempt(grant, report);
    }
}

fn needs_agent(result: ImplicitAuthorization) -> bool {
    !matches!(result, ImplicitAuthorization::Yes | ImplicitAuthorization::No)
}

/// The exact actions of a grant, each with its mechanism.
fn mechanisms(grant: &Grant) -> impl Iterator<Item = (&Location, &str, &'static Mechanism)> {
    let exact = grant.actions.iter().filter(|action| action.value.is_exact());
    exact.filter_map(|action| Some((&action.at, action.value.as_str(), of_action(action.value.as_str())?)))
}

fn never_asked(grant: &Grant, report: &mut Report) {
    let never = |mechanism: &Mechanism| mechanism.latest().interaction == Interaction::Never;
    for (at, action, mechanism) in mechanisms(grant).filter(|(_, _, mechanism)| never(mechanism)) {
        let message = format!("{} never lets polkit ask an agent: this result refuses {action}", mechanism.name);
        let help = match grant.kind {
            GrantKind::Agent => "use a [[hook]] for the action, or a [[grant]] with `result = \"yes\"`",
            GrantKind::Grant => "use the result `yes` or `no`",
        };
        report.push(Problem::warning(at.clone(), message).help(help));
    }
}

fn root_is_exempt(grant: &Grant, report: &mut Report) {
    let known = mechanisms(grant).filter(|(_, action, _)| checks_root(action).is_none()).count();
    if known < grant.actions.len() {
        return;
    }
    for user in grant.subjects.users.iter().filter(|user| user.value == "root") {
        let message = "a grant to root has no effect: polkit allows root everything, and does not use the grant";
        let help = "an exception are actions whose mechanism asks about root: see polkit-mechanisms(7)";
        report.push(Problem::warning(user.at.clone(), message).help(help));
    }
}

#[cfg(test)]
mod tests {
    use polkit_config::report::Source;

    use super::*;
    use crate::policy::Draft;
    use crate::target::Version;

    fn found(text: &str) -> String {
        let mut draft = Draft::read(&[Source::new("p.toml", text)], Report::new());
        let (policy, report) = draft.parts();
        asking(policy, report);
        report.lines().join("\n")
    }

    #[test]
    fn a_result_that_needs_an_agent_is_a_warning_where_the_mechanism_never_asks() {
        let grant = |action: &str, result: &str| {
            found(&format!("[[grant]]\nactions = ['{action}']\nusers = ['u']\nresult = '{result}'\n"))
        };
        let rtkit = "org.freedesktop.RealtimeKit1.acquire-real-time";
        assert!(grant(rtkit, "auth_admin").contains("p.toml:2:12: rtkit-daemon never lets polkit ask an agent"));
        for (action, result) in [
            (rtkit, "yes"),
            (rtkit, "no"),
            ("org.freedesktop.login1.reboot", "auth_admin"),
            ("org.example.run", "auth_self"),
            ("org.freedesktop.RealtimeKit1.*", "auth_self"),
        ] {
            assert_eq!(grant(action, result), "", "{action} {result}");
        }
        let agent = found(&format!("[[agent]]\nactions = ['{rtkit}']\nusers = ['u']\n"));
        assert!(agent.contains("use a [[hook]] for the action"), "{agent}");
    }

    #[test]
    fn all_checks_include_these() {
        let rtkit = "org.freedesktop.RealtimeKit1.acquire-real-time";
        let text = format!("[[grant]]\nactions = ['{rtkit}']\nusers = ['u']\nresult = 'auth_admin'\n");
        let mut draft = Draft::read(&[Source::new("p.toml", text)], Report::new());
        let (policy, report) = draft.parts();
        super::super::all(policy, Version(126), None, report).unwrap();
        let lines = report.lines();
        assert!(lines.iter().any(|line| line.contains("never lets polkit ask an agent")), "{lines:?}");
    }

    #[test]
    fn a_grant_to_root_is_a_warning_unless_the_mechanism_asks_about_root() {
        let grant = |actions: &str| {
            found(&format!("[[grant]]\nactions = [{actions}]\nusers = ['u', 'root']\nresult = 'yes'\n"))
        };
        assert!(grant("'org.freedesktop.login1.reboot'").contains("p.toml:3:15: a grant to root has no effect"));
        for actions in [
            "'org.freedesktop.login1.reboot-ignore-inhibit'",
            "'org.freedesktop.login1.reboot', 'org.freedesktop.login1.reboot-ignore-inhibit'",
            "'org.example.run'",
            "'org.freedesktop.login1.*'",
        ] {
            assert_eq!(grant(actions), "", "{actions}");
        }
    }
}
