//! The beds, and the facts about polkit that the design relies on.

mod harness;
mod minimal_agent;
mod polkit_facts;
