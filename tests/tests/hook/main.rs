//! Hook requests: policy rules that ask the agent.

mod dynamic;
mod process;
mod rule;
mod unit;
