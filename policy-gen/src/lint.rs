//! Finds mistakes in rules, pkla and policy files. Each kind of mistake has a stable code: [`codes`] lists them.
//!
//! `syntax` parses JavaScript, and [`mod@read`] holds a parsed file: each file is parsed once. [`rules`], [`mistakes`], [`requests`], [`shadow`], [`groups`] and
//! [`pkla`] read files; [`effects`] runs rules files. [`switches`] finds conditions for the doctor. The JavaScript engine reports syntax errors, which [`compile`] explains.

pub mod codes;
pub mod compile;
pub mod distributed;
pub mod effects;
pub mod groups;
pub mod mistakes;
pub mod pkla;
pub mod read;
pub mod requests;
pub mod rules;
mod sessions;
pub mod shadow;
pub mod switches;
pub(crate) mod syntax;

use std::ops::Range;

use polkit_config::report::{Level, Problem, Source};

use crate::target::{JavaScript, Target, Version};
use crate::verdict::engine::Engine;
use crate::verdict::files::Rules;
use codes::Code;
use effects::Registered;
use read::Script;

/// A mistake and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of mistake.
    pub code: &'static Code,
    /// The index of the file.
    pub file: usize,
    /// The affected bytes; `None` for the whole file.
    pub span: Option<Range<usize>>,
    /// The mistake.
    pub message: String,
    /// The remedy.
    pub help: &'static str,
}

impl Finding {
    /// A finding about a range of bytes.
    pub fn at(code: &'static Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span: Some(span), ..Self::of_file(code, 0, message) }
    }

    /// A finding about a whole file.
    pub fn of_file(code: &'static Code, file: usize, message: impl Into<String>) -> Self {
        Self { code, file, span: None, message: message.into(), help: code.help }
    }

    /// Converts the finding to a problem of a report.
    #[must_use]
    pub fn problem(&self, source: &Source) -> Problem {
        let at = self.span.as_ref().map_or_else(|| source.whole(), |span| source.at(span.clone()));
        let problem = match self.code.level {
            Level::Error => Problem::error(at, &*self.message),
            Level::Warning => Problem::warning(at, &*self.message),
            Level::Note => Problem::note(at, &*self.message),
        };
        problem.help(self.help)
    }
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FileKind {
    /// Rules in JavaScript.
    Rules,
    /// A pkla file.
    Pkla,
    /// A policy file of polkit-policy-gen.
    Policy,
    /// A file that extends the table of mechanisms.
    Mechanism,
}

impl FileKind {
    /// Returns the kind from the file name, as polkit does.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "rules" => Some(Self::Rules),
            "pkla" => Some(Self::Pkla),
            "toml" if name.contains("mechanisms.d/") => Some(Self::Mechanism),
            "toml" => Some(Self::Policy),
            _ => None,
        }
    }

    /// Guesses the kind from the first line that is not empty or a comment: `[[grant]]` and `[libvirt]` start a policy file, every
    /// other `[group]` a pkla file.
    #[must_use]
    pub fn of_content(text: &str) -> Self {
        let says = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let first = text.trim_start_matches('\u{feff}').lines().map(str::trim).find(says).unwrap_or_default();
        match first.strip_prefix('[') {
            Some(rest) if rest.starts_with('[') || rest.starts_with("libvirt]") => Self::Policy,
            Some(_) => Self::Pkla,
            None => Self::Rules,
        }
    }
}

/// A file to check.
#[derive(Clone, Debug)]
pub struct File {
    /// The kind; files of an unknown kind are not checked.
    pub kind: Option<FileKind>,
    /// The text, with invalid UTF-8 replaced.
    pub source: Source,
    /// The content.
    pub bytes: Vec<u8>,
}

impl File {
    /// Makes a file from its name and content.
    #[must_use]
    pub fn new(name: &str, bytes: Vec<u8>) -> Self {
        let kind = FileKind::of_name(name);
        Self { kind, source: Source::new(name, String::from_utf8_lossy(&bytes).into_owned()), bytes }
    }

    /// Whether this is a rules file.
    #[must_use]
    pub fn is_rules(&self) -> bool {
        self.kind == Some(FileKind::Rules)
    }

    /// Whether this is a pkla file.
    #[must_use]
    pub fn is_pkla(&self) -> bool {
        self.kind == Some(FileKind::Pkla)
    }
}

/// A rules file that was parsed.
#[derive(Debug)]
pub struct RulesFile<'a> {
    /// The index of the file.
    pub number: usize,
    /// The file.
    pub file: &'a File,
    /// Its tree.
    pub script: Script<'a>,
}

/// Parses the rules files.
#[must_use]
pub fn parse(files: &[File]) -> Vec<RulesFile<'_>> {
    let rules = files.iter().enumerate().filter(|(_, file)| file.is_rules());
    rules.map(|(number, file)| RulesFile { number, file, script: Script::of(file.source.text()) }).collect()
}

/// Returns all findings in the order of the files and of their places. `rules` are the parsed rules files: they share one engine, as
/// in polkitd, which loads them meanwhile. The second value is the error if they could not be run.
#[must_use]
pub fn lint(
    files: &[File],
    rules: &[RulesFile<'_>],
    target: Target,
    registered: &Registered,
) -> (Vec<Finding>, Option<String>) {
    if target.version < Version::RULES || rules.is_empty() {
        return (sorted(read(files, &[], target, registered)), None);
    }
    let (mut findings, engine) = std::thread::scope(|scope| {
        let reading = scope.spawn(|| read(files, rules, target, registered));
        // This thread starts the engine: the engine ends with the thread that started it.
        let all: Vec<Rules> = rules.iter().map(|rules| effects::of_file(rules.file)).collect();
        let engine = Engine::start(&all);
        (reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), engine)
    });
    let no_engine = match engine {
        Ok(engine) => {
            findings.extend(loaded(&engine, rules, target));
            let known: Vec<usize> =
                findings.iter().filter(|found| found.code == &codes::PG010).map(|found| found.file).collect();
            let effects = effects::lint(rules, target, registered, engine).into_iter();
            findings.extend(effects.filter(|found| found.code != &codes::PG010 || !known.contains(&found.file)));
            None
        }
        Err(why) => Some(why),
    };
    (sorted(findings), no_engine)
}

fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| (finding.file, finding.span.as_ref().map(|span| span.start), finding.code.id));
    findings
}

/// Returns the findings from reading the files, without running them.
fn read(files: &[File], rules: &[RulesFile<'_>], target: Target, registered: &Registered) -> Vec<Finding> {
    let known = requests::known(registered);
    let mut findings = Vec::new();
    let mut add = |number: usize, found: Vec<Finding>| {
        findings.extend(found.into_iter().map(|finding| Finding { file: number, ..finding }));
    };
    for RulesFile { number, file, script } in rules {
        add(*number, rules::lint(file, script, target));
        add(*number, mistakes::lint(script));
        add(*number, requests::lint(script, &known));
    }
    for (number, file) in files.iter().enumerate().filter(|(_, file)| file.is_pkla()) {
        add(number, pkla::lint(file, target, &known));
    }
    findings.extend(shadow::lint(rules));
    findings
}

/// Returns the findings from loading the rules files.
fn loaded(engine: &Engine, rules: &[RulesFile<'_>], target: Target) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (RulesFile { number, file, script }, loaded) in rules.iter().zip(engine.loaded()) {
        let Some(error) = &loaded.error else { continue };
        // polkitd runs the program: this program does not, so the error says nothing about the file.
        if !loaded.unknown.is_empty() {
            let what = loaded.unknown.iter().map(|what| unknown_at_load(what)).collect::<Vec<_>>().join(", ");
            let message = format!("the effect of the file depends on {what}");
            findings.push(Finding::of_file(&codes::PG005, *number, message));
            continue;
        }
        let lines = file.source.text().lines().count();
        let line = loaded.line.filter(|line| *line <= lines.max(1));
        let code = match target.javascript {
            JavaScript::Duktape if error.starts_with("SyntaxError") => &codes::PG001,
            JavaScript::Duktape => &codes::PG002,
            _ => &codes::PG003,
        };
        let why = line.filter(|_| error.starts_with("SyntaxError"));
        let why = why.and_then(|line| compile::why(script, line));
        let span = why.as_ref().and_then(|why| why.span.clone());
        let span = span.or_else(|| line.map(|line| line_span(&file.source, line)));
        let (message, help) =
            why.map_or_else(|| (error.clone(), code.help), |why| (why.message, why.help.unwrap_or(code.help)));
        findings.push(Finding { span, help, ..Finding::of_file(code, *number, message) });
    }
    for (path, why) in engine.cut() {
        let file = rules.iter().find(|rules| rules.file.source.name() == path).map_or(0, |rules| rules.number);
        findings.push(Finding::of_file(&codes::PG004, file, format!("when run by this program, {why}")));
    }
    findings
}

/// Describes an unknown fact that a file used when it was loaded.
fn unknown_at_load(what: &str) -> String {
    match what.split_once(' ') {
        Some(("program", line)) => {
            format!("the output of a program that is not run: {}", polkit_config::escape::escape(line))
        }
        Some(("netgroup", name)) => format!("the members of the netgroup {}", polkit_config::escape::escape(name)),
        _ => polkit_config::escape::escape(what),
    }
}

/// Returns the bytes of a line, counted from 1, without surrounding blanks.
#[must_use]
pub fn line_span(source: &Source, line: usize) -> Range<usize> {
    let text = source.text();
    let bytes = source.line_bytes(line);
    let start = bytes.start;
    let content = text.get(bytes).unwrap_or_default();
    let content = content.strip_suffix('\r').unwrap_or(content);
    let from = start + content.len() - content.trim_start().len();
    let to = from + content.trim().len();
    if from == to { start..(start + 1).min(text.len()) } else { from..to }
}

#[cfg(test)]
#[path = "lint/tests.rs"]
mod tests;
