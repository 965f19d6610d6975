//! The logind session of a process, as polkit determines it. One of the files with effects: it reads the state files of logind, as
//! libsystemd does (`sd_session_get_class`, `sd_uid_get_display`). It asks no other program.

use std::{fs, io, path::Path};

use polkit_agent_rules::facts::{Fact, Session};
use polkit_types::SubjectUid;

use crate::base::cgroup;

/// An open session of logind that the agent can register for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogindSession {
    /// logind's id.
    pub id: String,
    /// The user of the session.
    pub uid: SubjectUid,
    /// logind's class.
    pub class: String,
    /// `x11`, `wayland`, `tty`, …; and the seat, if the session has one.
    pub kind: String,
    /// The scope that holds the processes of the session. The session of a user's manager has none.
    pub scope: Option<String>,
}

/// The session of a process with this cgroup path.
#[must_use]
pub fn of(path: &str, run_systemd: &Path) -> Fact<Session> {
    match id_of(path, run_systemd) {
        Fact::Known(Some(id)) => read(&run_systemd.join("sessions").join(id)).into(),
        Fact::Known(None) => Fact::Known(Session::None),
        Fact::Unknown => Fact::Unknown,
    }
}

/// The id of that session. Like polkit (from 0.113): the session whose scope the process is in, else the display session of the user
/// whose slice it is in.
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

/// Whether logind could use this text as the id of a session.
#[must_use]
pub fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn read(file: &Path) -> io::Result<Session> {
    let text = fs::read_to_string(file)?;
    let of = |key| value(&text, key).ok_or(io::ErrorKind::InvalidData);
    let (class, state, active, remote) = (of("CLASS")?, of("STATE")?, of("ACTIVE")?, of("REMOTE")?);
    let seat = value(&text, "SEAT").map(str::to_owned);
    // polkit: local is `sd_session_get_seat`, active is the state of the session's user (`sd_uid_get_state`), and `allow_active`
    // needs both. This condition implies polkit's.
    let active = seat.is_some() && active == "1" && state == "active";
    Ok(Session::Of { class: class.to_owned(), seat, active, remote: remote == "1" })
}

/// The value of a key in a state file of logind.
#[must_use]
pub fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
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
    fn a_session_without_a_seat_is_not_active_even_if_logind_says_so() {
        assert_eq!(session("/user.slice/user-1000.slice/session-ssh.scope"), at("user", None, false, true));
    }

    #[test]
    fn a_session_that_is_closing_is_not_active() {
        let closing = at("user", Some("seat1"), false, false);
        assert_eq!(session("/user.slice/user-1000.slice/session-closing.scope"), closing);
    }

    #[test]
    fn a_service_of_a_user_manager_counts_to_the_display_session() {
        let active = at("user", Some("seat0"), true, false);
        assert_eq!(session("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service"), active);
        assert_eq!(session("/user.slice/user-1001.slice/user@1001.service"), Fact::Known(Session::None));
        assert_eq!(session("/user.slice/user-1002.slice/user@1002.service"), Fact::Known(Session::None));
    }

    #[test]
    fn a_user_whose_file_cannot_be_read_has_an_unknown_session() {
        let host = host();
        let manager = "/user.slice/user-1003.slice/user@1003.service";
        assert_eq!(of(manager, host.path()), Fact::Known(Session::None), "without a file");
        let file = host.path().join("users/1003");
        for text in [&b"DISPLAY=../7\n"[..], b"DISPLAY=\xff\n"] {
            fs::write(&file, text).unwrap();
            assert_eq!(
                (of(manager, host.path()), id_of(manager, host.path())),
                (Fact::Unknown, Fact::Unknown),
                "{text:?}"
            );
        }
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert_eq!((of(manager, host.path()), id_of(manager, host.path())), (Fact::Unknown, Fact::Unknown));
    }

    #[test]
    fn a_session_that_cannot_be_read_is_unknown() {
        assert_eq!(session("/user.slice/user-1000.slice/session-9.scope"), Fact::Unknown);
        assert_eq!(session("/user.slice/user-1000.slice/session-10.scope"), Fact::Unknown);
    }
}
