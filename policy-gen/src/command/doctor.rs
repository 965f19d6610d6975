//! `doctor`

mod apply;

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::time::{Duration, Instant};

use super::{say, say_aside};
use crate::cli::Doctor;
use crate::doctor::diagnose::{Finding, diagnose};
use crate::doctor::facts::Facts;
use crate::doctor::fixes::Fix;
use crate::doctor::look::{self, Request};
use crate::doctor::report::{self, safe, safe_lines};
use crate::failure::Failure;

/// Something is wrong.
const WRONG: u8 = 1;
/// It could not be looked at.
const UNSEEN: u8 = 3;
/// As much of a pasted text is read, in bytes.
const TEXT_MAX: u64 = 4 << 20;
/// How long polkitd and the daemons may take to notice what was changed.
const SETTLE: Duration = Duration::from_secs(4);

/// Says what is wrong, or puts one thing right.
///
/// # Errors
/// Who or what is asked about does not exist; the fix is not to be had, or failed.
pub async fn run(options: &Doctor) -> Result<u8, Failure> {
    let request = Request {
        user: options.user.clone(),
        unit: options.unit.clone(),
        pid: options.pid,
        action: options.action.clone(),
        error: options.error.as_deref().map(error_text).transpose()?,
    };
    let facts = look::gather(&request).await?;
    let findings = diagnose(&facts);
    if let Some(id) = &options.fix {
        return fix(&request, &facts, &findings, id, options.yes).await;
    }
    if options.json {
        say(&report::json(&findings, &facts).to_string());
    } else {
        say(report::text(&findings, &facts, std::io::stdout().is_terminal()).trim_end());
    }
    Ok(code(&findings, &facts))
}

fn code(findings: &[Finding], facts: &Facts) -> u8 {
    let unknown =
        facts.answer.as_ref().map_or(facts.subject.is_some() && facts.target.is_none(), |answer| answer.is_unknown());
    match findings.is_empty() {
        false => WRONG,
        true if unknown => UNSEEN,
        true => super::DONE,
    }
}

fn error_text(argument: &str) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(TEXT_MAX).read_to_end(&mut bytes);
    read.map_err(|error| Failure::Unreachable(format!("cannot read standard input: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn fix(request: &Request, before: &Facts, findings: &[Finding], id: &str, yes: bool) -> Result<u8, Failure> {
    let was_allowed = before.answer.as_ref().is_some_and(|answer| answer.is_yes());
    let named = findings.iter().find_map(|finding| Some((finding, finding.fixes.iter().find(|fix| fix.id == id)?)));
    let Some((finding, fix)) = named else { return Err(no_such(findings, id)) };
    if fix.manual {
        return Err(Failure::Refused(format!(
            "`{id}` is a person's to do, and was not done: {}\n{}",
            safe(&fix.grants),
            fix.commands.iter().map(|line| safe_lines(line)).collect::<Vec<_>>().join("\n")
        )));
    }
    show(finding, fix)?;
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::Refused("run this as root: nothing was changed".to_owned()));
    }
    if !yes && !agreed()? {
        return Err(Failure::Refused("nothing was changed".to_owned()));
    }
    apply::apply(fix).await?;
    let (after, facts) = look_again(request, finding.code, was_allowed).await?;
    if after.is_empty() {
        say(&format!("fixed: {} is gone, and nothing else is wrong", finding.code));
    } else {
        let gone = !after.iter().any(|other| other.code == finding.code && other.cause == finding.cause);
        let word = if gone { "is gone; there is more:" } else { "is still there:" };
        say(&format!("{} {word}\n", finding.code));
        say(report::text(&after, &facts, std::io::stdout().is_terminal()).trim_end());
    }
    Ok(code(&after, &facts))
}

fn no_such(findings: &[Finding], id: &str) -> Failure {
    if findings.is_empty() {
        return Failure::Refused(format!("nothing is wrong, so there is no fix `{}`", safe(id)));
    }
    let ids: Vec<&str> = findings.iter().flat_map(|finding| &finding.fixes).map(|fix| fix.id).collect();
    Failure::Usage(format!("there is no fix `{}` for what was found; there are: {}", safe(id), ids.join(", ")))
}

fn show(finding: &Finding, fix: &Fix) -> Result<(), Failure> {
    let root = if fix.root_equivalent { " This is as good as root." } else { "" };
    say(&format!("{}: {}\n{} grants {}.{root}\n", finding.code, safe(&finding.cause), fix.id, safe(&fix.grants)));
    let diff = apply::diff(fix)?;
    say(safe_lines(&diff).trim_end());
    fix.commands.iter().for_each(|command| say(&safe_lines(command)));
    if !fix.undo.is_empty() {
        say(&format!("to undo it: {}", fix.undo.iter().map(|line| safe(line)).collect::<Vec<_>>().join("; ")));
    }
    Ok(())
}

fn agreed() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::Refused(
            "there is no terminal to ask at: say --yes to have it done. Nothing was changed".to_owned(),
        ));
    }
    say_aside("Do this? [y/N]");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::Unreachable(format!("cannot read the answer: {error}")))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// Looks until what was put right is gone, or the time is over.
async fn look_again(request: &Request, code: &str, was_allowed: bool) -> Result<(Vec<Finding>, Facts), Failure> {
    let deadline = Instant::now() + SETTLE;
    loop {
        let facts = look::gather(request).await?;
        let findings = diagnose(&facts);
        // polkitd reads new files a moment after they are there. What does not compile is still there when its grant is had otherwise.
        let has = |code: &str| findings.iter().any(|finding| finding.code == code);
        let allowed = facts.answer.as_ref().is_some_and(|answer| answer.is_yes());
        let settled = !has("polkitd-not-reloaded") && (!has(code) || (allowed && !was_allowed));
        if settled || Instant::now() > deadline {
            return Ok((findings, facts));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
