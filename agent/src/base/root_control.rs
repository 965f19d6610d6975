//! Programs that root alone controls: the file, and every directory on the way to it. One of the files with effects: it reads
//! the state of files.
//!
//! A path can be on a file system that does not respond: call this on a thread that no other work waits for.

use std::path::Path;

use polkit_agent_rules::facts::FileId;
use polkit_config::file::{Unfit, reached_by_root_alone};

/// The file at a path, if root alone controls the file and every directory on the way to it. Links are followed, and must be
/// root's as well.
///
/// # Errors
/// Why root alone does not control it, with the remedy.
pub fn program(path: &Path) -> Result<FileId, Unfit> {
    reached_by_root_alone(path).map(|state| FileId::of(&state))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, chown, symlink},
    };

    use polkit_config::report::Problem;

    use super::*;

    fn is_roots(path: &Path) -> Option<bool> {
        match program(path) {
            Ok(_) => Some(true),
            Err(Unfit::Writable(_)) => Some(false),
            Err(Unfit::Unreadable(_)) => None,
        }
    }

    #[test]
    fn a_program_of_the_system_is_root_s_alone_by_a_link_as_well() {
        assert_eq!(is_roots(Path::new("/usr/bin/env")), Some(true));
        assert_eq!(is_roots(Path::new("/nowhere")), None);
        assert_eq!(is_roots(Path::new("/usr/bin")), Some(false), "no file");
        assert_eq!(is_roots(Path::new("/dev/null")), Some(false));
    }

    #[test]
    fn a_directory_or_link_of_a_user_on_the_way_is_told() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let of_user = place.path().join("user");
        let tool = of_user.join("tool");
        fs::create_dir(&of_user).unwrap();
        fs::copy("/bin/true", &tool).unwrap();
        assert_eq!(is_roots(&tool), Some(true));
        symlink(&tool, place.path().join("link")).unwrap();
        assert_eq!(is_roots(&place.path().join("link")), Some(true));
        chown(&of_user, Some(1000), None).unwrap();
        assert_eq!(is_roots(&tool), Some(false));
        assert_eq!(is_roots(&place.path().join("link")), Some(false), "a link of root's into it");
        fs::remove_file(&tool).unwrap();
        symlink("/usr/bin/env", &tool).unwrap();
        assert_eq!(is_roots(&tool), Some(false), "a link out of it");
        chown(&of_user, Some(0), None).unwrap();
        assert_eq!(is_roots(&tool), Some(true));
        fs::set_permissions(&of_user, fs::Permissions::from_mode(0o775)).unwrap();
        assert_eq!(is_roots(&tool), Some(false), "for its group to write");
    }

    #[test]
    fn the_message_names_the_directory_and_what_to_do() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let tool = place.path().join("tool");
        fs::copy("/bin/true", &tool).unwrap();
        let problem = Problem::from(program(&tool).unwrap_err());
        let directory = place.path().display().to_string();
        assert!(problem.message.contains(&directory) && problem.message.contains("mode 0777"), "{problem:?}");
        assert!(problem.help.is_some_and(|help| help.contains("chmod go-w")));
    }
}
