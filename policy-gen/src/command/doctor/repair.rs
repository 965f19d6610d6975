//! Evaluates the repairs that the doctor offers: files that polkit reads after the repair, and group memberships. `check` must find
//! no error in these files, and polkit must not allow other users what it refuses them now.

use polkit_config::report::Level;
use rustix::fs::OFlags;

use super::super::convert;
use crate::actions;
use crate::doctor::fixes::{Fix, Step};
use crate::doctor::look::STRANGER;
use crate::emit::quote::shell;
use crate::failure::Failure;
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::lint::{self, File};
use crate::target::{Target, Version};
use crate::tree::Tree;
use crate::verdict::{AccessRequest, DeciderKind, Evaluator, Outcome, Verdict};

/// Limit of nested directories in a directory that a repair opens: `localauthority/NAME.d` below `/etc/polkit-1`.
const DEPTH_MAX: usize = 2;

/// The files that polkit reads, as a repair changes them. Paths are relative to the root directory.
#[derive(Debug, Default)]
struct Changes {
    /// New and newly readable files: paths and texts.
    texts: Vec<(String, String)>,
    /// Files that polkit no longer reads.
    gone: Vec<String>,
}

/// Evaluates a repair, and returns polkit's decision about the request for a sentence; `None` without a request. `before` is the policy
/// without the repair.
pub async fn evaluate(
    fix: &Fix,
    request: Option<&AccessRequest>,
    tree: &Tree,
    before: &mut Evaluator,
) -> Result<Option<String>, String> {
    let text = |failure: Failure| failure.to_string();
    let target = before.target();
    // `--fix` reads the same files in the same way, and refuses those that other users can write.
    let changes = changes(fix, &Tree::open_trusted(None).map_err(text)?, target).await?;
    has_no_error(&changes, tree, target)?;
    let mut changed;
    let evaluator = if changes.texts.is_empty() && changes.gone.is_empty() {
        before
    } else {
        changed = before.with_changes(tree, &changes.texts, &changes.gone);
        if let Some(action) = opened(before, &mut changed, request).map_err(text)? {
            return Err(format!("it would allow {action} to every user"));
        }
        &mut changed
    };
    let Some(request) = request else { return Ok(None) };
    let mut request = request.clone();
    for step in &fix.steps {
        if let Step::Join { group, .. } = step {
            let mut groups = evaluator.groups(&request).map_err(text)?;
            groups.push(group.clone());
            request.groups = Some(groups);
        }
    }
    let verdict = evaluator.verdict(&request).map_err(text)?;
    Ok(Some(match verdict.outcome {
        Outcome::Result(result) => result.text().to_owned(),
        Outcome::Unregistered => "no, because the action is not registered".to_owned(),
        Outcome::Depends => format!("unknown here: it depends on {}", verdict.depends_on.join(", ")),
    }))
}

/// Completes the commands that undo a fix: owners, and the modes of moved files, as they are now. A fix gives files to root.
pub fn undo_owners(fix: &mut Fix) {
    let Ok(tree) = Tree::open(None) else { return };
    let stat = |path: &str| rustix::fs::fstat(tree.open_in(below(path), OFlags::PATH).ok()?).ok();
    for step in &fix.steps {
        match step {
            Step::Rewrite(path) | Step::Directory { path, .. } => {
                if let Some(was) = stat(path) {
                    // chown(2) can clear bits of the mode, so it comes first.
                    fix.undo.insert(0, format!("chown {}:{} {}", was.st_uid, was.st_gid, shell(path)));
                }
            }
            Step::Move { from, .. } => {
                if let Some(was) = stat(from) {
                    fix.undo.push(format!("chown {}:{} {}", was.st_uid, was.st_gid, shell(from)));
                    fix.undo.push(format!("chmod {:04o} {}", was.st_mode & 0o7777, shell(from)));
                }
            }
            _ => {}
        }
    }
}

/// Returns the first action that a file allows to an unrelated user only after the repair.
fn opened(
    before: &mut Evaluator,
    after: &mut Evaluator,
    request: Option<&AccessRequest>,
) -> Result<Option<String>, Failure> {
    let stranger = |action: &str, session: Session| AccessRequest {
        user: STRANGER.to_owned(),
        groups: Some(Vec::new()),
        action: action.to_owned(),
        session,
        system_unit: Some(None),
        ..AccessRequest::default()
    };
    let mut requests: Vec<AccessRequest> = after.actions().map(|action| stranger(action, Session::None)).collect();
    if let Some(request) = request {
        let in_session = |session: &Session| AccessRequest {
            details: request.details.clone(),
            ..stranger(&request.action, *session)
        };
        requests.extend(Session::ALL.iter().map(in_session));
    }
    let yes = Outcome::Result(ImplicitAuthorization::Yes);
    let is_opened = |before: &Verdict, after: &Verdict| {
        // What an action allows by itself is not a grant of a file. A rule that throws refuses this as well.
        let is_implicit = after.decided_by.as_ref().is_some_and(|by| by.kind == DeciderKind::Implicit);
        before.outcome != yes && after.outcome == yes && !is_implicit
    };
    let pairs = before.verdicts(&requests)?.into_iter().zip(after.verdicts(&requests)?);
    let found = requests.iter().zip(pairs).find(|(_, (before, after))| is_opened(before, after));
    Ok(found.map(|(request, _)| request.action.clone()))
}

/// Refuses files in which `check` finds an error.
fn has_no_error(changes: &Changes, tree: &Tree, target: Target) -> Result<(), String> {
    let files: Vec<File> =
        changes.texts.iter().map(|(path, text)| File::new(&tree.shown(path), text.clone().into_bytes())).collect();
    let found = actions::of_tree(tree, Some(target.version)).map_err(|error| error.to_string())?;
    let registered = found.actions.into_iter().map(|declared| (declared.action.id, declared.action.results.any));
    let (findings, _) = lint::lint(&files, &lint::parse(&files), target, &registered.collect());
    for finding in findings {
        let Some(file) = files.get(finding.file) else { continue };
        let problem = finding.problem(&file.source);
        if problem.level == Level::Error {
            return Err(format!("{}: {}", file.source.name(), problem.message));
        }
    }
    Ok(())
}

async fn changes(fix: &Fix, tree: &Tree, target: Target) -> Result<Changes, String> {
    let mut changes = Changes::default();
    for step in &fix.steps {
        match step {
            Step::Move { from, to } => {
                changes.texts.extend(read(tree, below(from), below(to), target)?);
                changes.gone.push(below(from).to_owned());
            }
            Step::Rewrite(path) => changes.texts.extend(read(tree, below(path), below(path), target)?),
            Step::Convert(path) => {
                let converted = convert::rules(None).await.map_err(|failure| failure.to_string())?;
                changes.texts.push((below(path).to_owned(), converted.text));
            }
            Step::Directory { path, .. } => {
                for file in files_below(tree, below(path), DEPTH_MAX) {
                    changes.texts.extend(read(tree, &file, &file, target)?);
                }
            }
            // These change no file that polkit reads, or are evaluated as a grant.
            Step::Run(_)
            | Step::Write { .. }
            | Step::Join { .. }
            | Step::Install
            | Step::Remove(_)
            | Step::Withdraw
            | Step::Unset { .. }
            | Step::Agent
            | Step::RestartPolkitd => {}
        }
    }
    Ok(changes)
}

fn below(path: &str) -> &str {
    path.trim_start_matches('/')
}

/// Reads a file that will be at `to`; `None` if polkit does not read files of this name.
fn read(tree: &Tree, from: &str, to: &str, target: Target) -> Result<Option<(String, String)>, String> {
    let reads_rules = target.version >= Version::RULES;
    let is_read = to.ends_with(".rules") && reads_rules || to.ends_with(".pkla") || to.ends_with(".policy");
    if !is_read {
        return Ok(None);
    }
    let bytes = tree.read_bytes(from).map_err(|error| format!("cannot read /{from}: {error}"))?;
    let bytes = bytes.ok_or_else(|| format!("/{from} has been removed"))?;
    Ok(Some((to.to_owned(), String::from_utf8_lossy(&bytes).into_owned())))
}

/// Returns the files in a directory and in the directories below it.
fn files_below(tree: &Tree, directory: &str, depth: usize) -> Vec<String> {
    let mut found = Vec::new();
    for name in tree.names(directory).unwrap_or_default() {
        let path = format!("{directory}/{name}");
        if !tree.has_directory(&path).unwrap_or(false) {
            found.push(path);
        } else if depth > 0 {
            found.extend(files_below(tree, &path, depth - 1));
        }
    }
    found
}

#[cfg(test)]
#[path = "repair_tests.rs"]
mod tests;
