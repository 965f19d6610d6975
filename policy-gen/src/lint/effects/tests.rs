use super::*;
use crate::target::{JavaScript, Pkla, Version};

const TARGET: Target = Target { version: Version(126), pkla: Pkla::No, javascript: JavaScript::Duktape };

/// Returns the probes of a file that is replaced by a fixed reply.
fn matrix(text: &str, limit: usize) -> Matrix {
    Matrix::of(text, TARGET, &Registered::new(), limit)
}

#[test]
fn the_requests_cover_the_names_of_a_file() {
    let text = "polkit.addRule(function (action, subject) { var verb = action.lookup('verb'); if (action.id == 'org.a.run' && \
                subject.isInGroup('ops') && (verb == 'start' || verb == 'stop')) { return polkit.Result.YES; } });";
    let matrix = matrix(text, 6000);
    assert!(matrix.is_complete);
    let has = |action: &str, group: &str, verb: &str| {
        matrix.probes.iter().any(|probe| {
            let request = &probe.request;
            request.action == action
                && request.groups.iter().any(|own| own == group)
                && request.details.iter().any(|(key, value)| key == "verb" && value == verb)
        })
    };
    assert!(has("org.a.run", "ops", "start") && has("org.a.run", "ops", "stop"));
    assert!(
        matrix
            .probes
            .iter()
            .any(|probe| probe.who == matrix::Who::Stranger && probe.request.action == matrix::INVENTED)
    );
}

#[test]
fn patterns_and_too_many_names_are_not_covered() {
    let rule = |condition: &str| {
        format!("polkit.addRule(function (action, subject) {{ if ({condition}) {{ return 'yes'; }} }});")
    };
    assert!(matrix(&rule("action.id == 'org.a.b'"), 6000).is_complete);
    assert!(!matrix(&rule("/^org/.test(action.id)"), 6000).is_complete);
    assert!(!matrix(&rule("action.id.length % 2 == 1"), 6000).is_complete);
    assert!(!matrix(&rule("subject.pid == 3"), 6000).is_complete);
    let many: Vec<String> = (0..40).map(|number| format!("subject.user == 'u{number}'")).collect();
    assert!(!matrix(&rule(&many.join(" || ")), 6000).is_complete);
}

#[test]
fn the_number_of_requests_is_limited() {
    let ids: Vec<String> = (0..5000).map(|number| format!("action.id == 'org.a.b{number}'")).collect();
    let text = format!("polkit.addRule(function (action) {{ if ({}) {{ return 'yes'; }} }});", ids.join(" || "));
    for limit in [12, 100, 6000] {
        assert!(matrix(&text, limit).probes.len() <= limit);
    }
}
