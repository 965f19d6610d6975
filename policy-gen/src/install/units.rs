//! Restarting what has to read its configuration anew.
//!
//! A daemon that still runs with its old settings must not meet the new policy: with `acl` it would let people in whom nothing
//! narrows, and with `socket` systemd would start it on a socket that is still open to everybody. So what listens is stopped first,
//! then the files are changed, then it is started.

use std::path::Path;
use std::process::Command;

use polkit_config::bounded::kernel_text;
use polkit_config::escape::escape_bytes;

use super::plan::Change;
use crate::failure::Failure;
use crate::libvirt::daemons::{DAEMONS, Daemon};
use crate::policy::Mode;

/// Where systemctl is; the caller's PATH is not asked.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What must be restarted after some changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    /// The daemons whose configuration or socket changed.
    daemons: Vec<&'static Daemon>,
    /// Whether units changed.
    units: bool,
}

impl Restarts {
    /// Those of a plan's changes.
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

    /// Whether nothing has to be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.daemons.is_empty()
    }

    /// The commands for a person, after the files have changed. A daemon that does not run needs none.
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

    /// The daemons that would meet the new policy with their old settings, on this host.
    #[must_use]
    pub fn exposed(&self, mode: Option<Mode>) -> Vec<&'static str> {
        let running = |daemon: &&&Daemon| match mode {
            Some(Mode::Acl) => is_active(&format!("{}.service", daemon.name)) || has_process(daemon.name),
            Some(Mode::Socket) => daemon.units().iter().any(|unit| is_active(unit)) || has_process(daemon.name),
            _ => false,
        };
        self.daemons.iter().filter(running).map(|daemon| daemon.name).collect()
    }

    /// Stops all units of these daemons that are active.
    ///
    /// # Errors
    /// [`Failure::Refused`] with what systemctl said; they have been started again.
    pub fn stop(&self) -> Result<Stopped, Failure> {
        if self.is_empty() {
            return Ok(Stopped::default());
        }
        if !has_systemd() {
            return Err(Failure::Refused(
                "--restart works with systemd only: restart the daemons with what starts them here. Nothing was changed."
                    .to_owned(),
            ));
        }
        let units = self.daemons.iter().flat_map(|daemon| daemon.units()).filter(|unit| is_active(unit));
        let stopped = Stopped { units: units.collect(), reload: self.units };
        match stopped.systemctl("stop") {
            Ok(()) => Ok(stopped),
            Err(error) => {
                let again = stopped.start().err().map_or_else(String::new, |error| format!(" {error}"));
                Err(Failure::Refused(format!("{error}. Nothing was changed.{again}")))
            }
        }
    }
}

/// Units that were stopped, and are to be started again.
#[derive(Debug, Default)]
#[must_use = "what was stopped is to be started"]
pub struct Stopped {
    units: Vec<String>,
    reload: bool,
}

impl Stopped {
    /// Starts them.
    ///
    /// # Errors
    /// What systemctl said, for a sentence.
    pub fn start(&self) -> Result<(), String> {
        if self.reload {
            run(&["daemon-reload".to_owned()])?;
        }
        self.systemctl("start")
    }

    /// Their names.
    #[must_use]
    pub fn units(&self) -> &[String] {
        &self.units
    }

    fn systemctl(&self, verb: &str) -> Result<(), String> {
        if self.units.is_empty() {
            return Ok(());
        }
        run(&[&[verb.to_owned()], self.units.as_slice()].concat())
    }
}

/// Whether systemd runs this host (sd_booted(3)).
#[must_use]
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn is_active(unit: &str) -> bool {
    has_systemd() && run(&["--quiet".to_owned(), "is-active".to_owned(), unit.to_owned()]).is_ok()
}

/// Whether the process that the daemon's pid file names is there: for hosts without systemd.
fn has_process(name: &str) -> bool {
    let pid = ["/run", "/var/run"].iter().find_map(|run| kernel_text(format!("{run}/{name}.pid")).ok());
    pid.and_then(|pid| pid.trim().parse::<u32>().ok()).is_some_and(|pid| Path::new(&format!("/proc/{pid}")).exists())
}

fn run(arguments: &[String]) -> Result<(), String> {
    let shown = format!("systemctl {}", arguments.join(" "));
    match Command::new("systemctl").args(arguments).env("PATH", PATH).output() {
        Err(error) => Err(format!("cannot run `{shown}`: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = escape_bytes(output.stderr.trim_ascii());
            Err(format!("`{shown}` failed ({}): {said}", output.status))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(paths: &[&str]) -> Vec<Change> {
        paths.iter().map(|path| Change { path: (*path).to_owned(), to: None }).collect()
    }

    #[test]
    fn only_what_changed_is_restarted() {
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
