//! policy-gen for libvirt: modes, roles and recipes.

mod modes;
mod recipes;
mod roles;
