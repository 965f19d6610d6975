//! Commands of the agent, and its records.

mod commands;
mod decisions;
mod log;
mod lost;
