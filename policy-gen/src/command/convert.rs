//! `convert`

use polkit_config::escape::escape;
use polkit_config::names::Names;

use super::{generate, say_aside};
use crate::cli::Convert;
use crate::convert;
use crate::emit::File;
use crate::failure::Failure;
use crate::target;
use crate::tree::Tree;
use crate::verdict::files;

/// Writes a tree of pkla files as one rules file.
///
/// # Errors
/// What cannot be kept or read, and where there is nothing to convert.
pub async fn run(options: &Convert) -> Result<u8, Failure> {
    let tree = Tree::open_trusted(options.root.as_deref())?;
    let target = target::resolve(&target::default_for(options.root.as_deref())).await?;
    let names = if tree.is_host() {
        Names::Host
    } else {
        Names::of_root(tree.path()).map_err(|error| Failure::Unreachable(error.to_string()))?
    };
    let found = files::pkla(&tree, &names, target)?;
    tree.trusted()?;
    if let Some(closed) = found.closed_to_us.first() {
        return Err(Failure::Unreachable(format!("cannot read {closed}: only root may")));
    }
    for over in &found.passed_over {
        let line = over.line.map(|line| format!(":{line}")).unwrap_or_default();
        say_aside(&format!(
            "note: {}{line}: not converted, since it is not read: {}",
            escape(&over.file),
            escape(&over.why)
        ));
    }
    let pkla = found.pkla;
    if pkla.stores.iter().all(|store| store.files.iter().all(|file| file.entries.is_empty())) {
        return Err(Failure::Refused(format!("there is no pkla entry below {} to convert", tree.shown(""))));
    }
    let text = convert::emit(&pkla, &first_lines()).map_err(|unkept| {
        let line = |one: &convert::Unkept| format!("error: {}:{}: {}", escape(&one.file), one.line, escape(&one.why));
        let lines: Vec<String> = unkept.iter().map(line).collect();
        Failure::Refused(format!("{}\nNothing was converted.", lines.join("\n")))
    })?;
    say_aside(&format!(
        "note: install it as /etc/polkit-1/rules.d/{NAME}, and take the pkla files, or polkit-pkla-compat, away: both would be asked. \
         Who counts as an administrator (AdminIdentities) is not converted"
    ));
    let file = File { directory: "etc/polkit-1/rules.d", name: NAME, text };
    generate::write(&[file], options.output.as_deref())
}

/// Where pkla-compat asks.
const NAME: &str = "49-polkit-policy-gen-pkla.rules";

fn first_lines() -> String {
    format!(
        "// Made by polkit-policy-gen convert from pkla files, and decides as they did. The entries are in the comments.\n\
         // polkit takes the first answer in the order of the names of files: as {NAME} it is where polkit-pkla-compat was.\n"
    )
}
