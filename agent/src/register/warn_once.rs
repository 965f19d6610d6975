//! Warnings that are given once, and not ten times a second.

use std::collections::HashSet;

/// How many are remembered; some name a pid, so there is no end of them.
const AT_MOST: usize = 1000;

/// What was warned of already.
#[derive(Debug, Default)]
pub struct Said {
    texts: HashSet<String>,
    last: Option<String>,
}

impl Said {
    /// Warns, if this was not said before.
    pub fn once(&mut self, text: &str) {
        if self.texts.len() >= AT_MOST {
            self.texts.clear();
        }
        if self.texts.insert(text.to_owned()) {
            self.last = Some(text.to_owned());
            tracing::warn!("{text}");
        }
    }

    /// The last warning.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Everything may be said again: things have changed.
    pub fn clear(&mut self) {
        self.texts.clear();
    }
}
