//! The parts of a policy for callers that enumerate subjects: its files, and requests of users that need not exist.

use std::rc::Rc;

use super::action_request::{ActionRequest, compat};
use super::{Evaluator, UserFacts, UserRequest};
use crate::verdict::AccessRequest;
use crate::verdict::files::{RegisteredAction, Rules};
use crate::verdict::pkla::{Pkla, Reader};
use crate::verdict::wire::{EngineRequest, Program};

impl Evaluator {
    /// Makes a request of a user with these facts. The user database is not asked.
    #[must_use]
    pub fn request_of(access_request: AccessRequest, user: UserFacts) -> UserRequest {
        UserRequest { access_request, user: Rc::new(user) }
    }

    /// Returns the rules files with their content, in the order of execution.
    #[must_use]
    pub fn rules(&self) -> &[Rules] {
        &self.data.files.rules
    }

    /// Returns how many rules a rules file added, by the number of the file.
    #[must_use]
    pub fn added_by(&self, number: usize) -> usize {
        self.data.rules.iter().filter(|(file, _)| *file == number).count()
    }

    /// Returns a registered action.
    #[must_use]
    pub fn registered(&self, action: &str) -> Option<&RegisteredAction> {
        self.data.files.actions.get(action)
    }

    /// Returns the actions that imply this one.
    #[must_use]
    pub fn implying(&self, action: &str) -> &[String] {
        self.data.implying(action)
    }

    /// Returns the pkla files, if polkit reads them.
    #[must_use]
    pub fn pkla(&self) -> Option<&Pkla> {
        self.data.files.pkla.as_ref()
    }

    /// Returns the unknown facts on which every verdict depends.
    #[must_use]
    pub fn always(&self) -> &[String] {
        &self.data.always
    }

    /// Whether polkit allows this request of root without any rule, if the user is root.
    #[must_use]
    pub fn exempts_root(&self, access_request: &AccessRequest, action: &str) -> bool {
        let user = UserFacts { name: "root".to_owned(), groups: Vec::new(), uid: Some(0), has_name: true };
        self.data.exempts_root(&ActionRequest { access_request, user: &user, action })
    }

    /// Returns the request to the engine about one action.
    #[must_use]
    pub fn engine_request(&self, access_request: &AccessRequest, user: &UserFacts, action: &str) -> EngineRequest {
        self.data.ask(&ActionRequest { access_request, user, action })
    }

    /// Returns the results of polkit-pkla-compat's program, if polkit reads pkla files by it.
    #[must_use]
    pub fn pkla_programs(&self, access_request: &AccessRequest, user: &UserFacts, action: &str) -> Vec<Program> {
        let pkla = self.data.files.pkla.as_ref().filter(|pkla| pkla.reader == Reader::Compat);
        pkla.map_or_else(Vec::new, |pkla| compat(pkla, &ActionRequest { access_request, user, action }))
    }
}
