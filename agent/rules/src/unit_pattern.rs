//! Names of units with `*` in them.

use std::fmt;

use polkit_types::{cgroup::is_unit_name, pattern::Glob};

/// The name of a unit, or a pattern of names: `php*-fpm.service`, `app@*.service`, `docker-*.scope`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnitPattern(Glob);

impl UnitPattern {
    /// Reads a name or a pattern of the configuration. `None` without the kind of the unit (`.service`, …), so that a pattern
    /// does not cover units of another kind by accident.
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

impl fmt::Display for UnitPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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

    #[test]
    fn a_pattern_is_shown_as_it_is_written() {
        assert_eq!(UnitPattern::new("app@*.service").unwrap().to_string(), "app@*.service");
    }
}
