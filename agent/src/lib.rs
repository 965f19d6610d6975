//! A headless polkit authentication agent for services. The modules stand in the order of the data: each uses those
//! before it.
//!
//! [`road`] is the product: one function from a challenge to its answer. What decides is pure and stands before it
//! ([`cgroup`] to [`decision`]); what reads the host stands in [`process`], [`session`] and [`gather`], and what writes a
//! record in [`recorder`].

/// What a cgroup path says about a process, shared with polkit-policy-gen.
pub use polkit_config::cgroup;

pub mod log;
pub mod paths;
pub mod terminal;

pub mod action;
pub mod when;

pub mod facts;
pub mod glob;
pub mod rule;

pub mod decision;
pub mod needs;

pub mod at_most;
mod budget;

pub mod process;
mod program;
pub mod root_control;
pub mod session;
mod slow_facts;

pub mod discover;
pub mod gather;
pub mod questions;
pub mod stands_for;

pub mod record;

pub mod flood;
pub mod recorder;

pub mod separation;

pub mod host_units;

pub mod config;
pub mod ledger;
pub mod notes;
pub mod reload;

pub mod hook_wire;

pub mod waiting;

pub mod reader;
mod strangers;

pub mod approver;

pub mod authenticate;
pub mod deadline;

pub mod road;

mod fault;
pub mod hook;

pub mod health;

pub mod proc_events;

pub mod follow;
pub mod join;
pub mod limits;
mod pidfd;
pub mod polkitd;
pub mod registration;
mod said;
mod spares;

pub mod registry;
pub mod systemd;

pub mod status;

pub mod bus_name;
pub mod exec_socket;
pub mod hook_socket;

pub mod daemon;

pub mod check;
pub mod cli;

pub mod journal;

pub mod suggest;

pub mod decisions;
pub mod exec;

pub mod ask_agent;

pub mod approvals;
pub mod show_status;
pub mod try_out;
