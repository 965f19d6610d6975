//! Actions: their patterns, and those of them that are as good as root.

use std::fmt;

/// An action id, or a pattern of such: `*` at the end of a dotted part stands for the rest of that part, and at the very
/// end for further parts as well, so that `org.libvirt.unix.*` and `org.libvirt.*` both cover `org.libvirt.unix.manage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionPattern(String);

impl ActionPattern {
    /// Takes a pattern as it stands in a configuration.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-*".contains(&byte);
        if text.is_empty() || text.len() > 255 || !text.bytes().all(allowed) {
            return Err("an action id has letters, digits, `.`, `-` and `_`");
        }
        if text.split('.').any(|part| part.is_empty()) {
            return Err("an action id has no empty part between its dots");
        }
        if text.split('.').any(|part| part.trim_end_matches('*').contains('*') || part.ends_with("**")) {
            return Err("`*` may stand only at the end of a dotted part");
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the pattern covers everything.
    #[must_use]
    pub fn covers_everything(&self) -> bool {
        self.0 == "*"
    }

    /// Whether the pattern covers `action`.
    #[must_use]
    pub fn covers(&self, action: &str) -> bool {
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

    /// Whether every action that `other` covers is covered by this one, as far as can be told from the texts.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        self == other || self.covers_everything() || (!other.0.contains('*') && self.covers(&other.0))
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Actions whose grant is as good as root, and why. Known ones: the list can only be too short.
pub const ROOT_EQUIVALENT: [(&str, &str); 8] = [
    ("org.libvirt.unix.manage", "who may manage domains may read and write any file of the host through them"),
    ("org.freedesktop.policykit.exec", "pkexec runs any program as root"),
    ("org.freedesktop.systemd1.manage-units", "starts any unit, also transient ones that run any program as root"),
    ("org.freedesktop.systemd1.manage-unit-files", "enables and links any unit file"),
    ("org.freedesktop.machine1.host-shell", "opens a root shell"),
    ("org.freedesktop.machine1.host-open-pty", "opens a terminal of the host"),
    ("org.freedesktop.packagekit.package-install-untrusted", "installs any package, and packages run scripts as root"),
    ("org.freedesktop.accounts.user-administration", "changes any user's password and groups"),
];

/// Those of them that a challenge cannot narrow at all: an agent is not told which program or which unit is meant, so a
/// grant covers all of them.
pub const NEVER_NARROWED: [&str; 2] = ["org.freedesktop.policykit.exec", "org.freedesktop.systemd1.manage-units"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(pattern: &str, action: &str) -> bool {
        ActionPattern::new(pattern).unwrap().covers(action)
    }

    #[test]
    fn an_id_covers_itself_alone() {
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
    fn a_pattern_includes_what_it_covers() {
        let pattern = |text| ActionPattern::new(text).unwrap();
        assert!(pattern("org.*").includes(&pattern("org.libvirt.unix.manage")));
        assert!(!pattern("org.libvirt.unix.manage").includes(&pattern("org.*")));
    }

    proptest! {
        #[test]
        fn no_text_panics(pattern in ".*", action in ".*") {
            if let Ok(pattern) = ActionPattern::new(&pattern) {
                let _ = pattern.covers(&action);
            }
        }
    }
}
