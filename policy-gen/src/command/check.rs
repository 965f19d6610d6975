//! The subcommand `check`.

mod output;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use polkit_config::bounded::{TREE_MAX, read_regular, read_to_end};
use polkit_config::names::{LookupError, Names};
use polkit_config::report::{Level, Problem, Report, Source};

use output::{Object, Output};

use super::{eprint, mechanisms, print};
use crate::actions;
use crate::check;
use crate::cli::Check;
use crate::failure::Failure;
use crate::lint::codes::Code;
use crate::lint::effects::Registered;
use crate::lint::{self, File, FileKind, Finding, codes};
use crate::policy;
use crate::target::{self, Spelling, Target};
use crate::tree::Tree;
use crate::verdict::SkipReason;
use crate::verdict::files;

/// The displayed name of standard input.
const STANDARD_INPUT: &str = "<stdin>";
/// Exit code: a problem was found.
const WRONG: u8 = 1;

/// Checks files, or all policy that the polkit of the host or tree reads.
///
/// # Errors
/// A file is unreadable, or the code does not exist.
pub async fn run(options: &Check) -> Result<u8, Failure> {
    if let Some(id) = &options.code {
        return explain(id);
    }
    let target = match (&options.target, &options.root) {
        (Some(spelling), _) => target::resolve(spelling).await?,
        (None, Some(root)) => target::resolve(&Spelling::Root(root.clone())).await?,
        // For files without a target, use the host's polkit, or the latest version if there is none.
        (None, None) if !options.paths.is_empty() => match target::resolve(&Spelling::Host).await {
            Ok(target) => target,
            Err(_) => target::resolve(&Spelling::Debian(13)).await?,
        },
        (None, None) => target::resolve(&Spelling::Host).await?,
    };
    let (mut files, mut findings) = (Vec::new(), Vec::new());
    let (of_table, table) = if options.paths.is_empty() {
        let table = mechanisms::read(&Tree::open(options.root.as_deref())?);
        installed(options.root.as_deref(), target, &mut files, &mut findings)?;
        table
    } else {
        for path in &options.paths {
            gather(path, options.kind, &mut files)?;
        }
        files.sort_by_cached_key(key);
        if options.target.is_none() {
            mechanisms::load(&Tree::open(None)?);
        }
        let given = files.iter().filter(|file| file.kind == Some(FileKind::Mechanism));
        let given: Vec<Source> = given.map(|file| file.source.clone()).collect();
        let report = mechanisms::check(&given);
        (given, report)
    };
    let registered = registered(options, target)?;
    let rules = lint::parse(&files);
    let (found, no_engine) = lint::lint(&files, &rules, target, &registered);
    findings.extend(found);
    if let Some(names) = accounts(options)? {
        let unreachable = |error: LookupError| Failure::Unreachable(error.to_string());
        findings.extend(lint::groups::lint(&rules, &names).map_err(unreachable)?);
    }
    if options.paths.is_empty() {
        lint::distributed::accept(&mut findings, &files, &Tree::open(options.root.as_deref())?);
    }
    findings.sort_by_key(|finding| (finding.file, finding.span.as_ref().map(|span| span.start), finding.code.id));
    if let Some(why) = no_engine {
        eprint(&format!("note: the rules were only parsed, not run: {why}"));
    }
    let mut report = Report::new();
    files.iter().map(|file| &file.source).chain(&of_table).for_each(|source| report.add_source(source));
    let mut all = Vec::new();
    let mut tell = |code: &Code, mut problem: Problem, source: &Source| {
        if options.json {
            all.push(Object::new(code, &problem, source));
        }
        problem.message = format!("{}: {}", code.id, problem.message);
        report.push(problem);
    };
    for finding in &findings {
        if let Some(file) = files.get(finding.file) {
            tell(finding.code, finding.problem(&file.source), &file.source);
        }
    }
    for file in files.iter().filter(|file| file.kind == Some(FileKind::Policy)) {
        let own = policy_problems(file, target, options)?;
        for problem in own.problems() {
            let code = if problem.level == Level::Error { &codes::PG050 } else { &codes::PG051 };
            tell(code, problem.clone(), &file.source);
        }
    }
    for problem in table.problems() {
        tell(&codes::PG052, problem.clone(), &mechanisms::source_of(problem, &of_table));
    }
    if options.json {
        let failed = |error| Failure::Unreachable(format!("cannot format the findings as JSON: {error}"));
        print(&serde_json::to_string(&Output { findings: all }).map_err(failed)?);
    } else {
        print(report.render(std::io::stdout().is_terminal()).trim_end());
    }
    let strict = options.strict && report.problems().iter().any(|problem| problem.level == Level::Warning);
    Ok(if report.has_errors() || strict { WRONG } else { super::DONE })
}

/// Reads a policy file, and checks its actions, details, units and accounts against the host, unless it is for another polkit.
fn policy_problems(file: &File, target: Target, options: &Check) -> Result<Report, Failure> {
    match policy::read(std::slice::from_ref(&file.source)) {
        Ok((policy, mut own)) => {
            let of_host = options.root.is_some() || options.target.is_none();
            let tree = if of_host { Some(Tree::open(options.root.as_deref())?) } else { None };
            let names = accounts(options)?.filter(|_| of_host);
            check::named(&policy, target.version, names.as_ref(), tree.as_ref(), &mut own)?;
            Ok(own)
        }
        Err(own) => Ok(own),
    }
}

fn explain(id: &str) -> Result<u8, Failure> {
    let code = codes::find(id).ok_or_else(|| {
        let known: Vec<&str> = codes::ALL.iter().map(|code| code.id).collect();
        Failure::Usage(format!("unknown code `{id}` (the codes are {})", known.join(", ")))
    })?;
    print(&format!("{} ({}): {}\n\n{}\n\nWhat to do: {}", code.id, code.level, code.title, code.text, code.help));
    Ok(super::DONE)
}

/// Returns the accounts to check against. Without them for files of another polkit, because the host's accounts do not apply.
fn accounts(options: &Check) -> Result<Option<Names>, Failure> {
    match &options.root {
        Some(root) => Names::of_root(root).map(Some).map_err(|error| Failure::Unreachable(error.to_string())),
        None if options.paths.is_empty() || options.target.is_none() => Ok(Some(Names::Host)),
        None => Ok(None),
    }
}

/// Returns the registered actions to check against: those of the tree, or of the host unless the files are for another polkit.
fn registered(options: &Check, target: Target) -> Result<Registered, Failure> {
    if options.root.is_none() && !options.paths.is_empty() && options.target.is_some() {
        return Ok(Registered::new());
    }
    let tree = Tree::open(options.root.as_deref())?;
    let unreadable = |error| Failure::Unreachable(format!("cannot read the actions: {error}"));
    let found = actions::of_tree(&tree, Some(target.version)).map_err(unreadable)?;
    Ok(found.actions.into_iter().map(|declared| (declared.action.id, declared.action.results.any)).collect())
}

/// Returns the sort key that polkitd uses for rules.
fn key(file: &File) -> (String, String) {
    let name = file.source.name();
    (name.rsplit('/').next().unwrap_or_default().to_owned(), name.to_owned())
}

fn read(path: &Path) -> Result<File, Failure> {
    let unreadable = |error| Failure::Unreachable(format!("cannot read {}: {error}", path.display()));
    Ok(File::new(&path.display().to_string(), read_regular(path, TREE_MAX).map_err(unreadable)?))
}

/// Reads a file of a tree by its displayed path. Links resolve inside the tree.
fn read_in(tree: &Tree, shown: &str) -> Result<File, Failure> {
    let path = Path::new(shown).strip_prefix(tree.path()).unwrap_or(Path::new(shown));
    let bytes = tree.read_bytes(&path.to_string_lossy());
    let bytes = bytes.map_err(|error| Failure::Unreachable(format!("cannot read {shown}: {error}")))?;
    Ok(File::new(shown, bytes.unwrap_or_default()))
}

/// Reads standard input as a file of `kind`, or of the kind that it looks like.
fn standard_input(kind: Option<FileKind>) -> Result<File, Failure> {
    let unreadable = |error| Failure::Unreachable(format!("cannot read standard input: {error}"));
    let bytes = read_to_end(std::io::stdin().lock(), TREE_MAX).map_err(unreadable)?;
    let mut file = File::new(STANDARD_INPUT, bytes);
    file.kind = kind.or_else(|| Some(FileKind::of_content(file.source.text())));
    Ok(file)
}

/// Collects a file, or the rules, pkla and policy files below a directory. `kind` applies to a file, not to a directory.
fn gather(path: &Path, kind: Option<FileKind>, files: &mut Vec<File>) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        if files.iter().any(|file| file.source.name() == STANDARD_INPUT) {
            return Err(Failure::Usage("`-` (standard input) is valid only once".to_owned()));
        }
        files.push(standard_input(kind)?);
        return Ok(());
    }
    if !path.is_dir() {
        let file = read(path)?;
        files.push(File { kind: kind.or(file.kind), ..file });
        return Ok(());
    }
    let unreadable = |error| Failure::Unreachable(format!("cannot list {}: {error}", path.display()));
    let mut below: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        below.push(entry.map_err(unreadable)?.path());
    }
    below.sort();
    for path in below {
        let ours = path.extension().is_some_and(|suffix| suffix == "rules" || suffix == "pkla" || suffix == "toml");
        if path.is_dir() && !path.is_symlink() {
            gather(&path, None, files)?;
        } else if ours && path.is_file() {
            files.push(read(&path)?);
        }
    }
    Ok(())
}

/// Collects the policy that the polkit of the host or tree reads, and reports the files that it skips.
fn installed(
    root: Option<&Path>,
    target: Target,
    files: &mut Vec<File>,
    findings: &mut Vec<Finding>,
) -> Result<(), Failure> {
    let tree = Tree::open(root)?;
    let names = match root {
        None => Names::Host,
        Some(root) => Names::of_root(root).map_err(|error| Failure::Unreachable(error.to_string()))?,
    };
    let found = files::read(&tree, &names, target)?;
    files.extend(found.rules.into_iter().map(|rules| File::new(&rules.path, rules.bytes)));
    let pkla = found.pkla.iter().flat_map(|pkla| &pkla.stores).flat_map(|store| &store.files);
    for file in pkla {
        files.push(read_in(&tree, &file.path)?);
    }
    policies(&tree, files)?;
    for (file, read) in files.iter().enumerate() {
        let path = Path::new(read.source.name());
        let path = path.strip_prefix(tree.path()).unwrap_or(path);
        if let Some(problem) = tree.others(&path.to_string_lossy()) {
            let help = problem.help.map_or_else(String::new, |help| format!(": {help}"));
            findings.push(Finding::of_file(&codes::PG042, file, format!("{}{help}", problem.message)));
        }
    }
    for skipped in found.skipped {
        let there = files.iter().position(|file| file.source.name() == skipped.file);
        if there.is_some() {
            continue;
        }
        // A pkla file that polkit drops is still checked.
        if skipped.line.is_some() && skipped.file.ends_with(".pkla") {
            files.push(read_in(&tree, &skipped.file)?);
            continue;
        }
        let code = if matches!(skipped.why, SkipReason::Closed { .. }) { &codes::PG041 } else { &codes::PG040 };
        files.push(File::new(&skipped.file, Vec::new()));
        findings.push(Finding::of_file(code, files.len() - 1, skipped.why.to_string()));
    }
    for closed in found.closed_to_us {
        eprint(&format!("note: {closed} was not checked: only root may read it"));
    }
    Ok(())
}

/// Collects the policy files of the tree, which `install` reads.
fn policies(tree: &Tree, files: &mut Vec<File>) -> Result<(), Failure> {
    let unreadable = |error| Failure::Unreachable(format!("cannot list the policy files: {error}"));
    let mut paths = vec!["etc/polkit-policy-gen/policy.toml".to_owned()];
    let fragments = "etc/polkit-policy-gen/policy.d";
    if tree.has_directory(fragments).map_err(unreadable)? {
        let names = tree.names(fragments).map_err(unreadable)?;
        let names = names.into_iter().filter(|name| name.ends_with(".toml") && !name.starts_with('.'));
        paths.extend(names.map(|name| format!("{fragments}/{name}")));
    }
    for path in paths {
        // Empty files and links to /dev/null are masks.
        if let Ok(Some(bytes)) = tree.read_bytes(&path)
            && !bytes.is_empty()
        {
            files.push(File::new(&tree.shown(&path), bytes));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "check/tests.rs"]
mod tests;
