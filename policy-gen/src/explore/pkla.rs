//! The facts on which pkla files depend.

use super::assignment::Assignment;
use super::remark::Remark;
use crate::verdict::pkla::{Entry, Pkla, Reader, glob};
use crate::verdict::wire::Fact;

/// The facts that were open, and what cannot be enumerated.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) read: Vec<Fact>,
    pub(super) remarks: Vec<Remark>,
    /// The kinds of fact that patterns compare.
    pub(super) sampled: Vec<&'static str>,
}

/// Asks the facts on which the entries for an action depend.
pub(super) fn ask(pkla: &Pkla, action: &str, facts: &mut Assignment) -> Asked {
    let mut asked = Asked::default();
    let files = pkla.stores.iter().flat_map(|store| &store.files);
    let entries = files.flat_map(|file| file.entries.iter().map(move |entry| (&file.path, entry)));
    let about = |(_, entry): &(&String, &Entry)| entry.actions.iter().any(|pattern| glob(pattern, action));
    // The rule of polkit-pkla-compat passes these to its program in every case.
    let mut needs_session = pkla.reader == Reader::Compat;
    for (path, entry) in entries.filter(about) {
        let [any, inactive, active] = entry.results.all();
        needs_session |= any != inactive || inactive != active;
        for identity in &entry.identities {
            let place = || (Some(path.clone()), Some(entry.line));
            if let Some(netgroup) = identity.strip_prefix("unix-netgroup:") {
                let (file, line) = place();
                asked.remarks.push(Remark::new(format!("whether the user is in the netgroup {netgroup}"), file, line));
                continue;
            }
            if identity.contains(['*', '?']) {
                for (kind, prefix) in [("user", "unix-user:"), ("group", "unix-group:")] {
                    if may_match(identity, prefix) && !matches!(identity.strip_prefix(prefix).unwrap_or(identity), "*")
                    {
                        let (file, line) = place();
                        let why = format!("by sample: the pattern {identity} compares the name of the {kind}");
                        asked.remarks.push(Remark::new(why, file, line));
                        asked.sampled.push(kind);
                    }
                }
                continue;
            }
            for (kind, prefix) in [("user", "unix-user:"), ("group", "unix-group:")] {
                if let Some(name) = identity.strip_prefix(prefix) {
                    let fact = Fact { kind: kind.to_owned(), value: Some(name.to_owned()) };
                    asked.one(fact, facts);
                }
            }
        }
    }
    if needs_session {
        for kind in ["local", "active"] {
            asked.one(Fact { kind: kind.to_owned(), value: None }, facts);
        }
    }
    asked
}

impl Asked {
    fn one(&mut self, fact: Fact, facts: &mut Assignment) {
        if facts.ask(&fact).is_new {
            self.read.push(fact);
        }
    }
}

/// Whether a pattern may match a text with this prefix.
fn may_match(pattern: &str, prefix: &str) -> bool {
    let before = pattern.split(['*', '?']).next().unwrap_or_default();
    before.starts_with(prefix) || prefix.starts_with(before)
}
