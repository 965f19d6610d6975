//! `explain`, `who`, `convert` and `check` compared with what polkitd decides.

mod advice;
mod always_check;
mod check;
mod convert;
mod explore;
mod files;
mod sessions;
