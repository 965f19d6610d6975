//! Attacks on the agent: each is refused, recorded, and harms no other process.

mod basics;
mod exe;
mod exec;
mod fences;
mod hangs;
mod hostile;
mod messages;
mod pid_reuse;
mod processes;
mod senders;
mod units;
