//! The program of a process: what the agent sees for itself, and what the process only claims. One of the files with effects: it
//! reads `/proc` and the file that stands at the path of the program.
//!
//! The program and that path can be on a file system that does not answer: the child of `reader` alone calls this.

use std::{
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
};

use polkit_config::escape::escape_bytes;
use rustix::fs::{AtFlags, readlinkat, statat};

use crate::{
    rules::facts::{Content, Fact, FileId},
    subject::root_control,
};

/// What is known of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// The file.
    pub exe: Fact<FileId>,
    /// The path, escaped, if it is a fact.
    pub path: Option<String>,
    /// The path, escaped, if it is none: the process can have chosen it.
    pub claimed: Option<String>,
    /// The state of the file.
    pub content: Fact<Content>,
}

/// What is known of the program of the process whose folder in `/proc` this is. May never return.
///
/// `/proc/PID/exe` shows a path in the mount namespace of the process, and any user can mount any file over any path in a namespace of
/// his own. So the path is a fact only if the same file stands there for the agent, and root alone controls the file and the way.
#[must_use]
pub fn of(folder: &OwnedFd) -> Program {
    let (exe, content) =
        state(folder).map_or((Fact::Unknown, Fact::Unknown), |(exe, content)| (Fact::Known(exe), Fact::Known(content)));
    let Ok(path) = readlinkat(folder, "exe", Vec::new()) else {
        return Program { exe, path: None, claimed: None, content };
    };
    let shown = Some(escape_bytes(path.as_bytes()));
    if is_fact(Path::new(OsStr::from_bytes(path.as_bytes())), &exe) {
        Program { exe, path: shown, claimed: None, content }
    } else {
        Program { exe, path: None, claimed: shown, content }
    }
}

/// The file of a program, and the state of its content.
fn state(folder: &OwnedFd) -> io::Result<(FileId, Content)> {
    let stat = statat(folder, "exe", AtFlags::empty())?;
    let content = Content {
        size: stat.st_size.cast_unsigned(),
        modified: (stat.st_mtime, stat.st_mtime_nsec),
        changed: (stat.st_ctime, stat.st_ctime_nsec),
    };
    Ok((FileId { device: stat.st_dev, inode: stat.st_ino }, content))
}

fn is_fact(path: &Path, exe: &Fact<FileId>) -> bool {
    let there = || root_control::program(path).ok();
    matches!(exe, Fact::Known(exe) if path.is_absolute() && there().is_some_and(|there| there == *exe))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::PermissionsExt,
        process::{Child, Command},
    };

    use polkit_dbus::SubjectPid;

    use super::*;
    use crate::subject::process::Held;

    fn of_pid(pid: u32) -> Program {
        let held = Held::open(SubjectPid::new(pid).unwrap()).unwrap();
        of(&held.folder().unwrap())
    }

    /// Another test that forks may for a moment hold the descriptor by which the file was written.
    fn spawn(program: &Path) -> Child {
        loop {
            match Command::new(program).arg("60").spawn() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
                spawned => return spawned.unwrap(),
            }
        }
    }

    /// Runs a copy of sleep(1), and looks once exec is done.
    fn of_running(program: &Path) -> Program {
        let mut child = spawn(program);
        let program = of_pid(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        program
    }

    #[test]
    fn the_path_of_a_program_of_the_system_is_a_fact() {
        let sleep = fs::canonicalize("/usr/bin/sleep").unwrap();
        let program = of_running(&sleep);
        assert_eq!((program.path, program.claimed), (Some(sleep.display().to_string()), None));
        assert!(matches!(program.content, Fact::Known(_)));
    }

    #[test]
    fn the_path_of_a_program_that_others_may_write_or_that_is_gone_is_a_claim() {
        let place = tempfile::tempdir().unwrap();
        let copy = place.path().join("sleep");
        fs::copy("/usr/bin/sleep", &copy).unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let program = of_running(&copy);
        assert_eq!((program.path, program.claimed), (None, Some(copy.display().to_string())));
        let mut child = spawn(&copy);
        fs::remove_file(&copy).unwrap();
        let program = of_pid(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((program.path, program.claimed), (None, Some(format!("{} (deleted)", copy.display()))));
    }

    #[test]
    fn a_file_that_was_written_since_has_another_content() {
        let place = tempfile::tempdir().unwrap();
        let copy = place.path().join("sleep");
        fs::copy("/usr/bin/sleep", &copy).unwrap();
        let before = of_running(&copy);
        let mut bytes = fs::read(&copy).unwrap();
        bytes.push(0);
        fs::write(&copy, bytes).unwrap();
        let after = of_running(&copy);
        assert!(
            matches!((&before.content, &after.content), (Fact::Known(before), Fact::Known(after)) if before != after)
        );
    }
}
