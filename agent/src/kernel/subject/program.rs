//! The program of a process: what the agent verified, and what the process only claims. One of the files with effects: it reads
//! `/proc` and the file at the path of the program.
//!
//! Both can be on a file system that does not respond: only the child of `base::reader` calls this.

use std::{
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
};

use polkit_agent_rules::facts::{Content, Fact, FileId};
use polkit_types::escape::escape_bytes;
use rustix::fs::{AtFlags, readlinkat, statat};

use crate::base::root_control;

/// The program of a process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// The file.
    pub exe: Fact<FileId>,
    /// The path, escaped, if the agent verified it.
    pub path: Option<String>,
    /// The path, escaped, if the process can have chosen it.
    pub claimed: Option<String>,
    /// The version of the file's content.
    pub content: Fact<Content>,
}

/// Reads the program of the process with this folder in `/proc`. May never return.
///
/// `/proc/PID/exe` shows a path in the mount namespace of the process, and a user can mount any file at any path in a private
/// namespace. So the path is verified only if the agent finds the same file there, and root alone controls the file and its directories.
#[must_use]
pub fn of(folder: &OwnedFd) -> Program {
    let (exe, content) =
        state(folder).map_or((Fact::Unknown, Fact::Unknown), |(exe, content)| (Fact::Known(exe), Fact::Known(content)));
    let Ok(path) = readlinkat(folder, "exe", Vec::new()) else {
        return Program { exe, path: None, claimed: None, content };
    };
    let shown = Some(escape_bytes(path.as_bytes()));
    if is_verified(Path::new(OsStr::from_bytes(path.as_bytes())), &exe) {
        Program { exe, path: shown, claimed: None, content }
    } else {
        Program { exe, path: None, claimed: shown, content }
    }
}

/// The file of a program, and the version of its content.
fn state(folder: &OwnedFd) -> io::Result<(FileId, Content)> {
    let stat = statat(folder, "exe", AtFlags::empty())?;
    let content = Content {
        size: stat.st_size.cast_unsigned(),
        modified: (stat.st_mtime, stat.st_mtime_nsec),
        changed: (stat.st_ctime, stat.st_ctime_nsec),
    };
    Ok((FileId { device: stat.st_dev, inode: stat.st_ino }, content))
}

fn is_verified(path: &Path, exe: &Fact<FileId>) -> bool {
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

    use polkit_types::SubjectPid;

    use super::*;
    use crate::kernel::subject::process::PinnedProcess;

    fn of_pid(pid: u32) -> Program {
        let pinned = PinnedProcess::open(SubjectPid::new(pid).unwrap()).unwrap();
        of(&pinned.folder().unwrap())
    }

    /// Another test that forks can hold the descriptor that wrote the file for a moment.
    fn spawn(program: &Path) -> Child {
        loop {
            match Command::new(program).arg("60").spawn() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
                spawned => return spawned.unwrap(),
            }
        }
    }

    /// Runs a copy of sleep(1), and reads the program after exec.
    fn of_running(program: &Path) -> Program {
        let mut child = spawn(program);
        let program = of_pid(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        program
    }

    #[test]
    fn the_path_of_a_system_program_is_verified() {
        let sleep = fs::canonicalize("/usr/bin/sleep").unwrap();
        let program = of_running(&sleep);
        assert_eq!((program.path, program.claimed), (Some(sleep.display().to_string()), None));
        assert!(matches!(program.content, Fact::Known(_)));
    }

    #[test]
    fn a_path_is_verified_only_if_it_leads_to_the_file_that_runs() {
        let file = |path: &str| Fact::Known(FileId::of(&fs::metadata(path).unwrap()));
        let (sleep, other) = ("/usr/bin/sleep", "/usr/bin/env");
        assert!(is_verified(Path::new(sleep), &file(sleep)));
        assert!(!is_verified(Path::new(sleep), &file(other)), "the file was replaced");
        assert!(!is_verified(Path::new(sleep), &Fact::Unknown));
        assert!(!is_verified(Path::new("usr/bin/sleep"), &file(sleep)), "a relative path");
        assert!(!is_verified(Path::new("/nonexistent"), &file(sleep)));
    }

    #[test]
    fn the_path_of_a_writable_or_deleted_program_is_a_claim() {
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
    fn a_rewritten_file_has_another_content() {
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
