//! Reads and checks the configuration when it is loaded. Of what it has, a request asks only which entries serve a process.

pub mod advisories;
mod authenticate;
mod covered;
mod entry;
mod fences;
mod files;
mod limited;
mod load;
mod rules;
mod run_for_users;
mod serve;
mod settings;

pub use files::Found;
pub use load::{Config, Loaded, Origin, load};
pub use run_for_users::is_run_for_users;
pub use serve::{Serve, What, Who};
