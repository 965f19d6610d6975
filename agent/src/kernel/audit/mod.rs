//! The only folder that writes records: nothing is allowed that is not recorded first.

pub mod approval_queue;
pub mod coalesce;
pub mod journal_writer;
pub mod record;
pub mod unserved;
