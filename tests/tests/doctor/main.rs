//! The doctor: findings, and hosts that become right by following them.

mod findings;
mod follow;
mod texts;
