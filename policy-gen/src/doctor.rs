//! From a refusal to the fix.
//!
//! In the order of the data: [`error`] finds the first real error in a pasted text, with the help of the host's [`catalogue`]s;
//! [`look`] gathers [`facts`] of the host and of the one who was refused; [`diagnose`] makes findings of them, with the
//! [`fixes`] of each; [`report`] shows them. Nothing here changes anything: the subcommand carries a fix out.

pub mod catalogue;
pub mod diagnose;
pub mod error;
pub mod facts;
pub mod fixes;
pub mod look;
pub mod report;
