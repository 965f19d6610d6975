//! The health of the agent, which decides whether it pings the watchdog, and the health of polkitd.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_agent_rules::{facts::Fact, history::History, verdict::decide};
use polkit_config::names::Names;
use polkit_dbus::Authority;
use polkit_types::SubjectPid;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::kernel::{
    answer::context::Context,
    subject::{
        isolation::Isolation,
        process::PinnedProcess,
        slow_facts::SlowFacts,
        snapshot::{Account, Claim, Readings, Subject},
    },
};

/// The interval of probes of polkitd. Only one probe at a time is open, because polkitd also processes calls whose caller gave up.
const PROBE_EVERY: Duration = Duration::from_secs(10);
/// The time after which polkitd counts as slow. polkitd 122 can stall for 15 s on its own.
const RESPONDS_WITHIN: Duration = Duration::from_secs(5);

/// The health of polkitd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PolkitdHealth {
    /// polkitd does not run.
    #[default]
    Absent,
    /// polkitd responds.
    Well,
    /// polkitd runs, but has not responded for 5 s. Registrations stay.
    Slow,
}

impl PolkitdHealth {
    /// The word in `status`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Well => "well",
            Self::Slow => "slow",
        }
    }
}

/// The probe of polkitd and the self-check of the agent, each with its last result.
#[derive(Debug)]
pub struct Health {
    polkitd: PolkitdHealth,
    probe: Option<(Instant, JoinHandle<bool>)>,
    next: Instant,
    self_check: Option<JoinHandle<Result<(), String>>>,
}

impl Default for Health {
    fn default() -> Self {
        Self { polkitd: PolkitdHealth::default(), probe: None, next: Instant::now(), self_check: None }
    }
}

impl Health {
    /// The last known health of polkitd.
    #[must_use]
    pub fn polkitd(&self) -> PolkitdHealth {
        self.polkitd
    }

    /// Handles a polkitd that appeared or disappeared. Aborts the probe of the old polkitd.
    pub fn on_polkitd_changed(&mut self, is_running: bool) {
        self.polkitd = if is_running { PolkitdHealth::Well } else { PolkitdHealth::Absent };
        if let Some((_, probe)) = self.probe.take() {
            probe.abort();
        }
        self.next = Instant::now() + PROBE_EVERY;
    }

    /// Probes polkitd if a probe is due, and reads the result of the last probe. Returns a message if the health changed. Does not wait
    /// for polkitd.
    pub async fn check_polkitd(&mut self, authority: &Authority) -> Option<&'static str> {
        let now = Instant::now();
        match self.probe.take() {
            Some((since, probe)) if probe.is_finished() => {
                self.next = now + PROBE_EVERY;
                let succeeded = probe.await.unwrap_or(false);
                // An error is a response as well. `OwnerWatch` reports a polkitd that disappeared.
                if !succeeded {
                    tracing::info!("polkitd replied to a probe with an error after {} ms", since.elapsed().as_millis());
                }
                let before = std::mem::replace(&mut self.polkitd, PolkitdHealth::Well);
                (before == PolkitdHealth::Slow).then_some("polkitd responds again")
            }
            Some((since, probe)) => {
                self.probe = Some((since, probe));
                let is_late = since.elapsed() >= RESPONDS_WITHIN && self.polkitd == PolkitdHealth::Well;
                is_late.then(|| {
                    self.polkitd = PolkitdHealth::Slow;
                    "polkitd has not responded for 5 s: all authorization requests on this host wait; see `journalctl -u polkit`"
                })
            }
            None if now >= self.next => {
                let authority = authority.clone();
                self.probe = Some((now, tokio::spawn(async move { authority.version().await.is_ok() })));
                None
            }
            None => None,
        }
    }

    /// Starts a self-check if none runs. Returns whether a self-check has ended since the last call, without an error. Does
    /// not wait for the self-check.
    pub async fn pipeline_is_sound(&mut self, context: &Arc<Context>) -> bool {
        match self.self_check.take() {
            Some(check) if check.is_finished() => match check.await {
                Ok(Ok(())) => true,
                Ok(Err(why)) => {
                    tracing::error!("the self-check failed, so the agent does not ping the watchdog: {why}");
                    false
                }
                Err(_) => false,
            },
            Some(check) => {
                self.self_check = Some(check);
                false
            }
            None => {
                let context = Arc::clone(context);
                self.self_check = Some(tokio::spawn(async move { check_pipeline(&context).await }));
                false
            }
        }
    }
}

/// Decides about the process of the agent itself, as for a challenge, but writes no record. The lookup in the user database uses a
/// thread of its own, so it neither delays challenges nor waits for them.
async fn check_pipeline(context: &Context) -> Result<(), String> {
    let config = Arc::clone(&context.config.borrow());
    let own = SubjectPid::new(std::process::id()).map_err(|error| error.to_string())?;
    let process = PinnedProcess::open(own).map_err(|error| format!("cannot read the process of the agent: {error}"))?;
    let state = process.state(&context.cgroup_root).map_err(|reason| reason.word().to_owned())?;
    let (rules, uid) = (Arc::clone(&config), state.uid);
    let looking_up = spawn_blocking(move || Account::look_up(&Names::Host, uid, &rules.requirements));
    let account = tokio::time::timeout(config.answer_within, looking_up).await;
    let account = account.map_err(|_| "the user database does not respond")?.map_err(|error| error.to_string())?;
    let claim = Claim { action: String::new(), details: Fact::Unknown, vouched_for: false, session: None };
    let (isolation, slow) = (Isolation::default(), SlowFacts::default());
    let subject = Subject::new(claim, Readings { state, login: None, account, isolation, slow });
    // No rule covers an action without a name.
    if decide(&config.rules, &subject.facts, &History::default()).answer().grants() {
        return Err("a rule grants an action without a name".into());
    }
    context.recorder.is_ready().await.map_err(|error| format!("the journal accepts no record: {error}"))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixDatagram, path::Path};

    use polkit_agent_rules::{
        model,
        rule::{Answer, Named, Rule},
    };
    use polkit_types::pattern::ActionPattern;

    use super::*;
    use crate::{base::test_bus::Bus, config::Config};

    /// A context with a grant of these actions to the user of this test.
    fn context(folder: &Path, actions: &str) -> Arc<Context> {
        let user = Some(Named { name: "own".into(), id: rustix::process::getuid().as_raw() });
        let actions = vec![ActionPattern::new(actions).unwrap()];
        let grant = Rule { user, actions, unbound: true, ..model::rule(Answer::Allow) };
        Arc::new(Context::of(Config::of(Vec::new(), vec![grant]), &folder.join("journal")))
    }

    /// The result of the first self-check that has ended.
    async fn result(health: &mut Health, context: &Arc<Context>) -> bool {
        assert!(!health.pipeline_is_sound(context).await, "no check has ended");
        while !health.self_check.as_ref().is_some_and(JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
        health.pipeline_is_sound(context).await
    }

    #[tokio::test]
    async fn a_sound_pipeline_passes_each_self_check() {
        let folder = tempfile::tempdir().unwrap();
        let _journal = UnixDatagram::bind(folder.path().join("journal")).unwrap();
        let (mut health, context) = (Health::default(), context(folder.path(), model::ACTION));
        assert_eq!(check_pipeline(&context).await, Ok(()));
        assert!(result(&mut health, &context).await);
        assert!(result(&mut health, &context).await);
    }

    #[tokio::test]
    async fn a_grant_of_an_action_without_a_name_fails_the_self_check() {
        let folder = tempfile::tempdir().unwrap();
        let _journal = UnixDatagram::bind(folder.path().join("journal")).unwrap();
        let (mut health, context) = (Health::default(), context(folder.path(), "*"));
        assert_eq!(check_pipeline(&context).await, Err("a rule grants an action without a name".into()));
        assert!(!result(&mut health, &context).await);
    }

    #[tokio::test]
    async fn a_missing_journal_fails_the_self_check() {
        let folder = tempfile::tempdir().unwrap();
        let (mut health, context) = (Health::default(), context(folder.path(), model::ACTION));
        let why = check_pipeline(&context).await.unwrap_err();
        assert!(why.contains("the journal accepts no record"), "{why}");
        assert!(!result(&mut health, &context).await);
    }

    #[tokio::test]
    async fn a_self_check_that_does_not_end_by_itself_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (mut health, context) = (Health::default(), context(folder.path(), model::ACTION));
        let check = tokio::spawn(std::future::pending());
        check.abort();
        while !check.is_finished() {
            tokio::task::yield_now().await;
        }
        health.self_check = Some(check);
        assert!(!health.pipeline_is_sound(&context).await);
    }

    #[tokio::test]
    async fn polkitd_is_slow_after_five_seconds_without_a_response() {
        let (mut bus, connection) = Bus::new().await;
        let (mut health, authority) = (Health::default(), Authority::new(connection));
        health.on_polkitd_changed(true);
        assert!(health.check_polkitd(&authority).await.is_none() && health.probe.is_none(), "no probe is due");
        health.next = Instant::now();
        for _ in 0..2 {
            assert_eq!((health.check_polkitd(&authority).await, health.polkitd()), (None, PolkitdHealth::Well));
        }
        health.probe.as_mut().unwrap().0 -= RESPONDS_WITHIN;
        let message = health.check_polkitd(&authority).await.unwrap();
        assert!(message.contains("has not responded for 5 s"), "{message}");
        assert_eq!((health.check_polkitd(&authority).await, health.polkitd()), (None, PolkitdHealth::Slow));
        let replying = tokio::spawn(async move { bus.reply().await });
        while !health.probe.as_ref().is_some_and(|(_, probe)| probe.is_finished()) {
            tokio::task::yield_now().await;
        }
        assert_eq!(health.check_polkitd(&authority).await, Some("polkitd responds again"));
        assert_eq!(health.polkitd(), PolkitdHealth::Well);
        assert!(health.next > Instant::now() && health.probe.is_none(), "the next probe is not due");
        replying.abort();
    }
}
