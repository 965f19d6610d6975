//! policy-gen: installation, grants, interruptions, and the model that its policies are compared with.

mod buses;
mod commands;
mod grants;
mod install;
mod interrupted;
mod mechanisms;
mod model;
mod page_by_pkla;
mod recipes;
mod recipes_of_daemons;
mod records;
mod refusals;
mod sets;
mod shipped;
mod trace;
mod trees;
mod units;
