//! `explain`, `convert` and `check` compared with what polkitd decides.

mod advice;
mod check;
mod convert;
mod files;
mod sessions;
