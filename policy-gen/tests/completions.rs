//! The shells' completions are made by clap_complete, and committed: what is installed needs no step of its own to be made.
//! `UPDATE_COMPLETIONS=1 cargo test -p polkit-policy-gen --test completions` writes them anew.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use polkit_policy_gen::cli::Cli;

const NAME: &str = "polkit-policy-gen";

fn committed(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions").join(file)
}

#[test]
fn the_committed_completions_are_those_of_the_command_line() {
    for (shell, file) in
        [(Shell::Bash, format!("{NAME}.bash")), (Shell::Zsh, format!("_{NAME}")), (Shell::Fish, format!("{NAME}.fish"))]
    {
        let mut made = Vec::new();
        generate(shell, &mut Cli::command(), NAME, &mut made);
        // clap_complete 4.6.11 spells a name with hyphens in two ways in its bash script, and then finds no subcommand
        // (clap-rs/clap issue 6421).
        let made = String::from_utf8(made).unwrap().replace(&NAME.replace('-', "__subcmd__"), &NAME.replace('-', "__"));
        let there = committed(&file);
        if std::env::var_os("UPDATE_COMPLETIONS").is_some() {
            fs::write(&there, &made).unwrap();
        }
        let same = fs::read_to_string(&there).unwrap_or_default() == made;
        assert!(same, "{} is out of date: run this test with UPDATE_COMPLETIONS=1", there.display());
    }
}

#[test]
fn bash_completes_the_options_of_a_subcommand() {
    let (subcommand, option) = ("install", "--dry-run");
    let script = "source \"$1\"; COMP_WORDS=(\"$2\" \"$3\" --); COMP_CWORD=2; \
        \"_${2//-/__}\" \"$2\" -- \"$3\"; echo \"${COMPREPLY[@]}\"";
    let file = committed(&format!("{NAME}.bash"));
    let bash = Command::new("bash").args(["-c", script, "bash"]).arg(file).args([NAME, subcommand]).output().unwrap();
    let words = String::from_utf8(bash.stdout).unwrap();
    assert!(words.split_whitespace().any(|word| word == option), "{words} {}", String::from_utf8_lossy(&bash.stderr));
}
