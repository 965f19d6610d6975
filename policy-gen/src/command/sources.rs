//! The policy files to read: an explicit file, or the files of a tree.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use polkit_config::bounded::kernel_text;
use polkit_config::escape::escape;
use polkit_config::file::{from_bytes, is_trusted_mask, read_plain, read_trusted, read_trusted_by, trusted_fragments};
use polkit_config::report::{Problem, Report, Source};
use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::emit::Origin;
use crate::failure::Failure;
use crate::tree::{Tree, split};

const MAIN: &str = "etc/polkit-policy-gen/policy.toml";
const FRAGMENTS: &str = "etc/polkit-policy-gen/policy.d";
/// The name under which policy.toml is sorted among the fragments.
const MAIN_SORTS_AS: &str = "50-policy.toml";
/// The kernel's login uid of a process outside all logins.
const NO_LOGIN: u32 = u32::MAX;

/// Reads an explicit policy file. Root reads only files of root and of the user who became root.
///
/// # Errors
/// [`Failure::Unreachable`] if there is no such file, or the caller may not read it.
pub(super) fn explicit(path: &Path, report: &mut Report) -> Result<(Vec<Source>, Origin), Failure> {
    let is_input = path.as_os_str() == "-";
    if !is_input {
        let unreadable = |errno: Errno| {
            let (path, why) = (path.display().to_string(), std::io::Error::from(errno));
            Failure::Unreachable(format!("cannot read {}: {why}", escape(&path)))
        };
        access(path, Access::READ_OK).map_err(unreadable)?;
    }
    let name = if is_input { "standard input".to_owned() } else { path.display().to_string() };
    let origin = Origin::Files(name);
    let read = if is_input || !rustix::process::geteuid().is_root() {
        read_plain(path)
    } else {
        read_trusted_by(path, invoker()).map_err(|problem| {
            let input = "or check its content and pass it as standard input, with `-` as the file name";
            let help = problem.help.as_ref().map_or_else(|| input.to_owned(), |help| format!("{help}; {input}"));
            problem.help(help)
        })
    };
    match read {
        Ok(source) => Ok((vec![source], origin)),
        Err(problem) => {
            report.push(problem);
            Ok((Vec::new(), origin))
        }
    }
}

/// Returns the uid of the user who became root, from the kernel's login uid or from sudo; 0 if there is none.
fn invoker() -> u32 {
    let login = kernel_text("/proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
    let by_sudo = || std::env::var("SUDO_UID").ok()?.parse().ok();
    login.filter(|uid| *uid != NO_LOGIN).or_else(by_sudo).unwrap_or(0)
}

/// Reads `policy.toml` and the fragments of the tree. On the host only root may be able to write them, and the same applies to
/// another tree if the caller is root.
///
/// # Errors
/// There is no policy, or the tree is unreadable.
pub(super) fn default_sources(tree: &Tree, report: &mut Report) -> Result<(Vec<Source>, Origin), Failure> {
    let mut paths = if is_there(tree, MAIN) { vec![MAIN.to_owned()] } else { Vec::new() };
    match fragments(tree, FRAGMENTS) {
        Ok(found) => paths.extend(found),
        Err(problem) => report.push(problem),
    }
    // Sorted by name, with policy.toml as 50-policy.toml: the first grant that applies decides.
    paths.sort_by_key(|path| {
        if path == MAIN { Some(OsString::from(MAIN_SORTS_AS)) } else { Path::new(path).file_name().map(OsString::from) }
    });
    if paths.is_empty() && !report.has_errors() {
        return Err(Failure::Usage(format!("there is no {}: create it, or give a policy file", tree.shown(MAIN))));
    }
    let (mut sources, mut names) = (Vec::new(), Vec::new());
    for path in paths {
        match trusted(tree, &path) {
            Ok(Some(source)) => {
                names.push(format!("/{path}"));
                sources.push(source);
            }
            Ok(None) => {}
            Err(problem) => report.push(problem),
        }
    }
    Ok((sources, Origin::Files(names.join(", "))))
}

/// Whether there is a file or a link, or an entry that cannot be read.
fn is_there(tree: &Tree, path: &str) -> bool {
    tree.link(path).is_some() || !matches!(tree.file_mode(path), Ok(None))
}

/// Returns the `*.toml` files of a directory, relative to the root.
pub(super) fn fragments(tree: &Tree, directory: &str) -> Result<Vec<String>, Problem> {
    if tree.is_host() {
        let found = trusted_fragments(&Path::new("/").join(directory))?;
        let names = found.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        return Ok(names.map(|name| format!("{directory}/{name}")).collect());
    }
    let names = tree.names(directory).map_err(|error| unreadable(tree, directory, &error))?;
    let is_fragment = |name: &String| name.ends_with(".toml") && !name.starts_with('.');
    Ok(names.into_iter().filter(is_fragment).map(|name| format!("{directory}/{name}")).collect())
}

/// Reads a file that only root may write; `None` for a mask.
pub(super) fn trusted(tree: &Tree, path: &str) -> Result<Option<Source>, Problem> {
    if tree.is_host() { of_host(path) } else { of_tree(tree, path) }
}

/// Reads a file of the host; `None` for a mask.
fn of_host(path: &str) -> Result<Option<Source>, Problem> {
    let path: PathBuf = Path::new("/").join(path);
    if is_trusted_mask(&path, 0)? { Ok(None) } else { read_trusted(&path).map(Some) }
}

/// Reads a file of another tree, in which links resolve as if it were `/`; `None` for a mask.
fn of_tree(tree: &Tree, path: &str) -> Result<Option<Source>, Problem> {
    let failed = |error: &std::io::Error| unreadable(tree, path, error);
    if tree.link(path).is_some_and(|target| target == Path::new("/dev/null")) {
        // Only the directory of the link matters: other users must not be able to write it.
        let directory = split(path).0;
        tree.vet(split(directory).0).and_then(|()| tree.vet(directory)).map_err(|error| failed(&error))?;
        return Ok(None);
    }
    let bytes = tree.read_bytes(path).map_err(|error| failed(&error))?;
    let bytes = bytes.ok_or_else(|| failed(&std::io::ErrorKind::NotFound.into()))?;
    if bytes.is_empty() { Ok(None) } else { from_bytes(&tree.shown(path), bytes).map(Some) }
}

fn unreadable(tree: &Tree, path: &str, error: &std::io::Error) -> Problem {
    Problem::error(Source::new(tree.shown(path).as_str(), "").whole(), format!("cannot read this file: {error}"))
}
