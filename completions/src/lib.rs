//! The shell completions of both programs, generated from their command lines.

use std::{fs, io, path::Path};

use clap_complete::{Shell, generate};

/// A program: its name and its command line.
type Program = (&'static str, fn() -> clap::Command);

const PROGRAMS: [Program; 2] = [
    ("polkit-service-agent", command::<polkit_service_agent::cli::args::Cli>),
    ("polkit-policy-gen", command::<polkit_policy_gen::cli::Cli>),
];

fn command<C: clap::CommandFactory>() -> clap::Command {
    C::command()
}

/// Writes `NAME.bash`, `_NAME` (zsh) and `NAME.fish` for each program into a folder.
///
/// # Errors
/// Those of the file system.
pub fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
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
