//! Many texts, searched for in a line at once. A log of 100 MB has about a million lines, and a search for each text takes longer than
//! reading it.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;

/// Texts, with the automaton that finds them.
#[derive(Debug)]
pub struct Phrases {
    texts: &'static [&'static str],
    automaton: OnceLock<Option<AhoCorasick>>,
}

impl Phrases {
    /// Makes the search for these texts. The automaton is built when it is used first.
    #[must_use]
    pub const fn new(texts: &'static [&'static str]) -> Self {
        Self { texts, automaton: OnceLock::new() }
    }

    /// Whether a line has one of the texts.
    #[must_use]
    pub fn is_in(&self, line: &str) -> bool {
        match self.automaton.get_or_init(|| AhoCorasick::new(self.texts).ok()) {
            Some(automaton) => automaton.is_match(line),
            None => self.texts.iter().any(|text| line.contains(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_one_of_the_texts_is_found() {
        static PHRASES: Phrases = Phrases::new(&["denied", "no agent", "äh"]);
        for line in ["denied", "Access denied.", "there is no agent", "x äh"] {
            assert!(PHRASES.is_in(line), "{line}");
        }
        for line in ["", "Denied", "no  agent", "deni", "ed"] {
            assert!(!PHRASES.is_in(line), "{line}");
        }
        assert!(!Phrases::new(&[]).is_in("denied"));
    }
}
