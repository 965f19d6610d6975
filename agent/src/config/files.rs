//! The files of the configuration, and their order.

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

/// The name of standard input.
pub const STDIN: &str = "-";

/// A file of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// The path.
    pub path: PathBuf,
    /// The file is in /usr/lib: a package installed it, and its rules do not grant by default.
    pub vendor: bool,
    /// The file is `agent.toml`, or the file of `--config`.
    pub main: bool,
    /// The file is the one of `--config`. It may also belong to the user that reads it.
    pub given: bool,
    /// The file of /usr/lib that this file replaces.
    pub instead_of: Option<PathBuf>,
}

impl ConfigFile {
    /// The file of `--config`.
    #[must_use]
    pub fn alone(path: &Path) -> Self {
        Self { given: true, ..Self::main(path) }
    }

    fn main(path: &Path) -> Self {
        Self { path: path.to_owned(), vendor: false, main: true, given: false, instead_of: None }
    }

    /// Whether the file is a mask: an empty file, or a link to /dev/null. A mask is not read, and a fragment that is a mask hides the
    /// fragment of the same name in /usr/lib. An empty `agent.toml` counts as well. It hides no file, and a configuration without
    /// other files refuses every request. A mask that users other than root can have made does not count: reading it fails.
    #[must_use]
    pub fn masks(&self) -> bool {
        !self.is_stdin() && is_trusted_mask(&self.path, self.owner()).is_ok_and(|masks| masks)
    }

    fn is_stdin(&self) -> bool {
        self.given && self.path == Path::new(STDIN)
    }

    fn owner(&self) -> u32 {
        if self.given { geteuid().as_raw() } else { 0 }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// The file cannot be read, or users other than root can write it.
    pub(super) fn read(&self) -> Result<Source, Problem> {
        if self.is_stdin() {
            return polkit_config::file::read_stdin();
        }
        is_trusted_mask(&self.path, self.owner())?;
        read_trusted_by(&self.path, self.owner())
    }
}

/// The files of a host, sorted by name; `agent.toml` sorts as `50-agent.toml`. A fragment in /etc replaces the fragment of the same
/// name in /usr/lib.
pub(super) fn of_host(etc: &Path, vendor: &Path, report: &mut Report) -> Vec<ConfigFile> {
    let mut by_name: BTreeMap<(OsString, bool), ConfigFile> = BTreeMap::new();
    for (folder, vendor) in [(vendor, true), (etc, false)] {
        let listed = trusted_fragments(&folder.join("agent.d")).unwrap_or_else(|problem| {
            report.push(problem);
            Vec::new()
        });
        for path in listed {
            let Some(name) = path.file_name().map(ToOwned::to_owned) else { continue };
            let instead_of = by_name.remove(&(name.clone(), true)).map(|masked| masked.path);
            by_name.insert((name, true), ConfigFile { path, vendor, main: false, given: false, instead_of });
        }
    }
    let main = etc.join("agent.toml");
    if main.symlink_metadata().is_ok() {
        by_name.insert(("50-agent.toml".into(), false), ConfigFile::main(&main));
    }
    by_name.into_values().collect()
}

/// Warns if a file in /etc hides a rule of /usr/lib that refuses: other rules may grant then.
pub(super) fn warn_of_masked_refusals(files: &[ConfigFile], report: &mut Report) {
    for file in files {
        let Some(masked) = &file.instead_of else { continue };
        let Ok(source) = read_trusted(masked) else { continue };
        // Errors of a masked file do not matter.
        let mut unread = Report::new();
        let rules = table::parse(&source, &mut unread).tables("rule", &mut unread);
        let refuses = |answer: &str| matches!(answer, "deny" | "dismiss");
        let hidden = rules
            .into_iter()
            .any(|mut rule| rule.string("answer", &mut unread).is_some_and(|answer| refuses(&answer.value)));
        if hidden {
            let message = format!("masked by `{}`, although it has rules that refuse", file.path.display());
            report.push(Problem::warning(source.whole(), message));
        }
    }
}
