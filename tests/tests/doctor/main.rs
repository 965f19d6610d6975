//! The doctor: findings, and hosts that become right by following them.

mod agent;
mod enable;
mod evaluated;
mod findings;
mod follow;
mod host;
mod mechanisms;
mod near;
mod restored;
mod texts;
