//! The agent's own deadline, and polkitd's taking back: polkitd sets no limit, and libvirt gives up after 30 s without a word
//! to anybody.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{audit::record::Outcome, rules::verdict::Reason};

/// What is left for the record and the answer when a person is waited for.
const FOR_THE_ANSWER: Duration = Duration::from_millis(200);

/// How long a question may be worked on.
#[derive(Debug)]
pub struct Limits {
    deadline: Instant,
    cancelled: watch::Receiver<bool>,
}

impl Limits {
    /// Until that moment, or until that is true.
    #[must_use]
    pub fn new(deadline: Instant, cancelled: watch::Receiver<bool>) -> Self {
        Self { deadline, cancelled }
    }

    /// How long something may take that an answer is to follow in time.
    #[must_use]
    pub fn room(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).saturating_sub(FOR_THE_ANSWER)
    }

    /// Works within the limits.
    ///
    /// # Errors
    /// [`Reason::Cancelled`] and [`Reason::Deadline`]: the work is dropped where it was.
    pub async fn keep<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Reason> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        tokio::select! {
            biased;
            () = cancellation(&mut self.cancelled) => Err(Reason::Cancelled),
            () = tokio::time::sleep(left.max(Duration::from_millis(1))) => Err(Reason::Deadline),
            done = work => Ok(done),
        }
    }
}

async fn cancellation(cancelled: &mut watch::Receiver<bool>) {
    if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
        // Whoever could cancel is gone with the connection, and so is the question.
        std::future::pending::<()>().await;
    }
}

impl Outcome {
    /// What a limit that was not kept ends with.
    #[must_use]
    pub fn of_limit(reason: Reason) -> Self {
        match reason {
            Reason::Cancelled => Self::Cancelled,
            _ => Self::Deadline,
        }
    }
}
