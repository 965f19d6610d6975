//! Scans, and the status.

use std::{collections::HashSet, io};

use polkit_agent_rules::{rule::Named, unit_pattern::UnitPattern};

use super::*;
use crate::register::status::Way;

/// A registry whose configuration has these entries.
fn with_entries(serve: Vec<Serve>) -> (Registry, Arc<Config>) {
    let (mut registry, _) = registry("126", &[]);
    registry.context = Arc::new(Context::of(
        Config { max_registrations: 3, ..Config::of(serve, Vec::new()) },
        Path::new("/nonexistent"),
    ));
    let config = Arc::clone(&registry.context.config.borrow());
    (registry, config)
}

fn unit(name: &str) -> ServeTarget {
    ServeTarget::Unit(UnitPattern::new(name).unwrap())
}

pub(super) fn pid_of(child: &Child) -> SubjectPid {
    SubjectPid::new(child.0.id()).unwrap()
}

/// The entry of a target whose registration runs: a task that never ends.
pub(super) fn registering(registry: &mut Registry, target: &ServeTarget, child: &Child, is_registered: bool) {
    let task = registry.steps.spawn(std::future::pending());
    let stage = if is_registered { Stage::Registered(task) } else { Stage::Registering(task) };
    let entry = RegistryEntry { target: target.clone(), process: Arc::new(child.pin()), stage };
    registry.entries.insert(pid_of(child), entry);
}

/// The result of a scan that found these processes of a target.
fn scanned(config: &Arc<Config>, target: &ServeTarget, members: &[&Child], candidates: &[&Child]) -> ScanResult {
    ScanResult {
        config: Arc::clone(config),
        members: [(target.clone(), members.iter().map(|child| pid_of(child)).collect::<HashSet<_>>())].into(),
        candidates: [(target.clone(), candidates.iter().map(|child| child.pin()).collect())].into(),
        uids: UidCache::default(),
        duration: Duration::from_millis(3),
        cost: Duration::ZERO,
    }
}

pub(super) fn pids(registry: &Registry) -> HashSet<SubjectPid> {
    registry.entries.keys().copied().collect()
}

#[tokio::test]
async fn a_scan_adds_the_found_processes_up_to_the_quota() {
    let target = unit("a.service");
    let (mut registry, config) = with_entries(vec![Serve { max: Some(2), ..Serve::of(target.clone()) }]);
    let children = [Child::new(), Child::new(), Child::new()];
    let [first, second, third] = &children;
    registering(&mut registry, &target, first, true);
    let all = [first, second, third];
    registry.apply_scan(scanned(&config, &target, &all, &[first, second, third]));
    assert_eq!(pids(&registry), [pid_of(first), pid_of(second)].into());
    assert!(registry.entries[&pid_of(first)].is_registered(), "the entry of a known process is not replaced");
    assert_eq!((registry.over_limit.get(&target), registry.has_scanned), (Some(&1), true));
    assert_eq!(registry.last_scan, Duration::from_millis(3));
    registry.apply_scan(scanned(&config, &target, &[first, second], &[]));
    assert_eq!(registry.over_limit.get(&target), Some(&0), "exactly as many as the quota");
    registry.apply_scan(scanned(&config, &target, &[], &[]));
    assert_eq!(registry.over_limit.get(&target), Some(&0), "no process");
}

#[tokio::test]
async fn a_scan_registers_the_processes_that_wait() {
    let target = unit("a.service");
    let (mut registry, config) = with_entries(vec![Serve::of(target.clone())]);
    let child = Child::new();
    registry.apply_scan(scanned(&config, &target, &[&child], &[&child]));
    let waits = |registry: &Registry| registry.entries.values().all(|entry| matches!(entry.stage, Stage::Waiting(_)));
    assert!(registry.entries.len() == 1 && waits(&registry), "there is no connection");
    let (pool, _others) = ConnectionPool::of(3).await;
    registry.pool = pool;
    registry.apply_scan(scanned(&config, &target, &[&child], &[]));
    assert!(registry.entries.len() == 1 && !waits(&registry));
}

#[tokio::test]
async fn a_warning_names_an_entry_with_more_processes_than_its_quota() {
    let target = unit("a.service");
    let children = [Child::new(), Child::new()];
    let [first, second] = &children;
    for (max, warns) in [(1, true), (2, false), (3, false)] {
        let (mut registry, config) = with_entries(vec![Serve { max: Some(max), ..Serve::of(target.clone()) }]);
        registry.apply_scan(scanned(&config, &target, &[first, second], &[first, second]));
        assert_eq!(registry.warnings.last().is_some(), warns, "{max}: {:?}", registry.warnings.last());
        // A scan that finds no new process sees it as well.
        let (mut registry, config) = with_entries(vec![Serve { max: Some(max), ..Serve::of(target.clone()) }]);
        registry.apply_scan(scanned(&config, &target, &[first, second], &[]));
        assert_eq!(registry.warnings.last().is_some(), warns, "{max}: {:?}", registry.warnings.last());
    }
}

#[tokio::test]
async fn the_limit_of_new_registrations_applies_after_the_first_scan() {
    let target = unit("a.service");
    let serve = Serve { new_per_second: Some(1), ..Serve::of(target.clone()) };
    let (mut registry, config) = with_entries(vec![serve]);
    let children = [Child::new(), Child::new(), Child::new()];
    let [first, second, third] = &children;
    registry.apply_scan(scanned(&config, &target, &[first, second], &[first, second]));
    assert_eq!(registry.entries.len(), 2);
    // The registration of this second.
    assert!(registry.rate_limits.values_mut().all(|limit| limit.try_acquire(Instant::now())));
    registry.next_scan = Instant::now() + Duration::from_secs(60);
    registry.apply_scan(scanned(&config, &target, &[first, second, third], &[third]));
    assert_eq!(registry.entries.len(), 2);
    assert!(registry.next_scan <= Instant::now() + Duration::from_millis(100), "the next scan comes soon");
}

#[tokio::test]
async fn an_entry_of_the_hook_registers_nothing() {
    let target = unit("a.service");
    let (mut registry, config) = with_entries(vec![Serve { by_hook: true, ..Serve::of(target.clone()) }]);
    let child = Child::new();
    registry.apply_scan(scanned(&config, &target, &[&child], &[&child]));
    assert!(registry.entries.is_empty() && registry.over_limit.is_empty());
    registry.apply_pid_files(vec![(target, Ok(child.pin()))]);
    assert!(registry.entries.is_empty());
}

#[tokio::test]
async fn a_scan_of_an_earlier_configuration_is_repeated_and_changes_nothing() {
    let target = unit("a.service");
    let (mut registry, config) = with_entries(vec![Serve::of(target.clone())]);
    let child = Child::new();
    let earlier = Arc::new(Config::clone(&config));
    registry.apply_scan(scanned(&earlier, &target, &[&child], &[&child]));
    assert!(registry.entries.is_empty() && !registry.has_scanned && registry.next_scan <= Instant::now());
    registry.apply_scan(scanned(&config, &target, &[&child], &[&child]));
    assert!(registry.entries.len() == 1 && registry.has_scanned && registry.next_scan > Instant::now());
    registry.scan_again = true;
    registry.apply_scan(scanned(&config, &target, &[&child], &[]));
    assert!(registry.next_scan <= Instant::now() && !registry.scan_again, "a scan was requested meanwhile");
}

#[tokio::test]
async fn a_long_scan_is_followed_by_a_long_pause() {
    let target = unit("a.service");
    let (mut registry, config) = with_entries(vec![Serve::of(target.clone())]);
    let scan = |cost| ScanResult { cost, ..scanned(&config, &target, &[], &[]) };
    registry.apply_scan(scan(Duration::from_secs(1)));
    let pause = registry.next_scan.duration_since(Instant::now());
    assert!((Duration::from_secs(23)..=Duration::from_secs(24)).contains(&pause), "{pause:?}");
    registry.apply_scan(scan(Duration::ZERO));
    assert!(registry.next_scan <= Instant::now() + Duration::from_millis(100), "without events");
}

#[tokio::test]
async fn a_scan_drops_processes_that_are_not_served_any_more() {
    let (a, b) = (unit("a.service"), target("b"));
    let (mut registry, config) = with_entries(vec![Serve::of(a.clone()), Serve::of(b.clone())]);
    let children = [Child::new(), Child::new(), Child::new(), Child::new()];
    let [member, stranger, fixed, removed] = &children;
    registering(&mut registry, &a, member, true);
    registering(&mut registry, &a, stranger, true);
    registering(&mut registry, &b, fixed, true);
    registering(&mut registry, &target("removed"), removed, false);
    registry.apply_scan(scanned(&config, &a, &[member], &[]));
    assert_eq!(pids(&registry), [pid_of(member), pid_of(fixed)].into());
    // The tasks of the dropped entries end.
    for _ in 0..2 {
        assert!(registry.steps.join_next().await.unwrap().is_err_and(|error| error.is_cancelled()));
    }
    assert_eq!(registry.steps.len(), 2);
}

#[tokio::test]
async fn pid_files_add_processes_that_are_not_known() {
    let (mut registry, _) =
        with_entries(vec![Serve { max: Some(1), ..Serve::of(target("a")) }, Serve::of(target("b"))]);
    let children = [Child::new(), Child::new(), Child::new()];
    let [first, second, third] = &children;
    registry.retry.insert(pid_of(second), Instant::now() + RETRY);
    registry.apply_pid_files(vec![
        (target("other"), Ok(first.pin())),
        (target("a"), Ok(second.pin())),
        (target("a"), Err(io::ErrorKind::NotFound.into())),
    ]);
    assert!(registry.entries.is_empty() && registry.warnings.last().is_none());
    registry.apply_pid_files(vec![(target("a"), Ok(first.pin())), (target("b"), Ok(third.pin()))]);
    assert_eq!(pids(&registry), [pid_of(first), pid_of(third)].into());
    registry.apply_pid_files(vec![(target("b"), Ok(first.pin()))]);
    assert_eq!(registry.entries[&pid_of(first)].target, target("a"), "a known process keeps its entry");
    for (kind, help) in [
        (io::ErrorKind::PermissionDenied, "the file must be a regular file that only root"),
        (io::ErrorKind::InvalidData, "the file must contain one pid"),
    ] {
        registry.apply_pid_files(vec![(target("a"), Err(kind.into()))]);
        let warning = registry.warnings.last().unwrap_or_default();
        assert!(warning.starts_with("/run/a.pid: cannot serve") && warning.contains(help), "{warning}");
    }
}

#[tokio::test]
async fn a_scan_that_is_requested_during_a_scan_follows_it() {
    let (mut registry, _) = registry("126", &["a"]);
    registry.scan_soon();
    assert!(!registry.scan_again);
    registry.scan();
    assert!(registry.scanning.is_some() && registry.reading.is_some());
    registry.scan_soon();
    assert!(registry.scan_again && registry.next_scan <= Instant::now());
    registry.next_scan = Instant::now() + Duration::from_secs(60);
    registry.scanning = None;
    registry.scan();
    assert!(registry.scanning.is_none(), "no scan is due");
}

#[tokio::test]
async fn a_scan_ends_a_pause_whose_time_is_over() {
    let (mut registry, _) = registry("126", &["a"]);
    for (pause, stays) in [(Duration::from_secs(60), true), (Duration::ZERO, false)] {
        registry.paused_until = Some(Instant::now() + pause);
        (registry.scanning, registry.next_scan) = (None, Instant::now());
        registry.scan();
        assert_eq!((registry.scanning.is_some(), registry.paused_until.is_some()), (true, stays));
    }
}

#[tokio::test]
async fn a_new_polkitd_has_leaked_nothing() {
    let (mut registry, config) = registry("126", &["a"]);
    let budget = &mut registry.backend.as_mut().unwrap().leak_budget;
    (0..512).for_each(|_| budget.count(&target("a")));
    assert_eq!((registry.status(Instant::now()).strained, registry.status(Instant::now()).leaked), (true, 512));
    assert!(registry.rate_limit_of(&config.serve[0]).is_some());
    assert_eq!(registry.rate_limits.len(), 1);
    registry.clear();
    assert!(!registry.status(Instant::now()).strained);
}

#[tokio::test]
async fn a_reported_process_is_added_only_for_an_entry_that_covers_it() {
    let child = Child::new();
    let uid = child.pin().process.uid.get();
    let user = |id| ServeTarget::User(Named { name: "u".into(), id });
    let inspected = |serve: Serve, prepare: fn(&mut Registry)| {
        let (mut registry, _) = with_entries(vec![serve]);
        prepare(&mut registry);
        registry.inspect(child.0.id());
        registry.entries.len()
    };
    let is_covered = {
        let (registry, config) = with_entries(vec![Serve::of(user(uid))]);
        registry.covers(&config.serve[0], &child.pin())
    };
    let expected = usize::from(is_covered);
    assert_eq!(inspected(Serve::of(user(uid)), |_| ()), expected);
    assert_eq!(inspected(Serve::of(user(uid + 1)), |_| ()), 0, "another user");
    assert_eq!(inspected(Serve { by_hook: true, ..Serve::of(user(uid)) }, |_| ()), 0, "by the hook");
    assert_eq!(inspected(Serve::of(user(uid)), |registry| registry.paused_until = Some(Instant::now() + RETRY)), 0);
}

#[tokio::test]
async fn the_status_counts_registered_processes_and_keeps_the_age_of_an_entry() {
    let (a, b) = (unit("a.service"), unit("b.service"));
    let by_hook = Serve { by_hook: true, ..Serve::of(a.clone()) };
    let own = Serve::of(ServeTarget::OwnSession);
    let session = Serve::of(ServeTarget::SessionUser(Named { name: "u".into(), id: 1000 }));
    let entries = vec![Serve::of(a.clone()), by_hook, Serve::of(b), Serve::of(target("c")), own, session];
    let (mut registry, _) = with_entries(entries);
    let children = [Child::new(), Child::new()];
    registering(&mut registry, &a, &children[0], true);
    registering(&mut registry, &a, &children[1], false);
    registry.over_limit.insert(a.clone(), 4);
    registry.since.insert((a.clone(), false), 12);
    registry.backend.as_mut().unwrap().leak_budget.count(&a);
    registry.last_scan = Duration::from_micros(450);
    registry.warnings.warn("a warning");
    let status = registry.status(Instant::now());
    let of =
        |entry: &crate::register::status::ServedEntry| (entry.way, entry.processes, entry.over_limit, entry.leaked);
    assert_eq!(
        status.served.iter().map(of).collect::<Vec<_>>(),
        [
            (Way::Rescan, 1, 4, 1),
            (Way::Hook, 0, 0, 1),
            (Way::Rescan, 0, 0, 0),
            (Way::Fixed, 0, 0, 0),
            (Way::Fixed, 0, 0, 0),
            (Way::Rescan, 0, 0, 0),
        ]
    );
    assert_eq!((status.registrations, status.leaked, status.strained), (1, 1, false));
    assert_eq!((status.unfinished, status.not_served, status.scan_microseconds), (0, 0, 450));
    assert_eq!((status.polkit.as_deref(), status.last_error.as_deref()), (Some("126"), Some("a warning")));
    assert_eq!(status.served[0].since, 12, "the entry was in force before");
    assert_eq!((status.served[1].since, status.served[2].since), (status.time, status.time));
    registry.since.insert((target("gone"), false), 3);
    let later = registry.status(Instant::now());
    assert_eq!(later.served[1].since, status.served[1].since);
    assert!(!registry.since.contains_key(&(target("gone"), false)), "an entry that left the configuration");
}

#[tokio::test]
async fn a_stale_pid_in_the_queue_blocks_no_other_entry() {
    let (mut registry, _) = registry("126", &["a"]);
    let child = Child::new();
    registry.waiting.push_back(SubjectPid::new(7).unwrap());
    registry.add(target("a"), child.pin(), None);
    assert_eq!(registry.waiting, [pid_of(&child)]);
}
