//! Start, restart, reload, following, limits and hardening of the agent.

mod clock;
mod configuration;
mod faults;
mod following;
mod hardening;
mod health;
mod life;
mod limits;
mod room;
mod serving;
mod shortages;
