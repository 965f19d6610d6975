//! Waiting for a process to end: the one file of this crate with an unsafe block.
#![expect(unsafe_code, reason = "tokio takes a file descriptor to wait for only from an unsafe function")]

use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Waits for the end of the process that a pidfd is about. It becomes readable while the process is a zombie.
///
/// # Errors
/// Where the runtime cannot wait for it.
pub async fn ended(pidfd: OwnedFd) -> io::Result<()> {
    // SAFETY: the descriptor is owned and open, moves into the `AsyncFd`, and is closed when that is dropped; an `OwnedFd`
    // gives the same number at every call.
    let waiting = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }?;
    waiting.readable().await.map(drop)
}
