//! The full bed: systemd as PID 1, with logind, polkit, libvirtd, Apache and PHP as units.
//!
//! There are no cgroup controllers in it (limits do nothing), /proc/sys and /sys are read-only (but for ns_last_pid), and the
//! units that would retune the host's kernel or only cost time are masked.

use std::ffi::OsStr;
use std::ops::Deref;
use std::time::{Duration, Instant};

use crate::bed::Setup;
use crate::light::PKLA_RULE;
use crate::{Bed, Output, Root, Suite};

/// How long systemd may take to start everything.
const BOOT: Duration = Duration::from_secs(90);

/// What libvirtd starts by.
const LIBVIRTD: [&str; 4] = ["libvirtd.service", "libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket"];

/// A running full bed. Everything else that it can do is said at [`Bed`].
#[derive(Debug)]
pub struct FullBed {
    bed: Bed,
}

/// A full bed before its start.
#[derive(Debug, Clone)]
pub struct FullBuilder {
    root: Root,
    setup: Setup,
    pkla: bool,
}

impl FullBed {
    /// A full bed on that root filesystem, still to be told what is in it, and to be started. Pkla files as in
    /// [`LightBed::on`](crate::LightBed::on).
    #[must_use]
    pub fn on(root: &Root) -> FullBuilder {
        FullBuilder { root: root.clone(), setup: Setup::default(), pkla: false }
    }

    /// Runs a transient unit and waits for it: `systemd-run --quiet --wait --collect --pipe` with these arguments. systemd
    /// expands `$` in them: put shell code into a file.
    pub fn systemd_run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        let mut argv: Vec<_> = ["systemd-run", "--quiet", "--wait", "--collect", "--pipe"].map(Into::into).to_vec();
        argv.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self.bed.exec(argv)
    }

    /// What `journalctl --no-pager` says with these arguments.
    pub fn journal<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        let mut argv: Vec<_> = ["journalctl", "--no-pager"].map(Into::into).to_vec();
        argv.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self.bed.exec(argv).success().stdout
    }
}

impl Deref for FullBed {
    type Target = Bed;

    fn deref(&self) -> &Bed {
        &self.bed
    }
}

impl FullBuilder {
    /// Puts a file in place before systemd starts.
    #[must_use]
    pub fn file(mut self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        self.setup.file(path, mode, content.as_ref());
        self
    }

    /// Takes a file away before systemd starts.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        self.setup.remove(path);
        self
    }

    /// Masks a unit.
    #[must_use]
    pub fn mask(mut self, unit: &str) -> Self {
        self.setup.mask(unit);
        self
    }

    /// Masks libvirtd and its sockets.
    #[must_use]
    pub fn without_libvirtd(self) -> Self {
        LIBVIRTD.into_iter().fold(self, Self::mask)
    }

    /// Keeps bookworm's rule for pkla files.
    #[must_use]
    pub fn with_pkla(mut self) -> Self {
        self.pkla = true;
        self
    }

    /// Starts the bed, and waits until systemd has no more to start.
    ///
    /// # Panics
    /// If systemd ends, or is not done in 90 s; the logs are then on stderr.
    #[must_use]
    pub fn start(mut self) -> FullBed {
        if self.root.suite() == Suite::Bookworm && !self.pkla {
            self.setup.remove(PKLA_RULE);
        }
        let bed = Bed::mount(&self.root, "full", &self.setup);
        bed.launched.lock().unwrap().say("go");
        let started = Instant::now();
        loop {
            let state = bed.exec(["systemctl", "is-system-running", "--wait"]);
            if ["running", "degraded"].contains(&state.text()) {
                return FullBed { bed };
            }
            assert!(bed.launched.lock().unwrap().is_alive(), "systemd ended: {state}");
            assert!(started.elapsed() < BOOT, "systemd is still starting: {state}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
