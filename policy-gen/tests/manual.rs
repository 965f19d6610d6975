//! The manual pages list exactly the existing commands, options and keys, and their examples are valid policies.
#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::{collections::BTreeSet, fs, path::Path};

use clap::CommandFactory;
use polkit_config::report::Source;
use polkit_policy_gen::{cli::Cli, policy};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man").join(name);
    fs::read_to_string(path).expect("the page is there")
}

/// Returns the long options in lines of mdoc(7): the word after `Fl`, without one of its two hyphens.
fn options<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let named = |line: &str| {
        let words: Vec<&str> = line.trim_start_matches('.').split_whitespace().collect();
        let after = words.iter().zip(words.iter().skip(1)).filter(|(word, _)| word.ends_with("Fl") || **word == ",");
        after.filter_map(|(_, option)| option.strip_prefix('-').map(str::to_owned)).collect::<Vec<_>>()
    };
    lines.filter(|line| line.starts_with('.')).flat_map(named).filter(|option| !option.is_empty()).collect()
}

fn existing_options() -> BTreeSet<String> {
    let commands = Cli::command();
    let own = commands.get_subcommands().flat_map(|command| command.get_arguments());
    own.filter_map(|argument| argument.get_long()).map(str::to_owned).collect()
}

#[test]
fn the_manual_lists_exactly_the_existing_commands_and_options() {
    let page = page("polkit-policy-gen.1");
    assert_eq!(options(page.lines()), existing_options());
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(page.lines().any(|line| line == format!(".It Cm {name}")), "no `{name}`");
        let synopsis = page.lines().skip_while(|line| *line != format!(".Cm {name}")).skip(1);
        let own: BTreeSet<String> =
            command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned).collect();
        let named = options(synopsis.take_while(|line| !line.starts_with(".Nm") && !line.starts_with(".Sh")));
        assert!(named.is_subset(&own), "{name}: {:?}", named.difference(&own));
    }
}

#[test]
fn the_manual_lists_every_key_of_a_policy() {
    let page = page("policy.toml.5");
    // The error for an unknown key lists the known keys.
    let tables =
        ["[grant]", "[systemd]", "[allow]", "[command]", "[agent]", "[hook]", "libvirt", "[libvirt_role]", "[member]"];
    for table in tables {
        let sources = [Source::new("p.toml", format!("[{table}]\nxxxxxxxxxxxxxxxx = 1\n"))];
        let report = policy::read(&sources).expect_err("an unknown key is an error");
        let shown = report.lines().join("\n");
        let keys = shown
            .split("known here: ")
            .nth(1)
            .and_then(|rest| rest.split(')').next())
            .expect("the error lists the keys");
        let section = page.split(&format!(".Sh [{table}]\n")).nth(1).expect("a section");
        let section = section.split("\n.Sh ").next().unwrap_or_default();
        let items: BTreeSet<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix(".It Va "))
            .flat_map(|line| line.split(" , "))
            .collect();
        assert_eq!(items, keys.split(", ").collect(), "[{table}]");
    }
}

#[test]
fn the_examples_of_the_manual_are_valid_policies() {
    let page = page("policy.toml.5");
    let examples: Vec<&str> =
        page.split(".Bd -literal\n").skip(1).filter_map(|rest| rest.split(".Ed\n").next()).collect();
    assert!(examples.len() >= 2);
    for example in examples {
        let (policy, report) = policy::read(&[Source::new("p.toml", example)]).expect("the example has no errors");
        assert_eq!(report.lines(), [""; 0]);
        assert!(!policy.grants.is_empty() || policy.libvirt.is_some(), "{example}");
    }
}

#[test]
fn the_manual_lists_the_recipes_and_the_sets() {
    let command = page("polkit-policy-gen.1");
    for recipe in polkit_policy_gen::recipe::all() {
        assert!(command.contains(&format!(".It Li {}\n", recipe.name)), "{}", recipe.name);
    }
    let policy = page("policy.toml.5");
    let (_, what) = policy.split_once(".It Va what\n").expect("the key");
    let named = what.lines().map_while(|line| (line != "and others.").then_some(line));
    for name in named.filter_map(|line| line.strip_prefix(".Qq ")).map(|name| name.trim_end_matches(" ,")) {
        assert!(polkit_policy_gen::mechanisms::table::set(name).is_some(), "{name}");
    }
}
