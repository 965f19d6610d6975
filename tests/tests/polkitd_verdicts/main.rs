//! `explain`, `convert` and `check` compared with what polkitd decides.

mod advice;
mod always_check;
mod check;
mod convert;
mod files;
mod sessions;
