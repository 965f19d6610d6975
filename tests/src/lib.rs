//! Beds: a real polkitd, libvirtd or systemd for one test, on a root filesystem of its own.
//!
//! ```no_run
//! use polkit_tests::{LightBed, Suite, require};
//!
//! let Some(root) = require(Suite::Trixie) else { return };
//! let bed = LightBed::on(&root).file("/etc/motd", 0o644, "hello\n").start();
//! assert_eq!(bed.exec(["cat", "/etc/motd"]).success().stdout, "hello\n");
//! ```
//!
//! * [`require`] is the first line of every such test: it gives the root filesystem, or counts and names a skip.
//! * [`LightBed`]: dbus-daemon, polkitd and libvirtd, no systemd; up in 0.1 s.
//! * [`FullBed`]: systemd as PID 1, with logind, polkit, libvirtd, Apache and PHP as units; up in 0.3 to 1.4 s.
//! * Both are a [`Bed`]: run programs in it, read and write its files, reach its bus from outside.
//! * [`Polkit`] and [`StandIn`]: polkitd seen by a client, and an agent that does as a test says.
//! * [`on_each_suite!`] makes one test of a function for each suite.
//! * [`program`] finds what cargo built, to be copied into a bed; [`product`] is all that the project installs.
//! * What the tests of one subject share: [`agent`], [`policy_gen`], [`libvirt`], [`doctor`], [`verdicts`].
//!
//! A bed is an overlay of a root filesystem in namespaces and a cgroup of its own, and is gone when it is dropped.
//! The modules in the order in which data flows: [`paths`], [`suite`], [`roots`], [`skip`], `cgroup`, `tree`, `launch`, [`output`], [`bed`],
//! [`light`], [`full`], [`polkit`], [`stand_in`], [`product`], [`packages`], [`broker`],
//! [`daemons`], [`faults`], and the subjects; [`init`] is what runs inside as PID 1.

#![warn(missing_docs)]

pub mod agent;
pub mod bed;
pub mod broker;
mod cgroup;
pub mod daemons;
pub mod doctor;
pub mod faults;
pub mod full;
pub mod init;
mod launch;
pub mod layers;
pub mod libvirt;
pub mod light;
pub mod output;
pub mod packages;
pub mod paths;
pub mod policy_gen;
pub mod polkit;
pub mod product;
pub mod random;
pub mod roots;
pub mod skip;
pub mod stand_in;
pub mod suite;
mod tree;
pub mod verdicts;

pub use bed::{Bed, Process};
pub use full::FullBed;
pub use light::LightBed;
pub use output::Output;
pub use paths::{libvirt_probe, product_dir, program};
pub use polkit::Polkit;
pub use skip::{Root, require};
pub use stand_in::{Script, Seen, StandIn};
pub use suite::Suite;
