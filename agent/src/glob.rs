//! Texts with `*` in them.

use std::fmt;

use crate::cgroup::is_unit_name;

/// A text in which `*` stands for any characters, none included, and everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob(String);

impl Glob {
    /// Takes any text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether it covers `text`.
    #[must_use]
    pub fn covers(&self, text: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(text) = text.strip_prefix(start) else { return false };
        match rest.rsplit_once('*') {
            None => text.ends_with(rest),
            Some((middle, end)) => text.strip_suffix(end).is_some_and(|text| in_order(middle, text)),
        }
    }
}

/// The name of a unit, or a pattern of such: `php*-fpm.service`, `app@*.service`, `docker-*.scope`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnitPattern(Glob);

impl UnitPattern {
    /// Takes a name or a pattern as it stands in a configuration. The kind of the unit must be written out, so that a
    /// pattern cannot cover what nobody thought of.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let concrete = text.replace('*', "x");
        is_unit_name(&concrete).then(|| Self(Glob::new(text)))
    }

    /// Whether the pattern covers the unit of that name.
    #[must_use]
    pub fn covers(&self, unit: &str) -> bool {
        self.0.covers(unit)
    }
}

/// Whether the parts between the stars occur one after the other.
fn in_order(parts: &str, mut text: &str) -> bool {
    for part in parts.split('*') {
        match text.split_once(part) {
            Some((_, rest)) => text = rest,
            None => return false,
        }
    }
    true
}

impl fmt::Display for UnitPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, unit: &str) -> bool {
        UnitPattern::new(pattern).unwrap().covers(unit)
    }

    #[test]
    fn a_name_covers_itself_alone() {
        assert!(covers("apache2.service", "apache2.service"));
        assert!(!covers("apache2.service", "xapache2.service"));
        assert!(!covers("apache2.service", "apache2.service.service"));
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        assert!(covers("php*-fpm.service", "php8.2-fpm.service"));
        assert!(covers("php*-fpm.service", "php-fpm.service"));
        assert!(!covers("php*-fpm.service", "php8.2-fpm.scope"));
        assert!(covers("app@*.service", "app@7.service"));
        assert!(covers("docker-*.scope", "docker-4f00.scope"));
        assert!(covers("a*b*c.service", "a-b-b-c.service"));
        assert!(!covers("a*b*c.service", "a-c.service"));
        assert!(!covers("ab*b.service", "ab.service"));
    }

    #[test]
    fn the_kind_of_the_unit_is_written_out() {
        for text in ["*", "apache2*", "apache2.*", "app@.service", "*.slice"] {
            assert_eq!(UnitPattern::new(text), None, "{text}");
        }
        assert!(UnitPattern::new("*.service").is_some());
    }
}
