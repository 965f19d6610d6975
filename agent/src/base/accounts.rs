//! The users and groups of /etc, for hook requests. polkitd waits for the hook, and a user database on the network can take longer
//! than that. One of the files with effects.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use polkit_config::names::{Names, Tree};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// The parsed files. They are read again when a file changes.
#[derive(Debug, Default)]
pub struct Accounts {
    read: Mutex<Option<(Stamps, Arc<Names>)>>,
}

type Stamps = [Option<SystemTime>; 2];

impl Accounts {
    /// The users and groups of this moment. `None` if the files cannot be read.
    pub fn now(&self) -> Option<Arc<Names>> {
        self.of(Path::new(PASSWD), Path::new(GROUP))
    }

    fn of(&self, passwd: &Path, group: &Path) -> Option<Arc<Names>> {
        let stamp = |path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let stamps = [stamp(passwd), stamp(group)];
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((known, names)) if *known == stamps => Some(Arc::clone(names)),
            _ => {
                let (passwd, group) = (fs::read_to_string(passwd).ok()?, fs::read_to_string(group).ok()?);
                let names = Arc::new(Names::Root(Tree::parse(&passwd, &group)));
                *read = Some((stamps, Arc::clone(&names)));
                Some(names)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, path::PathBuf, time::Duration};

    use super::*;

    fn write(path: &PathBuf, text: &str, seconds: u64) {
        fs::write(path, text).unwrap();
        File::open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn a_change_of_either_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (passwd, group) = (folder.path().join("passwd"), folder.path().join("group"));
        write(&passwd, "a:x:1:1::/:/bin/sh\n", 1);
        write(&group, "one:x:1:\n", 1);
        let accounts = Accounts::default();
        let has = |user: &str, name: &str| {
            let names = accounts.of(&passwd, &group).unwrap();
            (names.user(user).unwrap().is_some(), names.group(name).unwrap().is_some())
        };
        assert_eq!(has("a", "one"), (true, true));
        write(&group, "two:x:2:\n", 2);
        assert_eq!((has("a", "one"), has("a", "two")), ((true, false), (true, true)));
        write(&passwd, "b:x:2:2::/:/bin/sh\n", 2);
        assert_eq!((has("a", "two"), has("b", "two")), ((false, true), (true, true)));
    }

    #[test]
    fn files_that_cannot_be_read_are_no_accounts() {
        let folder = tempfile::tempdir().unwrap();
        let (passwd, group) = (folder.path().join("passwd"), folder.path().join("group"));
        assert!(Accounts::default().of(&passwd, &group).is_none());
        write(&passwd, "a:x:1:1::/:/bin/sh\n", 1);
        assert!(Accounts::default().of(&passwd, &group).is_none());
        assert!(Accounts::default().now().is_some_and(|names| names.user("root").unwrap().is_some()));
    }
}
