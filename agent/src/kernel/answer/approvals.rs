//! Approvals: who may approve, and what an approval needs to count. One of the files with effects: it asks the bus, reads `/proc`,
//! asks the user database, and records.

use std::{
    io,
    time::{Duration, Instant},
};

use polkit_agent_rules::{
    approval_queue::Refusal,
    facts::{Approver, ApproverUid},
};
use polkit_config::names::{LookupError, Names};
use polkit_dbus::Connection;
use polkit_types::SubjectPid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use zbus::fdo::ConnectionCredentials;

use crate::{
    base::blocking,
    kernel::{
        answer::{context::Context, state::Queue},
        audit::record::JournalEntry,
        subject::process::PinnedProcess,
    },
};

/// The group whose members can approve, besides root.
pub const GROUP: &str = "polkit-approvers";
/// The time limit of the identification. Only the approver waits for it.
const WITHIN: Duration = Duration::from_secs(10);

/// Why a caller cannot approve.
#[derive(Debug, thiserror::Error)]
pub enum NoApprover {
    /// The bus does not identify the caller.
    #[error("cannot identify the caller by the bus: {0}")]
    Bus(String),
    /// The process of the caller ended, or `/proc` does not show it.
    #[error("cannot read the process of the caller: {0}")]
    Unreadable(io::Error),
    /// A setuid program, or a reused pid.
    #[error("the caller has uid {bus} on the bus, but its process has uid {kernel}")]
    Disagreement {
        /// The uid of the connection.
        bus: u32,
        /// The real uid of the process.
        kernel: u32,
    },
    /// A uid without a user, for example of a user namespace.
    #[error("uid {0} has no entry in the user database: root or a member of `polkit-approvers` must answer")]
    NoEntry(u32),
    /// The user is not a member, although the process can have the group.
    #[error("`{0}` is not a member of `polkit-approvers` in the user database: root or a member must answer")]
    NoMember(String),
    /// The user database failed.
    #[error("cannot look up the members of `polkit-approvers`: {0}")]
    Unknown(#[from] LookupError),
    /// The user database is too slow.
    #[error("cannot look up the caller within 10 s: the user database does not respond")]
    TooSlow,
}

/// Identifies the caller with this unique name, if the caller can approve. The bus policy lets the group call. But the bus uses the
/// groups of the process: a process keeps them when it takes a uid of /etc/subuid, or when its user leaves the group.
///
/// # Errors
/// [`NoApprover`]: an unknown fact is a refusal.
pub async fn identify(connection: &Connection, sender: &str) -> Result<Approver, NoApprover> {
    let identified = async {
        let credentials = credentials(connection, sender).await?;
        let uid = credentials.unix_user_id().unwrap_or(u32::MAX);
        let examined = blocking::run_nss(uid, move || examine(&credentials, &Names::Host));
        examined.await.map_err(|error| NoApprover::Bus(error.to_string()))?
    };
    tokio::time::timeout(WITHIN, identified).await.unwrap_or(Err(NoApprover::TooSlow))
}

/// Why an approval or a denial does not count.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// The caller cannot approve.
    #[error(transparent)]
    NoApprover(#[from] NoApprover),
    /// The request cannot be approved, or not by this approver.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The journal did not accept the record.
    #[error("cannot record it: {0}")]
    Unrecorded(io::Error),
}

/// Approves a request: once, or any number of times within `validity`. `sender` is the unique name of the caller.
///
/// # Errors
/// [`ApprovalError`]: nothing is approved.
pub async fn approve(
    context: &Context,
    connection: &Connection,
    sender: &str,
    id: &str,
    validity: Option<Duration>,
) -> Result<(), ApprovalError> {
    let approver = identify(connection, sender).await?;
    approve_as(context, approver, id, validity).await
}

async fn approve_as(
    context: &Context,
    approver: Approver,
    id: &str,
    validity: Option<Duration>,
) -> Result<(), ApprovalError> {
    let check = |queue: &mut Queue| queue.approvable(id, approver, validity.unwrap_or_default(), Instant::now());
    let request = context.state.queue(check)?;
    let entry = JournalEntry::approval(id, true, &request, approver, validity);
    context.recorder.approval(&entry).await.map_err(ApprovalError::Unrecorded)?;
    // A reload can have removed the request meanwhile.
    let approved = context.state.queue(|queue| queue.approve(id, approver, validity, Instant::now()));
    if approved { Ok(()) } else { Err(Refusal::Unknown.into()) }
}

/// Denies a request, or revokes its approval.
///
/// # Errors
/// [`ApprovalError`]. A denial counts even if it cannot be recorded, because it allows nothing.
pub async fn deny(context: &Context, connection: &Connection, sender: &str, id: &str) -> Result<(), ApprovalError> {
    let approver = identify(connection, sender).await?;
    deny_as(context, approver, id).await
}

async fn deny_as(context: &Context, approver: Approver, id: &str) -> Result<(), ApprovalError> {
    let request = context.state.queue(|queue| queue.deniable(id, approver, Instant::now()))?;
    context.state.queue(|queue| queue.deny(id));
    let entry = JournalEntry::approval(id, false, &request, approver, None);
    context.recorder.approval(&entry).await.map_err(ApprovalError::Unrecorded)
}

async fn credentials(connection: &Connection, sender: &str) -> Result<ConnectionCredentials, NoApprover> {
    const BUS: &str = "org.freedesktop.DBus";
    let path = "/org/freedesktop/DBus";
    let call = connection.call_method(Some(BUS), path, Some(BUS), "GetConnectionCredentials", &sender);
    let unsaid = |error: zbus::Error| NoApprover::Bus(error.to_string());
    let reply = call.await.map_err(unsaid)?;
    reply.body().deserialize().map_err(unsaid)
}

fn examine(credentials: &ConnectionCredentials, names: &Names) -> Result<Approver, NoApprover> {
    let unsaid = |what: &str| NoApprover::Bus(format!("no {what}"));
    let bus = credentials.unix_user_id().ok_or_else(|| unsaid("uid"))?;
    let pid = credentials.process_id().and_then(|pid| SubjectPid::new(pid).ok()).ok_or_else(|| unsaid("pid"))?;
    let process = PinnedProcess::open(pid).map_err(NoApprover::Unreadable)?;
    // From dbus 1.15 and dbus-broker 34 on, the bus passes a pidfd. While that process lives, no other process has its pid.
    if credentials.process_fd().is_some_and(|pidfd| !is_alive(pidfd)) {
        return Err(NoApprover::Unreadable(io::ErrorKind::NotFound.into()));
    }
    let kernel = process.process.uid.get();
    if kernel != bus {
        return Err(NoApprover::Disagreement { bus, kernel });
    }
    may_approve(bus, names)?;
    Ok(Approver { uid: ApproverUid::new(bus), login: process.login_uid() })
}

/// Whether this uid is root, or a member by the user database.
fn may_approve(uid: u32, names: &Names) -> Result<(), NoApprover> {
    if uid == 0 {
        return Ok(());
    }
    let user = names.user_by_uid(uid)?.filter(|user| user.uid == uid).ok_or(NoApprover::NoEntry(uid))?;
    let group = names.group(GROUP)?;
    let groups = names.groups_of(&user)?;
    match group {
        Some(group) if groups.contains(&group.gid) => Ok(()),
        _ => Err(NoApprover::NoMember(user.name)),
    }
}

fn is_alive(pidfd: &impl std::os::fd::AsFd) -> bool {
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
}

#[cfg(test)]
mod tests;
