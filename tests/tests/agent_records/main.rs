//! Commands of the agent, and its records.

mod check;
mod commands;
mod decisions;
mod log;
mod lost;
