//! The units of `[[command]]` tables. Pure.

use super::quote::comment;
use super::{File, Origin, Owner, first_line};
use crate::policy::command::{Command, SANDBOX};

/// The directories of the units, for an administrator and for a package.
pub const DIRECTORIES: [&str; 2] = ["etc/systemd/system", "usr/lib/systemd/system"];

/// Generates the unit of a command.
pub(super) fn emit(command: &Command, origin: &Origin, owner: Owner) -> File {
    let [admin, vendor] = DIRECTORIES;
    let mut text = format!("# {}\n", first_line(origin));
    text.push_str(&format!("# The users that the [[command]] `{}` names start it: ", command.name));
    text.push_str(&format!("systemctl start {}\n", command.instances().first().map_or("", String::as_str)));
    text.push_str(&format!("[Unit]\nDescription=The command {} of polkit-policy-gen\n\n", command.name));
    text.push_str(&format!("[Service]\nType=oneshot\nUser={}\n", word(&command.run_as.value)));
    let words: Vec<String> = command.run.iter().map(|part| exec_word(&part.value, command.is_escaped())).collect();
    text.push_str(&format!("ExecStart={}\n", words.join(" ")));
    for (name, default, _) in SANDBOX {
        let chosen = command.sandbox.iter().find(|(known, _)| *known == name);
        text.push_str(&format!("{name}={}\n", chosen.map_or(default, |(_, value)| value)));
    }
    for path in &command.writable {
        text.push_str(&format!("ReadWritePaths={}\n", quoted(&path.value, "$")));
    }
    let directory = if owner == Owner::Admin { admin } else { vendor };
    File { directory, name: command.unit().into(), text }
}

/// Formats a text for a setting in which only `%` has a meaning.
fn word(text: &str) -> String {
    comment(text).replace('%', "%%")
}

/// Formats a word of a command line: in quotes, with no specifier but the argument of the user, and no variable.
fn exec_word(text: &str, is_escaped: bool) -> String {
    let argument = if is_escaped { "%I" } else { "%i" };
    let parts: Vec<String> = text.split("%i").map(|part| escaped(part, "$$")).collect();
    format!("\"{}\"", parts.join(argument))
}

/// Formats a text as one word in quotes, without specifiers.
fn quoted(text: &str, dollar: &str) -> String {
    format!("\"{}\"", escaped(text, dollar))
}

fn escaped(text: &str, dollar: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '%' => out.push_str("%%"),
            '$' => out.push_str(dollar),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_no_specifier_and_no_variable() {
        for (text, expected) in [
            ("/usr/bin/id", "\"/usr/bin/id\""),
            ("a b;c", "\"a b;c\""),
            ("100%", "\"100%%\""),
            ("%n$HOME", "\"%%n$$HOME\""),
            ("\"\\", "\"\\\"\\\\\""),
            ("--job=%i", "\"--job=%i\""),
        ] {
            assert_eq!(exec_word(text, false), expected);
        }
        assert_eq!(exec_word("%i%%i", true), "\"%I%%%I\"");
        assert_eq!(quoted("/srv/%i $x", "$"), "\"/srv/%%i $x\"");
    }
}
