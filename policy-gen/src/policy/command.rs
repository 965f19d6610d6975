//! The table `[[command]]`: a fixed command that systemd runs as a user, and the grant to start it.

use polkit_config::names::check_name;
use polkit_config::pattern::{ActionPattern, Glob};
use polkit_config::report::{Location, Problem, Report};
use polkit_config::table::{Spanned, Table};

use super::fields::results;
use super::subjects::subjects;
use super::systemd::ACTION as SYSTEMD_ACTION;
use super::{Detail, Grant, GrantKind};
use crate::implicit_authorization::{BySession, ImplicitAuthorization};

/// The beginning of the names of the units.
pub const PREFIX: &str = "polkit-command-";
/// Length limit of a name.
const NAME_MAX: usize = 60;
/// Length limit of the name of a unit (systemd 247 to 262).
const UNIT_MAX: usize = 255;
/// The argument in `run`.
const ARGUMENT: &str = "%i";
/// Shells, whose option `-c` makes code of an argument.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "zsh", "ksh", "busybox", "fish"];

/// The settings of the sandbox: each with its value, and the other values that a policy may choose.
pub const SANDBOX: [(&str, &str, &[&str]); 13] = [
    ("NoNewPrivileges", "yes", &["no"]),
    ("PrivateTmp", "yes", &["no"]),
    ("ProtectSystem", "full", &["no", "yes", "strict"]),
    ("ProtectHome", "read-only", &["no", "yes", "tmpfs"]),
    ("ProtectKernelTunables", "yes", &["no"]),
    ("ProtectKernelModules", "yes", &["no"]),
    ("ProtectKernelLogs", "yes", &["no"]),
    ("ProtectControlGroups", "yes", &["no"]),
    ("ProtectClock", "yes", &["no"]),
    ("RestrictSUIDSGID", "yes", &["no"]),
    ("RestrictRealtime", "yes", &["no"]),
    ("RestrictNamespaces", "yes", &["no"]),
    ("LockPersonality", "yes", &["no"]),
];

/// A command.
#[derive(Debug)]
pub struct Command {
    /// The name.
    pub name: String,
    /// The program and its arguments. `%i` stands for the argument of the user.
    pub run: Vec<Spanned<String>>,
    /// The user that the command runs as.
    pub run_as: Spanned<String>,
    /// The allowed arguments, with `*` for any characters; empty if the command takes none.
    pub argument: Vec<Spanned<Glob>>,
    /// Paths that the command may write although the sandbox protects them.
    pub writable: Vec<Spanned<String>>,
    /// Settings of the sandbox with other values.
    pub sandbox: Vec<(&'static str, &'static str)>,
    /// The location of the header.
    pub at: Location,
}

impl Command {
    /// Returns the name of the unit, or of its template.
    #[must_use]
    pub fn unit(&self) -> String {
        format!("{PREFIX}{}{}.service", self.name, if self.argument.is_empty() { "" } else { "@" })
    }

    /// Returns the units that may be started: the unit, or an instance for each argument.
    #[must_use]
    pub fn instances(&self) -> Vec<String> {
        if self.argument.is_empty() {
            return vec![self.unit()];
        }
        let instance = |value: &Spanned<Glob>| {
            let text = value.value.as_str();
            let escaped = if self.is_escaped() { escape(text) } else { text.to_owned() };
            format!("{PREFIX}{}@{escaped}.service", self.name)
        };
        self.argument.iter().map(instance).collect()
    }

    /// Whether the names of the instances are escaped, because an argument has characters that a name of a unit cannot have.
    #[must_use]
    pub fn is_escaped(&self) -> bool {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ":_.-*".contains(c);
        !self.argument.iter().all(|value| value.value.as_str().chars().all(is_plain))
    }
}

/// Escapes a text as systemd-escape(1) does.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => out.push('-'),
            b'.' if at == 0 => out.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out
}

/// Reads a `[[command]]` table, as the command and the grant of its start.
pub(super) fn read(mut table: Table, known: &[Command], report: &mut Report) -> Option<(Command, Grant)> {
    let at = table.at().clone();
    let (name, run) = (table.required_string("name", report), table.required_strings("run", report));
    let run_as = table.required_string("run_as", report);
    let argument = table.strings("argument", report);
    let writable = table.strings("writable", report).unwrap_or_default();
    let sandbox = sandbox(&mut table, report);
    let subjects = subjects(&mut table, "[[command]]", report);
    let result = if table.has("result") {
        results(&mut table, report)
    } else {
        Some((BySession::always(ImplicitAuthorization::Yes), at.clone()))
    };
    table.finish(report);
    let (name, run, run_as, (results, result_at)) = (name?, run?, run_as?, result?);
    check_command_name(&name, known, report);
    check_run(&run, report);
    if let Err(why) = check_name(&run_as.value) {
        let problem = Problem::error(run_as.at.clone(), format!("invalid user name `{}`: it {why}", run_as.value));
        report.push(problem.help("use the user name that `getent` shows"));
    }
    check_argument(&run, argument.as_deref(), &at, report);
    writable.iter().for_each(|path| check_path(path, "writable", report));
    let glob = |value: Spanned<String>| Spanned { value: Glob::new(&value.value), at: value.at };
    let argument = argument.unwrap_or_default().into_iter().map(glob).collect();
    let command = Command { name: name.value, run, run_as, argument, writable, sandbox, at: at.clone() };
    for unit in command.instances().iter().filter(|unit| unit.len() > UNIT_MAX) {
        let message = format!("the name of the unit `{unit}` has more than {UNIT_MAX} characters");
        report.push(Problem::error(at.clone(), message).help("use a shorter name or argument"));
    }
    let spanned = |text: &str| Spanned { value: Glob::new(text), at: at.clone() };
    let detail = |key: &str, values| Detail { key: Spanned { value: key.to_owned(), at: at.clone() }, values };
    let units = command.instances().iter().map(|unit| spanned(unit)).collect();
    let details = vec![detail("unit", units), detail("verb", vec![spanned("start")])];
    super::fields::check_kept(&details, results, result_at, report);
    let grant = Grant {
        kind: GrantKind::Grant,
        label: format!("command {}", command.name),
        set: None,
        actions: vec![Spanned { value: ActionPattern::new(SYSTEMD_ACTION).ok()?, at: at.clone() }],
        subjects,
        details,
        results,
        at,
    };
    Some((command, grant))
}

fn check_command_name(name: &Spanned<String>, known: &[Command], report: &mut Report) {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.value.is_empty() || name.value.len() > NAME_MAX || !name.value.chars().all(fits) {
        let problem = Problem::error(name.at.clone(), format!("`{}` cannot be the name of a command", name.value));
        report
            .push(problem.help(format!("use at most {NAME_MAX} lower-case letters, digits and hyphens: `backup-now`")));
    }
    if known.iter().any(|other| other.name == name.value) {
        let problem = Problem::error(name.at.clone(), format!("there is already a command `{}`", name.value));
        report.push(problem.help("the name is that of the unit: use another one"));
    }
}

fn check_run(run: &[Spanned<String>], report: &mut Report) {
    let Some(program) = run.first() else { return };
    if run.len() == 1 && program.value.contains(|c: char| c.is_whitespace() || "|&;<>$`\"'".contains(c)) {
        let message = "`run` is a list of the program and its arguments, and no line for a shell";
        let words: Vec<String> = program.value.split_whitespace().map(|word| format!("{word:?}")).collect();
        let help = format!("write each word as an element: `run = [{}]`; no shell expands them", words.join(", "));
        report.push(Problem::error(program.at.clone(), message).help(help));
    } else if program.value.contains(ARGUMENT) {
        let problem = Problem::error(program.at.clone(), "the program cannot be chosen by an argument");
        report.push(problem.help("write the path of one program, and use `%i` only in its arguments"));
    } else {
        check_path(program, "run", report);
    }
    for word in run {
        if word.value.is_empty() || word.value.chars().any(char::is_control) {
            let problem = Problem::error(word.at.clone(), "a word of a command is empty or has a control character");
            report.push(problem.help("remove it, or use a script"));
        }
    }
    let shell = program.value.rsplit('/').next().filter(|name| SHELLS.contains(name));
    let code = run.iter().skip_while(|word| word.value != "-c").nth(1);
    if let (Some(shell), Some(code)) = (shell, code.filter(|code| code.value.contains(ARGUMENT))) {
        let problem = Problem::error(code.at.clone(), format!("{shell} would run the argument of the user as code"));
        report.push(problem.help("use `\"$1\"` in the code, and add the elements \"sh\", \"%i\" after it"));
    }
}

/// Refuses a path that is not absolute, or has parts that lead elsewhere.
fn check_path(path: &Spanned<String>, key: &str, report: &mut Report) {
    let is_odd = |part: &str| matches!(part, "." | "..");
    if !path.value.starts_with('/') || path.value.split('/').any(is_odd) || path.value.chars().any(char::is_control) {
        let problem = Problem::error(path.at.clone(), format!("`{}` is not an absolute path", path.value));
        report.push(problem.help(format!("begin the path in `{key}` with /, without `.` and `..`")));
    }
}

fn check_argument(run: &[Spanned<String>], argument: Option<&[Spanned<String>]>, at: &Location, report: &mut Report) {
    let is_used = run.iter().skip(1).any(|word| word.value.contains(ARGUMENT));
    match argument {
        None if is_used => {
            let problem =
                Problem::error(at.clone(), "`%i` stands for an argument of the user, and there is no `argument`");
            report.push(
                problem.help(
                    "list the allowed values: `argument = [\"daily\", \"weekly\"]`; `*` stands for any characters",
                ),
            );
        }
        Some(values) if !is_used => {
            let at = values.first().map_or_else(|| at.clone(), |value| value.at.clone());
            let problem = Problem::error(at, "`run` does not use the argument");
            report.push(problem.help("add \"%i\" to `run`, or remove `argument`"));
        }
        _ => {}
    }
    for value in argument.unwrap_or_default() {
        let text = &value.value;
        if text.is_empty() || text.starts_with(['-', '*']) {
            let problem =
                Problem::error(value.at.clone(), format!("`{text}` would allow an option of the program as argument"));
            report.push(problem.help("begin each value with a letter or digit: `web-*`"));
        } else if text.chars().any(|c| c.is_control() || c == '%') {
            let problem = Problem::error(value.at.clone(), format!("`{text}` cannot be an argument"));
            report.push(problem.help("use letters, digits and signs without `%` and control characters"));
        }
    }
    let escaped =
        |value: &&Spanned<String>| value.value.contains(|c: char| !c.is_ascii_alphanumeric() && !":_.-*".contains(c));
    let values = argument.unwrap_or_default();
    if let (Some(_), Some(pattern)) =
        (values.iter().find(escaped), values.iter().find(|value| value.value.contains('*')))
    {
        let problem = Problem::error(pattern.at.clone(), "a pattern cannot stand beside a value that systemd escapes");
        report.push(
            problem.help("use only letters, digits, `:`, `_`, `.` and `-` in the values, or list them without `*`"),
        );
    }
}

fn sandbox(table: &mut Table, report: &mut Report) -> Vec<(&'static str, &'static str)> {
    let mut chosen = Vec::new();
    let Some(table) = table.has("sandbox").then(|| table.table("sandbox", report)).flatten() else { return chosen };
    for (key, value) in table.strings_by_key(report) {
        let Some((name, default, others)) = SANDBOX.into_iter().find(|(name, ..)| *name == key) else {
            let known: Vec<&str> = SANDBOX.iter().map(|(name, ..)| *name).collect();
            let problem = Problem::error(value.at, format!("`{key}` is not a setting of the sandbox"));
            report.push(problem.help(format!("use one of {}", known.join(", "))));
            continue;
        };
        match others.iter().chain([&default]).find(|known| **known == value.value) {
            Some(known) => chosen.push((name, *known)),
            None => {
                let problem = Problem::error(value.at, format!("`{}` is not a value of `{key}`", value.value));
                report.push(problem.help(format!("use {default} (the default) or {}", others.join(", "))));
            }
        }
    }
    chosen
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
