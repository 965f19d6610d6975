//! A headless polkit authentication agent for services. The folders stand in the order of the data: each uses those before it.
//!
//! [`answer`] is the product: one function from a request to its reply. What decides is pure and stands in [`rules`]; what reads
//! subjects stands in [`subject`], and what writes a record in [`audit`].

pub mod base;

pub mod rules;

pub mod subject;

pub mod config;

pub mod audit;

pub mod answer;

pub mod register;

pub mod ipc;

pub mod daemon;

pub mod cli;
