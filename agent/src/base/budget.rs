//! A budget of places: a number in all, and a number for each key. The work of one key cannot take the places of all others.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for work of different keys, such as uids.
#[derive(Debug)]
pub struct Budget<K> {
    all: Arc<Semaphore>,
    each: usize,
    of: Mutex<HashMap<K, Arc<Semaphore>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _own: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl<K: Eq + Hash> Budget<K> {
    /// A budget of `all` places. One key has `each` of them at most.
    #[must_use]
    pub fn new(all: usize, each: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), each, of: Mutex::default() }
    }

    /// Waits for a place. The work waits for a place of its key first, so a key without free places takes no place of others. Cancel-safe.
    pub async fn enter(&self, key: K) -> Place {
        let own = self.own(key).acquire_owned().await.ok();
        // The semaphores are never closed.
        Place { _own: own, _all: Arc::clone(&self.all).acquire_owned().await.ok() }
    }

    fn own(&self, key: K) -> Arc<Semaphore> {
        let mut of = self.of();
        // A key whose places are all free needs no memory.
        of.retain(|_, places| Arc::strong_count(places) > 1 || places.available_permits() < self.each);
        Arc::clone(of.entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
    }

    /// A panic elsewhere leaves the map intact: each change is one call.
    fn of(&self) -> MutexGuard<'_, HashMap<K, Arc<Semaphore>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin};

    use futures_util::FutureExt;

    use super::*;

    fn is_ready<T>(work: impl Future<Output = T>) -> bool {
        work.now_or_never().is_some()
    }

    #[tokio::test]
    async fn one_key_leaves_places_to_the_others() {
        let budget = Budget::new(3, 2);
        let first = budget.enter("a").await;
        let _second = budget.enter("a").await;
        assert!(!is_ready(budget.enter("a")), "a third place of one key");
        let _other = budget.enter("b").await;
        assert!(!is_ready(budget.enter("c")), "a fourth place in all");
        drop(first);
        assert!(is_ready(budget.enter("c")));
    }

    #[tokio::test]
    async fn a_key_that_waits_for_its_own_places_takes_none_of_the_others() {
        let budget = Budget::new(2, 1);
        let _first = budget.enter("a").await;
        let mut waiting = pin!(budget.enter("a"));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(is_ready(budget.enter("b")));
    }

    #[test]
    fn a_key_that_is_about_to_take_a_place_keeps_its_places() {
        let budget = Budget::new(4, 1);
        let own = budget.own("a");
        drop(budget.own("b"));
        assert!(Arc::ptr_eq(&own, &budget.own("a")));
    }

    #[tokio::test]
    async fn keys_without_work_are_forgotten() {
        let budget = Budget::new(4, 1);
        for key in 0..100 {
            drop(budget.enter(key).await);
        }
        assert!(budget.of().len() <= 1);
    }
}
