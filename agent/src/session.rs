//! Which logind session polkit would count a process to. One of the files with effects: it reads the state files of
//! logind, as libsystemd does (`sd_session_get_class`, `sd_uid_get_display`), and asks nobody.

use std::{fs, io, path::Path};

use crate::{
    cgroup,
    facts::{Fact, Session},
};

/// The session of a process whose cgroup path is known. Like polkit (from 0.113): the one whose scope it is in, else the
/// display session of the user whose slice it is in.
#[must_use]
pub fn of(path: &str, run_systemd: &Path) -> Fact<Session> {
    if let Some(id) = cgroup::session(path) {
        return read(&run_systemd.join("sessions").join(id)).into();
    }
    let Some(uid) = cgroup::owner(path) else { return Fact::Known(Session::None) };
    let user = match fs::read_to_string(run_systemd.join("users").join(uid.to_string())) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Fact::Known(Session::None),
        Err(_) => return Fact::Unknown,
    };
    match value(&user, "DISPLAY") {
        Some(id) if id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            read(&run_systemd.join("sessions").join(id)).into()
        }
        Some(_) => Fact::Unknown,
        None => Fact::Known(Session::None),
    }
}

fn read(file: &Path) -> io::Result<Session> {
    let text = fs::read_to_string(file)?;
    let class = value(&text, "CLASS").ok_or(io::ErrorKind::InvalidData)?;
    let active = value(&text, "ACTIVE").ok_or(io::ErrorKind::InvalidData)?;
    Ok(Session::Of { class: class.to_owned(), active: active == "1" })
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
        fs::write(host.path().join("sessions/7"), "UID=1000\nACTIVE=1\nSTATE=active\nCLASS=user\n").unwrap();
        fs::write(host.path().join("sessions/8"), "ACTIVE=0\nCLASS=background\n").unwrap();
        fs::write(host.path().join("sessions/9"), "garbage").unwrap();
        fs::write(host.path().join("users/1000"), "STATE=active\nDISPLAY=7\n").unwrap();
        fs::write(host.path().join("users/1001"), "STATE=lingering\nDISPLAY=\n").unwrap();
        host
    }

    fn session(path: &str) -> Fact<Session> {
        of(path, host().path())
    }

    #[test]
    fn a_service_has_no_session() {
        assert_eq!(session("/system.slice/apache2.service"), Fact::Known(Session::None));
    }

    #[test]
    fn a_session_scope_is_its_session() {
        let active = Fact::Known(Session::Of { class: "user".into(), active: true });
        assert_eq!(session("/user.slice/user-1000.slice/session-7.scope"), active);
        let background = Fact::Known(Session::Of { class: "background".into(), active: false });
        assert_eq!(session("/user.slice/user-1000.slice/session-8.scope"), background);
    }

    #[test]
    fn a_users_own_service_counts_to_his_display_session() {
        let active = Fact::Known(Session::Of { class: "user".into(), active: true });
        assert_eq!(session("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service"), active);
        assert_eq!(session("/user.slice/user-1001.slice/user@1001.service"), Fact::Known(Session::None));
        assert_eq!(session("/user.slice/user-1002.slice/user@1002.service"), Fact::Known(Session::None));
    }

    #[test]
    fn a_session_that_cannot_be_read_is_unknown() {
        assert_eq!(session("/user.slice/user-1000.slice/session-9.scope"), Fact::Unknown);
        assert_eq!(session("/user.slice/user-1000.slice/session-10.scope"), Fact::Unknown);
    }
}
