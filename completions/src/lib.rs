//! What is generated from the programs: the shell completions of both, and the manual page of the mechanisms.

pub mod mechanisms;

use std::{fs, io, path::Path};

use clap::{ValueHint, builder::PossibleValuesParser};
use clap_complete::{Shell, generate};

/// The words of options that the programs read by themselves: the name of the option, and its words.
const WORDS: [(&str, &[&str]); 3] = [
    ("result", &["yes", "no", "auth_self", "auth_self_keep", "auth_admin", "auth_admin_keep"]),
    ("target", &["host", "debian:11", "debian:12", "debian:13", "polkit:", "root:"]),
    ("session", &["none", "active", "inactive", "local", "remote"]),
];

/// A program: its name and its command line.
type Program = (&'static str, fn() -> clap::Command);

const PROGRAMS: [Program; 2] = [
    ("polkit-service-agent", command::<polkit_service_agent::cli::args::Cli>),
    ("polkit-policy-gen", command::<polkit_policy_gen::cli::Cli>),
];

fn command<C: clap::CommandFactory>() -> clap::Command {
    with_hints(C::command())
}

/// Tells the shells what the values are: files, folders, users, known words, or nothing that a shell can offer.
fn with_hints(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let words = WORDS.iter().find(|(name, _)| arg.get_long() == Some(*name)).filter(|_| has_value(&arg));
        if let Some((_, words)) = words.filter(|_| arg.get_possible_values().is_empty()) {
            return arg.value_parser(PossibleValuesParser::new(words.iter().copied()));
        }
        let is_file = |name: &str| name.contains("FILE") || name.contains("PATH") || name.ends_with(".toml");
        let names: Vec<&str> = arg.get_value_names().unwrap_or_default().iter().map(|name| name.as_str()).collect();
        let hint = match (names.as_slice(), arg.get_long()) {
            ([name, ..], _) if is_file(name) => ValueHint::AnyPath,
            (["DIR", ..], _) => ValueHint::DirPath,
            (_, Some("exe")) => ValueHint::ExecutablePath,
            (_, Some("user")) => ValueHint::Username,
            (["COMMAND", ..], _) => return arg,
            _ => ValueHint::Other,
        };
        if has_value(&arg) { arg.value_hint(hint) } else { arg }
    });
    command.mut_subcommands(with_hints)
}

fn has_value(arg: &clap::Arg) -> bool {
    arg.get_action().takes_values()
}

/// Writes `NAME.bash`, `_NAME` (zsh) and `NAME.fish` for each program into a folder, and the manual page polkit-mechanisms(7).
///
/// # Errors
/// Those of the file system.
pub fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("polkit-mechanisms.7"), mechanisms::page())?;
    for (name, command) in PROGRAMS {
        let files = [
            (Shell::Bash, format!("{name}.bash")),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
        ];
        for (shell, file) in files {
            let mut script = Vec::new();
            generate(shell, &mut command(), name, &mut script);
            // clap_complete 4.6.11 spells a name with hyphens in two ways in its bash script, and then finds no subcommand
            // (clap-rs/clap issue 6421).
            let (wrong, right) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
            fs::write(folder.join(file), String::from_utf8_lossy(&script).replace(&wrong, &right))?;
        }
    }
    Ok(())
}
