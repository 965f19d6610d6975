//! pkla entries that would allow a request but for one thing.

use super::{AccessRequest, Evaluator, Outcome};
use crate::failure::Failure;
use crate::implicit_authorization::{BySession, ImplicitAuthorization, Session};
use crate::verdict::pkla::{Entry, glob};

/// An entry that would allow the request but for one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearEntry {
    /// The file.
    pub file: String,
    /// The line of the entry.
    pub line: usize,
    /// What keeps it from a yes.
    pub obstacle: Obstacle,
}

/// What keeps an entry from a yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The user is none of these identities.
    Identity(Vec<String>),
    /// The key that counts for the session of the subject, with its value.
    Result(&'static str, Option<ImplicitAuthorization>),
}

impl Evaluator {
    /// Returns the entries for the action that would allow the request with another identity, or in another session. Evaluates at most
    /// `limit` changes.
    ///
    /// # Errors
    /// The errors of [`Evaluator::verdicts`].
    pub fn near_entries(&mut self, request: &AccessRequest, limit: usize) -> Result<Vec<NearEntry>, Failure> {
        let user = self.user_facts(request)?.name.clone();
        let mut found = Vec::new();
        for (place, entry, file) in self.entries_of(&request.action).into_iter().take(limit) {
            let (key, value) = counting(&entry.results, request.session);
            let is_yes = value == Some(ImplicitAuthorization::Yes);
            let (changed, obstacle) = if is_yes {
                let identities = vec![format!("unix-user:{user}")];
                (Entry { identities, ..entry.clone() }, Obstacle::Identity(entry.identities.clone()))
            } else if entry.results.all().contains(&Some(ImplicitAuthorization::Yes)) {
                let results = BySession::always(Some(ImplicitAuthorization::Yes));
                (Entry { results, ..entry.clone() }, Obstacle::Result(key, value))
            } else {
                continue;
            };
            self.replace(place, changed);
            let verdict = self.verdict(request);
            self.replace(place, entry.clone());
            if verdict?.outcome == Outcome::Result(ImplicitAuthorization::Yes) {
                found.push(NearEntry { file, line: entry.line, obstacle });
            }
        }
        Ok(found)
    }

    /// Returns all pkla entries that polkit reads, each with its file.
    pub fn pkla_entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        let stores = self.data.files.pkla.iter().flat_map(|pkla| &pkla.stores);
        let files = stores.flat_map(|store| &store.files);
        files.flat_map(|file| file.entries.iter().map(|entry| (file.path.as_str(), entry)))
    }

    /// Returns the entries for an action, each with its place: directory, file and number.
    fn entries_of(&self, action: &str) -> Vec<([usize; 3], Entry, String)> {
        let mut entries = Vec::new();
        let stores = self.data.files.pkla.iter().flat_map(|pkla| &pkla.stores);
        for (store, files) in stores.enumerate() {
            for (file, read) in files.files.iter().enumerate() {
                for (number, entry) in read.entries.iter().enumerate() {
                    if entry.actions.iter().any(|pattern| glob(pattern, action)) {
                        entries.push(([store, file, number], entry.clone(), read.path.clone()));
                    }
                }
            }
        }
        entries
    }

    fn replace(&mut self, [store, file, number]: [usize; 3], with: Entry) {
        let store = self.data.files.pkla.as_mut().and_then(|pkla| pkla.stores.get_mut(store));
        let entry = store.and_then(|store| store.files.get_mut(file)).and_then(|file| file.entries.get_mut(number));
        if let Some(entry) = entry {
            *entry = with;
        }
    }
}

/// Returns the key that counts in a session, and its value.
fn counting<T: Copy>(results: &BySession<T>, session: Session) -> (&'static str, T) {
    let key = match session {
        Session::None | Session::Remote => "ResultAny",
        Session::Inactive => "ResultInactive",
        Session::Active => "ResultActive",
    };
    (key, results.of(session))
}
