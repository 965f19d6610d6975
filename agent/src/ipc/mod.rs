//! Where others connect: the bus name, and the sockets for hooks and for `exec`.

pub mod bus;
pub mod exec_socket;
pub mod hook_socket;
