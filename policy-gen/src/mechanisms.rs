//! The table of mechanisms: the services that ask polkit, what they pass to polkit, and the texts of their refusals.
//!
//! In the order of the data: [`set`] has the named sets of actions, [`entry`] the types of an entry, [`mod@read`] reads an entry from a file, [`table`] holds the entries
//! that are compiled in and those of the host, [`texts`] finds a text of the table in a line, and [`class`] says in words when a
//! mechanism lets polkit ask an agent.

pub mod class;
pub mod entry;
mod phrases;
pub mod read;
pub mod set;
pub mod table;
pub mod texts;

pub use entry::{Interaction, Kind, Mechanism, SubjectKind};
pub use phrases::Phrases;
pub use set::Set;
pub use table::{checks_root, compiled_details, details, is_by_process, of_action};
pub use texts::{Recognized, is_candidate, recognize};

#[cfg(test)]
#[path = "mechanisms_tests.rs"]
mod tests;
