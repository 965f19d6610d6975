//! `polkit-service-agent enable` and `disable`. polkit-policy-gen changes the files of both programs: this process becomes it.

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
};

use super::args::{Consent, Disable, Enable};
use crate::base::terminal;

const PROGRAM: &str = "polkit-policy-gen";
/// polkit-policy-gen cannot be run.
const CANNOT_REACH: u8 = 3;

/// Becomes `polkit-policy-gen enable`. Returns only if that fails.
#[must_use]
pub fn enable(asked: &Enable) -> ExitCode {
    become_it(&arguments_of_enable(asked))
}

/// Becomes `polkit-policy-gen disable`. Returns only if that fails.
#[must_use]
pub fn disable(asked: &Disable) -> ExitCode {
    let mut arguments = vec!["disable".to_owned()];
    arguments.extend(consent(&asked.consent));
    // A name that starts with a hyphen is no option.
    arguments.extend(["--".to_owned(), asked.unit.clone()]);
    become_it(&arguments)
}

fn arguments_of_enable(asked: &Enable) -> Vec<String> {
    let mut arguments = vec!["enable".to_owned()];
    arguments.extend(asked.action.iter().map(|action| format!("--action={action}")));
    arguments.extend(asked.what.iter().map(|set| format!("--what={set}")));
    arguments.extend(asked.detail.iter().map(|detail| format!("--detail={detail}")));
    arguments.extend(asked.user.iter().map(|user| format!("--user={user}")));
    let flags = [(asked.ask, "--ask"), (asked.register, "--register")];
    arguments.extend(flags.iter().filter(|(given, _)| *given).map(|(_, flag)| (*flag).to_owned()));
    arguments.extend(consent(&asked.consent));
    arguments.extend(["--".to_owned(), asked.unit.clone()]);
    arguments
}

fn consent(consent: &Consent) -> Option<String> {
    match (consent.dry_run, consent.yes) {
        (true, _) => Some("--dry-run".to_owned()),
        (false, true) => Some("--yes".to_owned()),
        (false, false) => None,
    }
}

fn become_it(arguments: &[String]) -> ExitCode {
    let error = Command::new(beside()).args(arguments).exec();
    terminal::error(&format!("cannot run {PROGRAM}: {error}. Is it installed beside polkit-service-agent?"));
    CANNOT_REACH.into()
}

/// The program in the folder of this one. The search path of the caller does not matter.
fn beside() -> PathBuf {
    std::env::current_exe().unwrap_or_default().with_file_name(PROGRAM)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Cli, Command};
    use super::*;

    fn of(words: &[&str]) -> Vec<String> {
        let words = [&["polkit-service-agent", "enable"], words].concat();
        match Cli::try_parse_from(&words).unwrap().command {
            Command::Enable(asked) => arguments_of_enable(&asked),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_option_is_passed_on_and_cannot_become_another_one() {
        assert_eq!(of(&["web.service", "--action", "a.b"]), ["enable", "--action=a.b", "--", "web.service"]);
        let all = [
            "--action=a.b",
            "--what=wifi",
            "--detail=k=--yes",
            "--user=u",
            "--ask",
            "--register",
            "--dry-run",
            "--",
            "-x.service",
        ];
        assert_eq!(of(&all), [&["enable"], &all[..]].concat());
        assert_eq!(of(&["w.service", "--action=a.b", "--yes"])[2], "--yes");
    }

    #[test]
    fn the_program_is_the_one_beside_this_one() {
        assert_eq!(beside().file_name().unwrap(), PROGRAM);
        assert_eq!(beside().parent(), std::env::current_exe().unwrap().parent());
    }
}
