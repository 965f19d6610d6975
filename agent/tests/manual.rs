//! The manual page has the commands and options that there are, and no others.
#![expect(clippy::expect_used, reason = "what a test is helped by fails by a panic, too")]

use std::{collections::BTreeSet, fs, path::Path};

use clap::CommandFactory;
use polkit_service_agent::cli::Cli;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/polkit-service-agent.8");
    fs::read_to_string(path).expect("the page is there")
}

/// The lines below `.Ss name`.
fn subsection<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let rest = page.lines().skip_while(|line| *line != format!(".Ss {name}")).skip(1);
    rest.take_while(|line| !line.starts_with(".Ss ") && !line.starts_with(".Sh ")).collect()
}

/// The long options that lines of mdoc(7) name: the word after `Fl`, with one of the two hyphens.
fn options(lines: &[&str]) -> BTreeSet<String> {
    let named = |line: &&str| {
        let words: Vec<String> = line.split_whitespace().map(|word| word.trim_start_matches('.').to_owned()).collect();
        let pairs = words.windows(2).filter(|pair| pair[0] == "Fl");
        pairs.filter_map(|pair| pair[1].strip_prefix('-').map(str::to_owned)).collect::<Vec<_>>()
    };
    let macros = lines.iter().filter(|line| line.starts_with('.'));
    macros.flat_map(named).filter(|option| !option.is_empty()).collect()
}

#[test]
fn the_manual_describes_each_command_with_its_options_and_no_others() {
    let page = page();
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let lines = subsection(&page, name);
        assert!(!lines.is_empty(), "no subsection for `{name}`");
        let own = command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned);
        assert_eq!(options(&lines), own.collect(), "the options of `{name}`");
    }
}

#[test]
fn the_manual_names_no_option_that_there_is_not() {
    let mut known: BTreeSet<String> = ["help", "version"].map(str::to_owned).into();
    for command in Cli::command().get_subcommands() {
        known.extend(command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned));
    }
    let named = options(&page().lines().collect::<Vec<_>>());
    assert!(named.is_subset(&known), "{:?}", named.difference(&known));
}
