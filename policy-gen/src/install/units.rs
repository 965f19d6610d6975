//! Restarts the daemons that read a changed configuration.
//!
//! A daemon with old settings must not run with the new policy: with `acl` it would allow users without restricting them to their
//! roles, and with `socket` systemd would start it on a socket that every user may open. Running daemons are therefore stopped
//! first; then the files are changed; then the daemons are started.

use std::path::Path;

use polkit_config::bounded::kernel_text;

use super::plan::Change;
use super::tool::run;
use crate::failure::Failure;
use crate::libvirt::daemons::{DAEMONS, Daemon};
use crate::policy::Mode;

/// The daemons to restart after changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    /// The daemons with a changed configuration or socket.
    daemons: Vec<&'static Daemon>,
    /// Whether unit files changed.
    units: bool,
}

impl Restarts {
    /// Returns the restarts after these changes.
    #[must_use]
    pub fn after(changes: &[Change]) -> Self {
        let below = |change: &Change, directory: &str| {
            change.path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
        };
        let touched = |daemon: &&Daemon| {
            changes.iter().any(|change| change.path == daemon.conf || below(change, daemon.drop_ins))
        };
        let units = DAEMONS.iter().any(|daemon| changes.iter().any(|change| below(change, daemon.drop_ins)));
        Self { daemons: DAEMONS.iter().filter(touched).collect(), units }
    }

    /// Whether no restart is necessary.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.daemons.is_empty()
    }

    /// Returns the commands to run after the change. Daemons that are not running need none.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        if !self.units {
            let services = self.daemons.iter().map(|daemon| format!("systemctl try-restart {}.service", daemon.name));
            return services.collect();
        }
        let units = |suffixes: &[&str]| -> Vec<String> {
            let of =
                |daemon: &&Daemon| suffixes.iter().map(|suffix| format!("{}{suffix}", daemon.name)).collect::<Vec<_>>();
            self.daemons.iter().flat_map(of).collect()
        };
        vec![
            format!("systemctl stop {}", units(&[".socket", "-ro.socket", "-admin.socket", ".service"]).join(" ")),
            "systemctl daemon-reload".to_owned(),
            format!("systemctl start {}", units(&[".socket", "-ro.socket", "-admin.socket"]).join(" ")),
        ]
    }

    /// Returns the running daemons of this host that would use the new policy with their old settings.
    #[must_use]
    pub fn exposed(&self, mode: Option<Mode>) -> Vec<&'static str> {
        let running = |daemon: &&&Daemon| match mode {
            Some(Mode::Acl) => is_active(&format!("{}.service", daemon.name)) || has_process(daemon.name),
            Some(Mode::Socket) => daemon.units().iter().any(|unit| is_active(unit)) || has_process(daemon.name),
            _ => false,
        };
        self.daemons.iter().filter(running).map(|daemon| daemon.name).collect()
    }

    /// Stops all active units of the daemons.
    ///
    /// # Errors
    /// [`Failure::Refused`] with the error of systemctl. The units have been started again.
    pub fn stop(&self) -> Result<StoppedUnits, Failure> {
        if self.is_empty() {
            return Ok(StoppedUnits::default());
        }
        if !has_systemd() {
            return Err(Failure::Refused(
                "--restart requires systemd: restart the daemons with your service manager. Nothing was changed."
                    .to_owned(),
            ));
        }
        let units = self.daemons.iter().flat_map(|daemon| daemon.units()).filter(|unit| is_active(unit));
        let stopped = StoppedUnits { units: units.collect(), reload: self.units };
        match stopped.systemctl("stop") {
            Ok(()) => Ok(stopped),
            Err(error) => {
                let again = stopped.start().err().map_or_else(String::new, |error| format!(" {error}"));
                Err(Failure::Refused(format!("{error}. Nothing was changed.{again}")))
            }
        }
    }
}

/// Stopped units, to be started again.
#[derive(Debug, Default)]
#[must_use = "stopped units must be started again"]
pub struct StoppedUnits {
    units: Vec<String>,
    reload: bool,
}

impl StoppedUnits {
    /// Starts the units.
    ///
    /// # Errors
    /// The error of systemctl, for a sentence.
    pub fn start(&self) -> Result<(), String> {
        if self.reload {
            systemctl(&["daemon-reload"])?;
        }
        self.systemctl("start")
    }

    /// Returns the names of the units.
    #[must_use]
    pub fn units(&self) -> &[String] {
        &self.units
    }

    fn systemctl(&self, verb: &str) -> Result<(), String> {
        if self.units.is_empty() {
            return Ok(());
        }
        systemctl(&std::iter::once(verb).chain(self.units.iter().map(String::as_str)).collect::<Vec<_>>())
    }
}

/// Whether systemd is the init system (sd_booted(3)).
#[must_use]
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn is_active(unit: &str) -> bool {
    has_systemd() && systemctl(&["--quiet", "is-active", unit]).is_ok()
}

/// Whether the process in the daemon's pid file exists: for hosts without systemd.
fn has_process(name: &str) -> bool {
    let pid = ["/run", "/var/run"].iter().find_map(|run| kernel_text(format!("{run}/{name}.pid")).ok());
    pid.and_then(|pid| pid.trim().parse::<u32>().ok()).is_some_and(|pid| Path::new(&format!("/proc/{pid}")).exists())
}

fn systemctl(arguments: &[&str]) -> Result<(), String> {
    run(&[&["systemctl"], arguments].concat()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(paths: &[&str]) -> Vec<Change> {
        paths.iter().map(|path| Change { path: (*path).to_owned(), to: None }).collect()
    }

    #[test]
    fn only_changed_daemons_are_restarted() {
        assert!(Restarts::after(&changes(&["etc/polkit-1/rules.d/45-polkit-policy-gen.rules"])).is_empty());
        let conf = Restarts::after(&changes(&["etc/libvirt/virtqemud.conf", "etc/libvirt/virtstoraged.conf"]));
        assert_eq!(
            conf.commands(),
            ["systemctl try-restart virtqemud.service", "systemctl try-restart virtstoraged.service"]
        );
        let socket = "etc/systemd/system/libvirtd.socket.d/50-polkit-policy-gen.conf";
        assert_eq!(
            Restarts::after(&changes(&[socket])).commands(),
            [
                "systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service",
                "systemctl daemon-reload",
                "systemctl start libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"
            ]
        );
    }
}
