//! Writes, installs and removes static polkit policy.
//!
//! In the order of the data: [`policy`] is read and [`check`]ed, [`target`] says what reads the
//! result, [`emit`] makes the files, [`install`] puts them in place and takes them away, [`ask`]
//! lets the running polkitd confirm them. [`verdict`] says what a polkit will decide, without asking it, and [`lint`] finds
//! mistakes in policy that others wrote. The subcommands are in [`command`]. Effects are only
//! in `install`, `ask` and `command`.

#![forbid(unsafe_code)]

pub mod ask;
pub mod check;
pub mod cli;
pub mod command;
pub mod emit;
pub mod failure;
pub mod install;
pub mod lint;
pub mod passwords;
pub mod policy;
pub mod target;
pub mod tree;
pub mod verdict;
