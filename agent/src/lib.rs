//! A headless polkit authentication agent for services. The folders are in the order of the data: each uses only those before it.
//!
//! The kernel is what an auditor must read to trust a "yes": the crate `polkit-agent-rules`, which decides and does no I/O, and
//! [`kernel`], which reads the subject, records and replies. [`kernel::answer::pipeline`] is the product. Everything behind
//! [`kernel`] needs no trust: a wrong registration only makes polkitd challenge the agent.

pub mod base;

pub mod config;

pub mod kernel;

pub mod register;

pub mod ipc;

pub mod daemon;

pub mod cli;
