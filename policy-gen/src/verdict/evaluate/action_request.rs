//! A request about one action. Also the results of polkit-pkla-compat's helper.

use super::user_facts::UserFacts;
use crate::verdict::AccessRequest;
use crate::verdict::pkla::{self, Pkla};
use crate::verdict::wire::Program;

/// The paths of the program of `49-polkit-pkla-compat.rules`: Debian's, and the usual one.
const COMPAT: [&str; 2] = ["/usr/sbin/pkla-check-authorization", "/usr/bin/pkla-check-authorization"];

/// A request about one action: the requested action, or one that implies it.
#[derive(Clone, Copy)]
pub(super) struct ActionRequest<'a> {
    pub(super) access_request: &'a AccessRequest,
    pub(super) user: &'a UserFacts,
    pub(super) action: &'a str,
}

impl ActionRequest<'_> {
    pub(super) fn subject(&self) -> pkla::Subject<'_> {
        pkla::Subject {
            user: &self.user.name,
            groups: &self.user.groups,
            netgroups: self.access_request.netgroups.as_deref(),
            session: self.access_request.session,
        }
    }
}

/// Returns the results of `pkla-check-authorization` for the call of its rule. The program fails for a uid without a name.
pub(super) fn compat(pkla: &Pkla, request: &ActionRequest<'_>) -> Vec<Program> {
    let outcome = pkla.outcome(request.subject(), request.action);
    if !outcome.unknown.is_empty() {
        return Vec::new();
    }
    let result = outcome.possible.into_iter().flatten().next();
    let output = if request.user.has_name {
        Ok(result.map_or_else(String::new, |result| format!("{}\n", result.result)))
    } else {
        Err(1)
    };
    let session = request.access_request.session;
    let words = |program: &str| {
        let flags = [session.is_local(), session.is_active()].map(|flag| flag.to_string());
        [&[program.to_owned(), request.user.name.clone()], flags.as_slice(), &[request.action.to_owned()]].concat()
    };
    COMPAT.iter().map(|program| Program { argv: words(program), output: output.clone() }).collect()
}

pub(super) fn is_compat(file: &str) -> bool {
    file.ends_with("/49-polkit-pkla-compat.rules")
}
