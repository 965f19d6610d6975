//! Threads for work that takes as long as the user database, or a hostile process, likes. One that hangs is never had back.

use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};

/// How many there are in all.
pub const THREADS: usize = 16;

/// How many may wait for the user database: the others are left to the hook, whose road does not ask it.
static FOR_USER_DATABASE: Semaphore = Semaphore::const_new(THREADS / 2);

/// Does work that asks the user database, once there is a thread for it.
///
/// # Errors
/// If the work panics.
pub async fn for_user_database<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    let place = FOR_USER_DATABASE.acquire().await;
    let done = spawn_blocking(move || {
        // Kept for as long as the thread is, whether or not anybody still waits for it.
        let _place = place;
        work()
    });
    done.await
}
