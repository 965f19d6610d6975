//! The guard of a request. Each stage of the pipeline runs under it. The time limit, a cancellation by polkitd or a panic ends the
//! stage with a [`Reason`].
//!
//! The time limit is the agent's own: polkitd has none, and libvirt gives up after 30 s without a message.

use std::{
    future::Future,
    io,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use polkit_agent_rules::verdict::Reason;
use tokio::sync::watch;

/// What is left for the record and the reply when the agent waits for a person.
const FOR_THE_REPLY: Duration = Duration::from_millis(200);

/// The limits of one request.
#[derive(Debug)]
pub struct Guard {
    deadline: Instant,
    cancelled: watch::Receiver<bool>,
}

impl Guard {
    /// Ends the work at `deadline`, or when `cancelled` becomes true.
    #[must_use]
    pub fn new(deadline: Instant, cancelled: watch::Receiver<bool>) -> Self {
        Self { deadline, cancelled }
    }

    /// The time that a stage can take if record and reply must follow in time.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.left().saturating_sub(FOR_THE_REPLY)
    }

    /// Runs one stage. When a limit ends the stage, its future is dropped where it waits.
    ///
    /// # Errors
    /// The stage's own error; [`Reason::Cancelled`], [`Reason::Deadline`], and [`Reason::Fault`] after a panic.
    pub async fn run<T, E: From<Reason>>(&mut self, stage: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let left = self.left().max(Duration::from_millis(1));
        // What a stage shares with other requests is changed under locks, and each change is whole.
        let stage = AssertUnwindSafe(stage).catch_unwind();
        tokio::select! {
            biased;
            () = cancellation(&mut self.cancelled) => Err(Reason::Cancelled.into()),
            () = tokio::time::sleep(left) => Err(Reason::Deadline.into()),
            ended = stage => ended.unwrap_or_else(|_| Err(Reason::Fault.into())),
        }
    }

    /// Runs the recording of a hook request: polkitd waits for the hook, so the journal has no time of its own.
    ///
    /// # Errors
    /// The recording's own error; [`io::ErrorKind::TimedOut`].
    pub async fn record<T>(&self, recording: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        tokio::time::timeout(self.left(), recording).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

async fn cancellation(cancelled: &mut watch::Receiver<bool>) {
    if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
        // The sender is gone: this request cannot be cancelled.
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(length: Duration) -> (Guard, watch::Sender<bool>) {
        let (cancel, cancelled) = watch::channel(false);
        (Guard::new(Instant::now() + length, cancelled), cancel)
    }

    #[tokio::test]
    async fn a_panic_is_a_fault() {
        let (mut guard, _cancel) = guard(Duration::from_secs(60));
        let ended: Result<(), Reason> = guard.run(async { panic!("a bug, on purpose") }).await;
        assert_eq!(ended, Err(Reason::Fault));
    }

    #[tokio::test]
    async fn a_stage_that_ends_in_time_keeps_its_result() {
        let (mut guard, cancel) = guard(Duration::from_secs(60));
        assert_eq!(guard.run(async { Ok::<_, Reason>(7) }).await, Ok(7));
        assert_eq!(guard.run(async { Err::<u8, _>(Reason::Gone) }).await, Err(Reason::Gone));
        drop(cancel);
        assert_eq!(guard.run(async { Ok::<_, Reason>(8) }).await, Ok(8), "no sender, no cancellation");
    }

    #[tokio::test]
    async fn the_time_limit_and_a_cancellation_end_a_stage_that_waits() {
        let (mut late, _cancel) = guard(Duration::ZERO);
        assert_eq!(late.run(std::future::pending::<Result<(), Reason>>()).await, Err(Reason::Deadline));
        assert_eq!(late.remaining(), Duration::ZERO);
        let (mut taken_back, cancel) = guard(Duration::from_secs(60));
        cancel.send_replace(true);
        assert_eq!(taken_back.run(std::future::pending::<Result<(), Reason>>()).await, Err(Reason::Cancelled));
    }

    #[tokio::test]
    async fn a_stage_leaves_time_for_the_record_and_the_reply() {
        let length = Duration::from_secs(60);
        let (guard, _cancel) = guard(length);
        assert!(guard.remaining() <= length - FOR_THE_REPLY, "{:?}", guard.remaining());
    }

    #[tokio::test]
    async fn a_record_that_takes_too_long_is_an_error() {
        let (guard, _cancel) = guard(Duration::ZERO);
        let error = guard.record(std::future::pending::<io::Result<()>>()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
