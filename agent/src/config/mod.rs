//! Reads and checks the configuration. A request uses its rules, and whether an entry serves a process.

pub mod advisories;
mod authenticate;
mod files;
pub mod host_units;
mod limited;
mod load;
pub mod root_equivalent;
mod rule_entry;
mod rules;
mod run_for_users;
pub mod separation;
mod serve;
mod settings;
mod shadowed;
mod unit_isolation;

pub use files::{ConfigFile, STDIN};
pub use load::{Config, Loaded, Origin, files_of, load};
pub use run_for_users::is_run_for_users;
pub use serve::{ExecPrincipal, Serve, ServeTarget};
