//! Local authority files: what polkit 0.105 makes of them itself, and what polkit-pkla-compat makes of them for later ones.
//!
//! Both look for entries in three rounds (compat alone: `default`), each of the user's groups, the user, and in each round in
//! every directory; the last that matches counts. Within a directory the last match replaces all three results, also by
//! "not set", which leaves what an earlier directory said.

use std::collections::BTreeSet;

use super::keyfile::{self, Group};
use crate::word::{PerSession, Session, Word};

/// Which of the two programs reads the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// polkit up to 0.105. It has no `default`, and reads the files of a directory in no certain order.
    Native,
    /// `pkla-check-authorization`. It reads the files of a directory by name.
    Compat,
}

/// The `[group]` of a file that grants or refuses something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its line, from 1.
    pub line: usize,
    /// `Identity`
    pub identities: Vec<String>,
    /// `Action`
    pub actions: Vec<String>,
    /// `ResultAny`, `ResultInactive`, `ResultActive`
    pub results: PerSession<Option<Word>>,
}

/// A file that could be read.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path.
    pub path: String,
    /// Its entries in order.
    pub entries: Vec<Entry>,
}

/// A directory, with its files by name.
#[derive(Clone, Debug)]
pub struct Store {
    /// What it is sorted by.
    pub key: String,
    /// What is in it.
    pub files: Vec<File>,
}

/// All that is read, the directories in their order.
#[derive(Clone, Debug)]
pub struct Pkla {
    /// Who reads it.
    pub reader: Reader,
    /// The directories.
    pub stores: Vec<Store>,
}

/// Something that is wrong with a file, or an entry that is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The line, from 1.
    pub line: usize,
    /// What is dropped, and why.
    pub why: String,
}

/// An answer, and the file and line of the entry that gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// The answer.
    pub word: Word,
    /// The file.
    pub file: String,
    /// The line of the entry.
    pub line: usize,
}

/// What the files come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Every answer that it may come to; one only, but for the order in which 0.105 reads files. None means that they say
    /// nothing.
    pub possible: BTreeSet<Option<Said>>,
    /// The netgroups that it depends on.
    pub unknown: BTreeSet<String>,
}

/// Reads the text of a file. The second part is what is dropped.
#[must_use]
pub fn parse(bytes: &[u8]) -> (Vec<Entry>, Vec<Dropped>) {
    let groups = match keyfile::parse(bytes) {
        Ok(groups) => groups,
        Err(broken) => {
            return (
                Vec::new(),
                vec![Dropped { line: broken.line, why: format!("the file is dropped: {}", broken.why) }],
            );
        }
    };
    let (mut entries, mut dropped) = (Vec::new(), Vec::new());
    for group in &groups {
        match entry(group) {
            Ok(entry) => entries.push(entry),
            Err((line, why)) => dropped.push(Dropped { line, why: format!("[{}] is dropped: {why}", group.name) }),
        }
    }
    (entries, dropped)
}

fn entry(group: &Group) -> Result<Entry, (usize, String)> {
    let required = |key: &str| {
        let (value, line) = group.keys.get(key.as_bytes()).ok_or((group.line, format!("it has no {key}")))?;
        keyfile::list(value).map_err(|why| (*line, format!("{key}: {why}")))
    };
    let (identities, actions) = (required("Identity")?, required("Action")?);
    let result = |key: &str| -> Result<Option<Word>, (usize, String)> {
        let Some((value, line)) = group.keys.get(key.as_bytes()) else { return Ok(None) };
        let text = String::from_utf8_lossy(value);
        let word = Word::parse(&text).ok_or_else(|| (*line, format!("{key}: `{text}` is not a result")))?;
        Ok(Some(word))
    };
    let results =
        PerSession { any: result("ResultAny")?, inactive: result("ResultInactive")?, active: result("ResultActive")? };
    if results == PerSession::default() {
        return Err((group.line, "it has none of ResultAny, ResultInactive and ResultActive".to_owned()));
    }
    Ok(Entry { name: group.name.clone(), line: group.line, identities, actions, results })
}

/// Who is looked for in a round.
enum Identity<'a> {
    Default,
    Group(&'a str),
    User(&'a str),
}

/// A subject as the files know it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The user's groups, in the order of getgrouplist(3).
    pub groups: &'a [String],
    /// The user's netgroups, where they are known.
    pub netgroups: Option<&'a [String]>,
    /// The session.
    pub session: Session,
}

impl Pkla {
    /// What the files say about an action.
    #[must_use]
    pub fn outcome(&self, subject: Subject<'_>, action: &str) -> Outcome {
        let mut outcome = Outcome { possible: BTreeSet::from([None]), unknown: BTreeSet::new() };
        let default = (self.reader == Reader::Compat).then_some(Identity::Default);
        // Both make their list of groups back to front.
        let groups = subject.groups.iter().rev().map(|group| Identity::Group(group));
        for identity in default.into_iter().chain(groups).chain([Identity::User(subject.user)]) {
            for store in &self.stores {
                let found = self.in_store(store, &identity, subject, action, &mut outcome.unknown);
                if found.is_empty() {
                    continue;
                }
                let mut next = BTreeSet::new();
                for (file, entry) in found {
                    match entry.results.of(subject.session) {
                        Some(word) => {
                            next.insert(Some(Said { word, file: file.to_owned(), line: entry.line }));
                        }
                        None => next.extend(outcome.possible.iter().cloned()),
                    }
                }
                outcome.possible = next;
            }
        }
        outcome
    }

    /// The entries of a directory of which one is the last that matches.
    fn in_store<'a>(
        &self,
        store: &'a Store,
        identity: &Identity<'_>,
        subject: Subject<'_>,
        action: &str,
        unknown: &mut BTreeSet<String>,
    ) -> Vec<(&'a str, &'a Entry)> {
        let mut of_files = Vec::new();
        for file in &store.files {
            let matching: Vec<&Entry> = file
                .entries
                .iter()
                .filter(|entry| entry.actions.iter().any(|pattern| glob(pattern, action)))
                .filter(|entry| self.names(entry, identity, subject, unknown))
                .collect();
            if !matching.is_empty() {
                of_files.push((file.path.as_str(), matching));
            }
        }
        let last = |(path, entries): &(&'a str, Vec<&'a Entry>)| entries.last().map(|entry| (*path, *entry));
        if self.reader == Reader::Compat || store.files.len() < 2 {
            return of_files.last().and_then(last).into_iter().collect();
        }
        // 0.105 reads the files in the order of the directory, and turns its list round after each: whichever file comes
        // last, and either end of it.
        let first = |(path, entries): &(&'a str, Vec<&'a Entry>)| entries.first().map(|entry| (*path, *entry));
        of_files.iter().flat_map(|file| [first(file), last(file)]).flatten().collect()
    }

    fn names(
        &self,
        entry: &Entry,
        identity: &Identity<'_>,
        subject: Subject<'_>,
        unknown: &mut BTreeSet<String>,
    ) -> bool {
        let special = |spec: &str| self.reader == Reader::Compat && spec == "default";
        let name = match identity {
            Identity::Default => return entry.identities.iter().any(|spec| special(spec)),
            Identity::Group(group) => format!("unix-group:{group}"),
            Identity::User(user) => format!("unix-user:{user}"),
        };
        let is_netgroup = |spec: &&String| spec.starts_with("unix-netgroup:");
        if entry.identities.iter().any(|spec| !special(spec) && !is_netgroup(&spec) && glob(spec, &name)) {
            return true;
        }
        let Identity::User(_) = identity else { return false };
        entry.identities.iter().filter_map(|spec| spec.strip_prefix("unix-netgroup:")).any(|netgroup| {
            subject.netgroups.is_some_and(|known| known.iter().any(|known| known == netgroup)) || {
                if subject.netgroups.is_none() {
                    unknown.insert(format!("netgroup {netgroup}"));
                }
                false
            }
        })
    }
}

/// Whether a pattern of `*` and `?` matches a whole text (`g_pattern_match_string`).
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where to go on after the last `*`, should what follows it not fit.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(at), text.get(place)) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((at + 1, place));
                at += 1;
                continue;
            }
            (Some('?'), Some(_)) => {}
            (Some(expected), Some(found)) if expected == found => {}
            _ => match retry {
                Some((after, from)) if from < text.len() => {
                    retry = Some((after, from + 1));
                    (at, place) = (after, from + 1);
                    continue;
                }
                _ => return false,
            },
        }
        at += 1;
        place += 1;
    }
}

#[cfg(test)]
#[path = "pkla_tests.rs"]
mod tests;
