//! Texts with which rules are run whose effect on other texts is not known.

use std::collections::{BTreeMap, BTreeSet};

/// Names that no account has.
const INVENTED: [&str; 3] = ["a", "invented-name-1", "Invented_Name.2"];
/// Limit of the literals of rules files.
const LITERALS_MAX: usize = 40;

/// Texts by the kind of fact.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// The names of users and units of the host, by `user` and `system_unit`.
    pub of_host: BTreeMap<String, BTreeSet<String>>,
    /// String literals of rules files.
    pub(super) literals: BTreeSet<String>,
}

impl Samples {
    /// Returns the texts for a kind of fact. A subject may be in any number of groups, so no groups are tried.
    pub(super) fn of(&self, kind: &str) -> BTreeSet<&str> {
        if matches!(kind, "group" | "uid") {
            return BTreeSet::new();
        }
        let of_host = self.of_host.get(kind).into_iter().flatten();
        let fits = |text: &&String| !text.is_empty() && text.len() < 100 && !text.contains(['\n', ' ']);
        let literals = self.literals.iter().filter(fits).take(LITERALS_MAX);
        of_host.chain(literals).map(String::as_str).chain(INVENTED).collect()
    }
}
