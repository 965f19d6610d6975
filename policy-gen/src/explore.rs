//! Explores policy: finds all subjects that get a result, as conditions.
//!
//! In the order of the data: `instrument` rewrites rules files, so that the engine reports which facts a rule asks for.
//! [`assignment`] holds the decided facts of a run. [`paths`] runs the rules again and again, each time with one more fact decided, until
//! all are; each path gives a subject, and the evaluator decides about it with the original files. [`conditions`] merges paths with the
//! same verdict. What cannot be enumerated is a [`remark`].
//!
//! The verdicts are those of [`Evaluator`](crate::verdict::Evaluator): exploring only finds the facts on which they depend.

pub mod assignment;
pub mod conditions;
mod example;
mod files;
mod instrument;
pub mod paths;
mod pkla;
pub mod remark;
pub mod sample;
mod variants;

pub use conditions::Condition;
pub use paths::{Exploration, Explorer, Limits};
pub use remark::Remark;

/// The line before the first line of rewritten rules files in the engine. Smaller lines are those of the engine's own scripts.
pub const FIRST_LINE: u32 = 10_000;
