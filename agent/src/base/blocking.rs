//! Threads for work that can take long, such as lookups in the user database. A thread that hangs there is lost.

use std::sync::LazyLock;

use tokio::task::{JoinError, spawn_blocking};

use crate::base::budget::Budget;

/// The number of threads. Eight are for lookups in the user database. The others are for the watchdog's own lookup, for scans, and
/// for starting children in sessions.
pub const THREADS: usize = 16;

/// The places of lookups in the user database, by the uid that is looked up.
static NSS: LazyLock<Budget<u32>> = LazyLock::new(|| Budget::new(THREADS / 2, THREADS / 4));

/// The places of reads of all processes for hook requests, by the uid of the subject.
static HOOK: LazyLock<Budget<u32>> = LazyLock::new(|| Budget::new(THREADS / 8, 1));

/// Runs work for a hook request about a subject of this uid, when a thread is free.
///
/// # Errors
/// The work panicked.
pub async fn run_for_hook<T: Send + 'static>(
    uid: u32,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    within(&HOOK, uid, work).await
}

/// Runs work that looks up a uid in the user database, when a thread is free. Dropping the call does not cancel the work, which keeps
/// its place while it keeps its thread.
///
/// # Errors
/// The work panicked.
pub async fn run_nss<T: Send + 'static>(uid: u32, work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    within(&NSS, uid, work).await
}

async fn within<T: Send + 'static>(
    budget: &Budget<u32>,
    uid: u32,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let place = budget.enter(uid).await;
    let done = spawn_blocking(move || {
        let _place = place;
        work()
    });
    done.await
}
