//! The road from a question of the hook to its answer. It is the challenge's road without what only a challenge has: there
//! is no cookie to send back, and the rule that asks says itself which user polkit takes the subject for.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};

use polkit_config::names::{Names, Tree};
use polkit_dbus::{SubjectPid, SubjectUid};

use crate::{
    config::{Config, What},
    decision::{Reason, Verdict},
    facts::Fact,
    gather::{Offered, gather},
    hook_wire::{self, Question},
    log,
    process::Held,
    record::{Decision, Outcome, Way},
    recorder::Ending,
    road::Road,
    rule::Answer,
};

/// The users and groups that the hook's road knows: those of /etc, read again when a file is another one. A user database
/// elsewhere could take longer to ask than polkitd can be kept waiting.
#[derive(Debug, Default)]
pub struct Accounts {
    read: Mutex<Option<(Stamps, Arc<Names>)>>,
}

type Stamps = [Option<SystemTime>; 2];

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

impl Accounts {
    fn now(&self) -> Option<Arc<Names>> {
        let stamp = |path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let stamps = [stamp(PASSWD), stamp(GROUP)];
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((known, names)) if *known == stamps => Some(Arc::clone(names)),
            _ => {
                let (passwd, group) = (fs::read_to_string(PASSWD).ok()?, fs::read_to_string(GROUP).ok()?);
                let names = Arc::new(Names::Root(Tree::parse(&passwd, &group)));
                *read = Some((stamps, Arc::clone(&names)));
                Some(names)
            }
        }
    }
}

/// Answers a question. Whatever goes wrong is "nothing": polkit then goes on with its other rules. The end of the record is
/// to be written when the hook has its answer.
pub async fn travel(road: &Road, accounts: &Accounts, question: &Question) -> (hook_wire::Answer, Option<Ending>) {
    const NOTHING: (hook_wire::Answer, Option<Ending>) = (hook_wire::Answer::Nothing, None);
    let arrived = Instant::now();
    let config = Arc::clone(&road.config.borrow());
    let Some(names) = accounts.now() else { return NOTHING };
    let Some(held) = SubjectPid::new(question.pid).ok().and_then(|pid| Held::open(pid).ok()) else {
        return NOTHING;
    };
    // polkit fixed the user when the client connected; a pid that has passed on since is another user's as a rule.
    if !is_user(&names, &config, held.process.uid, &question.user) {
        return NOTHING;
    }
    let held = Arc::new(held);
    let (action, subject, rules) = (question.action.clone(), Arc::clone(&held), Arc::clone(&config));
    let root = road.cgroup_root.clone();
    // The process decides how long reading its command line takes: not on the thread that serves others.
    let gathering = tokio::task::spawn_blocking(move || {
        gather(&action, &subject, Offered::TakenForGranted, &rules.needs, &root, &names)
    });
    let Ok(Ok(mut gathered)) = gathering.await else {
        return NOTHING;
    };
    gathered.facts.details = Fact::Known(question.details.clone());
    let asks = |what: &What| match (what, &gathered.facts.unit) {
        (What::Unit(pattern), Fact::Known(Some(unit))) => pattern.covers(unit),
        (What::User(user), _) => user.id == gathered.facts.uid.get(),
        _ => false,
    };
    if !config.serve.iter().any(|serve| serve.by_hook && asks(&serve.what)) {
        return NOTHING;
    }

    let verdict = road.ledger.decide(&config, &mut gathered.facts, None, arrived);
    let decision = Decision {
        way: Way::Hook,
        action: Some(&question.action),
        verdict: &verdict,
        subject: Some(held.process),
        uid: held.process.uid,
        session: None,
        described: &gathered.described,
        caller: None,
        identity: None,
        approver: None,
    };
    let record = match road.recorder.open(&decision).await {
        Ok(record) => record,
        Err(error) => {
            log::error(&format!("no record, no answer: the journal did not take a decision: {error}"));
            return NOTHING;
        }
    };
    let same = held.look(&road.cgroup_root).is_ok_and(|now| now == gathered.seen);
    let answer = if same { answer(&verdict) } else { hook_wire::Answer::Nothing };
    let outcome = match answer {
        hook_wire::Answer::Yes => Outcome::Sent,
        hook_wire::Answer::No => Outcome::Refused,
        hook_wire::Answer::Nothing if same => Outcome::Passed,
        hook_wire::Answer::Nothing => Outcome::Changed,
    };
    (answer, Some(Ending { record, outcome, took: arrived.elapsed() }))
}

/// Whether that is the name of this uid: by the files of /etc, or as the user was looked up when the configuration that names
/// him was loaded. One whom neither knows, a directory's, say, is asked for by nobody.
fn is_user(names: &Names, config: &Config, uid: SubjectUid, user: &str) -> bool {
    let served = config.serve.iter().filter_map(|serve| match &serve.what {
        What::User(user) => Some(user),
        _ => None,
    });
    let mut named = config.rules.iter().filter_map(|rule| rule.user.as_ref()).chain(served);
    match names.user(user) {
        Ok(Some(known)) => known.uid == uid.get(),
        Ok(None) => named.any(|known| known.name == user && known.id == uid.get()) || user.parse() == Ok(uid.get()),
        Err(_) => false,
    }
}

/// What no rule is about stays with polkit's other rules.
fn answer(verdict: &Verdict) -> hook_wire::Answer {
    match verdict.answer() {
        Answer::Allow => hook_wire::Answer::Yes,
        Answer::Deny | Answer::Dismiss if matches!(verdict.reason(), Reason::Rule | Reason::Limit) => {
            hook_wire::Answer::No
        }
        // polkitd waits for the hook, and nobody for a person or a password.
        Answer::Deny | Answer::Dismiss | Answer::Ask | Answer::Authenticate => hook_wire::Answer::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{config::Serve, needs::Needs, rule::Named};

    #[test]
    fn a_user_is_known_by_the_files_or_by_the_configuration_that_names_him() {
        let names = Names::Root(Tree::parse("www-data:x:33:33::/:/bin/sh\n", ""));
        let user = Named { name: "of-a-directory".into(), id: 70_000 };
        let serve = Serve { what: What::User(user), max: None, new_per_second: None, by_hook: true };
        let config = Config {
            answer_within: Duration::from_secs(20),
            max_registrations: 1,
            serve: vec![serve],
            rules: Vec::new(),
            needs: Needs::default(),
        };
        let is = |uid, user| is_user(&names, &config, SubjectUid::new(uid).unwrap(), user);
        assert!(is(33, "www-data") && is(70_000, "of-a-directory") && is(4242, "4242"));
        assert!(!is(34, "www-data") && !is(70_001, "of-a-directory") && !is(70_000, "another") && !is(33, "4242"));
    }
}
