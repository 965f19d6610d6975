//! The files of a tree that extend the table of mechanisms.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use polkit_config::report::{Problem, Report, Source};

use super::eprint;
use super::sources::{fragments, trusted};
use crate::mechanisms::table;
use crate::tree::Tree;

/// The directory of packages, and the directory of the administrator. A file hides the file of the same name of a package.
const DIRECTORIES: [&str; 2] = ["usr/share/polkit-policy-gen/mechanisms.d", "etc/polkit-policy-gen/mechanisms.d"];

/// Adds the files of a tree to the table, and prints their problems to standard error. A file with an error is left out.
pub(super) fn load(tree: &Tree) {
    let (_, report) = read(tree);
    if report.has_errors() {
        eprint(report.render(std::io::stderr().is_terminal()).trim_end());
        eprint("note: the table of mechanisms is used without these files");
    }
}

/// Adds the files of a tree to the table, and returns them with their problems. A file with an error is left out.
pub(super) fn read(tree: &Tree) -> (Vec<Source>, Report) {
    let mut report = Report::new();
    let mut paths = BTreeMap::new();
    for directory in DIRECTORIES {
        match fragments(tree, directory) {
            Ok(found) => paths.extend(found.into_iter().map(|path| (name(&path).to_owned(), path))),
            Err(problem) => report.push(problem),
        }
    }
    let mut sources = Vec::new();
    for path in paths.into_values() {
        // Each user may read the table of a tree; as root, only files that root alone controls.
        match tree.others(&path).map_or_else(|| trusted(tree, &path), Err) {
            Ok(source) => sources.extend(source),
            Err(problem) => report.push(problem),
        }
    }
    table::add(table::read_all(&sources, &mut report));
    (sources, report)
}

/// Returns the problems of files that are given to `check`.
pub(super) fn check(sources: &[Source]) -> Report {
    let mut report = Report::new();
    let _ = table::read_all(sources, &mut report);
    report
}

/// Returns the source of a problem, without text if the file could not be read.
pub(super) fn source_of(problem: &Problem, sources: &[Source]) -> Source {
    let name = &*problem.at.source;
    sources.iter().find(|source| source.name() == name).cloned().unwrap_or_else(|| Source::new(name, ""))
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
