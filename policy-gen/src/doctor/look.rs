//! Collects the facts: reads files, runs programs and queries services. Nothing here changes the host.

mod accounts;
mod agent;
mod client;
mod files;
mod journal;
mod libvirt;
mod policy;
mod polkitd;
mod run;
mod subject;

use polkit_config::names::Names;

use super::error::{self, Class};
use super::facts::{Facts, Polkitd};
use crate::failure::Failure;
use crate::install::units::has_systemd;
use crate::libvirt::MANAGE;
use crate::target::{self, Spelling};
use crate::tree::Tree;
use crate::verdict::Evaluator;

pub use run::run as run_program;

/// What to examine.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// The user.
    pub user: Option<String>,
    /// The unit.
    pub unit: Option<String>,
    /// The process.
    pub pid: Option<u32>,
    /// The action.
    pub action: Option<String>,
    /// The error text.
    pub error: Option<String>,
}

/// Returns the action to examine: the requested one, the one in the error text, or that of the socket in the error text.
fn action_of(examination: &Examination, facts: &Facts) -> Option<String> {
    let reported = facts.reported.as_ref();
    let of_socket = || {
        let socket = reported?.socket.as_deref()?;
        Some(if socket.ends_with("-ro") { "org.libvirt.unix.monitor" } else { MANAGE }.to_owned())
    };
    let named = examination.action.clone().or_else(|| reported.and_then(|reported| reported.action.clone()));
    let acl = reported.is_some_and(|reported| reported.class == Class::AclRefused);
    let of_libvirt =
        || (facts.subject.is_some() && !facts.libvirt.daemons.is_empty() && !acl).then(|| MANAGE.to_owned());
    named.or_else(of_socket).or_else(of_libvirt)
}

/// Collects all facts.
///
/// # Errors
/// [`Failure::Unreachable`] if the requested user, unit or process does not exist.
pub async fn gather(examination: &Examination) -> Result<Facts, Failure> {
    let tree = Tree::open(None)?;
    let names = Names::Host;
    let is_root = rustix::process::geteuid().is_root();
    let mut facts = Facts { is_root, has_systemd: has_systemd(), container: files::container(), ..Facts::default() };
    if let Some(text) = &examination.error {
        facts.reported = error::first(text);
        facts.bad_advice = error::bad_advice(text).into_iter().map(str::to_owned).collect();
        if facts.reported.is_none() {
            facts.unseen.push("the error: the text contains no known error of polkit or libvirt; if it is translated, repeat the command with LC_ALL=C".to_owned());
        }
    }
    polkitd::look(&mut facts).await;
    libvirt::look(&tree, &mut facts);
    facts.subject = subject::find(examination, &names, &tree, &mut facts)?;
    let spelling = match facts.polkitd {
        Polkitd::Answers { .. } => Spelling::Host,
        _ => Spelling::Root("/".into()),
    };
    let target = target::resolve(&spelling).await.ok();
    facts.target = target;
    let action = action_of(examination, &facts);
    files::strays(&tree, target, action.as_deref(), &mut facts);
    files::hidepid(&names, &mut facts);
    journal::look(&mut facts);
    agent::look(&mut facts, action.as_deref());
    if !is_root {
        facts
            .unseen
            .push("what only root may read: rules directories, processes of other users, the journal".to_owned());
    }
    let Some(target) = target else {
        facts.unseen.push("the rules: the version of polkit is unknown".to_owned());
        return Ok(facts);
    };
    let mut evaluator = match Evaluator::open(&tree, names.clone(), target) {
        Ok(evaluator) => evaluator,
        Err(failure) => {
            facts.unseen.push(format!("the rules: {failure}"));
            return Ok(facts);
        }
    };
    facts.skipped = evaluator.skipped().to_vec();
    policy::look(&mut evaluator, &tree, action, &mut facts).await;
    files::edited(&tree, &mut facts);
    Ok(facts)
}
