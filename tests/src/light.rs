//! The light bed: dbus-daemon, polkitd and libvirtd, without systemd.
//!
//! There is no logind, so everyone is without a session. (Sessions can be written by hand: /run/systemd/sessions/cUID,
//! /run/systemd/users/UID, and the process in the cgroup user.slice/user-UID.slice/session-cUID.scope.)

use std::ops::Deref;

use crate::bed::Setup;
use crate::init::SHARING;
use crate::{Bed, Root, Suite};

/// The rule by which polkit 106 and later read pkla files, as bookworm's package polkitd-pkla installs it.
pub(crate) const PKLA_RULE: &str = "/usr/share/polkit-1/rules.d/49-polkit-pkla-compat.rules";

/// A running light bed. Everything else that it can do is said at [`Bed`].
#[derive(Debug)]
pub struct LightBed {
    bed: Bed,
}

/// A light bed before its start.
#[derive(Debug, Clone)]
pub struct LightBuilder {
    root: Root,
    setup: Setup,
    libvirtd: bool,
    pkla: bool,
    sharing: bool,
}

impl LightBed {
    /// A light bed on that root filesystem, still to be told what is in it, and to be started.
    ///
    /// Without [`with_pkla`](LightBuilder::with_pkla) bookworm's rule for pkla files is taken away: it makes a check
    /// 36 ms long in polkitd's only thread.
    #[must_use]
    pub fn on(root: &Root) -> LightBuilder {
        LightBuilder { root: root.clone(), setup: Setup::default(), libvirtd: true, pkla: false, sharing: false }
    }

    /// Ends polkitd. The bus starts another one for the next call, unless the bed was made
    /// [`without`](LightBuilder::without) /usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service.
    pub fn stop_polkitd(&self) {
        self.command("stop polkitd");
    }

    /// Ends polkitd, starts it, and waits until it owns its name.
    pub fn restart_polkitd(&self) {
        self.command("restart polkitd");
    }

    /// What polkitd wrote to its standard output and error since the bed's start.
    pub fn polkitd_log(&self) -> String {
        self.log("polkitd.log")
    }

    /// What libvirtd wrote to its standard output and error.
    pub fn libvirtd_log(&self) -> String {
        self.log("libvirtd.log")
    }

    fn log(&self, name: &str) -> String {
        self.bed.read(format!("/bed/{name}"))
    }

    fn command(&self, line: &str) {
        let mut launched = self.bed.launched.lock().unwrap();
        launched.say(line);
        launched.expect("ok");
    }
}

impl Deref for LightBed {
    type Target = Bed;

    fn deref(&self) -> &Bed {
        &self.bed
    }
}

impl LightBuilder {
    /// Puts a file in place before anything starts.
    #[must_use]
    pub fn file(mut self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        self.setup.file(path, mode, content.as_ref());
        self
    }

    /// Takes a file away before anything starts.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        self.setup.remove(path);
        self
    }

    /// Does not start libvirtd.
    #[must_use]
    pub fn without_libvirtd(mut self) -> Self {
        self.libvirtd = false;
        self
    }

    /// Keeps bookworm's rule for pkla files.
    #[must_use]
    pub fn with_pkla(mut self) -> Self {
        self.pkla = true;
        self
    }

    /// Shares the pid, network and cgroup namespaces of the host: the kernel sends process events nowhere else. Pids are
    /// then the host's, a unit's cgroup lies below a slice of the bed's own, and the end of the bed kills by that slice.
    /// libvirtd is left out: it would make its networks on the host.
    #[must_use]
    pub fn sharing_host_pids(mut self) -> Self {
        self.sharing = true;
        self.libvirtd = false;
        self
    }

    /// Starts the bed, and waits until polkitd owns its name and libvirtd has its socket.
    ///
    /// # Panics
    /// If something does not start; the logs are then on stderr.
    #[must_use]
    pub fn start(mut self) -> LightBed {
        if self.root.suite() == Suite::Bookworm && !self.pkla {
            self.setup.remove(PKLA_RULE);
        }
        let bed = Bed::mount(&self.root, if self.sharing { SHARING } else { "light" }, &self.setup);
        {
            let mut launched = bed.launched.lock().unwrap();
            launched.say(if self.libvirtd { "go libvirtd" } else { "go" });
            launched.expect("ready");
        }
        LightBed { bed }
    }
}
