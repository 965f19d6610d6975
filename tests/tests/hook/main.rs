//! Hook requests: policy rules that ask the agent.

mod rule;
mod unit;
