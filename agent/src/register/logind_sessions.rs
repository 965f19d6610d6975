//! The open sessions of logind, for `[[serve]] session_user` and `session`. One of the files with effects: it reads the state files of
//! logind.

use std::{fs, io, path::Path};

use polkit_agent_rules::facts::Fact;
use polkit_types::SubjectUid;

use crate::{
    base::cgroup,
    kernel::subject::logind::{LogindSession, id_of, is_id, value},
};

/// The open sessions of a user that have a scope, and so processes. The class does not matter.
///
/// # Errors
/// The list cannot be read, for example because the agent has no descriptors left.
pub fn of_user(uid: u32, run_systemd: &Path) -> io::Result<Vec<LogindSession>> {
    let Some(entries) = if_there(fs::read_dir(run_systemd.join("sessions")))? else { return Ok(Vec::new()) };
    let mut logins = Vec::new();
    for entry in entries {
        let Ok(id) = entry?.file_name().into_string() else { continue };
        logins.extend(login(&id, run_systemd)?.filter(|login| login.uid.get() == uid && login.scope.is_some()));
    }
    logins.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(logins)
}

/// The session of this id, if it is `online` or `active`. An `opening` session has no processes yet, and a `closing` session ends.
///
/// # Errors
/// The state file cannot be read.
pub fn login(id: &str, run_systemd: &Path) -> io::Result<Option<LogindSession>> {
    if !is_id(id) {
        return Ok(None);
    }
    let text = if_there(fs::read_to_string(run_systemd.join("sessions").join(id)))?;
    Ok(text.and_then(|text| open(id, &text)))
}

fn open(id: &str, text: &str) -> Option<LogindSession> {
    let of = |key: &str| value(text, key).map(str::to_owned);
    let (state, kind) = (value(text, "STATE")?, of("TYPE").unwrap_or_default());
    matches!(state, "online" | "active").then_some(LogindSession {
        id: id.to_owned(),
        uid: SubjectUid::new(value(text, "UID")?.parse().ok()?).ok()?,
        class: of("CLASS")?,
        kind: value(text, "SEAT").map_or_else(|| kind.clone(), |seat| format!("{kind} on {seat}")),
        scope: of("SCOPE").filter(|scope| *scope == format!("session-{id}.scope")),
    })
}

/// A missing file is no session. A file that is not text is not logind's, and does not hide the other sessions.
fn if_there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The session of the agent itself.
///
/// # Errors
/// The state files cannot be read.
pub fn own(cgroup_root: &str, run_systemd: &Path) -> io::Result<Option<LogindSession>> {
    let text = fs::read_to_string("/proc/self/cgroup")?;
    let Some(path) = cgroup::unified(&text).and_then(|path| cgroup::below(path, cgroup_root)) else { return Ok(None) };
    match id_of(path, run_systemd) {
        Fact::Known(Some(id)) => login(&id, run_systemd),
        Fact::Known(None) => Ok(None),
        Fact::Unknown => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> tempfile::TempDir {
        let host = tempfile::tempdir().unwrap();
        for folder in ["sessions", "users"] {
            fs::create_dir(host.path().join(folder)).unwrap();
        }
        host
    }

    #[test]
    fn the_sessions_of_a_user_are_open_and_have_a_scope() {
        let host = host();
        let write = |id: &str, text: &str| fs::write(host.path().join("sessions").join(id), text).unwrap();
        let open = "UID=1000\nCLASS=user\nTYPE=x11\nSEAT=seat0\n";
        write("c1", &format!("{open}STATE=active\nSCOPE=session-c1.scope\n"));
        write("c2", &format!("{open}STATE=closing\nSCOPE=session-c2.scope\n"));
        write("c3", &format!("{open}STATE=opening\nSCOPE=session-c3.scope\n"));
        write("c4", "UID=1000\nCLASS=manager\nSTATE=active\n");
        write("c5", "UID=1000\nCLASS=background\nTYPE=unspecified\nSTATE=online\nSCOPE=session-c5.scope\n");
        write("c6", "UID=1001\nCLASS=user\nSTATE=active\nSCOPE=session-c6.scope\n");
        write("c7", &format!("{open}STATE=active\nSCOPE=session-c1.scope\n"));
        write("c8.ref", &format!("{open}STATE=active\nSCOPE=session-c8.scope\n"));
        let logins = of_user(1000, host.path()).unwrap();
        let found: Vec<_> = logins.iter().map(|login| (login.id.as_str(), login.kind.as_str())).collect();
        assert_eq!(found, [("c1", "x11 on seat0"), ("c5", "unspecified")]);
        assert_eq!(of_user(7, host.path()).unwrap(), []);
    }

    #[test]
    fn unreadable_sessions_are_an_error() {
        let host = host();
        assert_eq!(of_user(1000, &host.path().join("nowhere")).unwrap(), [], "without logind");
        fs::write(host.path().join("sessions/c0"), b"UID=1000\nTTY=\xff\n").unwrap();
        assert_eq!(of_user(1000, host.path()).unwrap(), [], "a file that is not text does not hide the others");
        fs::create_dir(host.path().join("sessions/c1")).unwrap();
        assert!(of_user(1000, host.path()).is_err());
    }
}
