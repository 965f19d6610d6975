//! Who approves: what the bus says of a caller, beside what the kernel and the user database say. One of the files with effects: it
//! asks the bus, reads `/proc`, and asks the user database.

use std::{io, time::Duration};

use polkit_config::names::{LookupError, Names};
use polkit_dbus::{Connection, SubjectPid};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use zbus::fdo::ConnectionCredentials;

use crate::{
    base::blocking,
    rules::facts::{Approver, ApproverUid},
    subject::process::Held,
};

/// The group whose members approve, besides root.
pub const GROUP: &str = "polkit-approvers";
/// How long all of it may take. Only the approver waits meanwhile.
const WITHIN: Duration = Duration::from_secs(10);

/// Why the word of a caller does not count.
#[derive(Debug, thiserror::Error)]
pub enum Stranger {
    /// The bus cannot be asked, or does not say enough.
    #[error("the bus does not say who calls: {0}")]
    Unsaid(String),
    /// The process is gone, or `/proc` does not show it.
    #[error("the process that calls cannot be read: {0}")]
    Unreadable(io::Error),
    /// A setuid program, or a pid that has passed on.
    #[error("the bus says that uid {bus} calls, and the kernel says that the process is one of uid {kernel}")]
    Disagreement {
        /// The uid of the connection.
        bus: u32,
        /// The real uid of the process.
        kernel: u32,
    },
    /// A uid of a user namespace, say.
    #[error("uid {0} has no entry in the user database: root or a member of `polkit-approvers` must answer")]
    NoEntry(u32),
    /// The process may have the group, and its user does not.
    #[error("`{0}` is not a member of `polkit-approvers` by the user database: root or a member must answer")]
    NoMember(String),
    /// It could not be asked.
    #[error("the user database does not say who is a member of `polkit-approvers`: {0}")]
    Unknown(#[from] LookupError),
    /// Something takes too long.
    #[error("it took longer than 10 s to look up who calls: the user database does not answer")]
    TooSlow,
}

/// The caller with that unique name, if the caller may approve. The bus policy lets the group call; but a bus goes by the groups of the
/// process, which a process keeps that takes a uid of /etc/subuid, or that began before its user left the group.
///
/// # Errors
/// [`Stranger`]: whatever is unknown is refused.
pub async fn identify(connection: &Connection, sender: &str) -> Result<Approver, Stranger> {
    let identified = async {
        let credentials = credentials(connection, sender).await?;
        let uid = credentials.unix_user_id().unwrap_or(u32::MAX);
        let examined = blocking::for_user_database(uid, move || examine(&credentials, &Names::Host));
        examined.await.map_err(|error| Stranger::Unsaid(error.to_string()))?
    };
    tokio::time::timeout(WITHIN, identified).await.unwrap_or(Err(Stranger::TooSlow))
}

async fn credentials(connection: &Connection, sender: &str) -> Result<ConnectionCredentials, Stranger> {
    const BUS: &str = "org.freedesktop.DBus";
    let path = "/org/freedesktop/DBus";
    let call = connection.call_method(Some(BUS), path, Some(BUS), "GetConnectionCredentials", &sender);
    let unsaid = |error: zbus::Error| Stranger::Unsaid(error.to_string());
    let reply = call.await.map_err(unsaid)?;
    reply.body().deserialize().map_err(unsaid)
}

fn examine(credentials: &ConnectionCredentials, names: &Names) -> Result<Approver, Stranger> {
    let unsaid = |what: &str| Stranger::Unsaid(format!("it gives no {what}"));
    let bus = credentials.unix_user_id().ok_or_else(|| unsaid("uid"))?;
    let pid = credentials.process_id().and_then(|pid| SubjectPid::new(pid).ok()).ok_or_else(|| unsaid("pid"))?;
    let held = Held::open(pid).map_err(Stranger::Unreadable)?;
    // From dbus 1.15 and dbus-broker 34 on the bus passes a pidfd: while that process lives, its pid is no other's.
    if credentials.process_fd().is_some_and(|pidfd| !is_alive(pidfd)) {
        return Err(Stranger::Unreadable(io::ErrorKind::NotFound.into()));
    }
    let kernel = held.process.uid.get();
    if kernel != bus {
        return Err(Stranger::Disagreement { bus, kernel });
    }
    may_approve(bus, names)?;
    Ok(Approver { uid: ApproverUid::new(bus), login: held.login_uid() })
}

/// Whether the user database says that this uid is root's or that of a member.
fn may_approve(uid: u32, names: &Names) -> Result<(), Stranger> {
    if uid == 0 {
        return Ok(());
    }
    let user = names.user_by_uid(uid)?.filter(|user| user.uid == uid).ok_or(Stranger::NoEntry(uid))?;
    let group = names.group(GROUP)?;
    let groups = names.groups_of(&user)?;
    match group {
        Some(group) if groups.contains(&group.gid) => Ok(()),
        _ => Err(Stranger::NoMember(user.name)),
    }
}

fn is_alive(pidfd: &impl std::os::fd::AsFd) -> bool {
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
}

#[cfg(test)]
mod tests {
    use polkit_config::names::Tree;

    use super::*;

    fn refused(uid: u32) -> String {
        let passwd = "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nbob:x:1001:1001::/:/bin/sh\n\
                      carol:x:1002:900::/:/bin/sh\n";
        let group = "polkit-approvers:x:900:alice\nalice:x:1000:\nbob:x:1001:\n";
        let names = Names::Root(Tree::parse(passwd, group));
        may_approve(uid, &names).map_or_else(|why| why.to_string(), |()| String::new())
    }

    #[test]
    fn root_and_members_by_the_user_database_approve() {
        assert_eq!([refused(0), refused(1000), refused(1002)], [""; 3]);
    }

    #[test]
    fn who_is_no_member_or_has_no_entry_does_not_approve() {
        assert!(refused(1001).contains("`bob` is not a member"), "{}", refused(1001));
        assert!(refused(100_007).contains("uid 100007 has no entry"), "{}", refused(100_007));
    }

    #[test]
    fn without_the_group_root_alone_approves() {
        let names = Names::Root(Tree::parse("alice:x:1000:1000::/:/bin/sh\n", ""));
        assert!(may_approve(0, &names).is_ok() && may_approve(1000, &names).is_err());
    }
}
