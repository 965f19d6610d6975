//! The users and groups of /etc, for hook requests. polkitd waits for the hook, and a user database on the network can take longer
//! than that. One of the files with effects.

use std::{
    fs,
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
        let stamp = |path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let stamps = [stamp(PASSWD), stamp(GROUP)];
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((known, names)) if *known == stamps => Some(Arc::clone(names)),
            _ => {
                let (passwd, group) = (fs::read_to_string(PASSWD).ok()?, fs::read_to_string(GROUP).ok()?);
                let names = Arc::new(Names::Root(Tree::parse(&passwd, &group)));
                *read = Some((stamps, Arc::clone(&names)));
                Some(names)
            }
        }
    }
}
