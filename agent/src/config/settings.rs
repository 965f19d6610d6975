//! `[agent]`: the settings of the whole agent. Each key can be set in one file only.

use std::{collections::HashMap, time::Duration};

use polkit_config::{
    report::{Location, Problem, Report},
    table::{Spanned, Table},
};

use super::files::ConfigFile;

/// The default of `answer_within`. libvirt gives up after 30 s, and polkit 122 can add 15 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
const LONGEST_ANSWER: Duration = Duration::from_secs(60);
const MAX_REGISTRATIONS: usize = 128;
/// The bus allows each user 256 connections, including root, and other programs of root need some.
pub(super) const MOST_REGISTRATIONS: i64 = 160;

/// The settings. A key that is not set has its default. A key with a wrong value is `None`.
pub(super) struct Settings {
    pub(super) answer_within: Option<Duration>,
    pub(super) max_registrations: Option<usize>,
    pub(super) vendor_rules: bool,
    /// The default of `require_own_user` in each rule.
    pub(super) require_own_user: bool,
}

pub(super) fn read(tables: &mut [(&ConfigFile, Table)], report: &mut Report) -> Settings {
    let mut settings = Settings {
        answer_within: Some(ANSWER_WITHIN),
        max_registrations: Some(MAX_REGISTRATIONS),
        vendor_rules: false,
        require_own_user: false,
    };
    let mut seen = HashMap::new();
    for (file, table) in tables {
        let Some(mut agent) = table.table("agent", report) else { continue };
        if let Some(within) = agent.duration("answer_within", report) {
            once("answer_within", &within.at, &mut seen, report);
            settings.answer_within = in_range(&within, report);
        }
        if let Some(max) = agent.integer("max_registrations", report) {
            once("max_registrations", &max.at, &mut seen, report);
            settings.max_registrations = registrations(&max, report);
        }
        if let Some(vendor) = agent.bool("vendor_rules", report) {
            once("vendor_rules", &vendor.at, &mut seen, report);
            settings.vendor_rules = vendor.value;
            if !file.main {
                let problem = Problem::error(vendor.at, "`vendor_rules` must be in agent.toml");
                report.push(problem.help("move it to agent.toml"));
            }
        }
        if let Some(own) = agent.bool("require_own_user", report) {
            once("require_own_user", &own.at, &mut seen, report);
            settings.require_own_user = own.value;
        }
        agent.finish(report);
    }
    settings
}

/// Reads a number of registrations: `max_registrations`, or `max` of an entry.
pub(super) fn registrations(max: &Spanned<i64>, report: &mut Report) -> Option<usize> {
    let number = usize::try_from(max.value).ok().filter(|_| (1..=MOST_REGISTRATIONS).contains(&max.value));
    if number.is_none() {
        let problem = Problem::error(max.at.clone(), format!("`{}` is not from 1 to {MOST_REGISTRATIONS}", max.value));
        report.push(problem.help("each registration is a bus connection, and the bus allows root 256 of them"));
    }
    number
}

fn in_range(within: &Spanned<Duration>, report: &mut Report) -> Option<Duration> {
    let fits = (Duration::from_millis(100)..=LONGEST_ANSWER).contains(&within.value);
    if !fits {
        let problem = Problem::error(within.at.clone(), "`answer_within` is from 100 ms to 60 s");
        report.push(problem.help("libvirt gives up after 30 s: `\"20s\"` leaves polkitd some time"));
    } else if within.value > Duration::from_secs(25) {
        let problem =
            Problem::warning(within.at.clone(), "libvirt gives up after 30 s, and polkitd takes time as well");
        report.push(problem.help("`\"20s\"`"));
    }
    fits.then_some(within.value)
}

fn once(key: &'static str, at: &Location, seen: &mut HashMap<&'static str, Location>, report: &mut Report) {
    if let Some(first) = seen.get(key) {
        let message = format!("`{key}` is set twice: first at {}", report.place(first));
        report.push(Problem::error(at.clone(), message).help("keep one of the two lines"));
    } else {
        seen.insert(key, at.clone());
    }
}
