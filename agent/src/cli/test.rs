//! `polkit-service-agent test`: the daemon's decision, with facts from the command line or from a process.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::ExitCode,
    sync::mpsc,
    time::Duration,
};

use jiff::Timestamp;
use polkit_agent_rules::{
    facts::{Fact, Facts, FileId, Session},
    history::History,
    rule::{Answer, SessionKey},
    schedule::Moment,
    verdict::{Verdict, decide},
};
use polkit_config::names::Names;
use polkit_types::{SubjectPid, SubjectUid};

use crate::{
    base::{
        cgroups::{Cgroups, cgroup_root},
        clock::{local_zone, now},
        root_control, terminal,
    },
    cli::{
        args::{At, TestRequest},
        near::{NearMiss, near_misses},
    },
    config::{Config, Origin, advisories, load},
    kernel::subject::{
        isolation::Isolation,
        process::PinnedProcess,
        slow_facts::SlowFacts,
        snapshot::{Account, Claim, Readings, Subject},
    },
};

/// The configuration has errors, or the process does not exist.
const CANNOT: u8 = 3;
/// The most near misses that are shown as text.
const NEAR: usize = 3;
/// A person or a secret decides.
const ASKS: u8 = 4;

/// Decides about the request, and shows the verdict.
#[must_use]
pub fn run(origin: &Origin, request: &TestRequest) -> ExitCode {
    let loaded = load(origin);
    terminal::report(&loaded.report);
    let Some(config) = loaded.config else {
        terminal::error("the configuration has errors");
        return CANNOT.into();
    };
    match facts(request, &config) {
        Ok(facts) => {
            let verdict = decide(&config.rules, &facts, &History::default());
            let near = if verdict.rule().is_none() { near_misses(&config.rules, &facts) } else { Vec::new() };
            terminal::print(&if request.json { json(&verdict, &near) } else { text(&verdict, &config, &near) });
            match verdict.answer() {
                Answer::Allow => ExitCode::SUCCESS,
                Answer::Deny | Answer::Dismiss => ExitCode::FAILURE,
                Answer::Ask | Answer::Authenticate => ASKS.into(),
            }
        }
        Err(why) => {
            terminal::error(&why);
            CANNOT.into()
        }
    }
}

fn facts(request: &TestRequest, config: &Config) -> Result<Facts, String> {
    let root = cgroup_root().unwrap_or_default();
    if let Some(pid) = request.pid {
        let process = SubjectPid::new(pid).ok().and_then(|pid| PinnedProcess::open(pid).ok());
        let process = process.ok_or(format!("there is no process {pid}"))?;
        let state = process.state(&root).map_err(|reason| format!("process {pid}: {}", reason.word()))?;
        let account = Account::look_up(&Names::Host, state.uid, &config.requirements);
        let cgroups = Cgroups::of_host(&root).map_err(|error| format!("the unified cgroup hierarchy: {error}"))?;
        let isolation = Isolation::read(&cgroups, &state, &config.requirements);
        let slow = slow_facts(&process, config)?;
        let claim =
            Claim { action: request.action.clone(), details: details(request), vouched_for: true, session: None };
        let readings = Readings { state, login: process.login_uid(), account, isolation, slow };
        return Ok(Facts { moment: moment(request)?, ..Subject::new(claim, readings).facts });
    }
    let uid = user(request.user.as_deref().unwrap_or_default())?;
    let exe = request.exe.as_deref().map_or(Fact::Unknown, |path| file(path).into());
    Ok(Facts {
        action: request.action.clone(),
        uid,
        unit: request.unit.clone().map_or(Fact::Unknown, |unit| Fact::Known(Some(unit))),
        groups: groups(uid, &request.group)?,
        exe,
        content: Fact::Unknown,
        login: None,
        named_files: config
            .requirements
            .exes
            .iter()
            .map(|path| (path.clone(), root_control::program(path).into()))
            .collect(),
        session: session(request.session.as_deref(), request.seat.as_deref()),
        served_session: None,
        other_user: false,
        details: details(request),
        vouched_for: true,
        // The running agent reads the cgroup of the unit, and the other processes of the user.
        delegated: Fact::Known(false),
        exclusive_user: Fact::Known(true),
        moment: moment(request)?,
    })
}

/// Reads the slow facts of a process on a thread, in one second at most.
fn slow_facts(held: &PinnedProcess, config: &Config) -> Result<SlowFacts, String> {
    let folder = held.folder().map_err(|error| format!("process {}: {error}", held.process.pid))?;
    let (named, (facts, read)) = (config.requirements.exes.clone(), mpsc::channel());
    // Fails if the facts come too late.
    std::thread::spawn(move || drop(facts.send(SlowFacts::read(&folder, &named))));
    Ok(read.recv_timeout(Duration::from_secs(1)).unwrap_or_default())
}

/// Looks up a user by name, or takes the number of a user without a name.
fn user(name: &str) -> Result<SubjectUid, String> {
    let number = match Names::Host.user(name) {
        Ok(Some(user)) => Some(user.uid),
        Ok(None) => name.parse().ok(),
        Err(error) => return Err(format!("cannot look up the user `{name}`: {error}")),
    };
    let uid = number.and_then(|uid| SubjectUid::new(uid).ok());
    uid.ok_or_else(|| format!("there is no user `{name}` on this host"))
}

fn groups(uid: SubjectUid, given: &[String]) -> Result<Fact<BTreeSet<u32>>, String> {
    if given.is_empty() {
        let user = Names::Host.user_by_uid(uid.get()).ok().flatten();
        let gids = user.and_then(|user| Names::Host.groups_of(&user).ok());
        return Ok(gids.map_or(Fact::Unknown, |gids| Fact::Known(gids.into_iter().collect())));
    }
    let gid = |name: &String| match Names::Host.group(name) {
        Ok(Some(group)) => Ok(group.gid),
        Ok(None) => Err(format!("there is no group `{name}` on this host")),
        Err(error) => Err(format!("cannot look up the group `{name}`: {error}")),
    };
    given.iter().map(gid).collect::<Result<_, _>>().map(Fact::Known)
}

/// A challenge carries no details: they are unknown then.
fn details(request: &TestRequest) -> Fact<BTreeMap<String, String>> {
    match request.way.as_str() {
        "hook" => Fact::Known(request.detail.iter().cloned().collect()),
        _ => Fact::Unknown,
    }
}

/// The time of the request. The default is now.
fn moment(request: &TestRequest) -> Result<Fact<Moment>, String> {
    let Some(at) = request.at else { return Ok(now()) };
    let zone = local_zone().map_err(|error| format!("cannot read the time zone of this host: {error}"))?;
    let today = || Timestamp::now().to_zoned_datetime(zone.clone()).date();
    let local = match at {
        At::Instant(instant) => return Ok(Fact::Known(Moment::new(instant, &zone))),
        At::Local(local) => local,
        At::Today(time) => today().to_datetime(time),
    };
    let instant = zone.to_timestamp(local).map_err(|error| format!("--at: {error}"))?;
    Ok(Fact::Known(Moment::new(instant, &zone)))
}

fn file(path: &Path) -> std::io::Result<FileId> {
    let stat = rustix::fs::stat(path)?;
    Ok(FileId { device: stat.st_dev, inode: stat.st_ino })
}

/// The session of the two options. A session is active only if the word is `active`.
fn session(word: Option<&str>, seat: Option<&str>) -> Fact<Session> {
    let of = |class: &str, seat: Option<&str>, active, remote| {
        Fact::Known(Session::Of { class: class.to_owned(), seat: seat.map(str::to_owned), active, remote })
    };
    let local = seat.or(Some("seat0"));
    match (word.map(SessionKey::new), seat) {
        (None, None) => Fact::Unknown,
        (None, Some(_)) => of("user", seat, false, false),
        (Some(SessionKey::None), _) => Fact::Known(Session::None),
        (Some(SessionKey::Active), _) => of("user", local, true, false),
        (Some(SessionKey::Inactive | SessionKey::Local), _) => of("user", local, false, false),
        (Some(SessionKey::Remote), _) => of("user", seat, false, true),
        (Some(SessionKey::Class(class)), _) => of(&class, seat, false, false),
    }
}

fn json(verdict: &Verdict<'_>, near: &[NearMiss<'_>]) -> String {
    let mut json = serde_json::json!({
        "verdict": verdict.answer().word(),
        "rule": verdict.rule_id(),
        "reason": verdict.reason().word(),
    });
    if let (Some(object), false) = (json.as_object_mut(), near.is_empty()) {
        let near = near.iter().map(|near| serde_json::json!({ "rule": near.rule.id, "keys": near.keys }));
        object.insert("near".to_owned(), near.collect());
    }
    json.to_string()
}

fn text(verdict: &Verdict<'_>, config: &Config, near: &[NearMiss<'_>]) -> String {
    let rule = verdict.rule();
    let by = rule.map_or("no rule matches".into(), |rule| format!("rule \"{}\" ({})", rule.id, rule.origin));
    let mut lines = vec![format!("{}: {by}", verdict.answer().word())];
    lines.extend(near.iter().take(NEAR).map(|near| {
        format!("rule \"{}\" ({}) would match but for: {}", near.rule.id, near.rule.origin, near.keys.join(", "))
    }));
    if verdict.answer().grants() {
        lines.push(
            "This verdict assumes that polkitd vouches for the subject: install an [[agent]] with polkit-policy-gen"
                .into(),
        );
        let marked = rule.map(|rule| format!("rule \"{}\" ", rule.id)).unwrap_or_default();
        if rule.is_some_and(|rule| rule.at_most.is_some()) {
            lines.push("The counts of at_most are in the running agent and are ignored here".into());
        }
        lines.extend(advisories::of(config).into_iter().filter(|note| note.starts_with(&marked)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
