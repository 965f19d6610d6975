//! Users and groups: of the host through NSS, or of another tree from its `etc/passwd` and `etc/group`.

use std::ffi::CString;
use std::fmt;
use std::path::{Path, PathBuf};

use nix::unistd;
use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::bounded::{self, TREE_MAX};
use crate::escape::visible;

/// Length limit of a user or group name, in bytes (Linux: LOGIN_NAME_MAX).
const NAME_MAX: usize = 256;

/// A user in the user database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name in the database, which may differ from the requested name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The id of the primary group.
    pub gid: u32,
}

/// A group in the group database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name in the database.
    pub name: String,
    /// The group id.
    pub gid: u32,
}

/// A lookup that failed. It does not say whether the name exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupError {
    attempted: String,
    cause: String,
}

impl LookupError {
    fn new(attempted: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self { attempted: attempted.into(), cause: cause.to_string() }
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", visible(&self.attempted), visible(&self.cause))
    }
}

impl std::error::Error for LookupError {}

/// Checks that `name` can be the name of a user or group.
///
/// The limits are those of systemd's relaxed mode (`valid_user_group_name`), which accepts every name that `/etc/passwd` and
/// its tools can hold: quotes, backslashes, inner blanks and non-ASCII letters are valid. A name that consists of digits is
/// refused, because polkit writes the uid of a user without a name in the same place.
///
/// # Errors
/// The reason, as the continuation of "the name `x` ".
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("is empty");
    }
    if name.len() > NAME_MAX {
        return Err("is longer than 256 bytes");
    }
    if name.chars().any(char::is_control) {
        return Err("has a control character (a line break, a NUL), which account names cannot have");
    }
    if name.contains([':', '/']) {
        return Err("has a `:` or `/`, which account names cannot have");
    }
    if name.trim() != name {
        return Err("begins or ends with a blank");
    }
    if matches!(name, "." | "..") {
        return Err("is not an account name");
    }
    if name.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is a number, not a name");
    }
    Ok(())
}

/// The database for name lookups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// The databases of this host, through NSS.
    Host,
    /// `etc/passwd` and `etc/group` of another tree.
    Root(Tree),
}

/// The accounts of another tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    users: Vec<User>,
    groups: Vec<(Group, Vec<String>)>,
}

impl Names {
    /// Reads the accounts of the tree at `root`. Symbolic links resolve inside the tree.
    ///
    /// # Errors
    /// `etc/passwd` or `etc/group` exists and is unreadable. A missing file counts as empty.
    pub fn of_root(root: &Path) -> Result<Self, LookupError> {
        Ok(Self::Root(Tree::parse(&read_in_root(root, "etc/passwd")?, &read_in_root(root, "etc/group")?)))
    }

    /// Looks up a user by name. `None` means that the database answered and has no such user.
    ///
    /// # Errors
    /// The database did not answer.
    pub fn user(&self, name: &str) -> Result<Option<User>, LookupError> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        match self {
            Self::Host => {
                let found = unistd::User::from_name(name)
                    .map_err(|errno| LookupError::new(format!("look up user `{name}`"), errno.desc()))?;
                Ok(found.map(|user| User { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
            }
            Self::Root(tree) => Ok(tree.users.iter().find(|user| user.name == name).cloned()),
        }
    }

    /// Looks up a user by uid.
    ///
    /// # Errors
    /// The database did not answer.
    pub fn user_by_uid(&self, uid: u32) -> Result<Option<User>, LookupError> {
        match self {
            Self::Host => {
                let found = unistd::User::from_uid(uid.into())
                    .map_err(|errno| LookupError::new(format!("look up uid {uid}"), errno.desc()))?;
                Ok(found.map(|user| User { name: user.name, uid, gid: user.gid.as_raw() }))
            }
            Self::Root(tree) => Ok(tree.users.iter().find(|user| user.uid == uid).cloned()),
        }
    }

    /// Looks up a group by name. `None` means that the database answered and has no such group.
    ///
    /// # Errors
    /// The database did not answer.
    pub fn group(&self, name: &str) -> Result<Option<Group>, LookupError> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        match self {
            Self::Host => {
                let found = unistd::Group::from_name(name)
                    .map_err(|errno| LookupError::new(format!("look up group `{name}`"), errno.desc()))?;
                Ok(found.map(|group| Group { name: group.name, gid: group.gid.as_raw() }))
            }
            Self::Root(tree) => {
                Ok(tree.groups.iter().map(|(group, _)| group).find(|group| group.name == name).cloned())
            }
        }
    }

    /// Looks up a group by gid.
    ///
    /// # Errors
    /// The database did not answer.
    pub fn group_by_gid(&self, gid: u32) -> Result<Option<Group>, LookupError> {
        match self {
            Self::Host => {
                let found = unistd::Group::from_gid(gid.into())
                    .map_err(|errno| LookupError::new(format!("look up gid {gid}"), errno.desc()))?;
                Ok(found.map(|group| Group { name: group.name, gid }))
            }
            Self::Root(tree) => Ok(tree.groups.iter().map(|(group, _)| group).find(|group| group.gid == gid).cloned()),
        }
    }

    /// Returns the names in the member list of the group, without users whose primary group it is.
    ///
    /// # Errors
    /// The database did not answer.
    pub fn listed_members(&self, group: &Group) -> Result<Vec<String>, LookupError> {
        match self {
            Self::Host => {
                let found = unistd::Group::from_name(&group.name)
                    .map_err(|errno| LookupError::new(format!("look up group `{}`", group.name), errno.desc()))?;
                Ok(found.map(|found| found.mem).unwrap_or_default())
            }
            Self::Root(tree) => {
                let found = tree.groups.iter().find(|(known, _)| known == group);
                Ok(found.map(|(_, members)| members.clone()).unwrap_or_default())
            }
        }
    }

    /// Returns the accounts that are listed in /etc/passwd. Other databases are not enumerated.
    ///
    /// # Errors
    /// The file is unreadable.
    pub fn listed_users(&self) -> Result<Vec<User>, LookupError> {
        match self {
            Self::Host => Self::of_root(Path::new("/"))?.listed_users(),
            Self::Root(tree) => Ok(tree.users.clone()),
        }
    }

    /// Returns the gids of all groups of `user`, with the primary group. polkit also takes them from the database
    /// (getgrouplist) and not from a process.
    ///
    /// # Errors
    /// The database did not answer.
    pub fn groups_of(&self, user: &User) -> Result<Vec<u32>, LookupError> {
        match self {
            Self::Host => {
                let attempted = || format!("look up the groups of `{}`", user.name);
                let name = CString::new(user.name.as_str()).map_err(|error| LookupError::new(attempted(), error))?;
                let groups = unistd::getgrouplist(&name, user.gid.into())
                    .map_err(|errno| LookupError::new(attempted(), errno.desc()))?;
                Ok(groups.into_iter().map(unistd::Gid::as_raw).collect())
            }
            Self::Root(tree) => {
                let member = |members: &Vec<String>| members.contains(&user.name);
                let others = tree.groups.iter().filter(|(_, members)| member(members));
                let others = others.map(|(group, _)| group.gid).filter(|gid| *gid != user.gid);
                Ok(std::iter::once(user.gid).chain(others).collect())
            }
        }
    }
}

impl Tree {
    /// Parses the text of a passwd and a group file. As in NSS, malformed lines are skipped and the first entry of a name
    /// counts.
    #[must_use]
    pub fn parse(passwd: &str, group: &str) -> Self {
        let users = passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let (name, _password) = (fields.next()?, fields.next()?);
            let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            check_name(name).ok()?;
            Some(User { name: name.to_owned(), uid, gid })
        });
        let groups = group.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let (name, _password) = (fields.next()?, fields.next()?);
            let gid = fields.next()?.parse().ok()?;
            check_name(name).ok()?;
            let members = fields.next().unwrap_or("").split(',').filter(|member| !member.is_empty());
            Some((Group { name: name.to_owned(), gid }, members.map(str::to_owned).collect()))
        });
        Self { users: users.collect(), groups: groups.collect() }
    }
}

/// Reads a file of the tree at `root`. A missing file reads as empty.
fn read_in_root(root: &Path, path: &str) -> Result<String, LookupError> {
    let shown: PathBuf = root.join(path);
    let error = |cause: &dyn fmt::Display| LookupError::new(format!("read {}", shown.display()), cause);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let directory = rustix::fs::open(root, flags | OFlags::DIRECTORY, Mode::empty()).map_err(|errno| error(&errno))?;
    match rustix::fs::openat2(directory, path, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
        Ok(opened) => {
            let opened = std::fs::File::from(opened);
            if !opened.metadata().is_ok_and(|meta| meta.is_file()) {
                return Err(error(&"it is not a regular file"));
            }
            let bytes = bounded::read_to_end(opened, TREE_MAX).map_err(|cause| error(&cause))?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        Err(rustix::io::Errno::NOENT) => Ok(String::new()),
        Err(errno) => Err(error(&errno)),
    }
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
