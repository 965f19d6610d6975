//! Failures of registrations, and the end of polkitd.

use tokio::sync::oneshot;

use super::stages::{pid_of, pids, registering};
use super::*;

#[tokio::test]
async fn a_pause_drops_waiting_entries_and_answers_exec() {
    let (mut registry, _) = registry("126", &["a"]);
    let children = [Child::new(), Child::new(), Child::new()];
    let [waiting, by_exec, running] = &children;
    let (reply, mut answer) = oneshot::channel();
    registry.add(target("a"), waiting.pin(), None);
    registry.add(target("a"), by_exec.pin(), Some(reply));
    registering(&mut registry, &target("a"), running, false);
    registry.waiting.push_back(pid_of(running));
    let (pool, _others) = ConnectionPool::of(3).await;
    registry.pool = pool;
    registry.pause(&AuthorityError::BusLimit("full".into()));
    assert!(registry.pool.take().is_none(), "other programs of root can have the connections");
    assert_eq!(pids(&registry), [pid_of(running)].into(), "a running registration stays");
    assert!(registry.waiting.is_empty() && registry.is_settled());
    assert!(answer.try_recv().unwrap().unwrap_err().contains("full"));
    assert!(registry.warnings.last().unwrap().contains("lower `max_registrations`"));
    let left = registry.paused_until.unwrap().duration_since(Instant::now());
    assert!(left <= RETRY && left > RETRY / 2, "{left:?}");
}

#[tokio::test]
async fn only_a_failure_of_the_bus_pauses_all_registrations() {
    let refused = AuthorityError::Refused { name: "x".into(), message: "y".into() };
    for (error, pauses, warns) in [
        (AuthorityError::NoSuchSubject, false, false),
        (AuthorityError::AlreadyRegistered, false, true),
        (refused, false, true),
        (AuthorityError::BusLimit("full".into()), true, true),
    ] {
        let (mut registry, _) = registry("126", &["a"]);
        registry.report_failure(&target("a"), SubjectPid::new(7).unwrap(), &error);
        assert_eq!((registry.paused_until.is_some(), registry.warnings.last().is_some()), (pauses, warns), "{error}");
    }
}

#[tokio::test]
async fn a_failed_registration_is_retried_later_and_exec_is_told() {
    let (mut registry, config) = registry("126", &["a"]);
    let child = Child::new();
    registering(&mut registry, &target("a"), &child, false);
    let process = Arc::clone(&registry.entries[&pid_of(&child)].process);
    let (reply, mut answer) = oneshot::channel();
    registry.on_registered(&Arc::new(child.pin()), Err(AuthorityError::NoSuchSubject), None);
    assert_eq!(registry.entries.len(), 1, "the failure of an earlier process with this pid");
    registry.on_registered(&process, Err(AuthorityError::NoSuchSubject), Some(reply));
    assert!(registry.entries.is_empty() && answer.try_recv().unwrap().is_err());
    assert!(registry.retry[&pid_of(&child)] > Instant::now());
    registry.apply_pid_files(vec![(target("a"), Ok(child.pin()))]);
    assert!(registry.entries.is_empty(), "not before its time");
    registry.next_scan = Instant::now();
    registry.retry.insert(pid_of(&child), Instant::now());
    registry.paused_until = Some(Instant::now());
    registry.scan();
    assert!(registry.retry.is_empty() && registry.paused_until.is_none(), "the time is over");
    assert_eq!(added(&mut registry, &config, "a", [&child]), [true]);
}

#[tokio::test]
async fn the_end_of_polkitd_aborts_all_registrations() {
    let (mut registry, _) = registry("126", &["a"]);
    let children = [Child::new(), Child::new(), Child::new()];
    let [waiting, running, registered] = &children;
    registry.add(target("a"), waiting.pin(), None);
    registering(&mut registry, &target("a"), running, false);
    registering(&mut registry, &target("a"), registered, true);
    assert_eq!((registry.len(), registry.is_empty()), (1, false));
    registry.retry.insert(SubjectPid::new(7).unwrap(), Instant::now() + RETRY);
    registry.has_scanned = true;
    registry.clear();
    assert!(registry.is_empty() && registry.entries.is_empty() && registry.waiting.is_empty());
    assert!(registry.retry.is_empty() && registry.backend.is_none() && !registry.has_scanned);
    for _ in 0..2 {
        assert!(registry.steps.join_next().await.unwrap().is_err_and(|error| error.is_cancelled()));
    }
    assert!(registry.steps.is_empty());
}

#[tokio::test]
async fn the_agent_is_settled_when_all_found_processes_are_registered() {
    let (mut registry, _) = registry("126", &["a"]);
    let children = [Child::new(), Child::new()];
    let [first, second] = &children;
    registering(&mut registry, &target("a"), first, true);
    assert!(!registry.is_settled(), "before the first scan");
    registry.has_scanned = true;
    assert!(registry.is_settled());
    registering(&mut registry, &target("a"), second, false);
    assert!(!registry.is_settled());
}
