//! Action ids and other texts with the wildcard `*`.

use std::fmt;

/// An action id or a pattern of action ids. `*` at the end of a dotted part matches the rest of that part; at the end of the
/// pattern it also matches further parts. `org.libvirt.unix.*` and `org.libvirt.*` both cover `org.libvirt.unix.manage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionPattern(String);

impl ActionPattern {
    /// Parses a pattern from a configuration.
    ///
    /// # Errors
    /// The reason why the pattern is invalid.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-*".contains(&byte);
        if text.is_empty() || text.len() > 255 || !text.bytes().all(allowed) {
            return Err("an action id consists of letters, digits, `.`, `-` and `_`");
        }
        if text.split('.').any(|part| part.is_empty()) {
            return Err("an action id has no empty part between its dots");
        }
        if text.split('.').any(|part| part.trim_end_matches('*').contains('*') || part.ends_with("**")) {
            return Err("`*` is valid only at the end of a dotted part");
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the pattern covers every action.
    #[must_use]
    pub fn covers_everything(&self) -> bool {
        self.0 == "*"
    }

    /// Whether the pattern covers `action`.
    #[must_use]
    pub fn covers(&self, action: &str) -> bool {
        if self.is_exact() {
            return self.0 == action;
        }
        let mut parts = action.split('.');
        let mut patterns = self.0.split('.').peekable();
        while let Some(pattern) = patterns.next() {
            let Some(part) = parts.next() else { return false };
            let last = patterns.peek().is_none();
            match pattern.strip_suffix('*') {
                Some(start) if last => return part.starts_with(start),
                Some(start) if part.starts_with(start) => {}
                None if part == pattern => {}
                _ => return false,
            }
        }
        parts.next().is_none()
    }

    /// Whether this pattern covers every action that `other` covers.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        let (mut ours, mut theirs) = (Parts::of(self), Parts::of(other));
        loop {
            match (ours.next(), theirs.next()) {
                (Some(our), Some(their)) if !our.includes(their) => return false,
                (Some(our), Some(_)) if our.is_open => return true,
                (Some(_), Some(their)) if their.is_open => return false,
                (Some(_), Some(_)) => {}
                (ours, theirs) => return ours.is_none() && theirs.is_none(),
            }
        }
    }

    /// Whether at least one action is covered by both patterns.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (mut ours, mut theirs) = (Parts::of(self), Parts::of(other));
        loop {
            match (ours.next(), theirs.next()) {
                (Some(our), Some(their)) if !our.overlaps(their) => return false,
                (Some(our), Some(their)) if our.is_open || their.is_open => return true,
                (Some(_), Some(_)) => {}
                (ours, theirs) => return ours.is_none() && theirs.is_none(),
            }
        }
    }

    /// Whether the pattern is a plain action id.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A dotted part of a pattern.
#[derive(Clone, Copy)]
struct Part<'a> {
    /// The part without the star.
    start: &'a str,
    /// Whether the part ends with a star.
    star: bool,
    /// Whether the star is the last character of the pattern, so that it also matches further parts.
    is_open: bool,
}

impl Part<'_> {
    fn includes(self, other: Self) -> bool {
        if self.star { other.start.starts_with(self.start) } else { !other.star && self.start == other.start }
    }

    fn overlaps(self, other: Self) -> bool {
        match (self.star, other.star) {
            (true, true) => self.start.starts_with(other.start) || other.start.starts_with(self.start),
            (true, false) => other.start.starts_with(self.start),
            (false, true) => self.start.starts_with(other.start),
            (false, false) => self.start == other.start,
        }
    }
}

/// The parts of a pattern.
struct Parts<'a>(std::iter::Peekable<std::str::Split<'a, char>>);

impl<'a> Parts<'a> {
    fn of(pattern: &'a ActionPattern) -> Self {
        Self(pattern.0.split('.').peekable())
    }

    fn next(&mut self) -> Option<Part<'a>> {
        let part = self.0.next()?;
        let start = part.strip_suffix('*');
        Some(Part {
            start: start.unwrap_or(part),
            star: start.is_some(),
            is_open: start.is_some() && self.0.peek().is_none(),
        })
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text in which `*` matches any number of characters and every other character matches itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob(String);

impl Glob {
    /// Makes a pattern of any text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether the pattern covers `text`.
    #[must_use]
    pub fn covers(&self, text: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(text) = text.strip_prefix(start) else { return false };
        match rest.rsplit_once('*') {
            None => text.ends_with(rest),
            Some((middle, end)) => text.strip_suffix(end).is_some_and(|text| in_order(middle, text)),
        }
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern covers only its own text.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }
}

impl AsRef<str> for Glob {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the parts between the stars occur in this order.
fn in_order(parts: &str, mut text: &str) -> bool {
    for part in parts.split('*') {
        match text.split_once(part) {
            Some((_, rest)) => text = rest,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(pattern: &str, action: &str) -> bool {
        ActionPattern::new(pattern).unwrap().covers(action)
    }

    #[test]
    fn a_plain_id_covers_only_itself() {
        assert!(covers("org.libvirt.unix.manage", "org.libvirt.unix.manage"));
        assert!(!covers("org.libvirt.unix.manage", "org.libvirt.unix.manager"));
        assert!(!covers("org.libvirt.unix.manage", "org.libvirt.unix"));
        assert!(!covers("org.libvirt.unix", "org.libvirt.unix.manage"));
    }

    #[test]
    fn a_star_at_the_end_of_a_part_covers_the_rest_of_it() {
        assert!(covers("org.libvirt.api.domain.open-*", "org.libvirt.api.domain.open-device"));
        assert!(covers("org.libvirt.*.manage", "org.libvirt.unix.manage"));
        assert!(!covers("org.libvirt.*.manage", "org.libvirt.unix.monitor"));
        assert!(!covers("org.libvirt.*.manage", "org.libvirt.a.b.manage"));
        assert!(!covers("org.*.unix", "org.libvirt.unix.manage"), "a longer id");
        assert!(!covers("org.*.unix", "org.libvirt"), "a shorter id");
    }

    #[test]
    fn a_star_at_the_very_end_covers_further_parts() {
        assert!(covers("org.libvirt.*", "org.libvirt.unix.manage"));
        assert!(!covers("org.libvirt.*", "org.libvirtual.unix"));
        assert!(!covers("org.libvirt.*", "org.libvirt"));
        assert!(covers("*", "org.libvirt.unix.manage"));
    }

    #[test]
    fn a_star_elsewhere_is_refused() {
        for text in ["org.*x", "o*g.x", "org.**", "", "org..x", "org.x ", "org.x\n"] {
            assert!(ActionPattern::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_pattern_includes_narrower_patterns() {
        let includes =
            |one: &str, other: &str| ActionPattern::new(one).unwrap().includes(&ActionPattern::new(other).unwrap());
        for (one, other) in [
            ("org.*", "org.libvirt.unix.manage"),
            ("*", "a.b"),
            ("a.*", "a.b*.c"),
            ("a.b*", "a.bc.*"),
            ("a.*.c", "a.b*.c"),
        ] {
            assert!(includes(one, other) && !includes(other, one), "{one} {other}");
        }
        assert!(!includes("a.*.c", "a.*"));
    }

    fn pattern() -> impl Strategy<Value = ActionPattern> {
        proptest::collection::vec("[ab]{0,2}\\*?", 1..4)
            .prop_filter_map("a pattern", |parts| ActionPattern::new(&parts.join(".")).ok())
    }

    proptest! {
        #[test]
        fn no_text_panics(pattern in ".*", action in ".*") {
            if let Ok(pattern) = ActionPattern::new(&pattern) {
                let _ = pattern.covers(&action);
            }
        }

        #[test]
        fn includes_and_overlaps_agree_with_covers(one in pattern(), other in pattern(), id in "[ab]{1,3}(\\.[ab]{1,3}){0,3}") {
            if one.includes(&other) && other.covers(&id) {
                prop_assert!(one.covers(&id));
            }
            if one.covers(&id) && other.covers(&id) {
                prop_assert!(one.overlaps(&other) && other.overlaps(&one));
            }
        }
    }
}
