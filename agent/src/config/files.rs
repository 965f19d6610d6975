//! Which files make the configuration, and in which order.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use polkit_config::{
    file::{is_trusted_mask, read_trusted, read_trusted_by, trusted_fragments},
    report::{Problem, Report, Source},
    table,
};
use rustix::process::geteuid;

/// A file of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// In /usr/lib: a package put it there, and it may not grant by itself.
    pub vendor: bool,
    /// It is `agent.toml`, or the file of `--config`.
    pub main: bool,
    /// It is the file of `--config`, which may also belong to the user that reads it: he has no more than his own to lose.
    pub given: bool,
    /// The file of /usr/lib that it stands in for.
    pub instead_of: Option<PathBuf>,
}

impl Found {
    /// The file of `--config`.
    #[must_use]
    pub fn alone(path: &Path) -> Self {
        Self { given: true, ..Self::main(path) }
    }

    fn main(path: &Path) -> Self {
        Self { path: path.to_owned(), vendor: false, main: true, given: false, instead_of: None }
    }

    /// Whether it only says that there shall be no file of its name. `agent.toml` has nothing to mask: an empty one is a
    /// configuration that refuses everything, and so is a fragment. A mask that others than root may have made is none: it is
    /// refused when it is read.
    #[must_use]
    pub fn masks(&self) -> bool {
        is_trusted_mask(&self.path, self.owner()).is_ok_and(|masks| masks)
    }

    fn owner(&self) -> u32 {
        if self.given { geteuid().as_raw() } else { 0 }
    }

    /// # Errors
    /// What makes the file unreadable or not to be trusted.
    pub(super) fn read(&self) -> Result<Source, Problem> {
        is_trusted_mask(&self.path, self.owner())?;
        read_trusted_by(&self.path, self.owner())
    }
}

/// The files of a host, sorted by name; `agent.toml` sorts as `50-agent.toml`. A fragment in /etc stands in for one of the
/// same name in /usr/lib.
pub(super) fn of_host(etc: &Path, vendor: &Path, report: &mut Report) -> Vec<Found> {
    let mut by_name: BTreeMap<(OsString, bool), Found> = BTreeMap::new();
    for (folder, vendor) in [(vendor, true), (etc, false)] {
        let listed = trusted_fragments(&folder.join("agent.d")).unwrap_or_else(|problem| {
            report.push(problem);
            Vec::new()
        });
        for path in listed {
            let Some(name) = path.file_name().map(ToOwned::to_owned) else { continue };
            let instead_of = by_name.remove(&(name.clone(), true)).map(|masked| masked.path);
            by_name.insert((name, true), Found { path, vendor, main: false, given: false, instead_of });
        }
    }
    let main = etc.join("agent.toml");
    if main.symlink_metadata().is_ok() {
        by_name.insert(("50-agent.toml".into(), false), Found::main(&main));
    }
    by_name.into_values().collect()
}

/// A file in /etc that hides a refusal of /usr/lib makes room for grants: worth a word.
pub(super) fn warn_of_masked_refusals(files: &[Found], report: &mut Report) {
    for file in files {
        let Some(masked) = &file.instead_of else { continue };
        let Ok(source) = read_trusted(masked) else { continue };
        // What is wrong in a masked file is nobody's business.
        let mut unread = Report::new();
        let rules = table::parse(&source, &mut unread).tables("rule", &mut unread);
        let refuses = |answer: &str| matches!(answer, "deny" | "dismiss");
        let hidden = rules
            .into_iter()
            .any(|mut rule| rule.string("answer", &mut unread).is_some_and(|answer| refuses(&answer.value)));
        if hidden {
            let message = format!("masked by `{}`, and it refuses something", file.path.display());
            report.push(Problem::warning(source.whole(), message));
        }
    }
}
