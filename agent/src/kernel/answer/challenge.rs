//! The one road from a challenge to its answer. Everything else is a stage of it, or calls it.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_config::names::Names;
use polkit_dbus::{
    AgentUid, Authority, BackendVersion, Challenge, DecodeError, IdentityUid, Owner, Process, Reply, Sender,
};
use tokio::sync::{mpsc, watch};

use crate::{
    answer::{deadline::Limits, pam::authenticate, state::Ledger},
    audit::{
        journal_writer::{Ending, Recorder},
        record::{Decision, Outcome, Way},
        unserved::Strangers,
    },
    base::{blocking, log},
    config::Config,
    rules::{
        facts::Approver,
        requirements::Needs,
        rule::Answer,
        verdict::{Reason, Verdict, answering_identity},
    },
    subject::{
        cgroups::Cgroups,
        process::Held,
        reader::{Purpose, Readers},
        scope::StandsFor,
        snapshot::{Account, Described, Fence, Gathered, Offered, gather, look},
    },
};

/// The polkitd of the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polkitd {
    /// Its unique name.
    pub owner: Owner,
    /// Its version.
    pub version: BackendVersion,
}

/// What a question meets on the road: the agent's side of it.
#[derive(Debug)]
pub struct Road {
    /// The rules, as they are when the question comes.
    pub config: watch::Receiver<Arc<Config>>,
    /// Who polkitd is when the question comes.
    pub polkitd: watch::Receiver<Option<Polkitd>>,
    /// What reads what may never end to be read.
    pub readers: Readers,
    /// Subjects of hook requests that no entry names.
    pub strangers: Strangers,
    /// Where records go.
    pub recorder: Recorder,
    /// What earlier questions left: counts, questions that wait for a person, approvals.
    pub ledger: Ledger,
    /// Who wants to hear of decisions and questions. What is not taken is lost.
    pub news: mpsc::Sender<News>,
    /// The system manager's cgroup root.
    pub cgroup_root: String,
    /// The cgroups below it.
    pub cgroups: Cgroups,
    /// The uid that registered: the agent's own.
    pub registering: AgentUid,
}

/// What others may want to hear of. Ids say nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A decision with that record id was made.
    Decision(String),
    /// A question with that id waits for a person.
    Pending(String),
}

/// A question that waits for its answer: whom the agent stands in for, the connection that the question came by, and who
/// takes it back.
#[derive(Debug)]
pub struct Question {
    /// What is registered.
    pub stands_for: StandsFor,
    /// polkitd, over the connection of this registration.
    pub authority: Authority,
    /// Becomes true when polkitd cancels.
    pub cancelled: watch::Receiver<bool>,
}

impl Road {
    /// A challenge, its facts, the verdict, the record, the facts once more, the answer, the end of the record, which is
    /// written when polkitd has its reply. Whatever goes wrong is a refusal.
    pub async fn travel(
        &self,
        question: Question,
        sender: Sender,
        challenge: Result<Challenge, DecodeError>,
    ) -> (Reply, Option<Ending>) {
        let arrived = Instant::now();
        let config = Arc::clone(&self.config.borrow());
        let mut limits = Limits::new(arrived + config.answer_within, question.cancelled.clone());

        let about = self.about(&question, &sender, &challenge);
        let mut read = limits.keep(self.read(&question, &about, &challenge, &config)).await.and_then(|read| read);
        let verdict = match (&mut read, &about) {
            (Ok(gathered), Ok(held)) => {
                let most = limits.room();
                limits.keep(self.decide(&config, gathered, held, &question, most)).await
            }
            (Err(reason), _) => Err(*reason),
            (_, Err(reason)) => Err(*reason),
        };
        let verdict = verdict.unwrap_or_else(Verdict::refuse);
        let challenge = challenge.ok();
        let about = about.ok().or_else(|| question.stands_for.registered());
        // A process may have been registered as root's, and have given root up since: systemd does so between fork and exec.
        let registered = about.as_ref().map_or(question.stands_for.uid(), |held| held.process.uid);
        let uid = read.as_ref().map_or(registered, |gathered| gathered.facts.uid);
        let identity = challenge.as_ref().and_then(|c| answering_identity(&c.identities, uid));

        let unknown = Described::default();
        let decision = Decision {
            way: Way::Challenge,
            action: challenge.as_ref().map(|c| c.action.as_str()),
            verdict: &verdict,
            subject: about.as_ref().map(|held| Process { uid, ..held.process }),
            uid,
            session: question.stands_for.session(),
            described: read.as_ref().map_or(&unknown, |gathered| &gathered.described),
            caller: challenge.as_ref().and_then(|c| c.details.caller_pid),
            identity: identity.filter(|_| verdict.answer().is_yes()),
            approver: approver(&verdict, read.as_ref().ok()),
        };
        let record = match self.recorder.open(&decision).await {
            Ok(record) => record,
            Err(error) => {
                log::error(&format!("no record, no answer: the journal did not take a decision: {error}"));
                return (Reply::Refused, None);
            }
        };

        let subject = about.as_deref().zip(read.as_ref().ok());
        let answering = self.carry_out(&verdict, &config, &question, challenge.as_ref(), subject, identity);
        let outcome = limits.keep(answering).await.unwrap_or_else(Outcome::of_limit);
        (reply(&verdict, &outcome), Some(Ending { record, outcome, took: arrived.elapsed() }))
    }

    /// What is done about a decision when whoever asked has the answer: others hear of it, and its record ends.
    pub async fn finish(&self, ending: Ending) {
        self.tell(ending.record.id().map(News::Decision));
        self.recorder.close(ending).await;
    }

    /// Whether a message came from the one unique name that is polkitd. A uid would not do: whatever polkitd spawns has it
    /// too, and could hand the cookie of its own challenge to an agent that allows.
    #[must_use]
    pub fn polkitd_sent(&self, sender: &Sender) -> bool {
        self.polkitd.borrow().as_ref().is_some_and(|polkitd| polkitd.owner.sent(sender))
    }

    /// The subject's uid here is the one that it was registered with: polkitd keeps that.
    fn agent_uids(&self, question: &Question) -> Option<[AgentUid; 2]> {
        let version = self.polkitd.borrow().as_ref().map(|polkitd| polkitd.version.clone())?;
        Some(version.agent_uids(self.registering, question.stands_for.uid()))
    }

    /// Who asks, and about which process.
    fn about(
        &self,
        question: &Question,
        sender: &Sender,
        challenge: &Result<Challenge, DecodeError>,
    ) -> Result<Arc<Held>, Reason> {
        if !self.polkitd_sent(sender) {
            return Err(Reason::Sender);
        }
        let challenge = challenge.as_ref().map_err(|_| Reason::Malformed)?;
        question.stands_for.process(challenge.details.subject_pid)
    }

    /// What is known of that process.
    async fn read(
        &self,
        question: &Question,
        about: &Result<Arc<Held>, Reason>,
        challenge: &Result<Challenge, DecodeError>,
        config: &Arc<Config>,
    ) -> Result<Gathered, Reason> {
        let held = Arc::clone(about.as_ref().map_err(|reason| *reason)?);
        let challenge = challenge.as_ref().map_err(|_| Reason::Malformed)?;
        let seen = look(&held, &self.cgroup_root)?;
        // The user database and the process decide how long these take: neither is on the thread that serves others.
        let (uid, rules) = (seen.uid, Arc::clone(config));
        let (cgroups, of) = (self.cgroups.clone(), seen.clone());
        let looking_up = blocking::for_user_database(uid.get(), move || {
            (Account::look_up(&Names::Host, uid, &rules.needs), Fence::look(&cgroups, &of, &rules.needs))
        });
        let reading = self.readers.process(Purpose::Challenge, &held, uid, &config.needs.exes);
        let (looked_up, slow) = tokio::join!(looking_up, reading);
        // The thread itself broke down: that is nothing about the process.
        let (account, fence) = looked_up.map_err(|_| Reason::Fault)?;
        let offered = Offered::By(&challenge.identities);
        question.stands_for.admit(gather(&challenge.action, seen, offered, held.login_uid(), account, fence, slow))
    }

    /// Whether a process is still what a decision was about: of its program the name, and the file as well where a yes may depend
    /// on it.
    pub async fn is_same(&self, purpose: Purpose, held: &Held, gathered: &Gathered, needs: &Needs) -> bool {
        if needs.program {
            let now = self.readers.process(purpose, held, gathered.seen.uid, &BTreeSet::new()).await.program;
            if (&now.exe, &now.content) != (&gathered.facts.exe, &gathered.facts.content) {
                return false;
            }
        }
        held.look(&self.cgroup_root).is_ok_and(|now| now == gathered.seen)
    }

    /// The verdict. A rule that asks lets the question wait for a person, and the challenge with it if the rule says so, for
    /// `most` at most: what nobody answers is still that rule's refusal, and not the deadline's.
    async fn decide(
        &self,
        config: &Arc<Config>,
        gathered: &mut Gathered,
        held: &Held,
        question: &Question,
        most: Duration,
    ) -> Verdict {
        let session = question.stands_for.session();
        let verdict = self.ledger.decide(config, &mut gathered.facts, session, Instant::now());
        if verdict.answer() != Answer::Ask {
            return verdict;
        }
        let asked = self.ledger.ask(&verdict, gathered, held.process.pid, session, Instant::now());
        let (new, mut answered) = match asked {
            Ok(asked) => asked,
            Err(reason) => return verdict.refused(reason),
        };
        self.tell(new.map(News::Pending));
        let rule = config.rules.iter().find(|rule| Some(rule.id.as_str()) == verdict.rule());
        let (Some(length), Some(_held)) = (rule.and_then(|rule| rule.hold), self.ledger.hold()) else { return verdict };
        // It ends with an error: whoever answers takes the question away.
        let _ = tokio::time::timeout(length.min(most), answered.changed()).await;
        self.ledger.decide(config, &mut gathered.facts, session, Instant::now())
    }

    /// Nobody may be listening, or too slowly: records are what counts.
    pub fn tell(&self, news: Option<News>) {
        let _ = news.map(|news| self.news.try_send(news));
    }

    /// Does what the verdict says, if the process is still what it was decided about.
    async fn carry_out(
        &self,
        verdict: &Verdict,
        config: &Config,
        question: &Question,
        challenge: Option<&Challenge>,
        subject: Option<(&Held, &Gathered)>,
        identity: Option<IdentityUid>,
    ) -> Outcome {
        if !verdict.answer().is_yes() {
            return Outcome::Refused;
        }
        let (Some(challenge), Some((held, gathered)), Some(identity)) = (challenge, subject, identity) else {
            return Outcome::NoIdentity;
        };
        let is_same = || self.is_same(Purpose::Challenge, held, gathered, &config.needs);
        if !is_same().await {
            return Outcome::Changed;
        }
        if verdict.answer() == Answer::Authenticate {
            let rule = config.rules.iter().find(|rule| Some(rule.id.as_str()) == verdict.rule());
            let credentials = rule.map_or(&[][..], |rule| &rule.credentials);
            return match authenticate(self.registering, identity, &challenge.cookie, credentials).await {
                // PAM takes its time.
                Ok(()) if is_same().await => Outcome::Sent,
                Ok(()) => Outcome::Changed,
                Err(error) => Outcome::NotAuthenticated(error.to_string()),
            };
        }
        let Some(uids) = self.agent_uids(question) else { return Outcome::PolkitdGone };
        match question.authority.answer(uids, &challenge.cookie, identity).await {
            Ok(()) => Outcome::Sent,
            Err(error) => Outcome::RefusedByPolkitd(error.to_string()),
        }
    }
}

/// Who approved what is allowed.
fn approver(verdict: &Verdict, read: Option<&Gathered>) -> Option<Approver> {
    if verdict.reason() != Reason::Approved {
        return None;
    }
    read?.facts.approved.get(verdict.rule()?).copied()
}

/// What polkitd is told. Only an answer that polkitd took is a yes; after any other end even a taken one is undone by the
/// error.
fn reply(verdict: &Verdict, outcome: &Outcome) -> Reply {
    match (verdict.answer(), outcome) {
        (Answer::Allow | Answer::Authenticate, Outcome::Sent) => Reply::Done,
        (_, Outcome::Cancelled) | (Answer::Dismiss | Answer::Ask, _) => Reply::Dismissed,
        (Answer::Allow | Answer::Deny | Answer::Authenticate, _) => Reply::Refused,
    }
}
