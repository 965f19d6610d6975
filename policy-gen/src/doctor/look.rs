//! Collects the facts: reads files, runs programs and queries services. Nothing here changes the host.

mod accounts;
mod agent;
mod bus;
mod client;
mod context;
mod files;
mod groups;
mod journal;
mod libvirt;
mod near;
mod policy;
mod polkitd;
mod process;
mod run;
mod subject;

use std::collections::{BTreeMap, BTreeSet};

use polkit_config::names::Names;

use super::error::{self, Class, speaks_of_libvirt};
use super::facts::{Facts, Polkitd};
use crate::check::known_actions::KnownActions;
use crate::check::subject_units::is_known;
use crate::failure::Failure;
use crate::implicit_authorization::Session;
use crate::install::units::has_systemd;
use crate::libvirt::MANAGE;
use crate::mechanisms;
use crate::target::{self, Spelling};
use crate::tree::Tree;
use crate::verdict::Evaluator;

pub use policy::STRANGER;
pub use process::{SeenProcess, seen_process};
pub use run::{errors_of, run as run_program};
pub use subject::{is_dynamic, no_new_privileges};

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
    /// The details of the request.
    pub details: BTreeMap<String, String>,
    /// The error text.
    pub error: Option<String>,
}

/// Returns the action to examine: the requested one, the one in the error text, or libvirt's, if the request is about libvirt.
fn action_of(examination: &Examination, facts: &Facts) -> Option<String> {
    let reported = facts.reported.as_ref();
    let named = examination.action.clone().or_else(|| reported.and_then(|reported| reported.action.clone()));
    let socket = reported.and_then(|reported| reported.socket.as_deref());
    let of_socket = || Some(if socket?.ends_with("-ro") { "org.libvirt.unix.monitor" } else { MANAGE }.to_owned());
    let unauthenticated = reported.is_some_and(|reported| reported.class == Class::NoAuthentication);
    let acl = reported.is_some_and(|reported| reported.class == Class::AclRefused);
    let of_libvirt = || {
        let is_known = facts.subject.is_some() && !facts.libvirt.daemons.is_empty();
        let wanted = unauthenticated || facts.about_libvirt && is_known && !acl;
        wanted.then(|| MANAGE.to_owned())
    };
    named.or_else(of_socket).or_else(of_libvirt)
}

/// Whether the request is about libvirt: the action, the text or the surroundings of the subject say so, or there is no sign of any
/// service.
fn is_about_libvirt(examination: &Examination, facts: &mut Facts, messages: &[String]) -> bool {
    let of_libvirt = |action: &String| action.starts_with("org.libvirt.");
    if let Some(action) = &examination.action {
        return of_libvirt(action);
    }
    if let Some(reported) = &facts.reported {
        return reported.of_libvirt;
    }
    if let Some(text) = &examination.error {
        return speaks_of_libvirt(text);
    }
    if examination.unit.is_none() && examination.pid.is_none() {
        return true;
    }
    let refused = || {
        let (times, _) = context::refusals_of_libvirt();
        (times > 0).then(|| "libvirtd refused a client in the last hour".to_owned())
    };
    let sign = facts.subject.as_ref().and_then(|subject| context::sign_of_libvirt(subject, messages).or_else(refused));
    facts.sign_of_libvirt = sign;
    facts.sign_of_libvirt.is_some()
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
    polkitd::look(&mut facts).await;
    let spelling = match facts.polkitd {
        Polkitd::Answers { .. } => Spelling::Host,
        _ => Spelling::Root("/".into()),
    };
    facts.target = target::resolve(&spelling).await.ok();
    let mut evaluator = match facts.target.map(|target| Evaluator::open(&tree, names.clone(), target)) {
        Some(Ok(evaluator)) => Some(evaluator),
        Some(Err(failure)) => {
            facts.unseen.push(format!("the rules: {failure}"));
            None
        }
        None => {
            facts.unseen.push("the rules: the version of polkit is unknown".to_owned());
            None
        }
    };
    let registered: BTreeSet<String> = evaluator.iter().flat_map(Evaluator::actions).map(str::to_owned).collect();
    let is_registered = |id: &str| registered.contains(id);
    if let Some(text) = &examination.error {
        facts.reported = error::first(text, &is_registered);
        facts.is_text_unknown = facts.reported.is_none();
        facts.bad_advice = error::bad_advice(text).into_iter().map(str::to_owned).collect();
    }
    facts.subject = subject::find(examination, &names, &tree, &mut facts)?;
    let unit = facts.subject.as_ref().and_then(|subject| subject.unit.clone());
    let messages = unit.as_deref().map(context::messages).unwrap_or_default();
    if examination.error.is_none() && examination.action.is_none() {
        facts.reported = context::newest_refusal(&messages, &is_registered);
        facts.reported_in = facts.reported.as_ref().and(unit).map(|unit| format!("the journal of {unit}"));
    }
    facts.about_libvirt = is_about_libvirt(examination, &mut facts, &messages);
    if facts.about_libvirt {
        libvirt::look(&tree, &mut facts);
    }
    let action = action_of(examination, &facts);
    facts.details = facts.reported.as_ref().map(|reported| reported.details.clone()).unwrap_or_default();
    facts.details.extend(examination.details.clone());
    facts.mechanism = action.as_deref().and_then(mechanisms::of_action);
    let known = facts.mechanism.zip(facts.version());
    facts.knows_unit = known.is_some_and(|(mechanism, version)| is_known(mechanism, version, &tree));
    let session =
        facts.subject.as_ref().and_then(|subject| subject.process.as_ref()).map_or(Session::None, |of| of.session);
    let implicit = evaluator.as_ref().zip(action.as_deref()).and_then(|(evaluator, action)| evaluator.implicit(action));
    facts.implicit = implicit.map(|implicit| implicit.of(session));
    facts.action.clone_from(&action);
    if let Some(action) = action.as_deref().filter(|action| !registered.contains(*action)) {
        let known = KnownActions::new(registered.iter().map(String::as_str));
        facts.meant_actions = known.meant(action).into_iter().map(str::to_owned).collect();
    }
    files::strays(&tree, facts.target, action.as_deref(), &mut facts);
    files::hidepid(&names, &mut facts);
    facts.has_selinux = files::selinux_enforces();
    journal::look(&mut facts);
    if facts.subject.is_none() && examination.error.is_none() && examination.action.is_none() {
        facts.refusals_of_libvirt = context::refusals_of_libvirt();
    }
    if let (Some(subject), Some(action)) = (&facts.subject, &action) {
        facts.bus_denial = bus::denial(&tree, &names, subject, action);
    }
    agent::look(&mut facts, action.as_deref());
    if !is_root {
        facts
            .unseen
            .push("what only root may read: rules directories, processes of other users, the journal".to_owned());
    }
    if let Some(evaluator) = &mut evaluator {
        facts.skipped = evaluator.skipped().to_vec();
        if facts.subject.is_none() {
            facts.missing_groups = groups::missing(evaluator, &tree, &names);
        }
        policy::look(evaluator, &tree, action, &mut facts).await;
        files::edited(&tree, &mut facts);
    }
    Ok(facts)
}

#[cfg(test)]
#[path = "look_tests.rs"]
mod tests;
