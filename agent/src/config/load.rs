//! The configuration: `agent.toml` and its fragments, read strictly and as a whole. A file that is wrong anywhere gives no
//! configuration at all.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use polkit_agent_rules::{requirements::Requirements, rule::Rule};
use polkit_config::{
    report::Report,
    table::{self, Table},
};

use super::{Found, Serve, ServeTarget, authenticate, covered, fences, files, rules, serve, settings};
use crate::{base::paths, config::separation::Host};

/// A configuration that was found right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How long a challenge may take before it is refused.
    pub answer_within: Duration,
    /// How many registrations, and so bus connections, there may be in all.
    pub max_registrations: usize,
    /// Whom the agent stands in for.
    pub serve: Vec<Serve>,
    /// The rules, in the order in which they are asked.
    pub rules: Vec<Rule>,
    /// What they need to know.
    pub requirements: Requirements,
    /// What the host said of the units that rules name, and of their users, when the configuration was read.
    pub host: Host,
}

/// Which files make the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `agent.toml` and the fragments in /etc and /usr/lib.
    Host,
    /// One file alone.
    File(PathBuf),
}

/// What came of reading: the files in their order, everything that there is to say, and a configuration if nothing of it
/// is an error.
#[derive(Debug)]
pub struct Loaded {
    /// The files that were read, in the order of their rules.
    pub files: Vec<Found>,
    /// Errors and warnings.
    pub report: Report,
    /// The configuration; none if anything in it is wrong.
    pub config: Option<Config>,
}

/// Reads the configuration and looks up the users, groups and programs that it names.
#[must_use]
pub fn load(origin: &Origin) -> Loaded {
    let mut report = Report::new();
    let files = match origin {
        Origin::Host => files::of_host(Path::new(paths::CONFIG), Path::new(paths::VENDOR_CONFIG), &mut report),
        Origin::File(path) => vec![Found::alone(path)],
    };
    let config = read(&files, &mut report);
    files::warn_of_masked_refusals(&files, &mut report);
    let config = config.filter(|_| !report.has_errors());
    Loaded { files, report, config }
}

fn read(files: &[Found], report: &mut Report) -> Option<Config> {
    let mut tables: Vec<(&Found, Table)> = Vec::new();
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
    rules::refuse_doubles(&rules, report);
    covered::warn(&rules, report);
    let host = fences::look(&rules);
    fences::refuse(&rules, &host, report);
    serve::warn_of_doubles(&serve, report);
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
    })
}

#[cfg(test)]
mod tests;
