//! The decision for the subject, from the files and from polkitd, and changes that would allow the request.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use polkit_config::names::Names;
use polkit_dbus::{Authority, AuthorityError, Interaction, SubjectUid};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::files::names_action;
use super::near;
use super::subject::no_new_privileges;
use crate::check::subject_units::is_known;
use crate::doctor::facts::{Decision, Facts, GroupRemedy, OpenAction, Polkitd, RecentRefusal, RunningResult, Subject};
use crate::emit::GRANTS;
use crate::failure::Failure;
use crate::implicit_authorization::{ImplicitAuthorization, Session};
use crate::install::record::Record;
use crate::libvirt::MANAGE;
use crate::mechanisms;
use crate::tree::Tree;
use crate::verdict::{AccessRequest, Decider, DeciderKind, Evaluator, Outcome};
use crate::verify::probe_process::{ProbeProcess, subject as wire};

const LIMIT: Duration = Duration::from_secs(4);
/// Groups with the same purpose, which users confuse.
const FAMILIES: [&[&str]; 2] = [&["libvirt", "libvirtd", "kvm", "libvirt-qemu"], &["sudo", "wheel", "admin"]];
/// A user in no group, which policies do not name.
pub const STRANGER: &str = "nobody";
/// The action of pkexec.
const EXEC: &str = "org.freedesktop.policykit.exec";
const GROUPS_MAX: usize = 5;

pub(super) async fn look(evaluator: &mut Evaluator, tree: &Tree, action: Option<String>, facts: &mut Facts) {
    open_to_all(evaluator, facts);
    let recent_refusals = std::mem::take(&mut facts.recent_refusals);
    let version = facts.version();
    let known_unit = |one: &RecentRefusal| {
        let known = mechanisms::of_action(&one.action).zip(version);
        known.is_some_and(|(mechanism, version)| is_known(mechanism, version, tree)).then(|| one.unit.clone())
    };
    let still = recent_refusals.into_iter().filter_map(|one| {
        let unit = known_unit(&one);
        still_refused(evaluator, one, unit)
    });
    facts.recent_refusals = still.collect();
    let Some(action) = action else { return };
    facts.skipped_about = facts
        .skipped
        .iter()
        .map(|skipped| &skipped.file)
        .filter(|file| is_about(tree, file, &action))
        .cloned()
        .collect();
    let Some(subject) = facts.subject.clone() else { return };
    let unit = facts.known_unit().map(str::to_owned);
    match answer(evaluator, tree, &subject, &action, (&facts.details, unit)) {
        Ok(mut answer) => {
            let (verdict, session) = (&answer.verdict, answer.session);
            let ends = verdict.ends_polkitd.is_some();
            if let Polkitd::Answers { .. } = facts.polkitd
                && !ends
                && (facts.is_root || subject.uid == rustix::process::geteuid().as_raw())
            {
                answer.real = real(&subject, &action, session, facts).await;
            }
            facts.answer = Some(answer);
        }
        Err(failure) => facts.unseen.push(format!("what polkit decides: {failure}")),
    }
}

/// Whether a file, or a file in a directory, names the action.
fn is_about(tree: &Tree, path: &str, action: &str) -> bool {
    let below = path.trim_start_matches('/');
    let names = tree.names(below).unwrap_or_default();
    let text = |path: &str| tree.read_text(path).unwrap_or_default();
    if names.is_empty() {
        names_action(&text(below), action)
    } else {
        names.iter().any(|name| names_action(&text(&format!("{below}/{name}")), action))
    }
}

fn place(decider: &Decider) -> Option<String> {
    let file = decider.file.as_deref()?;
    Some(decider.line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")))
}

fn answer(
    evaluator: &mut Evaluator,
    tree: &Tree,
    subject: &Subject,
    action: &str,
    (details, unit): (&BTreeMap<String, String>, Option<String>),
) -> Result<Decision, Failure> {
    let session = subject.process.as_ref().map_or(Session::None, |process| process.session);
    let access_request = AccessRequest {
        user: subject.user.clone(),
        action: action.to_owned(),
        session,
        details: details.clone(),
        no_new_privileges: unit.as_ref().and(subject.no_new_privileges),
        system_unit: Some(unit),
        ..AccessRequest::default()
    };
    let mut verdict = evaluator.verdict(&access_request)?;
    if verdict.ends_polkitd.is_some()
        && let Some(decider) = &mut verdict.decided_by
        && decider.file.is_none()
    {
        decider.file = evaluator.ending_file(&access_request)?;
    }
    evaluator.name_grant(tree, &access_request, &mut verdict)?;
    let yes = Outcome::Result(ImplicitAuthorization::Yes);
    let (mut groups, mut sessions, mut near) = (Vec::new(), Vec::new(), Vec::new());
    let open = !matches!(verdict.outcome, Outcome::Result(ImplicitAuthorization::Yes) | Outcome::Unregistered);
    if open {
        groups = group_remedies(evaluator, tree, &access_request, subject)?;
        near = near::find(evaluator, tree, &access_request, &verdict.outcome)?;
        for other in Session::ALL.into_iter().filter(|other| *other != session) {
            let found = evaluator.verdict(&AccessRequest { session: other, ..access_request.clone() })?;
            if found.outcome == yes {
                sessions.push((other, found.decided_by.as_ref().and_then(place)));
            }
        }
    }
    let decided = verdict.decided_by.as_ref();
    let before_ours = decided.is_some_and(|decider| {
        let name = decider.file.as_deref().and_then(|file| file.rsplit('/').next()).unwrap_or_default();
        decider.kind == DeciderKind::Rule && name < GRANTS
    });
    let naming = evaluator.rules_files().into_iter().map(str::to_owned).filter(|path| {
        let text = tree.read_text(path.trim_start_matches('/')).unwrap_or_default();
        names_action(&text, action)
    });
    let naming = naming.collect();
    Ok(Decision {
        action: action.to_owned(),
        session,
        depends_on: verdict.depends_on.clone(),
        verdict,
        real: None,
        groups,
        sessions,
        near,
        naming,
        grant_comes_first: !before_ours,
        no_grant: no_grant(tree),
    })
}

/// Returns groups whose members would be allowed: existing groups, and missing groups that rules name.
fn group_remedies(
    evaluator: &mut Evaluator,
    tree: &Tree,
    access_request: &AccessRequest,
    subject: &Subject,
) -> Result<Vec<GroupRemedy>, Failure> {
    let text = tree.read_text("etc/group").unwrap_or_default();
    let existing: BTreeSet<String> =
        text.lines().filter_map(|line| line.split(':').next()).map(str::to_owned).collect();
    let mut candidates = existing.clone();
    for path in evaluator.rules_files() {
        let text = tree.read_text(path.trim_start_matches('/')).unwrap_or_default();
        let quoted = text.split("isInGroup(").skip(1).filter_map(|rest| rest.split(['"', '\'']).nth(1));
        candidates.extend(quoted.map(str::to_owned));
    }
    candidates.extend(FAMILIES.iter().flat_map(|family| family.iter().map(|group| (*group).to_owned())));
    let has = evaluator.groups(access_request)?;
    candidates.retain(|group| !group.is_empty() && !has.contains(group));
    let with = |group: &String| AccessRequest {
        groups: Some([&has[..], std::slice::from_ref(group)].concat()),
        ..access_request.clone()
    };
    let asked: Vec<AccessRequest> = candidates.iter().map(with).collect();
    let mut found = Vec::new();
    for (group, verdict) in candidates.iter().zip(evaluator.verdicts(&asked)?) {
        if verdict.outcome != Outcome::Result(ImplicitAuthorization::Yes) {
            continue;
        }
        let family = FAMILIES.iter().find(|family| family.contains(&group.as_str()));
        let similar_name = family.and_then(|family| {
            family.iter().find(|other| **other != group && subject.groups.iter().any(|has| has == **other))
        });
        found.push(GroupRemedy {
            group: group.clone(),
            place: verdict.decided_by.as_ref().and_then(place),
            exists: existing.contains(group) || Names::Host.group(group).is_ok_and(|group| group.is_some()),
            similar_name: similar_name.map(|group| (*group).to_owned()),
        });
    }
    // Existing groups first, and special groups before groups of administrators.
    found.sort_by_key(|remedy| {
        (!remedy.exists, FAMILIES.iter().skip(1).any(|family| family.contains(&remedy.group.as_str())))
    });
    let (mut found, missing): (Vec<GroupRemedy>, Vec<GroupRemedy>) =
        found.into_iter().partition(|remedy| remedy.exists);
    found.truncate(GROUPS_MAX);
    found.extend(missing.into_iter().take(GROUPS_MAX));
    Ok(found)
}

/// Returns the reason why `install` alone cannot add a grant.
fn no_grant(tree: &Tree) -> Option<String> {
    let record = Record::read(tree).ok()?;
    let has = |path: &str| !matches!(tree.file_mode(path), Ok(None));
    let own = has("etc/polkit-policy-gen/policy.toml")
        || !tree.names("etc/polkit-policy-gen/policy.d").unwrap_or_default().is_empty();
    (!record.is_empty() && !own)
        .then(|| "the installed policy comes from another policy file: add the grant to that file".to_owned())
}

fn open_to_all(evaluator: &mut Evaluator, facts: &mut Facts) {
    let about_libvirt = facts.about_libvirt;
    let asked = [(MANAGE, None), (EXEC, None), (EXEC, Some("sudo")), (EXEC, Some("wheel"))];
    for (action, group) in asked.into_iter().filter(|(action, _)| *action != MANAGE || about_libvirt) {
        if !evaluator.actions().any(|known| known == action) {
            continue;
        }
        let groups = Some(group.into_iter().map(str::to_owned).collect());
        let access_request = AccessRequest {
            user: STRANGER.to_owned(),
            groups,
            action: action.to_owned(),
            system_unit: Some(None),
            ..AccessRequest::default()
        };
        let Ok(verdict) = evaluator.verdict(&access_request) else { continue };
        if verdict.outcome != Outcome::Result(ImplicitAuthorization::Yes) {
            continue;
        }
        let decider = verdict.decided_by.as_ref();
        let same = |known: &OpenAction| decider.is_some_and(|decider| known.file == decider.file);
        if !facts.open_to_all.iter().any(same) {
            facts.open_to_all.push(OpenAction {
                action: action.to_owned(),
                who: group
                    .map_or_else(|| "every user".to_owned(), |group| format!("every member of the group {group}")),
                file: decider.and_then(|decider| decider.file.clone()),
                line: decider.and_then(|decider| decider.line),
                implicit: decider.is_some_and(|decider| decider.kind == DeciderKind::Implicit),
            });
        }
    }
}

/// Returns the recent refusal if polkit, which knows this unit of the client, would still refuse.
fn still_refused(evaluator: &mut Evaluator, one: RecentRefusal, unit: Option<String>) -> Option<RecentRefusal> {
    let access_request = AccessRequest {
        user: one.user.clone(),
        action: one.action.clone(),
        no_new_privileges: unit.as_deref().and_then(no_new_privileges),
        system_unit: Some(unit),
        ..AccessRequest::default()
    };
    let verdict = evaluator.verdict(&access_request).ok()?;
    let user = Names::Host.user_by_uid(one.user.parse().ok()?).ok().flatten().map_or(one.user, |user| user.name);
    // A plain "no" is intended.
    let asks = matches!(verdict.outcome, Outcome::Result(word) if !matches!(word, ImplicitAuthorization::Yes | ImplicitAuthorization::No));
    asks.then(|| RecentRefusal { user, verdict: verdict.outcome.text().to_owned(), ..one })
}

/// Asks polkitd about the process, or about an idle process of the user. If the mechanism tells polkit the unit, polkitd gets the pidfd.
async fn real(subject: &Subject, action: &str, session: Session, facts: &Facts) -> Option<RunningResult> {
    let connection = polkit_dbus::connect().await.ok()?;
    let authority = Authority::new(connection);
    let is_root = facts.is_root;
    // polkitd takes details and a pidfd from root only.
    let details: HashMap<&str, &str> =
        facts.details.iter().filter(|_| is_root).map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let own = subject.process.as_ref().and_then(|process| wire(process.pid, subject.uid));
    let pinned = if facts.known_unit().is_some() && is_root { pinned(subject) } else { None };
    let probe;
    let checked = if let Some((pidfd, uid)) = pinned {
        let check = authority.check_pidfd(pidfd.as_fd(), uid, action, &details, Interaction::Forbidden);
        tokio::time::timeout(LIMIT, check).await
    } else {
        let asked = match own {
            Some(own) => own,
            None if is_root && session == Session::None && subject.uid != 0 => {
                let user = Names::Host.user(&subject.user).ok().flatten()?;
                probe = ProbeProcess::of(&user).ok()?;
                probe.subject.clone()
            }
            None => return None,
        };
        tokio::time::timeout(LIMIT, authority.check(&asked, action, &details, Interaction::Forbidden)).await
    };
    Some(match checked {
        Ok(Ok(answer)) if answer.authorized => RunningResult::Yes,
        Ok(Ok(answer)) if answer.challenge => RunningResult::Challenge,
        Ok(Ok(_)) => RunningResult::No,
        Ok(Err(AuthorityError::UnknownAction)) => RunningResult::Unregistered,
        Ok(Err(AuthorityError::NoSuchSubject)) => RunningResult::NoSuchProcess,
        Ok(Err(_)) => return None,
        Err(_) => RunningResult::Silent,
    })
}

/// Opens a pidfd of the subject's process.
fn pinned(subject: &Subject) -> Option<(OwnedFd, SubjectUid)> {
    let pid = i32::try_from(subject.process.as_ref()?.pid).ok()?;
    let pidfd = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    Some((pidfd, SubjectUid::new(subject.uid).ok()?))
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
