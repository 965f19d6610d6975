//! The subcommand `trace`: watches what polkitd is asked, and writes the narrowest policy that allows what it refused.

mod evaluate;
mod show;
mod watcher;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use polkit_dbus::{AuthorityError, CheckMonitor, Watched};
use tokio::signal::unix::{SignalKind, signal};

use super::doctor::{agreed, apply};
use super::{DONE, eprint, mechanisms, print};
use crate::actions::of_tree;
use crate::cli::Trace;
use crate::doctor::fixes::{Fix, Step};
use crate::doctor::look::is_dynamic;
use crate::doctor::report::{safe, safe_lines};
use crate::failure::Failure;
use crate::target::{self, Spelling, Target};
use crate::trace::grants::{Limits, Narrowest, narrowest};
use crate::trace::log::Log;
use crate::trace::owners::{OWNER, Owners};
use crate::trace::policy;
use crate::trace::request::{Reply, Request, Unnamed};
use crate::tree::Tree;
use evaluate::Evaluation;
use watcher::Watcher;

/// The folder of the policy files.
const FOLDER: &str = "/etc/polkit-policy-gen/policy.d";
/// Length limit of the name of a written file, without its suffix.
const NAME_MAX: usize = 120;

/// The highest priority of setpriority(2).
const HIGHEST: i32 = -20;

/// A raised priority, until it is dropped. A client can end as soon as it has polkit's refusal: with the usual priority a busy machine
/// reads it too late more often. Programs that are started later have the usual priority again.
struct Priority(i32);

impl Priority {
    fn raise() -> Self {
        let before = rustix::process::getpriority_process(None).unwrap_or_default();
        // Without the right to do this the trace works as well.
        let _ = rustix::process::setpriority_process(None, HIGHEST);
        Self(before)
    }
}

impl Drop for Priority {
    fn drop(&mut self) {
        let _ = rustix::process::setpriority_process(None, self.0);
    }
}

/// What a trace says in the end.
struct Learned {
    log: Log,
    seconds: u64,
    found: Narrowest,
    evaluation: Result<Evaluation, String>,
    fix: Fix,
}

/// Watches polkitd until the time is over or the user interrupts, and prints the policy.
///
/// # Errors
/// There is no bus or no polkitd, the bus does not allow it, or `--apply` refuses.
pub async fn run(options: &Trace) -> Result<u8, Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::Refused("run this as root: the bus shows requests to polkitd only to root".to_owned()));
    }
    let tree = Tree::open(None)?;
    mechanisms::load(&tree);
    let target = target::resolve(&Spelling::Host).await?;
    let started = std::time::Instant::now();
    let actions = of_tree(&tree, Some(target.version))
        .map_err(|error| Failure::Unreachable(format!("cannot read the registered actions: {error}")))?;
    let owners = actions
        .actions
        .iter()
        .filter_map(|declared| Some((declared.action.id.as_str(), declared.action.annotations.get(OWNER)?.as_str())));
    let owners = Owners::of(owners);
    let log = {
        let _priority = Priority::raise();
        watch(options, target, owners).await?
    };
    let learned = learn(log, started.elapsed(), options, target);
    if options.json {
        print(&format!("{:#}", show::as_json(&learned)));
    } else if !options.apply || learned.found.grants.is_empty() {
        print(show::policy_text(&learned).trim_end());
    }
    eprint(&show::summary(&learned));
    if options.apply { apply(&learned, options).await } else { Ok(DONE) }
}

/// Watches polkitd. A request counts when polkitd replies.
async fn watch(options: &Trace, target: Target, owners: Owners) -> Result<Log, Failure> {
    let unreachable = |error: AuthorityError| Failure::Unreachable(format!("cannot watch the system bus: {error}"));
    let questions = polkit_dbus::connect().await.map_err(unreachable)?;
    let monitor = polkit_dbus::connect().await.map_err(unreachable)?;
    let mut monitor = CheckMonitor::new(monitor).await.map_err(unreachable)?;
    let mut watcher = Watcher::new(questions, target.version, owners);
    let signals =
        |kind| signal(kind).map_err(|error| Failure::Unreachable(format!("cannot wait for signals: {error}")));
    let (mut interrupt, mut terminate) = (signals(SignalKind::interrupt())?, signals(SignalKind::terminate())?);
    let end = tokio::time::sleep(options.length);
    tokio::pin!(end);
    eprint(&show::beginning(options));
    let mut log = Log::default();
    loop {
        let watched = tokio::select! {
            biased;
            () = &mut end => return Ok(log),
            _ = interrupt.recv() => return Ok(log),
            _ = terminate.recv() => return Ok(log),
            watched = monitor.next() => watched,
        };
        match watched {
            Ok(Watched::Connected(name)) => watcher.connected(name).await,
            Ok(Watched::Disconnected(name)) => watcher.disconnected(&name),
            Ok(Watched::Check(check)) => {
                let id = check.id.clone();
                let request = watcher.request(check).await;
                if is_wanted(options, &request) {
                    log.asked(id, request);
                }
            }
            Ok(Watched::Reply(reply)) => {
                let answer = Reply::of(&reply.result);
                if let Some((request, count)) = log.replied(&reply.id, answer)
                    && show::is_shown(count)
                {
                    let line = show::live(request, answer, count);
                    // If standard error is closed, the trace goes on.
                    let _ = std::io::stderr().write_all(line.as_bytes());
                }
            }
            Err(error) => {
                eprint(&format!("the trace ends early: {error}"));
                return Ok(log);
            }
        }
    }
}

/// Whether the options ask for this request.
fn is_wanted(options: &Trace, request: &Request) -> bool {
    let subject = &request.subject;
    let unit =
        |name: &String| subject.unit.as_deref().is_some_and(|unit| unit == name || unit == format!("{name}.service"));
    let user = |name: &String| subject.user == *name || subject.uid.is_some_and(|uid| uid.to_string() == *name);
    // The unit of a process that has ended is not known, and perhaps not even its user.
    let has_ended = subject.unnamed == Some(Unnamed::Ended);
    options.unit.as_ref().is_none_or(|name| has_ended || unit(name))
        && options.user.as_ref().is_none_or(|name| has_ended && subject.uid.is_none() || user(name))
        && options.action.as_ref().is_none_or(|pattern| pattern.covers(&request.action))
}

/// Makes the policy of a trace.
fn learn(log: Log, time: Duration, options: &Trace, target: Target) -> Learned {
    let units: BTreeSet<&String> = log.refused().filter_map(|request| request.subject.unit.as_ref()).collect();
    let dynamic: BTreeSet<String> = units.into_iter().filter(|unit| is_dynamic(unit)).cloned().collect();
    let format = target.format(None);
    let limits = format.as_ref().map(|format| Limits { version: target.version, format: *format });
    let found = limits.map(|limits| narrowest(log.refused(), limits, &dynamic)).unwrap_or_default();
    let mut fix = fix(options, &found, &[]);
    let evaluation = match format {
        Ok(_) if found.grants.is_empty() => Ok(Evaluation::default()),
        Ok(_) => evaluate::evaluate(&fix, &found.granted, &dynamic, target),
        Err(failure) => Err(failure.to_string()),
    };
    if let Ok(evaluation) = &evaluation {
        fix = self::fix(options, &found, &evaluation.cases);
    }
    Learned { log, seconds: time.as_secs(), found, evaluation, fix }
}

/// The fix that installs the policy.
fn fix(options: &Trace, found: &Narrowest, cases: &[(String, String)]) -> Fix {
    let of = options.unit.as_deref().or(options.user.as_deref()).unwrap_or("host");
    let slug = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let stem: String = format!("50-trace-{of}").chars().map(slug).take(NAME_MAX).collect();
    let path = free(&stem, |path| Path::new(path).symlink_metadata().is_ok());
    let head = [
        "Written by polkit-policy-gen trace: what polkitd refused while it was watched.".to_owned(),
        "A mechanism may ask for further actions when these are allowed: then trace again.".to_owned(),
    ];
    let text = policy::file(&head, &found.grants, &found.left_out, cases);
    Fix {
        id: "trace",
        grants: "what was refused".to_owned(),
        undo: vec![format!("rm {path}"), "polkit-policy-gen install || polkit-policy-gen remove".to_owned()],
        steps: vec![Step::Write { path, text }, Step::Install],
        ..Fix::default()
    }
}

/// Returns the first path that is free: the policy of an earlier trace stays.
fn free(stem: &str, exists: impl Fn(&str) -> bool) -> String {
    let first = format!("{FOLDER}/{stem}.toml");
    let numbered = || (2..u32::MAX).map(|number| format!("{FOLDER}/{stem}-{number}.toml"));
    if exists(&first) { numbered().find(|path| !exists(path)).unwrap_or(first) } else { first }
}

/// Installs the policy, if it grants what was seen and nothing else.
async fn apply(learned: &Learned, options: &Trace) -> Result<u8, Failure> {
    let refused = |why: &str| Err(Failure::Refused(format!("{}. Nothing was changed", safe(why))));
    if learned.found.grants.is_empty() {
        print("nothing to apply: no grant is needed or possible");
        return Ok(DONE);
    }
    match &learned.evaluation {
        Err(why) => return refused(&format!("the policy cannot be evaluated: {why}")),
        Ok(evaluation) if !evaluation.faults.is_empty() => {
            return refused(&format!(
                "the policy would not grant exactly what was seen: {}",
                evaluation.faults.join("; ")
            ));
        }
        Ok(_) => {}
    }
    print(safe_lines(&apply::diff(&learned.fix)?).trim_end());
    if !options.yes && !agreed("Apply these changes?")? {
        return refused("not confirmed");
    }
    apply::apply(&learned.fix).await?;
    let undo: Vec<String> = learned.fix.undo.iter().map(|line| safe(line)).collect();
    print(&format!("applied. To undo: {}", undo.join("; ")));
    Ok(DONE)
}

#[cfg(test)]
#[path = "trace/tests.rs"]
mod tests;
