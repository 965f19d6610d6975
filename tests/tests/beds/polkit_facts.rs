//! The facts about polkit that the agent rests on, shown on each version before the agent itself is tested.
//!
//! `cargo test -p polkit-tests --test beds polkit_facts:: -- --show-output | grep ^FACT` is the table of what was seen.

mod answers;
mod challenges;
mod common;
mod pid_reuse;
mod registrations;
mod sessions;
