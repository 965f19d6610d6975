//! `[[rule]]`: reads and checks the rules.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use polkit_agent_rules::rule::{Answer, Rule, SessionKey};
use polkit_config::{
    file::Unfit,
    report::{Location, Problem, Report},
    table::{Spanned, Table},
};
use polkit_types::pattern::{ActionPattern, Glob};

use super::{
    authenticate,
    files::ConfigFile,
    limited,
    rule_entry::RuleEntry,
    run_for_users::runs_for_users,
    serve::{Missing, checked_unit, named_group, named_user},
    settings::Settings,
};
use crate::{base::root_control::program, config::root_equivalent::NEVER_NARROWED};

const MANAGE_UNITS: &str = "org.freedesktop.systemd1.manage-units";
const LONGEST_ID: usize = 128;
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// Reads one rule. Reports all its errors. `None` if it has one.
pub(super) fn read(mut table: Table, file: &ConfigFile, settings: &Settings, report: &mut Report) -> Option<RuleEntry> {
    let at = table.at().clone();
    let before = report.errors();
    let id = table.required_string("id", report).and_then(|id| checked_id(id, report));
    let actions = table.required_strings("action", report).map(|list| patterns(list, report));
    let unit = table.string("unit", report).and_then(|unit| checked_unit(unit, report));
    let user = table.string("user", report);
    let group = table.string("group", report);
    let exe = table.path("exe", report);
    let session = table.string("session", report);
    let seat = table.string("seat", report).and_then(|seat| checked_seat(seat, report));
    let details = details(&mut table, report);
    let (when, at_most) = limited::read(&mut table, report);
    let unbound = table.bool("unbound", report);
    let root_equivalent = table.bool("root_equivalent", report);
    let delegated = table.bool("delegated", report);
    let own_user = table.bool("require_own_user", report);
    let answer = table.required_string("answer", report).and_then(|word| checked_answer(word, report));
    let hold = table.duration("hold", report).and_then(|hold| checked_hold(hold, answer.as_ref(), report));
    let (credentials, identity) = authenticate::read(&mut table, answer.as_ref(), report);
    table.finish(report);
    // A rule that allows a user who does not exist now never matches. Without any other rule, a later rule could allow the user once
    // the user exists: a rule that asks or authenticates also keeps requests from later rules.
    let allows = answer.as_ref().is_some_and(|answer| answer.value == Answer::Allow);
    let missing = if allows { Missing::Skipped("this rule") } else { Missing::Error };
    let named = user.is_some() as usize + group.is_some() as usize;
    let user = user.and_then(|name| named_user(&name, missing, report));
    let group = group.and_then(|name| named_group(&name, missing, report));
    let found = user.is_some() as usize + group.is_some() as usize;
    if report.errors() > before || found < named {
        return None;
    }
    let (id, actions, answer) = (id?, actions?, answer?);

    if let Some(exe) = &exe {
        check_exe(exe, report);
    }
    let rule = Rule {
        id: id.value,
        origin: report.place(&at),
        actions,
        unit: unit.map(|unit| unit.value),
        user,
        group,
        exe: exe.map(|exe| exe.value),
        session: session.map(|session| SessionKey::new(&session.value)),
        seat,
        details,
        delegated: delegated.is_some_and(|key| key.value),
        own_user: own_user.map_or(settings.require_own_user, |key| key.value),
        unbound: unbound.as_ref().is_some_and(|unbound| unbound.value),
        when,
        at_most,
        answer: answer.value,
        hold,
        credentials,
    };
    limited::warn(&rule, &at, report);
    if rule.answer.grants() {
        check_grant(&rule, root_equivalent.is_some_and(|key| key.value), &at, report);
        if file.vendor && !settings.vendor_rules {
            let problem =
                Problem::warning(at, format!("`{}` is ignored: the files of packages grant nothing", rule.id));
            report.push(problem.help("`vendor_rules = true` under [agent] in agent.toml allows it"));
            return None;
        }
    } else if let Some(unbound) = unbound {
        report.push(Problem::warning(unbound.at, "`unbound` has no effect on a rule that refuses"));
    }
    Some(RuleEntry { rule, at, identity })
}

/// Refuses two rules with the same id: records name a rule by its id.
pub(super) fn refuse_duplicates(entries: &[RuleEntry], report: &mut Report) {
    let mut seen: HashMap<&str, &Location> = HashMap::new();
    for entry in entries {
        match seen.get(entry.rule.id.as_str()) {
            Some(first) => {
                let message = format!("the id `{}` is taken by the rule at {}", entry.rule.id, report.place(first));
                report.push(
                    Problem::error(entry.at.clone(), message).help("records name a rule by its id: choose another id"),
                );
            }
            None => drop(seen.insert(&entry.rule.id, &entry.at)),
        }
    }
}

/// Refuses grants of an agent without root: polkitd does not believe them.
pub(super) fn refuse_what_needs_root(entries: &[RuleEntry], report: &mut Report) {
    for entry in entries.iter().filter(|entry| matches!(entry.rule.answer, Answer::Allow | Answer::Ask)) {
        let message = format!("`{}` allows, but polkitd believes only root", entry.rule.id);
        let help = "write a policy rule (`polkit-policy-gen generate`), or a rule for the system's agent, which serves the \
                    session by `session_user`";
        report.push(Problem::error(entry.at.clone(), message).help(help));
    }
}

/// logind's rule for the names of seats, with `*` for any part.
fn checked_seat(seat: Spanned<String>, report: &mut Report) -> Option<Glob> {
    let plain = seat.value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*'));
    if plain && (seat.value.starts_with("seat") || seat.value.starts_with('*')) {
        return Some(Glob::new(&seat.value));
    }
    let problem = Problem::error(seat.at, format!("`{}` cannot be the name of a seat", seat.value));
    report.push(
        problem.help("write a name that `loginctl list-seats` shows, such as `\"seat0\"`, or `\"*\"` for every seat"),
    );
    None
}

fn checked_id(id: Spanned<String>, report: &mut Report) -> Option<Spanned<String>> {
    if !id.value.is_empty() && id.value.len() <= LONGEST_ID && !id.value.chars().any(char::is_control) {
        return Some(id);
    }
    let problem = Problem::error(id.at, "invalid id");
    report.push(
        problem.help(format!("write 1 to {LONGEST_ID} bytes without control characters, such as `\"web-panel\"`")),
    );
    None
}

fn patterns(list: Vec<Spanned<String>>, report: &mut Report) -> Vec<ActionPattern> {
    let mut patterns = Vec::new();
    for text in list {
        match ActionPattern::new(&text.value) {
            Ok(pattern) => patterns.push(pattern),
            Err(help) => {
                report.push(Problem::error(text.at, format!("invalid action `{}`", text.value)).help(help));
            }
        }
    }
    patterns
}

/// `details = { unit = "nginx.service" }`: any keys, each with a text in which `*` stands for any characters.
fn details(table: &mut Table, report: &mut Report) -> BTreeMap<String, Glob> {
    let Some(details) = table.table("details", report) else { return BTreeMap::new() };
    let pairs = details.strings_by_key(report);
    pairs.into_iter().map(|(key, value)| (key, Glob::new(&value.value))).collect()
}

fn checked_answer(word: Spanned<String>, report: &mut Report) -> Option<Spanned<Answer>> {
    let known = Answer::WORDS.into_iter().find(|(name, _)| *name == word.value);
    if known.is_none() {
        let problem = Problem::error(word.at.clone(), format!("unknown answer `{}`", word.value));
        report.push(problem.help("write `\"allow\"`, `\"deny\"`, `\"dismiss\"`, `\"ask\"` or `\"authenticate\"`"));
    }
    known.map(|(_, value)| Spanned { value, at: word.at })
}

fn checked_hold(hold: Spanned<Duration>, answer: Option<&Spanned<Answer>>, report: &mut Report) -> Option<Duration> {
    if answer.is_some_and(|answer| answer.value != Answer::Ask) {
        report.push(Problem::error(hold.at.clone(), "`hold` needs `answer = \"ask\"`").help("leave it out"));
    }
    let fits = (Duration::from_secs(1)..=LONGEST_HOLD).contains(&hold.value);
    if !fits {
        let problem = Problem::error(hold.at, "`hold` is from 1 s to 60 s");
        report
            .push(problem.help("`\"15s\"`: it ends at `answer_within` at the latest, and libvirt gives up after 30 s"));
    }
    fits.then_some(hold.value)
}

/// Refuses an `exe` that users other than root can replace: they would choose the program of the rule.
fn check_exe(exe: &Spanned<std::path::PathBuf>, report: &mut Report) {
    let shown = exe.value.display();
    match program(&exe.value) {
        Ok(_) => {}
        Err(Unfit::Writable(why)) => {
            let message = format!("root alone does not control `{shown}`: {}", why.message);
            let help = why.help.unwrap_or_else(|| "name a program that root installed".into());
            report.push(Problem::error(exe.at.clone(), message).help(help));
        }
        Err(Unfit::Unreadable(why)) => {
            let problem = Problem::warning(exe.at.clone(), format!("`{shown}` cannot be read now: {}", why.message));
            report.push(problem.help("the agent's unit sees nothing below /home, /root, /run/user and /tmp"));
        }
    }
}

/// Whether these details allow starting units whose name the client chooses (seen on systemd 257 and 262; 252 passes no details for a
/// transient unit).
fn starts_any(details: &BTreeMap<String, Glob>) -> bool {
    details.get("unit").is_none_or(|unit| !unit.is_exact())
        && details.get("verb").is_none_or(|verb| verb.covers("start"))
}

/// Refuses grants that are too wide, although each key is valid.
fn check_grant(rule: &Rule, root_equivalent: bool, at: &Location, report: &mut Report) {
    let mut refuse = |message: String, help: &str| report.push(Problem::error(at.clone(), message).help(help));
    if rule.actions.iter().any(ActionPattern::covers_everything) {
        refuse("a grant of every action is root-equivalent".into(), "name the actions");
    }
    let selectors =
        [rule.unit.is_some(), rule.user.is_some(), rule.group.is_some(), rule.session.is_some(), rule.seat.is_some()];
    if !selectors.contains(&true) {
        let help = "add `unit`, `user`, `group`, `session` or `seat`; `exe` alone does not protect";
        refuse("this grants to every served process".into(), help);
    }
    let wide = NEVER_NARROWED.into_iter().find(|action| rule.actions.iter().any(|pattern| pattern.covers(action)));
    // A challenge carries no details, so it does not match. By the hook the grant is as narrow as the details.
    if let Some(action) = wide.filter(|_| !root_equivalent && rule.details.is_empty()) {
        let help =
            "a challenge does not name the program or the unit; set `root_equivalent = true` to grant all of them";
        refuse(format!("this grants `{action}` for all programs and all units: root-equivalent"), help);
    }
    let units = rule.actions.iter().any(|pattern| pattern.covers(MANAGE_UNITS));
    if units && !root_equivalent && !rule.details.is_empty() && starts_any(&rule.details) {
        let help = "a user that may start units of a pattern can create such a unit, with any program: systemd 257 and later pass \
                    the name of a transient unit to polkit. Name the units, or verbs other than `start`";
        refuse(format!("this grants `{MANAGE_UNITS}` for units that its users can create: root-equivalent"), help);
    }
    match &rule.unit {
        Some(unit) if runs_for_users(unit) => {
            let help = "the unit runs programs that its users choose: jobs, logins, mail filters, activated programs; \
                        grant to a `user`, or run the program as a unit of its own";
            refuse(format!("a grant to `{unit}` is a grant to every user that can make it run a program"), help);
        }
        Some(unit) if rule.user.is_none() => {
            let message = format!("a unit is not a user: this grants to every user with a process in `{unit}`");
            report.push(Problem::warning(at.clone(), message).help("add `user`"));
        }
        Some(_) | None => {}
    }
}
