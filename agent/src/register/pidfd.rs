//! Waiting for the end of a process. The only file of this crate with an unsafe block.
#![expect(unsafe_code, reason = "tokio has only an unsafe function for waiting for a file descriptor")]

use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Waits for the end of a process. Its pidfd becomes readable when the process is a zombie. Cancel-safe.
///
/// # Errors
/// The runtime cannot wait for the descriptor.
pub async fn ended(pidfd: OwnedFd) -> io::Result<()> {
    // SAFETY: the descriptor is owned and open, moves into the `AsyncFd`, and is closed when that is dropped; an `OwnedFd`
    // returns the same number at every call.
    let waiting = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }?;
    waiting.readable().await.map(drop)
}
