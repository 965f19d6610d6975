//! Generates, installs, removes, checks and explains static polkit policy.
//!
//! In the order of the data: [`policy`] reads policy files, with the results of polkit ([`implicit_authorization`]); [`check`]
//! finds mistakes in them; [`target`] says which polkit reads the result; [`emit`] generates the files; [`libvirt`] knows the
//! settings of libvirt's daemons; [`install`] writes and removes everything; and [`verify`] compares the result with the decisions
//! of the running polkitd. [`verdict`] evaluates policy offline, [`convert`] turns pkla files into rules, [`lint`] finds mistakes
//! in existing policy, [`recipe`] has commented policies for common tasks, [`actions`] lists the registered actions, [`explore`] finds
//! all subjects that get a result, and [`mechanisms`] knows the services that ask polkit. [`doctor`] uses all of these to find the
//! reason for a refusal and a fix, and [`trace`] makes a policy of the requests that polkitd refused. [`command`] has the subcommands.
//!
//! Only `install`, `verify`, `doctor::look` and `command` have side effects.

#![forbid(unsafe_code)]

pub mod actions;
pub mod check;
pub mod cli;
pub mod command;
pub mod convert;
pub mod doctor;
pub mod emit;
pub mod explore;
pub mod failure;
pub mod implicit_authorization;
pub mod install;
pub mod libvirt;
pub mod lint;
pub mod mechanisms;
pub mod passwords;
pub mod policy;
pub mod recipe;
pub mod target;
pub mod trace;
pub mod tree;
pub mod verdict;
pub mod verify;
