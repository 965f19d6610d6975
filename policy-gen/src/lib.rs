//! Writes, installs and removes static polkit policy.
//!
//! In the order of the data: a [`policy`], in polkit's [`word`]s, is read and [`check`]ed, [`target`] says what reads the result,
//! [`emit`] makes the files, [`libvirt`] what its daemons need beside them, [`install`] puts all of it in place and takes it away,
//! [`ask`] lets the running polkitd confirm it. [`verdict`] says what a polkit will decide, without asking it, [`convert`] makes
//! rules of pkla files, and [`lint`] finds mistakes in policy that others wrote; [`actions`] are those that polkit has. [`doctor`]
//! goes from a refusal to the fix, with all of these. The subcommands are in [`command`].
//! Effects are only in `install`, `ask`, `doctor::look` and `command`.

#![forbid(unsafe_code)]

pub mod actions;
pub mod ask;
pub mod check;
pub mod cli;
pub mod command;
pub mod convert;
pub mod doctor;
pub mod emit;
pub mod failure;
pub mod install;
pub mod libvirt;
pub mod lint;
pub mod passwords;
pub mod policy;
pub mod target;
pub mod tree;
pub mod verdict;
pub mod word;
