//! The user of a request, from the user database.

use std::rc::Rc;

use polkit_config::names::LookupError;

use super::Evaluator;
use crate::failure::Failure;
use crate::verdict::AccessRequest;

/// The user of a subject, as polkit sees it.
#[derive(Clone, Debug)]
pub struct UserFacts {
    /// The name, or the uid of a user without a name.
    pub name: String,
    /// The names of the groups.
    pub groups: Vec<String>,
    /// The uid, if known.
    pub uid: Option<u32>,
    /// Whether the name is from the user database, and not a uid.
    pub has_name: bool,
}

impl Evaluator {
    pub(super) fn user_facts(&mut self, access_request: &AccessRequest) -> Result<Rc<UserFacts>, Failure> {
        if let (Some(known), None) = (self.users.get(&access_request.user), &access_request.groups) {
            return Ok(Rc::clone(known));
        }
        let unreachable = |error: LookupError| Failure::Unreachable(error.to_string());
        let name = access_request.user.as_str();
        let found = match self.names.user(name).map_err(unreachable)? {
            // polkit uses the first of two users with the same uid.
            Some(user) => self.names.user_by_uid(user.uid).map_err(unreachable)?.or(Some(user)),
            None => match name.parse() {
                Ok(uid) => self.names.user_by_uid(uid).map_err(unreachable)?,
                Err(_) => None,
            },
        };
        let is_number = name.parse::<u32>().is_ok();
        let mut known = match &found {
            Some(user) => {
                let mut groups = Vec::new();
                for gid in self.names.groups_of(user).map_err(unreachable)? {
                    let group = self.names.group_by_gid(gid).map_err(unreachable)?;
                    groups.push(group.map_or_else(|| gid.to_string(), |group| group.name));
                }
                UserFacts { name: user.name.clone(), groups, uid: Some(user.uid), has_name: true }
            }
            None if is_number || access_request.groups.is_some() => {
                UserFacts { name: name.to_owned(), groups: Vec::new(), uid: name.parse().ok(), has_name: !is_number }
            }
            None => {
                return Err(Failure::Refused(format!(
                    "there is no user `{}`: give the groups of the user with --group",
                    polkit_config::escape::escape(name)
                )));
            }
        };
        if let Some(groups) = &access_request.groups {
            groups.clone_into(&mut known.groups);
            return Ok(Rc::new(known));
        }
        let known = Rc::new(known);
        self.users.insert(access_request.user.clone(), Rc::clone(&known));
        Ok(known)
    }
}
