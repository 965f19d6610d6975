//! Whether the agent's own context can be travelled, which is what the watchdog is fed for, and whether polkitd answers.

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

/// How often polkitd is asked whether it is there. Never two questions at a time: one that is given up is worked off all the same.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// Longer than this no client should wait. polkitd 122 is known to stall for 15 s by itself.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// How polkitd is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Polkitd {
    /// There is none.
    #[default]
    Absent,
    /// It answers.
    Well,
    /// It is there, and has not answered for some seconds. What is registered stays so.
    Slow,
}

impl Polkitd {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Well => "well",
            Self::Slow => "slow",
        }
    }
}

/// What is asked, and what came of it.
#[derive(Debug)]
pub struct Health {
    polkitd: Polkitd,
    asked: Option<(Instant, JoinHandle<bool>)>,
    next: Instant,
    trying: Option<JoinHandle<Result<(), String>>>,
}

impl Default for Health {
    fn default() -> Self {
        Self { polkitd: Polkitd::default(), asked: None, next: Instant::now(), trying: None }
    }
}

impl Health {
    /// How polkitd is.
    #[must_use]
    pub fn polkitd(&self) -> Polkitd {
        self.polkitd
    }

    /// polkitd came or went. A question to the old one is of no interest any more.
    pub fn on_polkitd_changed(&mut self, is_there: bool) {
        self.polkitd = if is_there { Polkitd::Well } else { Polkitd::Absent };
        if let Some((_, question)) = self.asked.take() {
            question.abort();
        }
        self.next = Instant::now() + ASK_EVERY;
    }

    /// Asks polkitd now and then, and takes note of the answer. Says what has changed.
    pub async fn look(&mut self, authority: &Authority) -> Option<&'static str> {
        let now = Instant::now();
        match self.asked.take() {
            Some((since, question)) if question.is_finished() => {
                self.next = now + ASK_EVERY;
                let answered = question.await.unwrap_or(false);
                // An error is an answer, too; that polkitd went comes another way.
                if !answered {
                    tracing::info!("polkitd answered with an error after {} ms", since.elapsed().as_millis());
                }
                let was = std::mem::replace(&mut self.polkitd, Polkitd::Well);
                (was == Polkitd::Slow).then_some("polkitd answers again")
            }
            Some((since, question)) => {
                self.asked = Some((since, question));
                let is_late = since.elapsed() >= ANSWERS_WITHIN && self.polkitd == Polkitd::Well;
                is_late.then(|| {
                    self.polkitd = Polkitd::Slow;
                    "polkitd has not answered for 5 s: nobody on this host is answered meanwhile. Its own log may say why"
                })
            }
            None if now >= self.next => {
                let authority = authority.clone();
                self.asked = Some((now, tokio::spawn(async move { authority.version().await.is_ok() })));
                None
            }
            None => None,
        }
    }

    /// Tries the context, if it is not being tried already, and says whether a try that was begun has ended well.
    pub async fn pipeline_is_sound(&mut self, context: &Arc<Context>) -> bool {
        match self.trying.take() {
            Some(trying) if trying.is_finished() => match trying.await {
                Ok(Ok(())) => true,
                Ok(Err(why)) => {
                    tracing::error!("the agent cannot decide: {why}");
                    false
                }
                Err(_) => false,
            },
            Some(trying) => {
                self.trying = Some(trying);
                false
            }
            None => {
                let context = Arc::clone(context);
                self.trying = Some(tokio::spawn(async move { try_pipeline(&context).await }));
                false
            }
        }
    }
}

/// Does what a challenge about the agent itself would do, up to the record, which is not written. The lookup in the user database
/// takes no place of a challenge, and does not wait for one.
async fn try_pipeline(context: &Context) -> Result<(), String> {
    let config = Arc::clone(&context.config.borrow());
    let own = SubjectPid::new(std::process::id()).map_err(|error| error.to_string())?;
    let process = PinnedProcess::open(own).map_err(|error| format!("cannot read its own process: {error}"))?;
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
