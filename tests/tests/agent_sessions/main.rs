//! Sessions, seats, and the agent that authenticates.

mod authenticate;
mod seats;
mod sessions;
