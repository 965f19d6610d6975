//! The only folder that writes records. The agent allows nothing that it has not recorded first.

pub mod decision;
pub mod journal_writer;
pub mod message;
pub mod record;
