//! `org.freedesktop.LogControl1`: `systemctl service-log-level polkit-service-agent debug`. One of the files with effects.

use zbus::{Connection, fdo, interface, message::Header};

use crate::base::log;

/// The path that systemd expects.
pub const PATH: &str = "/org/freedesktop/LogControl1";

/// The object.
#[derive(Debug)]
pub struct LogControl {
    connection: Connection,
}

impl LogControl {
    /// The object of the agent's connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { connection: connection.clone() }
    }

    /// Refuses every caller but root, independently of the bus policy.
    async fn require_root(&self, header: Option<Header<'_>>) -> zbus::Result<()> {
        const BUS: &str = "org.freedesktop.DBus";
        let sender = header.as_ref().and_then(Header::sender).ok_or(zbus::Error::MissingField)?;
        let path = "/org/freedesktop/DBus";
        let reply = self.connection.call_method(Some(BUS), path, Some(BUS), "GetConnectionUnixUser", &sender).await?;
        match reply.body().deserialize::<u32>()? {
            0 => Ok(()),
            uid => Err(fdo::Error::AccessDenied(format!("only root may change the log, not uid {uid}")).into()),
        }
    }
}

#[interface(name = "org.freedesktop.LogControl1")]
impl LogControl {
    /// The level in force.
    #[zbus(property)]
    fn log_level(&self) -> &str {
        log::level()
    }

    /// Puts a level in force.
    #[zbus(property)]
    async fn set_log_level(&mut self, level: String, #[zbus(header)] header: Option<Header<'_>>) -> zbus::Result<()> {
        self.require_root(header).await?;
        if log::set_level(&level) {
            tracing::info!("log level is now {}", log::level());
            return Ok(());
        }
        Err(fdo::Error::InvalidArgs(format!("unknown level `{level}`: expected {}", log::level_names())).into())
    }

    /// The target in force.
    #[zbus(property)]
    fn log_target(&self) -> &str {
        log::target().name()
    }

    /// Puts a target in force.
    #[zbus(property)]
    async fn set_log_target(&mut self, target: String, #[zbus(header)] header: Option<Header<'_>>) -> zbus::Result<()> {
        self.require_root(header).await?;
        if log::set_target(&target) {
            return Ok(());
        }
        Err(fdo::Error::InvalidArgs(format!("unknown target `{target}`: expected auto, console or null")).into())
    }

    /// The syslog identifier of the agent.
    #[zbus(property(emits_changed_signal = "const"))]
    fn syslog_identifier(&self) -> &str {
        "polkit-service-agent"
    }
}
