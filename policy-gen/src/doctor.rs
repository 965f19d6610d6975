//! From a refusal to a fix.
//!
//! In the order of the data: [`error`] finds the first known error in a text; [`look`] collects [`facts`] about the host and the
//! subject, for which [`bus_policy`] reads the policy of the bus; [`diagnose`] derives findings from them, with [`fixes`]; [`report`]
//! prints the findings. Nothing here changes the host: the subcommand applies a fix.

pub mod bus_policy;
pub mod diagnose;
pub mod error;
pub mod facts;
pub mod fixes;
pub mod look;
pub mod report;
