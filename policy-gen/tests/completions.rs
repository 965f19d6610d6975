//! The shells' completions are made by clap_complete, and committed: what is installed needs no step of its own to be made.
//! `UPDATE_COMPLETIONS=1 cargo test -p polkit-policy-gen --test completions` writes them anew.

use std::{fs, path::Path};

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use polkit_policy_gen::cli::Cli;

#[test]
fn the_committed_completions_are_those_of_the_command_line() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    let made = tempfile::tempdir().unwrap();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut command = Cli::command();
        let name = command.get_name().to_owned();
        let file = generate_to(shell, &mut command, name, made.path()).unwrap();
        let there = committed.join(file.file_name().unwrap());
        if std::env::var_os("UPDATE_COMPLETIONS").is_some() {
            fs::copy(&file, &there).unwrap();
        }
        let same = fs::read(&file).unwrap() == fs::read(&there).unwrap_or_default();
        assert!(same, "{} is out of date: run this test with UPDATE_COMPLETIONS=1", there.display());
    }
}
