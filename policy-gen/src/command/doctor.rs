//! The subcommand `doctor`.

pub(super) mod apply;
pub(super) mod evaluate;
mod input;
mod repair;

use std::io::{BufRead as _, IsTerminal as _};
use std::time::{Duration, Instant};

use super::{eprint, mechanisms, print};
use crate::cli::Doctor;
use crate::doctor::diagnose::{Finding, diagnose};
use crate::doctor::facts::Facts;
use crate::doctor::fixes::{Fix, writes_a_file};
use crate::doctor::look::{self, Examination};
use crate::doctor::report::{self, Style, safe, safe_lines};
use crate::failure::Failure;
use crate::tree::Tree;

/// Exit code: a problem was found.
const WRONG: u8 = 1;
/// Exit code: the check was not possible.
const UNSEEN: u8 = 3;
/// Time limit for polkitd and the daemons to notice a change.
const SETTLE: Duration = Duration::from_secs(4);

/// Reports problems, or applies a fix.
///
/// # Errors
/// The user, unit or process does not exist; the fix does not exist or failed.
pub async fn run(options: &Doctor) -> Result<u8, Failure> {
    let examination = Examination {
        user: options.user.clone(),
        unit: options.unit.clone(),
        pid: options.pid,
        action: options.action.clone(),
        details: options.detail.iter().cloned().collect(),
        error: options.error.as_deref().map(error_text).transpose()?,
    };
    mechanisms::load(&Tree::open(None)?);
    let facts = look::gather(&examination).await?;
    let mut findings = diagnose(&facts);
    evaluate::fixes(&mut findings, &facts).await;
    if let Some(id) = &options.fix {
        return fix(&examination, &facts, &findings, id, options.yes).await;
    }
    if options.json {
        print(&report::json(&findings, &facts).to_string());
    } else {
        print(report::text(&findings, &facts, Style::of_stdout()).trim_end());
    }
    Ok(code(&findings, &facts))
}

fn code(findings: &[Finding], facts: &Facts) -> u8 {
    let unknown =
        facts.answer.as_ref().map_or(facts.subject.is_some() && facts.target.is_none(), |answer| answer.is_unknown());
    match findings.is_empty() {
        false => WRONG,
        true if unknown || facts.lacks_rights() => UNSEEN,
        true => super::DONE,
    }
}

fn error_text(argument: &str) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    input::read(std::io::stdin().lock())
        .map_err(|error| Failure::Unreachable(format!("cannot read standard input: {error}")))
}

async fn fix(
    examination: &Examination,
    before: &Facts,
    findings: &[Finding],
    id: &str,
    yes: bool,
) -> Result<u8, Failure> {
    let was_allowed = before.answer.as_ref().is_some_and(|answer| answer.is_yes());
    let named = findings.iter().find_map(|finding| Some((finding, finding.fixes.iter().find(|fix| fix.id == id)?)));
    let Some((finding, fix)) = named else { return Err(no_such(findings, id)) };
    if fix.manual {
        return Err(Failure::Refused(format!(
            "`{id}` must be done by hand; nothing was changed: {}\n{}",
            safe(&fix.grants),
            fix.commands.iter().map(|line| safe_lines(line)).collect::<Vec<_>>().join("\n")
        )));
    }
    show(finding, fix)?;
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::Refused("run this as root: nothing was changed".to_owned()));
    }
    if !yes && !agreed("Apply this fix?")? {
        return Err(Failure::Refused("nothing was changed".to_owned()));
    }
    apply::apply(fix).await?;
    let (after, facts) = look_again(examination, finding.code, was_allowed).await?;
    if after.is_empty() {
        print(&format!("fixed: {} is gone, and no other problem was found", finding.code));
    } else {
        let gone = !after.iter().any(|other| other.code == finding.code && other.cause == finding.cause);
        let word = if gone { "is gone, but another problem was found:" } else { "remains:" };
        print(&format!("{} {word}\n", finding.code));
        print(report::text(&after, &facts, Style::of_stdout()).trim_end());
    }
    Ok(code(&after, &facts))
}

fn no_such(findings: &[Finding], id: &str) -> Failure {
    if findings.is_empty() {
        return Failure::Refused(format!("no problem was found, so there is no fix `{}`", safe(id)));
    }
    let ids: Vec<&str> = findings.iter().flat_map(|finding| &finding.fixes).map(|fix| fix.id).collect();
    Failure::Usage(format!("unknown fix `{}` (the fixes are: {})", safe(id), ids.join(", ")))
}

fn show(finding: &Finding, fix: &Fix) -> Result<(), Failure> {
    print(&head(finding, fix));
    let diff = apply::diff(fix)?;
    print(safe_lines(&diff).trim_end());
    fix.commands.iter().filter(|command| !writes_a_file(command)).for_each(|command| print(&safe_lines(command)));
    if let Some(expected) = &fix.expected {
        print(&format!("With it, polkit's decision is {}.", safe(expected)));
    }
    if !fix.undo.is_empty() {
        print(&format!("to undo: {}", fix.undo.iter().map(|line| safe(line)).collect::<Vec<_>>().join("; ")));
    }
    Ok(())
}

/// Returns the problem, and what the fix grants.
fn head(finding: &Finding, fix: &Fix) -> String {
    let root = if fix.root_equivalent { " This is equivalent to root access." } else { "" };
    format!("{}: {}\n{} grants {}.{root}\n", finding.code, safe(&finding.cause), fix.id, safe(&fix.grants))
}

/// Asks for confirmation on the terminal.
pub(super) fn agreed(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::Refused(
            "cannot ask for confirmation without a terminal: use --yes. Nothing was changed".to_owned(),
        ));
    }
    eprint(&format!("{question} [y/N]"));
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::Unreachable(format!("cannot read the answer: {error}")))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// Repeats the examination until the problem is gone, or until the time limit.
async fn look_again(
    examination: &Examination,
    code: &str,
    was_allowed: bool,
) -> Result<(Vec<Finding>, Facts), Failure> {
    let deadline = Instant::now() + SETTLE;
    loop {
        let facts = look::gather(examination).await?;
        let findings = diagnose(&facts);
        // polkitd reads new files after a delay. A rule that does not compile remains a finding even if another rule allows the request.
        let has = |code: &str| findings.iter().any(|finding| finding.code == code);
        let allowed = facts.answer.as_ref().is_some_and(|answer| answer.is_yes());
        let settled = !has("polkitd-not-reloaded") && (!has(code) || (allowed && !was_allowed));
        if settled || Instant::now() > deadline {
            return Ok((findings, facts));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::facts::Subject;
    use crate::doctor::fixes::manual;
    use crate::target::{JavaScript, Pkla, Target, Version};

    fn finding(fixes: &[&'static str]) -> Finding {
        let fixes = fixes.iter().map(|id| manual(id, &[], "")).collect();
        Finding { fixes, ..Finding::default() }
    }

    #[test]
    fn the_exit_code_tells_a_problem_from_an_examination_that_was_not_possible() {
        let target = Target { version: Version(126), pkla: Pkla::No, javascript: JavaScript::Duktape };
        let facts = |is_root, has_subject: bool, target| Facts {
            is_root,
            subject: has_subject.then(Subject::default),
            target,
            ..Facts::default()
        };
        assert_eq!(code(&[finding(&[])], &facts(false, true, None)), WRONG);
        for (is_root, has_subject, target, expected) in [
            (true, false, None, crate::command::DONE),
            (true, true, Some(target), crate::command::DONE),
            (true, true, None, UNSEEN),
            (false, false, Some(target), UNSEEN),
        ] {
            assert_eq!(code(&[], &facts(is_root, has_subject, target)), expected, "{is_root} {has_subject} {target:?}");
        }
    }

    #[test]
    fn an_unknown_fix_is_answered_with_the_known_ones() {
        let message = |findings: &[Finding]| no_such(findings, "x").to_string();
        assert_eq!(message(&[]), "no problem was found, so there is no fix `x`");
        let findings = [finding(&["a", "b"]), finding(&[]), finding(&["c"])];
        assert_eq!(message(&findings), "unknown fix `x` (the fixes are: a, b, c)");
    }

    #[test]
    fn a_fix_is_shown_with_its_problem_and_with_what_it_grants() {
        let finding = Finding { code: "no-agent", cause: "there is no agent".to_owned(), ..Finding::default() };
        let of = |root_equivalent| {
            head(&finding, &Fix { id: "grant-user", grants: "bob all".to_owned(), root_equivalent, ..Fix::default() })
        };
        assert_eq!(of(false), "no-agent: there is no agent\ngrant-user grants bob all.\n");
        assert_eq!(
            of(true),
            "no-agent: there is no agent\ngrant-user grants bob all. This is equivalent to root access.\n"
        );
    }

    #[test]
    fn an_error_text_that_is_given_is_used_as_it_is() {
        assert_eq!(error_text(" a\n").unwrap(), " a\n");
    }
}
