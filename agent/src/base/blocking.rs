//! Threads for work that takes as long as the user database likes. A thread that hangs there stays lost.

use std::sync::LazyLock;

use tokio::task::{JoinError, spawn_blocking};

use crate::base::budget::Budget;

/// How many there are in all. Eight are for questions to the user database; the others are for the watchdog's own question to it,
/// for scans, and for children that join a session.
pub const THREADS: usize = 16;

/// Places for questions to the user database, by the uid that is asked about.
static NSS: LazyLock<Budget<u32>> = LazyLock::new(|| Budget::new(THREADS / 2, THREADS / 4));

/// Places for the work of hook requests that takes as long as there are processes, by the subject's uid.
static HOOK: LazyLock<Budget<u32>> = LazyLock::new(|| Budget::new(THREADS / 8, 1));

/// Does work for a hook request about a subject of that uid, once there is a thread for it.
///
/// # Errors
/// If the work panics.
pub async fn run_for_hook<T: Send + 'static>(
    uid: u32,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    within(&HOOK, uid, work).await
}

/// Does work that asks the user database about a uid, once there is a thread for it. Not cancelled by being dropped: the work
/// keeps its place for as long as it keeps its thread.
///
/// # Errors
/// If the work panics.
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
