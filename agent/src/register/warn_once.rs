//! Warnings that are logged once, and not at every scan.

use std::collections::HashSet;

/// The number of remembered warnings. Some name a pid, so their number has no bound of its own.
const AT_MOST: usize = 1000;

/// The warnings that were logged already.
#[derive(Debug, Default)]
pub struct WarnOnce {
    texts: HashSet<String>,
    last: Option<String>,
}

impl WarnOnce {
    /// Logs a warning, unless the same text was logged before.
    pub fn warn(&mut self, text: &str) {
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

    /// Forgets all warnings, because the situation changed.
    pub fn clear(&mut self) {
        self.texts.clear();
    }
}
