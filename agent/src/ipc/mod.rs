//! The other endpoints: the bus names, and the socket for `exec`. Approvals go through `kernel::answer::approvals`.

pub mod bus;
pub mod exec_socket;
pub mod log_control;
