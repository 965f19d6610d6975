//! The users and groups of /etc, for hook requests. polkitd waits for the hook, and a user database on the network can take longer
//! than that. One of the files with effects.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use polkit_config::{
    bounded,
    names::{Names, Tree},
};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
/// The folder in which systemd keeps a file for each uid of a unit with `DynamicUser=`, with the name of the user (dynamic-user.c,
/// seen with systemd 252, 257 and 262). The files belong to root, and only root can read them.
const DYNAMIC: &str = "/run/systemd/dynamic-uid";

/// The parsed files. They are read again when a file changes.
#[derive(Debug, Default)]
pub struct Accounts {
    read: Mutex<Option<(Stamps, Arc<Names>)>>,
}

type Stamps = [Option<SystemTime>; 2];

/// The name of a dynamic user, while its unit runs.
#[must_use]
pub fn dynamic_name(uid: u32) -> Option<String> {
    dynamic(Path::new(DYNAMIC), uid)
}

fn dynamic(folder: &Path, uid: u32) -> Option<String> {
    let text = bounded::kernel_text(folder.join(uid.to_string())).ok()?;
    text.strip_suffix('\n').filter(|name| !name.is_empty()).map(str::to_owned)
}

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
    fn the_name_of_a_dynamic_user_is_in_the_file_of_its_uid() {
        let folder = tempfile::tempdir().unwrap();
        for (uid, text) in [("62396", "ci\n"), ("62397", ""), ("62398", "\n"), ("62399", "half")] {
            fs::write(folder.path().join(uid), text).unwrap();
        }
        assert_eq!(dynamic(folder.path(), 62396).as_deref(), Some("ci"));
        for other in [62397, 62398, 62399, 0] {
            assert_eq!(dynamic(folder.path(), other), None, "{other}");
        }
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
