//! Hook requests: policy rules that ask the agent.

mod process;
mod rule;
mod unit;
