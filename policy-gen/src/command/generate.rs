//! The subcommand `generate`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use polkit_config::names::Names;
use polkit_config::report::{Problem, Report, Source};

use super::sources::explicit;
use super::{DONE, accept, eprint, option_problem};
use crate::check::{self, HostFacts, Shipped};
use crate::cli::Generate;
use crate::emit::{self, File, Origin, Owner};
use crate::failure::Failure;
use crate::install::plan::{Change, NewFile};
use crate::install::write::StagedChanges;
use crate::passwords::Passwords;
use crate::policy::{Draft, Mode, Policy};
use crate::target::{self, Spelling, Version};
use crate::tree::Tree;

/// Generates the files of a policy.
///
/// # Errors
/// The policy has errors, or the output cannot be written.
pub async fn run(options: &Generate) -> Result<u8, Failure> {
    let mut report = Report::new();
    let (sources, origin) = match &options.policy {
        Some(path) => explicit(path, &mut report)?,
        None => (vec![from_options(options, &mut report)?], Origin::Options),
    };
    let mut draft = Draft::read(&sources, report);
    let (policy, report) = draft.parts();
    let spelling = options.target.target.clone().unwrap_or(Spelling::Host);
    let target = target::resolve(&spelling).await?;
    let format = target.format(options.target.format)?;
    check_for(&spelling, target.version, policy, report)?;
    if let Some(libvirt) = policy.libvirt.as_ref().filter(|libvirt| matches!(libvirt.mode, Mode::Acl | Mode::Socket)) {
        let note = Problem::note(
            libvirt.at.clone(),
            "this mode also needs changes to libvirt's daemons, which these files do not contain",
        );
        report.push(note.help(
            "`polkit-policy-gen install` makes them; without them every user who may connect is root-equivalent",
        ));
    }
    let owner = if options.vendor { Owner::Vendor } else { Owner::Admin };
    let files = emit::files(policy, &origin, format, owner, report);
    accept(draft)?;
    write(&files, options.output.as_deref())
}

/// Converts the options to a policy file, so that the same checks apply.
fn from_options(options: &Generate, report: &mut Report) -> Result<Source, Failure> {
    if options.action.is_empty() || (options.group.is_empty() && options.user.is_empty()) {
        return Err(Failure::Usage(
            "give a policy file, or --action with --group or --user. Example:\n  \
             polkit-policy-gen generate --group libvirt --action org.libvirt.unix.manage --result yes"
                .to_owned(),
        ));
    }
    let mut text = String::from("[[grant]]\n");
    let lists = [("actions", &options.action), ("users", &options.user), ("groups", &options.group)];
    for (key, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        let values = values.iter().map(|value| emit::quote::toml(value));
        text.push_str(&format!("{key} = [{}]\n", values.collect::<Vec<_>>().join(", ")));
    }
    match &options.result {
        Some(result) => text.push_str(&format!("result = {}\n", emit::quote::toml(result))),
        None => report.push(option_problem("--result", "is missing").help("add `--result yes`")),
    }
    Ok(Source::new("<command line>", text))
}

/// Checks the policy, including names and passwords if the target is this host or a tree.
fn check_for(spelling: &Spelling, version: Version, policy: &Policy, report: &mut Report) -> Result<(), Failure> {
    let (names, root) = match spelling {
        Spelling::Host => (Names::Host, None),
        Spelling::Root(directory) => {
            (Names::of_root(directory).map_err(|error| Failure::Unreachable(error.to_string()))?, Some(directory))
        }
        Spelling::Debian(_) | Spelling::Polkit(_) => {
            return check::all(policy, version, None, report);
        }
    };
    let tree = Tree::open(root.map(PathBuf::as_path))?;
    let (passwords, shipped) = (Passwords::of(&tree), Shipped::of(&tree));
    let host = HostFacts { names: &names, passwords: &passwords, shipped: &shipped, tree: Some(&tree), create: false };
    check::all(policy, version, Some(&host), report)
}

/// Writes files to standard output, to a file or to a directory.
pub(super) fn write(files: &[File], output: Option<&Path>) -> Result<u8, Failure> {
    let Some(output) = output.filter(|output| output.as_os_str() != "-") else {
        let mut text = String::new();
        for file in files {
            if files.len() > 1 {
                let sign = if file.name.ends_with(".rules") { "//" } else { "#" };
                text.push_str(&format!("{sign} File: /{}\n", file.path()));
            }
            text.push_str(&file.text);
        }
        return std::io::stdout()
            .write_all(text.as_bytes())
            .map(|()| DONE)
            .map_err(|error| Failure::Refused(format!("cannot write to standard output: {error}")));
    };
    let as_directory = output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/");
    let targets: Vec<PathBuf> = match files {
        _ if as_directory => files.iter().map(|file| output.join(&*file.name)).collect(),
        [_] => vec![output.to_owned()],
        _ => {
            let names: Vec<&str> = files.iter().map(|file| &*file.name).collect();
            return Err(Failure::Usage(format!(
                "the policy generates {} files ({}): give a directory, {}/",
                files.len(),
                names.join(", "),
                output.display()
            )));
        }
    };
    let host = Tree::open_for_output()?;
    let mut changes = Vec::new();
    for (file, target) in files.iter().zip(targets) {
        let absolute = std::path::absolute(&target)
            .map_err(|error| Failure::Refused(format!("cannot write {}: {error}", target.display())))?;
        let path = absolute.to_string_lossy().trim_start_matches('/').to_owned();
        let to = NewFile { bytes: file.text.as_bytes().to_vec(), mode: 0o644, owner: None };
        changes.push(Change { path, to: Some(to) });
    }
    StagedChanges::new(&host, &changes)?.commit()?.keep();
    let is_read =
        |change: &&Change| ["/rules.d/", "/localauthority/"].iter().any(|folder| change.path.contains(folder));
    for change in changes.iter().filter(is_read) {
        eprint(&format!(
            "note: /{} is in a directory that polkit reads, and no installation has a record of it: `polkit-policy-gen remove` \
             does not remove it. `polkit-policy-gen install` records what it writes",
            polkit_config::escape::escape(&change.path)
        ));
    }
    Ok(DONE)
}
