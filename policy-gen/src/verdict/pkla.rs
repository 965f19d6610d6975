//! pkla files, as polkit 0.105 evaluates them itself and as polkit-pkla-compat evaluates them for later versions.
//!
//! Both search the entries in rounds: `default` (only compat), each group of the user, and the user. Each round searches all
//! directories, and the last match counts. The last match in a directory replaces all three results. If it does not set a result, the
//! result of the earlier directories remains.

use std::collections::BTreeSet;

use super::keyfile::{self, Group};
use crate::implicit_authorization::{BySession, ImplicitAuthorization, Session};

/// The reader of pkla files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// polkit up to 0.105. It has no `default` and reads the files of a directory in no particular order.
    Native,
    /// `pkla-check-authorization`. It reads the files of a directory in the order of their names.
    Compat,
}

/// An entry: a `[group]` that grants or refuses actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// `Identity`
    pub identities: Vec<String>,
    /// `Action`
    pub actions: Vec<String>,
    /// `ResultAny`, `ResultInactive`, `ResultActive`
    pub results: BySession<Option<ImplicitAuthorization>>,
}

/// A valid file.
#[derive(Clone, Debug)]
pub struct File {
    /// The path.
    pub path: String,
    /// The entries in order.
    pub entries: Vec<Entry>,
}

/// A directory with its files, sorted by name.
#[derive(Clone, Debug)]
pub struct Store {
    /// The sort key.
    pub key: String,
    /// The files.
    pub files: Vec<File>,
}

/// All pkla files, with the directories in order.
#[derive(Clone, Debug)]
pub struct Pkla {
    /// The reader.
    pub reader: Reader,
    /// The directories.
    pub stores: Vec<Store>,
}

/// An error that invalidates a file or an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedEntry {
    /// The line, from 1.
    pub line: usize,
    /// The file or entry, and the reason.
    pub why: String,
}

/// A result, and the file and line of the entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PklaResult {
    /// The result.
    pub result: ImplicitAuthorization,
    /// The file.
    pub file: String,
    /// The line of the entry.
    pub line: usize,
}

/// The result of evaluating all files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PklaOutcome {
    /// All possible results: only one, unless it depends on the order in which 0.105 reads files. `None` means that no entry applies.
    pub possible: BTreeSet<Option<PklaResult>>,
    /// The netgroups with unknown members.
    pub unknown: BTreeSet<String>,
}

/// Parses a file. Returns its entries and the errors.
#[must_use]
pub fn parse(bytes: &[u8]) -> (Vec<Entry>, Vec<SkippedEntry>) {
    let groups = match keyfile::parse(bytes) {
        Ok(groups) => groups,
        Err(broken) => {
            return (
                Vec::new(),
                vec![SkippedEntry { line: broken.line, why: format!("the file is ignored: {}", broken.why) }],
            );
        }
    };
    let (mut entries, mut dropped) = (Vec::new(), Vec::new());
    for group in &groups {
        match entry(group) {
            Ok(entry) => entries.push(entry),
            Err((line, why)) => dropped.push(SkippedEntry { line, why: format!("[{}] is ignored: {why}", group.name) }),
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
    let result = |key: &str| -> Result<Option<ImplicitAuthorization>, (usize, String)> {
        let Some((value, line)) = group.keys.get(key.as_bytes()) else { return Ok(None) };
        let text = String::from_utf8_lossy(value);
        let word =
            ImplicitAuthorization::parse(&text).ok_or_else(|| (*line, format!("{key}: `{text}` is not a result")))?;
        Ok(Some(word))
    };
    let results =
        BySession { any: result("ResultAny")?, inactive: result("ResultInactive")?, active: result("ResultActive")? };
    if results == BySession::default() {
        return Err((group.line, "it has none of ResultAny, ResultInactive and ResultActive".to_owned()));
    }
    Ok(Entry { name: group.name.clone(), line: group.line, identities, actions, results })
}

/// The identity of a round.
enum Identity<'a> {
    Default,
    Group(&'a str),
    User(&'a str),
}

/// A subject of pkla files.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The user name.
    pub user: &'a str,
    /// The user's groups, in the order of getgrouplist(3).
    pub groups: &'a [String],
    /// The user's netgroups, if known.
    pub netgroups: Option<&'a [String]>,
    /// The session.
    pub session: Session,
}

impl Pkla {
    /// Evaluates the files for an action.
    #[must_use]
    pub fn outcome(&self, subject: Subject<'_>, action: &str) -> PklaOutcome {
        let mut outcome = PklaOutcome { possible: BTreeSet::from([None]), unknown: BTreeSet::new() };
        let default = (self.reader == Reader::Compat).then_some(Identity::Default);
        // Both readers reverse their list of groups.
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
                            next.insert(Some(PklaResult { result: word, file: file.to_owned(), line: entry.line }));
                        }
                        None => next.extend(outcome.possible.iter().cloned()),
                    }
                }
                outcome.possible = next;
            }
        }
        outcome
    }

    /// Returns the entries that may be the last match in a directory.
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
        // 0.105 reads the files in directory order and reverses its list after each file, so the first or the last entry of any file
        // may be the last match.
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

/// Whether a pattern with `*` and `?` matches a whole text (`g_pattern_match_string`).
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    // The place to continue after the last `*` if the text after it does not match.
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
