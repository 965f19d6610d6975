//! The pipeline: from a request to its reply, for challenges and for hook requests.

use std::{
    collections::BTreeSet,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_agent_rules::{
    facts::{ProcessState, SubjectInfo},
    rule::Answer,
    verdict::{Reason, Verdict},
};
use tracing::{Instrument, debug, debug_span, error};

use crate::{
    base::pam,
    config::Config,
    kernel::{
        answer::{
            challenge,
            context::{Context, Event},
            guard::Guard,
            hook,
            reply::Reply,
            request::{Case, Grant, Recipient, Request, Stop},
        },
        audit::{
            decision::Outcome,
            journal_writer::{OpenRecord, PendingOutcome},
            record::RecordId,
        },
        subject::{
            process::PinnedProcess,
            slow_facts,
            snapshot::{Claim, Readings, Subject},
        },
    },
};

/// Answers one request. The caller sends the reply, and then calls [`close`].
pub async fn answer(context: &Context, request: &Request) -> (Reply, Option<PendingOutcome>) {
    let Ok(id) = RecordId::random() else {
        error!("the kernel gives no random bytes for a record: refusing");
        return (Reply::Nothing.unrecorded(request.way()), None);
    };
    let span = debug_span!("request", record = %id, way = request.way().word());
    stages(context, request, id).instrument(span).await
}

/// The order is the security argument: authenticate the sender, read the subject, decide, record, read the subject again, reply.
/// Every error is a refusal.
async fn stages(context: &Context, request: &Request, id: RecordId) -> (Reply, Option<PendingOutcome>) {
    let (arrived, way) = (Instant::now(), request.way());
    let config = Arc::clone(&context.config.borrow());
    let mut guard = request.guard(arrived, config.answer_within);
    let mut case = Case::default();
    debug!(action = request.action().unwrap_or_default(), "request arrived");

    let patience = guard.remaining();
    let verdict = match guard.run(judge(context, request, &config, &mut case, patience)).await {
        Ok(verdict) => verdict,
        Err(Stop::Refuse(reason)) => Verdict::refuse(reason),
        Err(Stop::Unserved) => {
            debug!("no entry serves the subject: no reply and no record");
            return (Reply::Nothing, None);
        }
    };
    let reply = Reply::of(way, &verdict, &config.rules, case.facts());
    debug!(verdict = verdict.answer().word(), reason = verdict.reason().word(), rule = verdict.rule_id(), "decided");

    let record = match record(context, request, &case, &verdict, id, &guard).await {
        Ok(record) => record,
        Err(error) => {
            error!("cannot record a decision: refusing: {error}");
            return (reply.unrecorded(way), None);
        }
    };
    let carrying_out = async {
        match reply {
            Reply::Yes => carry_out(context, request, &case, &verdict, &config).await,
            Reply::No | Reply::Dismissed => Ok(Outcome::Refused),
            Reply::Nothing => Ok(Outcome::Passed),
        }
    };
    let outcome = guard.run(carrying_out).await.unwrap_or_else(|outcome| outcome);
    let reply = reply.after(way, &outcome);
    debug!(outcome = outcome.word(), ?reply, micros = arrived.elapsed().as_micros(), "replying");
    (reply, Some(PendingOutcome { record, outcome, took: arrived.elapsed() }))
}

/// From the arrival to the verdict. `patience` is how long an open challenge can wait for a person.
async fn judge<'c>(
    context: &Context,
    request: &Request,
    config: &'c Arc<Config>,
    case: &mut Case,
    patience: Duration,
) -> Result<Verdict<'c>, Stop> {
    let (state, claim) = match request {
        Request::Challenge(request) => challenge::identify(context, request, case)?,
        Request::Hook(request) => hook::identify(context, config, request, case)?,
    };
    let process = case.process.clone().ok_or(Reason::Fault)?;
    let subject = case.subject.insert(read_subject(context, request, config, &process, state, claim).await?);
    debug!(pid = %process.process.pid, uid = %subject.facts.uid, unit = subject.info.unit.as_deref(), "subject read");
    let verdict = context.state.decide(config, &subject.facts, Instant::now());
    match request {
        Request::Challenge(_) if verdict.answer() == Answer::Ask => {
            Ok(wait_for_approval(context, config, verdict, &process, subject, patience).await)
        }
        _ => Ok(verdict),
    }
}

/// Reads the facts of the subject. Neither the user database nor the process can hold up another request.
async fn read_subject(
    context: &Context,
    request: &Request,
    config: &Arc<Config>,
    process: &PinnedProcess,
    state: ProcessState,
    claim: Claim,
) -> Result<Subject, Stop> {
    let looking_up = async {
        match request {
            Request::Challenge(_) => challenge::look_up(context, config, &state).await,
            Request::Hook(_) => Ok(hook::look_up(context, config, &state).await),
        }
    };
    let exes = &config.requirements.exes;
    let reading = slow_facts::read_in_child(&context.readers, request.purpose(), process, state.uid, exes);
    let (looked_up, slow) = tokio::join!(looking_up, reading);
    let (account, isolation) = looked_up?;
    Ok(Subject::new(claim, Readings { state, login: process.login_uid(), account, isolation, slow }))
}

/// Puts the request into the approval queue. If the rule has `hold`, the challenge stays open for a person, and then the agent decides
/// again.
async fn wait_for_approval<'c>(
    context: &Context,
    config: &'c Arc<Config>,
    verdict: Verdict<'c>,
    process: &PinnedProcess,
    subject: &Subject,
    patience: Duration,
) -> Verdict<'c> {
    let (new, mut answered) = match context.state.enqueue(&verdict, subject, process.process.pid, Instant::now()) {
        Ok(queued) => queued,
        Err(reason) => return verdict.refused(reason),
    };
    context.publish(new.map(Event::Pending));
    let hold = verdict.rule().and_then(|rule| rule.hold);
    let (Some(hold), Some(_permit)) = (hold, context.state.hold()) else { return verdict };
    debug!("waiting for a person");
    // Ends when the request is answered: its sender is then dropped.
    let _ = tokio::time::timeout(hold.min(patience), answered.changed()).await;
    context.state.decide(config, &subject.facts, Instant::now())
}

/// Records the decision. A hook request has no time to wait for the journal.
async fn record(
    context: &Context,
    request: &Request,
    case: &Case,
    verdict: &Verdict<'_>,
    id: RecordId,
    guard: &Guard,
) -> io::Result<OpenRecord> {
    let unknown = SubjectInfo::default();
    let decision = case.record(request, verdict, &unknown).ok_or(io::ErrorKind::NotFound)?;
    let recording = context.recorder.open(id, &decision);
    match request {
        Request::Challenge(_) => recording.await,
        Request::Hook(_) => guard.record(recording).await,
    }
}

/// Gives the yes, if the subject is still the one that the agent decided about.
async fn carry_out(
    context: &Context,
    request: &Request,
    case: &Case,
    verdict: &Verdict<'_>,
    config: &Config,
) -> Result<Outcome, Outcome> {
    let grant = case.grant(request, verdict)?;
    recheck(context, request, &grant, config).await?;
    let Recipient::Polkitd { authority, cookie, identity, registered } = grant.recipient else {
        return Ok(Outcome::Sent);
    };
    if grant.rule.answer == Answer::Authenticate {
        let authenticated = pam::authenticate(context.registering, identity, cookie, &grant.rule.credentials).await;
        authenticated.map_err(|error| Outcome::NotAuthenticated(error.to_string()))?;
        // PAM can take long.
        recheck(context, request, &grant, config).await?;
        return Ok(Outcome::Sent);
    }
    let version = context.polkitd.borrow().as_ref().map(|polkitd| polkitd.version.clone());
    let uids = version.ok_or(Outcome::PolkitdGone)?.agent_uids(context.registering, registered);
    let sent = authority.answer(uids, cookie, identity).await;
    sent.map(|()| Outcome::Sent).map_err(|error| Outcome::RefusedByPolkitd(error.to_string()))
}

/// Reads the subject again: the state of the process, and the file of the program if a yes can depend on it.
async fn recheck(context: &Context, request: &Request, grant: &Grant<'_>, config: &Config) -> Result<(), Outcome> {
    let Grant { process, subject, .. } = grant;
    if config.requirements.program {
        let (uid, none) = (subject.facts.uid, BTreeSet::new());
        let slow = slow_facts::read_in_child(&context.readers, request.purpose(), process, uid, &none).await;
        if (&slow.program.exe, &slow.program.content) != (&subject.facts.exe, &subject.facts.content) {
            return Err(Outcome::Changed);
        }
    }
    let is_same = process.state(&context.cgroup_root).is_ok_and(|state| state == subject.state);
    if is_same { Ok(()) } else { Err(Outcome::Changed) }
}

/// Ends a request whose reply was sent: publishes the decision and records the outcome.
pub async fn close(context: &Context, pending: PendingOutcome) {
    context.publish(pending.record.id().map(Event::Decision));
    context.recorder.close(pending).await;
}

#[cfg(test)]
mod tests;
