//! Which logind sessions there are, and which one polkit would count a process to. One of the files with effects: it reads
//! the state files of logind, as libsystemd does (`sd_session_get_class`, `sd_uid_get_display`), and asks nobody.

use std::{fs, io, path::Path};

use polkit_dbus::SubjectUid;

use crate::{
    base::cgroup,
    rules::facts::{Fact, Session},
};

/// An open session of logind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// logind's id.
    pub id: String,
    /// Its user.
    pub uid: SubjectUid,
    /// logind's class.
    pub class: String,
    /// `x11`, `wayland`, `tty`, …; and the seat, if it has one.
    pub kind: String,
    /// The scope that holds its processes. The session of a user's manager has none.
    pub scope: Option<String>,
}

/// The open sessions of a user that have a scope of their own, and so processes, of whatever class.
///
/// # Errors
/// Where it cannot be said which there are: there are no descriptors, say.
pub fn of_user(uid: u32, run_systemd: &Path) -> io::Result<Vec<Login>> {
    let Some(entries) = if_there(fs::read_dir(run_systemd.join("sessions")))? else { return Ok(Vec::new()) };
    let mut logins = Vec::new();
    for entry in entries {
        let Ok(id) = entry?.file_name().into_string() else { continue };
        logins.extend(login(&id, run_systemd)?.filter(|login| login.uid.get() == uid && login.scope.is_some()));
    }
    logins.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(logins)
}

/// A session that is `online` or `active`: not `opening`, when there is nobody in it yet, and not `closing`.
///
/// # Errors
/// Where it cannot be said whether there is one.
pub fn login(id: &str, run_systemd: &Path) -> io::Result<Option<Login>> {
    if !is_id(id) {
        return Ok(None);
    }
    let text = if_there(fs::read_to_string(run_systemd.join("sessions").join(id)))?;
    Ok(text.and_then(|text| open(id, &text)))
}

fn open(id: &str, text: &str) -> Option<Login> {
    let of = |key: &str| value(text, key).map(str::to_owned);
    let (state, kind) = (value(text, "STATE")?, of("TYPE").unwrap_or_default());
    matches!(state, "online" | "active").then_some(Login {
        id: id.to_owned(),
        uid: SubjectUid::new(value(text, "UID")?.parse().ok()?).ok()?,
        class: of("CLASS")?,
        kind: value(text, "SEAT").map_or_else(|| kind.clone(), |seat| format!("{kind} on {seat}")),
        scope: of("SCOPE").filter(|scope| *scope == format!("session-{id}.scope")),
    })
}

/// What is not text is no file of logind's, and keeps nobody from being looked at.
fn if_there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The session that this process is in.
///
/// # Errors
/// Where it cannot be said whether it is in one.
pub fn own(cgroup_root: &str, run_systemd: &Path) -> io::Result<Option<Login>> {
    let text = fs::read_to_string("/proc/self/cgroup")?;
    let Some(path) = cgroup::unified(&text).and_then(|path| cgroup::below(path, cgroup_root)) else { return Ok(None) };
    match id_of(path, run_systemd) {
        Fact::Known(Some(id)) => login(&id, run_systemd),
        Fact::Known(None) => Ok(None),
        Fact::Unknown => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The session of a process whose cgroup path is known.
#[must_use]
pub fn of(path: &str, run_systemd: &Path) -> Fact<Session> {
    match id_of(path, run_systemd) {
        Fact::Known(Some(id)) => read(&run_systemd.join("sessions").join(id)).into(),
        Fact::Known(None) => Fact::Known(Session::None),
        Fact::Unknown => Fact::Unknown,
    }
}

/// The id of the session of a process whose cgroup path is known. Like polkit (from 0.113): the one whose scope it is in,
/// else the display session of the user whose slice it is in.
#[must_use]
pub fn id_of(path: &str, run_systemd: &Path) -> Fact<Option<String>> {
    if let Some(id) = cgroup::session(path) {
        return Fact::Known(Some(id.to_owned()));
    }
    let Some(uid) = cgroup::owner(path) else { return Fact::Known(None) };
    let user = match fs::read_to_string(run_systemd.join("users").join(uid.to_string())) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Fact::Known(None),
        Err(_) => return Fact::Unknown,
    };
    match value(&user, "DISPLAY") {
        Some(id) if is_id(id) => Fact::Known(Some(id.to_owned())),
        Some(_) => Fact::Unknown,
        None => Fact::Known(None),
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn read(file: &Path) -> io::Result<Session> {
    let text = fs::read_to_string(file)?;
    let of = |key| value(&text, key).ok_or(io::ErrorKind::InvalidData);
    let (class, state, active, remote) = (of("CLASS")?, of("STATE")?, of("ACTIVE")?, of("REMOTE")?);
    let seat = value(&text, "SEAT").map(str::to_owned);
    // polkit: local is `sd_session_get_seat`, active is the state of the session's user (`sd_uid_get_state`), and
    // `allow_active` wants both. Where all of this holds, polkit's holds.
    let active = seat.is_some() && active == "1" && state == "active";
    Ok(Session::Of { class: class.to_owned(), seat, active, remote: remote == "1" })
}

fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> tempfile::TempDir {
        let host = tempfile::tempdir().unwrap();
        for folder in ["sessions", "users"] {
            fs::create_dir(host.path().join(folder)).unwrap();
        }
        fs::write(
            host.path().join("sessions/7"),
            "UID=1000\nACTIVE=1\nSTATE=active\nREMOTE=0\nSEAT=seat0\nCLASS=user\n",
        )
        .unwrap();
        fs::write(host.path().join("sessions/8"), "ACTIVE=0\nSTATE=online\nREMOTE=0\nSEAT=seat0\nCLASS=background\n")
            .unwrap();
        fs::write(host.path().join("sessions/9"), "garbage").unwrap();
        fs::write(host.path().join("sessions/ssh"), "ACTIVE=1\nSTATE=active\nREMOTE=1\nCLASS=user\n").unwrap();
        let closing = "ACTIVE=1\nSTATE=closing\nREMOTE=0\nSEAT=seat1\nCLASS=user\n";
        fs::write(host.path().join("sessions/closing"), closing).unwrap();
        fs::write(host.path().join("users/1000"), "STATE=active\nDISPLAY=7\n").unwrap();
        fs::write(host.path().join("users/1001"), "STATE=lingering\nDISPLAY=\n").unwrap();
        host
    }

    fn session(path: &str) -> Fact<Session> {
        of(path, host().path())
    }

    fn at(class: &str, seat: Option<&str>, active: bool, remote: bool) -> Fact<Session> {
        Fact::Known(Session::Of { class: class.into(), seat: seat.map(str::to_owned), active, remote })
    }

    #[test]
    fn a_service_has_no_session() {
        assert_eq!(session("/system.slice/apache2.service"), Fact::Known(Session::None));
    }

    #[test]
    fn a_session_scope_is_its_session() {
        assert_eq!(session("/user.slice/user-1000.slice/session-7.scope"), at("user", Some("seat0"), true, false));
        let background = at("background", Some("seat0"), false, false);
        assert_eq!(session("/user.slice/user-1000.slice/session-8.scope"), background);
    }

    #[test]
    fn a_session_without_a_seat_is_not_active_whatever_logind_calls_it() {
        assert_eq!(session("/user.slice/user-1000.slice/session-ssh.scope"), at("user", None, false, true));
    }

    #[test]
    fn a_session_that_is_closing_is_not_active() {
        let closing = at("user", Some("seat1"), false, false);
        assert_eq!(session("/user.slice/user-1000.slice/session-closing.scope"), closing);
    }

    #[test]
    fn a_users_own_service_counts_to_his_display_session() {
        let active = at("user", Some("seat0"), true, false);
        assert_eq!(session("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service"), active);
        assert_eq!(session("/user.slice/user-1001.slice/user@1001.service"), Fact::Known(Session::None));
        assert_eq!(session("/user.slice/user-1002.slice/user@1002.service"), Fact::Known(Session::None));
    }

    #[test]
    fn the_sessions_of_a_user_are_those_that_are_open_and_have_a_scope() {
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
        let seen: Vec<_> = logins.iter().map(|login| (login.id.as_str(), login.kind.as_str())).collect();
        assert_eq!(seen, [("c1", "x11 on seat0"), ("c5", "unspecified")]);
        assert_eq!(of_user(7, host.path()).unwrap(), []);
    }

    #[test]
    fn sessions_that_cannot_be_read_are_not_none() {
        let host = host();
        assert_eq!(of_user(1000, &host.path().join("nowhere")).unwrap(), [], "there is no logind");
        fs::write(host.path().join("sessions/c0"), b"UID=1000\nTTY=\xff\n").unwrap();
        assert_eq!(of_user(1000, host.path()).unwrap(), [], "one that is no text keeps nobody from the others");
        fs::create_dir(host.path().join("sessions/c1")).unwrap();
        assert!(of_user(1000, host.path()).is_err());
    }

    #[test]
    fn a_session_that_cannot_be_read_is_unknown() {
        assert_eq!(session("/user.slice/user-1000.slice/session-9.scope"), Fact::Unknown);
        assert_eq!(session("/user.slice/user-1000.slice/session-10.scope"), Fact::Unknown);
    }
}
