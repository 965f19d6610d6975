//! The shells' completions are made by clap_complete, and committed: what is installed needs no step of its own to be made.
//! `UPDATE_COMPLETIONS=1 cargo test -p polkit-tests --test repository completions::` writes them again.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

/// Each program: the folder of its package, its name, its command line, and a subcommand with one of its options.
type Program = (&'static str, &'static str, fn() -> clap::Command, [&'static str; 2]);

const PROGRAMS: [Program; 2] = [
    ("agent", "polkit-service-agent", polkit_service_agent::cli::args::Cli::command, ["test", "--action"]),
    ("policy-gen", "polkit-policy-gen", polkit_policy_gen::cli::Cli::command, ["install", "--dry-run"]),
];

fn committed(package: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("completions").join(file)
}

#[test]
fn the_committed_completions_are_those_of_the_command_line() {
    for (package, name, command, _) in PROGRAMS {
        let shells = [
            (Shell::Bash, format!("{name}.bash")),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
        ];
        for (shell, file) in shells {
            let mut made = Vec::new();
            generate(shell, &mut command(), name, &mut made);
            // clap_complete 4.6.11 spells a name with hyphens in two ways in its bash script, and then finds no subcommand
            // (clap-rs/clap issue 6421).
            let (wrong, right) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
            let made = String::from_utf8(made).unwrap().replace(&wrong, &right);
            let there = committed(package, &file);
            if std::env::var_os("UPDATE_COMPLETIONS").is_some() {
                std::fs::write(&there, &made).unwrap();
            }
            let same = std::fs::read_to_string(&there).unwrap_or_default() == made;
            assert!(same, "{} is out of date: run this test with UPDATE_COMPLETIONS=1", there.display());
        }
    }
}

#[test]
fn bash_completes_the_options_of_a_subcommand() {
    for (package, name, _, [subcommand, option]) in PROGRAMS {
        let script = "source \"$1\"; COMP_WORDS=(\"$2\" \"$3\" --); COMP_CWORD=2; \
            \"_${2//-/__}\" \"$2\" -- \"$3\"; echo \"${COMPREPLY[@]}\"";
        let file = committed(package, &format!("{name}.bash"));
        let bash =
            Command::new("bash").args(["-c", script, "bash"]).arg(file).args([name, subcommand]).output().unwrap();
        let words = String::from_utf8_lossy(&bash.stdout);
        assert!(words.split_whitespace().any(|word| word == option), "{name}: {words} {bash:?}");
    }
}
