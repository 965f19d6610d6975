//! The time of the host, for the keys `between`, `days` and `until`. One of the files with effects.

use std::{path::Path, time::SystemTime};

use jiff::{Timestamp, tz::TimeZone};
use polkit_agent_rules::{facts::Fact, schedule::Moment};

const LOCALTIME: &str = "/etc/localtime";

/// The current time. Unknown if the time zone cannot be read.
#[must_use]
pub fn now() -> Fact<Moment> {
    let instant = Timestamp::try_from(SystemTime::now());
    instant.and_then(|instant| Ok(Moment::new(instant, &local_zone()?))).into()
}

/// The time zone of the host. Without /etc/localtime it is UTC: localtime(5).
///
/// # Errors
/// The time zone cannot be read.
pub fn local_zone() -> Result<TimeZone, jiff::Error> {
    TimeZone::try_system().or_else(|error| if Path::new(LOCALTIME).exists() { Err(error) } else { Ok(TimeZone::UTC) })
}
