//! The configuration: `agent.toml` and its fragments, read strictly and as a whole. One error anywhere means no configuration.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use polkit_agent_rules::{requirements::Requirements, rule::Rule};
use polkit_config::{
    report::Report,
    table::{self, Table},
};

use super::{ConfigFile, Serve, ServeTarget, authenticate, files, rules, serve, settings, shadowed, unit_isolation};
use crate::{base::paths, config::separation::Host};

/// A configuration without errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The time limit of a challenge. Afterwards the agent refuses it.
    pub answer_within: Duration,
    /// The most registrations, and so bus connections, in all.
    pub max_registrations: usize,
    /// What the agent serves.
    pub serve: Vec<Serve>,
    /// The rules, in their order.
    pub rules: Vec<Rule>,
    /// The facts that the rules need.
    pub requirements: Requirements,
    /// The units that rules name, and their users, as they were when the configuration was read.
    pub host: Host,
    /// The files, in the order of their rules.
    pub files: Vec<PathBuf>,
    /// The time before the files were read.
    pub read_at: SystemTime,
}

#[cfg(test)]
impl Config {
    /// A configuration of these entries and rules.
    pub(crate) fn of(serve: Vec<Serve>, rules: Vec<Rule>) -> Self {
        let (answer_within, max_registrations) = (Duration::from_secs(20), 10);
        let requirements = Requirements::of(&rules);
        let (files, read_at) = (Vec::new(), SystemTime::UNIX_EPOCH);
        Self { answer_within, max_registrations, serve, rules, requirements, host: Host::default(), files, read_at }
    }
}

#[cfg(test)]
impl Serve {
    /// An entry without limits that registers processes.
    pub(crate) fn of(target: ServeTarget) -> Self {
        Self { target, max: None, new_per_second: None, by_hook: false }
    }
}

/// The source of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `agent.toml` and the fragments in /etc and /usr/lib.
    Host,
    /// One file.
    File(PathBuf),
}

/// The result of reading: the files, the problems, and the configuration if no problem is an error.
#[derive(Debug)]
pub struct Loaded {
    /// The files, in the order of their rules.
    pub files: Vec<ConfigFile>,
    /// Errors and warnings.
    pub report: Report,
    /// The configuration. `None` if it has errors.
    pub config: Option<Config>,
}

/// Reads the configuration and looks up the users, groups and programs that it names.
#[must_use]
pub fn load(origin: &Origin) -> Loaded {
    let mut report = Report::new();
    let files = listed(origin, &mut report);
    let config = read(&files, &mut report);
    files::warn_of_masked_refusals(&files, &mut report);
    let config = config.filter(|_| !report.has_errors());
    Loaded { files, report, config }
}

/// The files of the configuration, as they are on disk now.
#[must_use]
pub fn files_of(origin: &Origin) -> Vec<PathBuf> {
    // An error leaves files out, so the list differs from the one in force.
    listed(origin, &mut Report::new()).into_iter().map(|file| file.path).collect()
}

fn listed(origin: &Origin, report: &mut Report) -> Vec<ConfigFile> {
    match origin {
        Origin::Host => files::of_host(Path::new(paths::CONFIG), Path::new(paths::VENDOR_CONFIG), report),
        Origin::File(path) => vec![ConfigFile::alone(path)],
    }
}

fn read(files: &[ConfigFile], report: &mut Report) -> Option<Config> {
    let read_at = SystemTime::now();
    let mut tables: Vec<(&ConfigFile, Table)> = Vec::new();
    for file in files.iter().filter(|file| !file.masks()) {
        match file.read() {
            Ok(source) => tables.push((file, table::parse(&source, report))),
            Err(problem) => report.push(problem),
        }
    }
    let settings = settings::read(&mut tables, report);
    let mut serve = Vec::new();
    let mut rules = Vec::new();
    for (file, mut table) in tables {
        for entry in table.tables("serve", report) {
            serve.extend(serve::read(entry, report));
        }
        for entry in table.tables("rule", report) {
            rules.extend(rules::read(entry, file, &settings, report));
        }
        table.finish(report);
    }
    rules::refuse_duplicates(&rules, report);
    shadowed::warn(&rules, report);
    let host = unit_isolation::look(&rules);
    unit_isolation::refuse(&rules, &host, report);
    serve::warn_of_duplicates(&serve, report);
    let own = serve.iter().any(|entry| entry.serve.target == ServeTarget::OwnSession);
    let uid = rustix::process::geteuid();
    if own && !uid.is_root() {
        serve::refuse_what_needs_root(&serve, report);
        rules::refuse_what_needs_root(&rules, report);
        authenticate::refuse_others(&rules, uid.as_raw(), report);
    } else {
        authenticate::refuse_for_root(&rules, report);
    }
    let rules: Vec<Rule> = rules.into_iter().map(|entry| entry.rule).collect();
    Some(Config {
        answer_within: settings.answer_within?,
        max_registrations: settings.max_registrations?,
        serve: serve.into_iter().map(|entry| entry.serve).collect(),
        requirements: Requirements::of(&rules),
        rules,
        host,
        files: files.iter().map(|file| file.path.clone()).collect(),
        read_at,
    })
}

#[cfg(test)]
mod tests;
