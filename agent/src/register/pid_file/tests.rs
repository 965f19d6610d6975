use std::os::unix::fs::PermissionsExt;

use super::*;

fn pin(path: &Path) -> io::Result<PinnedProcess> {
    PidFile::read(path)?.pin()
}

#[test]
fn a_pid_file_survives_its_report_as_json() {
    let file = PidFile { pid: SubjectPid::new(42).unwrap(), owners: [0, 33] };
    assert_eq!(PidFile::from_json(&file.to_json()), Some(file));
    assert_eq!(PidFile::from_json(&serde_json::json!({ "pid": 0, "owners": [0, 0] })), None);
    assert_eq!(PidFile::from_json(&serde_json::json!({ "pid": 1, "owners": [0] })), None);
}

#[test]
fn a_pid_file_that_other_users_can_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pid");
    fs::write(&path, format!("{}\n", std::process::id())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(pin(&path).unwrap().process.pid.get(), std::process::id());

    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(pin(&path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(pin(&path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn a_pipe_as_pid_file_is_refused_without_blocking() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pid");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o644)).unwrap();
    assert_eq!(pin(&path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn a_pid_file_without_a_pid_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pid");
    for text in ["", "apache2", "-1", "0", "99999999999"] {
        fs::write(&path, text).unwrap();
        assert_eq!(pin(&path).unwrap_err().kind(), io::ErrorKind::InvalidData, "{text:?}");
    }
    assert_eq!(pin(&folder.path().join("y.pid")).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn root_or_the_user_of_the_process_owns_both_the_file_and_its_folder() {
    let own = rustix::process::getuid().as_raw();
    let pinned = |owners: [u32; 2]| {
        let file = PidFile { pid: SubjectPid::new(std::process::id()).unwrap(), owners };
        file.pin().map(|pinned| pinned.process.pid.get()).map_err(|error| error.kind())
    };
    for owners in [[0, 0], [own, 0], [0, own], [own, own]] {
        assert_eq!(pinned(owners), Ok(std::process::id()), "{owners:?}");
    }
    for other in [own + 1, own + 4242] {
        for owners in [[other, 0], [0, other], [other, own], [own, other], [other, other]] {
            assert_eq!(pinned(owners), Err(io::ErrorKind::PermissionDenied), "{owners:?}");
        }
    }
}

#[test]
fn a_pid_file_or_a_folder_that_a_group_can_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pid");
    fs::write(&path, format!("{}\n", std::process::id())).unwrap();
    for (file, above, is_trusted) in [(0o644, 0o755, true), (0o664, 0o755, false), (0o644, 0o775, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(file)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(above)).unwrap();
        assert_eq!(PidFile::read(&path).is_ok(), is_trusted, "{file:o} {above:o}");
    }
}
