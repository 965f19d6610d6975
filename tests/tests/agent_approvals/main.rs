//! Rules that ask an operator.

mod approvers;
mod ask;
mod bus;
mod hold;
mod records;
