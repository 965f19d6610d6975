//! Checks of the repository itself: its modules, words, completions, and the tests that its documents name. Needs no root.

mod completions;
mod documents;
mod installation;
mod kernel;
mod mechanisms;
mod modules;
mod programs;
mod words;
