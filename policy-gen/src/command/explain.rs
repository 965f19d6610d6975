//! `explain`

mod batch;

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use polkit_config::escape::escape;
use polkit_config::names::Names;
use serde::Serialize;
use serde_json::{Value, json};

use super::say;
use crate::cli::Explain;
use crate::emit::GRANTS;
use crate::failure::Failure;
use crate::target::{self, Spelling, Version};
use crate::tree::Tree;
use crate::verdict::{Decider, Evaluator, Kind, Outcome, Question, Session, Verdict, Word};

/// The answer is a refusal.
const NO: u8 = 1;
/// Somebody must authenticate.
const AUTHENTICATE: u8 = 4;
/// It cannot be known.
const DEPENDS: u8 = 5;
/// As many groups are offered.
const GROUPS_MAX: usize = 5;

/// Explains one verdict, or answers a batch.
///
/// # Errors
/// What is needed cannot be read, or the user does not exist.
pub async fn run(options: &Explain) -> Result<u8, Failure> {
    let tree = Tree::open(options.root.as_deref())?;
    let target = match &options.target {
        Some(Spelling::Host) | None => target::default_for(options.root.as_deref()),
        Some(spelling) => spelling.clone(),
    };
    let target = target::resolve(&target).await?;
    let names = if tree.is_host() {
        Names::Host
    } else {
        Names::of_root(tree.path()).map_err(|error| Failure::Unreachable(error.to_string()))?
    };
    let mut evaluator = Evaluator::open(&tree, names, target)?;
    if let Some(path) = &options.batch {
        return batch::run(&mut evaluator, path);
    }
    let question = Question {
        user: options.user.clone().unwrap_or_default(),
        groups: (!options.group.is_empty()).then(|| options.group.clone()),
        action: options.action.clone().unwrap_or_default(),
        session: options.session,
        details: options.detail.iter().cloned().collect(),
        ..Question::default()
    };
    let verdict = evaluator.verdict(&question)?;
    let suggestions = suggestions(&mut evaluator, &tree, &question, &verdict)?;
    if options.json {
        let mut object = json!(Brief::from(&verdict));
        if let Value::Object(object) = &mut object {
            object.insert("steps".to_owned(), steps(&verdict));
            object.insert("passed_over".to_owned(), passed_over(&evaluator));
            object.insert("never_reached".to_owned(), json!(evaluator.never_reached(&verdict)));
            let all = suggestions.iter().map(|suggestion| {
                json!({ "change": suggestion.change, "command": suggestion.command, "because": suggestion.because })
            });
            object.insert("suggestions".to_owned(), all.collect());
            object.insert("polkit".to_owned(), json!(evaluator.target().version.to_string()));
        }
        say(&object.to_string());
    } else {
        say(text(&evaluator, &question, &verdict, &suggestions, std::io::stdout().is_terminal()).trim_end());
    }
    Ok(code(verdict.outcome))
}

fn code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Word(Word::Yes) => super::DONE,
        Outcome::Word(Word::No) | Outcome::Unregistered => NO,
        Outcome::Word(_) => AUTHENTICATE,
        Outcome::Depends => DEPENDS,
    }
}

/// What the answers of a batch hold.
#[derive(Serialize)]
struct Brief<'a> {
    verdict: &'a str,
    decided_by: Option<DecidedBy<'a>>,
    depends_on: &'a [String],
    ends_polkitd: Option<&'a str>,
}

#[derive(Serialize)]
struct DecidedBy<'a> {
    kind: &'a str,
    file: Option<&'a str>,
    line: Option<usize>,
    by_action: Option<&'a str>,
}

impl<'a> From<&'a Verdict> for Brief<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        Self {
            verdict: verdict.outcome.text(),
            decided_by: verdict.decided_by.as_ref().map(|decider| DecidedBy {
                kind: decider.kind.text(),
                file: decider.file.as_deref(),
                line: decider.line,
                by_action: decider.by_action.as_deref(),
            }),
            depends_on: &verdict.depends_on,
            ends_polkitd: verdict.ends_polkitd.as_deref(),
        }
    }
}

fn steps(verdict: &Verdict) -> Value {
    let step =
        |step: &crate::verdict::Step| json!({ "by": step.by, "says": step.says, "file": step.file, "line": step.line });
    verdict.steps.iter().map(step).collect()
}

fn passed_over(evaluator: &Evaluator) -> Value {
    evaluator
        .passed_over()
        .iter()
        .map(|file| json!({ "file": file.file, "line": file.line, "why": file.why }))
        .collect()
}

/// A change that would turn the answer into a yes.
struct Suggestion {
    change: String,
    command: Option<String>,
    because: Option<String>,
}

fn suggestions(
    evaluator: &mut Evaluator,
    tree: &Tree,
    question: &Question,
    verdict: &Verdict,
) -> Result<Vec<Suggestion>, Failure> {
    let mut suggestions = Vec::new();
    if matches!(verdict.outcome, Outcome::Word(Word::Yes) | Outcome::Unregistered | Outcome::Depends) {
        return Ok(suggestions);
    }
    let user = escape(&question.user);
    let yes = Outcome::Word(Word::Yes);
    let has = evaluator.groups(question)?;
    let text = tree.read_text("etc/group").unwrap_or_default();
    let others: BTreeSet<&str> = text.lines().filter_map(|line| line.split(':').next()).collect();
    let others: Vec<&str> =
        others.into_iter().filter(|group| !group.is_empty() && !has.iter().any(|has| has == group)).collect();
    let with =
        |group: &&str| Question { groups: Some([&has[..], &[(*group).to_owned()]].concat()), ..question.clone() };
    let asked: Vec<Question> = others.iter().map(with).collect();
    for (group, verdict) in others.iter().zip(evaluator.verdicts(&asked)?) {
        if verdict.outcome == yes && suggestions.len() < GROUPS_MAX {
            let group = escape(group);
            suggestions.push(Suggestion {
                change: format!("make {user} a member of the group {group}"),
                command: Some(format!("usermod -aG {group} {user}")),
                because: verdict.decided_by.as_ref().and_then(place),
            });
        }
    }
    for session in Session::ALL.into_iter().filter(|session| *session != question.session) {
        let other = evaluator.verdict(&Question { session, ..question.clone() })?;
        if other.outcome == yes {
            suggestions.push(Suggestion {
                change: format!("ask {}", in_session(session)),
                command: None,
                because: other.decided_by.as_ref().and_then(place),
            });
        }
    }
    let first = verdict.decided_by.as_ref().filter(|decider| decider.kind == Kind::Rule).and_then(|decider| {
        let file = decider.file.as_deref()?;
        let name = file.rsplit('/').next()?;
        (name < GRANTS).then(|| place(decider)).flatten()
    });
    suggestions.push(match first {
        Some(place) => Suggestion {
            change: "change the rule that answers, which comes before any that polkit-policy-gen writes".to_owned(),
            command: None,
            because: Some(place),
        },
        None => Suggestion {
            change: format!("add a rule for {user}, to {}", rules_place(evaluator.target().version)),
            command: Some(format!(
                "polkit-policy-gen generate --user {user} --action {} --result yes",
                escape(&question.action)
            )),
            because: None,
        },
    });
    Ok(suggestions)
}

fn rules_place(version: Version) -> &'static str {
    if version < Version::RULES { "/etc/polkit-1/localauthority" } else { "/etc/polkit-1/rules.d" }
}

fn place(decider: &Decider) -> Option<String> {
    let file = decider.file.as_deref()?;
    Some(decider.line.map_or_else(|| escape(file), |line| format!("{}:{line}", escape(file))))
}

fn in_session(session: Session) -> &'static str {
    match session {
        Session::None => "without a session",
        Session::Remote => "in a session without a seat, as by ssh",
        Session::Inactive => "in a session at a seat, in the background",
        Session::Active => "in the active session at a seat",
    }
}

fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Word(Word::Yes) => "allowed",
        Outcome::Word(Word::No) => "refused",
        Outcome::Word(Word::AuthSelf | Word::AuthSelfKeep) => {
            "the user must authenticate; refused where no agent is registered for it, as for a service"
        }
        Outcome::Word(Word::AuthAdmin | Word::AuthAdminKeep) => {
            "an administrator must authenticate; refused where no agent is registered for the user, as for a service"
        }
        Outcome::Unregistered => "an error: no .policy file that this polkit reads has the action",
        Outcome::Depends => "it cannot be known here",
    }
}

fn text(
    evaluator: &Evaluator,
    question: &Question,
    verdict: &Verdict,
    suggestions: &[Suggestion],
    colour: bool,
) -> String {
    let bold = |text: &str| if colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut out = format!("{}  {}\n", bold(verdict.outcome.text()), meaning(verdict.outcome));
    out.push_str(&format!(
        "  {} for {} {}\n",
        escape(&question.action),
        escape(&question.user),
        in_session(question.session)
    ));
    if let Some(decider) = &verdict.decided_by {
        let what = match decider.kind {
            Kind::Rule => "a rule",
            Kind::Pkla => "a pkla entry",
            Kind::Implicit => "the action's own defaults",
            Kind::Root => "the user being root",
        };
        let by = decider
            .by_action
            .as_ref()
            .map_or_else(String::new, |action| format!(" for {}, which implies it", escape(action)));
        let place = place(decider).map_or_else(String::new, |place| format!(": {place}"));
        out.push_str(&format!("  decided by {what}{by}{place}\n"));
    }
    if let Some(why) = &verdict.ends_polkitd {
        out.push_str(&format!("  polkitd itself ends, for everybody on the host: {}\n", escape(why)));
    }
    let mut part = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            out.push_str(&format!("\n{}\n", bold(title)));
            lines.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
        }
    };
    part("It depends on", verdict.depends_on.iter().map(|what| escape(what)).collect());
    let step = |step: &crate::verdict::Step| {
        let file = step.file.as_ref().map_or_else(String::new, |file| match step.line {
            Some(line) => format!("  {}:{line}", escape(file)),
            None => format!("  {}", escape(file)),
        });
        format!("{:<10}{}{file}", escape(&step.by), escape(&step.says))
    };
    part(&format!("How polkit {} gets there", evaluator.target().version), verdict.steps.iter().map(step).collect());
    part("Never reached", evaluator.never_reached(verdict).into_iter().map(escape).collect());
    let over = evaluator.passed_over().iter().map(|over| match over.line {
        Some(line) => format!("{}:{line}: {}", escape(&over.file), escape(&over.why)),
        None => format!("{}: {}", escape(&over.file), escape(&over.why)),
    });
    part("Not read", over.collect());
    let suggestion = |suggestion: &Suggestion| {
        let because = suggestion.because.as_ref().map_or_else(String::new, |because| format!(" ({because})"));
        let command = suggestion.command.as_ref().map_or_else(String::new, |command| format!("\n    {command}"));
        format!("{}{because}{command}", suggestion.change)
    };
    part("What would make it a yes", suggestions.iter().map(suggestion).collect());
    out
}
