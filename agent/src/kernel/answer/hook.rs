//! The road from a question of the hook to its answer. It is the challenge's road without what only a challenge has: there
//! is no cookie to send back, and the rule that asks says itself which user polkit takes the subject for.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use polkit_config::names::{Names, Tree};
use polkit_dbus::{SubjectPid, SubjectUid};

use crate::{
    answer::{
        challenge::Road,
        hook_protocol::{self, DAEMON_WITHIN, Question},
    },
    audit::{
        journal_writer::Ending,
        record::{Decision, Outcome, Way},
    },
    base::{blocking, log},
    config::{Config, What},
    rules::{
        facts::{Fact, Facts},
        rule::{Answer, Rule},
        verdict::{Reason, Verdict},
    },
    subject::{
        process::{Held, Seen},
        reader::Purpose,
        snapshot::{Account, Fence, Offered, gather, look},
    },
};

/// The users and groups that the hook's road knows: those of /etc, read again when a file is another one. A user database
/// elsewhere could take longer to ask than polkitd can be kept waiting.
#[derive(Debug, Default)]
pub struct Accounts {
    read: Mutex<Option<(Stamps, Arc<Names>)>>,
}

type Stamps = [Option<SystemTime>; 2];

/// From the arrival of a request: after that the journal is not waited for, so that the hook still hears a refusal.
const RECORDED_WITHIN: Duration = Duration::from_millis(DAEMON_WITHIN - 200);
/// How long a look at all processes of a user may take.
const FENCE_WITHIN: Duration = Duration::from_millis(500);

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
///
/// Whether an entry names the subject is decided by what no process can make slow. Nothing else is read of a subject that none
/// names.
pub async fn travel(road: &Road, accounts: &Accounts, question: &Question) -> (hook_protocol::Answer, Option<Ending>) {
    const NOTHING: (hook_protocol::Answer, Option<Ending>) = (hook_protocol::Answer::Nothing, None);
    let arrived = Instant::now();
    let config = Arc::clone(&road.config.borrow());
    let Some(names) = accounts.now() else { return NOTHING };
    let Some(held) = SubjectPid::new(question.pid).ok().and_then(|pid| Held::open(pid).ok()) else {
        return NOTHING;
    };
    let Ok(seen) = look(&held, &road.cgroup_root) else { return NOTHING };
    let uid = seen.uid;
    // polkit fixed the user when the client connected; a pid that has passed on since is another user's as a rule.
    if uid != held.process.uid || !is_user(&names, &config, uid, &question.user) {
        return NOTHING;
    }
    if !config.serve.iter().any(|serve| serve.by_hook && serve.covers(&seen) == Some(true)) {
        road.strangers.note(held.process.pid, uid, &question.action, arrived);
        return NOTHING;
    }
    let slow = road.readers.process(Purpose::Hook, &held, uid, &config.needs.exes).await;
    let account = Account::look_up(&names, uid, &config.needs);
    let fence = fence(road, &config, &seen).await;
    let mut gathered = gather(&question.action, seen, Offered::TakenForGranted, held.login_uid(), account, fence, slow);
    gathered.facts.details = Fact::Known(question.details.clone());

    let verdict = road.ledger.decide(&config, &mut gathered.facts, None, arrived);
    let decision = Decision {
        way: Way::Hook,
        action: Some(&question.action),
        verdict: &verdict,
        subject: Some(held.process),
        uid,
        session: None,
        described: &gathered.described,
        caller: None,
        identity: None,
        approver: None,
    };
    let answer = answer(&verdict, &config.rules, &gathered.facts);
    let left = RECORDED_WITHIN.saturating_sub(arrived.elapsed());
    let record = match tokio::time::timeout(left, road.recorder.open(&decision)).await {
        Ok(Ok(record)) => record,
        failed => {
            let why = failed.map_or_else(
                |_| "it took too long".to_owned(),
                |open| open.err().map_or_else(String::new, |error| error.to_string()),
            );
            log::error(&format!("no record, no yes: the journal did not take a decision: {why}"));
            // A refusal stands without a record: else a subject could get out of it by keeping the journal busy.
            return if answer == hook_protocol::Answer::No { (answer, None) } else { NOTHING };
        }
    };
    let (answer, outcome) = match answer {
        hook_protocol::Answer::Yes if !road.is_same(Purpose::Hook, &held, &gathered, &config.needs).await => {
            (hook_protocol::Answer::Nothing, Outcome::Changed)
        }
        hook_protocol::Answer::Yes => (hook_protocol::Answer::Yes, Outcome::Sent),
        // A subject cannot get out of a refusal by a change of what it is.
        hook_protocol::Answer::No => (hook_protocol::Answer::No, Outcome::Refused),
        hook_protocol::Answer::Nothing => (hook_protocol::Answer::Nothing, Outcome::Passed),
    };
    (answer, Some(Ending { record, outcome, took: arrived.elapsed() }))
}

/// Looks at the unit's cgroup at once; where a rule needs all processes of the user, on a thread. A look that takes too long or
/// fails leaves the facts unknown, which satisfies no grant.
async fn fence(road: &Road, config: &Arc<Config>, seen: &Seen) -> Fence {
    if !config.needs.own_user {
        return Fence::look(&road.cgroups, seen, &config.needs);
    }
    let (cgroups, of, config) = (road.cgroups.clone(), seen.clone(), Arc::clone(config));
    let looking = blocking::for_hook(of.uid.get(), move || Fence::look(&cgroups, &of, &config.needs));
    tokio::time::timeout(FENCE_WITHIN, looking).await.map_or_else(|_| Fence::default(), Result::unwrap_or_default)
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

/// What no rule is about stays with polkit's other rules. A rule that would have allowed, but for something unknown, does not
/// exempt the subject from a later rule that refuses: a subject can make what is known of it less.
fn answer(verdict: &Verdict, rules: &[Rule], facts: &Facts) -> hook_protocol::Answer {
    let refuses = |rule: &Rule| matches!(rule.answer, Answer::Deny | Answer::Dismiss) && rule.matches(facts);
    match (verdict.answer(), verdict.reason()) {
        (Answer::Allow, _) => hook_protocol::Answer::Yes,
        (Answer::Deny | Answer::Dismiss, Reason::Rule | Reason::Limit) => hook_protocol::Answer::No,
        (Answer::Deny | Answer::Dismiss, _) if rules.iter().any(refuses) => hook_protocol::Answer::No,
        // polkitd waits for the hook, and nobody for a person or a password.
        (Answer::Deny | Answer::Dismiss | Answer::Ask | Answer::Authenticate, _) => hook_protocol::Answer::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Serve,
        rules::{
            requirements::Needs,
            rule::Named,
            separation::Host,
            verdict::{
                decide,
                tests::{facts, rule},
            },
        },
    };

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
            host: Host::default(),
        };
        let is = |uid, user| is_user(&names, &config, SubjectUid::new(uid).unwrap(), user);
        assert!(is(33, "www-data") && is(70_000, "of-a-directory") && is(4242, "4242"));
        assert!(!is(34, "www-data") && !is(70_001, "of-a-directory") && !is(70_000, "another") && !is(33, "4242"));
    }

    #[test]
    fn a_subject_that_makes_itself_unknown_is_not_exempt_from_a_later_refusal() {
        let ask = Rule { answer: Answer::Ask, exe: Some("/usr/bin/x".into()), ..rule(Answer::Ask) };
        let refusal = rule(Answer::Deny);
        let unknown = Facts { exe: Fact::Unknown, ..facts() };
        let verdict = decide(&[ask.clone(), refusal.clone()], &unknown);
        assert_eq!(verdict.reason(), Reason::Unknown);
        assert_eq!(answer(&verdict, &[ask.clone(), refusal], &unknown), hook_protocol::Answer::No);
        assert_eq!(answer(&verdict, &[ask], &unknown), hook_protocol::Answer::Nothing);
    }
}
