use polkit_agent_rules::rule::AtMost;

use super::*;

/// A rule with some keys more.
fn limited(keys: &str) -> String {
    format!("{RULE}{keys}\n")
}

#[test]
fn limits_in_time_and_number_are_read() {
    let text =
        limited("between = \"22:00-06:00\"\ndays = [\"mon\", \"sun\"]\nuntil = 2200-01-31\nat_most = \"30/min\"");
    let Some((_folder, loaded)) = loaded(text) else { return };
    let rule = loaded.config.unwrap().rules.remove(0);
    assert_eq!(rule.at_most, Some(AtMost { times: 30, per: Duration::from_secs(60) }));
    assert_eq!(rule.when.between, Some("22:00-06:00".parse().unwrap()));
    assert_eq!((rule.when.days.len(), rule.when.until), (2, Some("2200-01-31".parse().unwrap())));
    assert!(loaded.report.lines().is_empty(), "{:?}", loaded.report.lines());
}

#[test]
fn limits_that_mean_nothing_are_refused() {
    refused!(
        limited("between = \"8-18\"\ndays = [\"monday\"]\nuntil = \"2027-01-31\"\nat_most = \"often\""),
        "agent.toml:6:11: `between` cannot be `8-18` (write two times of the day, as in `\"08:00-18:00\"`; \
         `\"22:00-06:00\"` passes midnight)",
        "agent.toml:7:9: unknown day `monday` (the days are mon, tue, wed, thu, fri, sat, sun)",
        "agent.toml:8:9: `until`: expected a date, found a string (write `until = 2027-01-31`)",
        "agent.toml:9:11: `at_most` cannot be `often` (write a number from 1 to 10000 and one of /s, /min, /hour and /day, \
         as in `\"30/min\"`)",
    );
}

#[test]
fn an_expired_rule_has_a_warning() {
    let Some(lines) = said(limited("until = 2020-01-31")) else { return };
    assert_eq!(
        lines,
        ["agent.toml:6:9: `until` expired on 2020-01-31: the rule never applies (remove the rule, or set a later end)"]
    );
}

#[test]
fn a_kept_authorization_that_outlives_its_limits_has_a_warning() {
    let Some(lines) = said(limited("between = \"08:00-18:00\"\nunbound = true")) else { return };
    assert_eq!(
        lines,
        [
            "agent.toml:1:1: a grant of `a` may outlive its limits (without an [[agent]] of polkit-policy-gen, polkit keeps an authorization for up to 5 minutes if the implicit authorization is auth_…_keep, and does not challenge the agent in that time)"
        ]
    );
}

#[test]
fn an_earlier_rule_of_some_hours_leaves_the_rest_to_a_later_one() {
    let later = RULE.replace("\"a\"", "\"b\"");
    let Some(lines) = said(limited("between = \"08:00-18:00\"") + &later) else { return };
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn hold_is_some_seconds_of_a_rule_that_asks() {
    let ask = RULE.replace("\"allow\"", "\"ask\"\nhold = \"15s\"");
    let Some((_folder, loaded)) = loaded(&ask) else { return };
    let rule = loaded.config.unwrap().rules.remove(0);
    assert_eq!((rule.answer, rule.hold), (Answer::Ask, Some(Duration::from_secs(15))));
    refused!(ask.replace("ask", "deny"), "agent.toml:6:8: `hold` needs `answer = \"ask\"` (leave it out)",);
    refused!(
        ask.replace("15s", "2m"),
        "agent.toml:6:8: `hold` is from 1 s to 60 s (`\"15s\"`: it ends at `answer_within` at the latest, and libvirt gives up after 30 s)",
    );
}
