//! The manual page has the commands and options that there are, and no others, and names what programs may read.
#![expect(clippy::expect_used, reason = "what a test is helped by fails by a panic, too")]

use std::{collections::BTreeSet, fs, path::Path};

use clap::CommandFactory;
use polkit_agent_rules::{
    facts::{Approver, ApproverUid, LoginUid, SubjectInfo},
    history::History,
    model,
    rule::Answer,
    verdict::decide,
};
use polkit_service_agent::{
    cli::args::Cli,
    kernel::audit::{
        decision::{DecisionRecord, Outcome, Way},
        record::{JournalEntry, RecordId},
    },
    register::status::{ServedEntry, Status, Way as ServedBy},
};
use polkit_types::{CallerPid, IdentityUid, Process, StartTime, SubjectPid, SubjectUid};

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
        let words: Vec<&str> = line.trim_start_matches('.').split_whitespace().collect();
        let after = words.iter().zip(words.iter().skip(1)).filter(|(word, _)| **word == "Fl");
        after.filter_map(|(_, option)| option.strip_prefix('-').map(str::to_owned)).collect::<Vec<_>>()
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

#[test]
fn the_manual_names_every_field_of_a_record() {
    let page = page();
    let fact = || Some("x".to_owned());
    let info = SubjectInfo { user: fact(), unit: fact(), exe: fact(), exe_claimed: fact(), command_line: fact() };
    let approver = Approver { uid: ApproverUid::new(1000), login: LoginUid::parse("1001") };
    let history = History { approved: [("r".to_owned(), approver)].into(), ..History::default() };
    let rules = [model::rule(Answer::Ask)];
    let verdict = decide(&rules, &model::facts(), &history);
    let subject =
        Process { pid: SubjectPid::new(7).unwrap(), start_time: StartTime(8), uid: SubjectUid::new(33).unwrap() };
    let details = [("unit".to_owned(), "a.service".to_owned())].into();
    let decision = DecisionRecord {
        way: Way::Challenge,
        action: Some("org.example.x"),
        details: Some(&details),
        verdict: &verdict,
        subject: Some(subject),
        uid: subject.uid,
        session: Some("3"),
        info: &info,
        caller: Some(CallerPid::new(9).unwrap()),
        identity: Some(IdentityUid::new(33).unwrap()),
    };
    let id = RecordId::random().unwrap();
    let refused = Outcome::RefusedByPolkitd("why".into());
    for entry in [JournalEntry::decision(&id, &decision).repeated(2), JournalEntry::outcome(&id, &refused, 1)] {
        for (field, _) in entry.fields {
            assert!(page.lines().any(|line| line == format!(".It Va {field}")), "no field {field}");
        }
    }
}

#[test]
fn the_manual_names_every_key_of_status() {
    let page = page();
    let json = page.split(".Sh JSON").nth(1).expect("there is such a section");
    let served =
        ServedEntry { target: "x".into(), way: ServedBy::Hook, since: 0, processes: 0, leaked: 0, over_limit: 0 };
    let status = Status { served: vec![served], ..Status::default() }.to_json();
    let of_entry = status["served"][0].as_object().expect("an object").keys();
    let of_polkit = status["polkit"].as_object().expect("an object").keys();
    for key in status.as_object().expect("an object").keys().chain(of_entry).chain(of_polkit) {
        let names = |line: &str| line.ends_with(&format!(" {key}")) || line.contains(&format!(".Va {key} "));
        assert!(json.lines().any(|line| line == format!(".Va {key}") || names(line)), "no key {key}");
    }
}
