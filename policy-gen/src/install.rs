//! Putting files in place and taking them away: [`plan`] says what is to be done and what a person
//! has changed meanwhile, [`mod@write`] does all of it or nothing, [`record`] remembers it, [`paths`] has all that is ever written,
//! [`members`] sees to the memberships, and [`units`] restarts what must read its configuration anew.

pub mod accounts;
pub mod directories;
pub mod edits;
pub mod members;
pub mod paths;
pub mod plan;
pub mod record;
pub mod run;
pub mod units;
pub mod write;
