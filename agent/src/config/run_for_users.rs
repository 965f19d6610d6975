//! Services that run programs of their users' choice. That a process is in such a unit tells nothing about its program.
//!
//! The names are those of Debian, Fedora, Arch and openSUSE, with their aliases. Other distributions may have other names.

use polkit_agent_rules::unit_pattern::UnitPattern;

/// Services with jobs, logins, mail filters or activated programs of users, and the system bus, whose unit contains the programs that
/// the bus starts without systemd.
const NAMES: [&str; 43] = [
    // Jobs: crontabs and at.
    "anacron.service",
    "at.service",
    "atd.service",
    "bcron.service",
    "cron.service",
    "cron-*.service",
    "crond.service",
    "cronie.service",
    "dcron.service",
    "fcron.service",
    "fcrond.service",
    "incron.service",
    "incrond.service",
    "systemd-cron.service",
    // Logins, also without a session.
    "autovt@*.service",
    "console-getty.service",
    "container-getty@*.service",
    "dropbear.service",
    "dropbear@*.service",
    "getty@*.service",
    "inetd.service",
    "openbsd-inetd.service",
    "serial-getty@*.service",
    "ssh.service",
    "ssh@*.service",
    "sshd.service",
    "sshd@*.service",
    "sshd-session@*.service",
    "tinysshd@*.service",
    "xinetd.service",
    // Mail: .forward, procmail, sieve.
    "courier.service",
    "dovecot.service",
    "exim.service",
    "exim4.service",
    "opensmtpd.service",
    "postfix.service",
    "postfix@*.service",
    "qmail.service",
    "sendmail.service",
    "smtpd.service",
    // Programs that the bus starts, and each user's manager with all of its units.
    "dbus.service",
    "dbus-broker.service",
    "user@*.service",
];

/// Whether the name or pattern is one of these services, or covers one.
#[must_use]
pub fn runs_for_users(unit: &UnitPattern) -> bool {
    let text = unit.to_string();
    NAMES.iter().any(|name| {
        unit.covers(name) || UnitPattern::new(name).is_some_and(|known| known.covers(&text) && name.contains('*'))
    })
}

/// Whether a service of this name is one of them.
#[must_use]
pub fn is_run_for_users(unit: &str) -> bool {
    NAMES.iter().filter_map(|name| UnitPattern::new(name)).any(|known| known.covers(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_instances_and_patterns_that_cover_them_run_for_users() {
        for unit in [
            "cron.service",
            "cron-hourly.service",
            "sshd.service",
            "ssh@3-10.0.0.1:22-10.0.0.2:4000.service",
            "postfix@-.service",
            "exim4.service",
            "anacron.service",
            "fcron.service",
            "user@1000.service",
            "dbus.service",
            "at*.service",
            "user@*.service",
            "*.service",
        ] {
            assert!(runs_for_users(&UnitPattern::new(unit).unwrap()), "{unit}");
        }
        assert!(is_run_for_users("user@1000.service") && is_run_for_users("cron-daily.service"));
        for unit in ["apache2.service", "php*-fpm.service", "session-3.scope", "crontab.service", "app@*.service"] {
            assert!(!runs_for_users(&UnitPattern::new(unit).unwrap()), "{unit}");
        }
        for unit in ["apache2.service", "crontab.service", "user@1000.scope", "ssh@.socket", "session-3.scope"] {
            assert!(!is_run_for_users(unit), "{unit}");
        }
    }
}
