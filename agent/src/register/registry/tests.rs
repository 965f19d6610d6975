use std::path::Path;

use super::*;
use crate::{base::cgroups::cgroup_root, config::Config};

mod failures;
mod stages;

fn target(name: &str) -> ServeTarget {
    ServeTarget::PidFile(format!("/run/{name}.pid").into())
}

/// A registry whose polkitd has this version, with entries for these targets and three registrations at most.
fn registry(version: &str, targets: &[&str]) -> (Registry, Arc<Config>) {
    let serve = targets.iter().map(|name| Serve { max: Some(2), ..Serve::of(target(name)) }).collect();
    let config = Config { max_registrations: 3, ..Config::of(serve, Vec::new()) };
    let context = Arc::new(Context::of(config, Path::new("/nonexistent/journal")));
    let config = Arc::clone(&context.config.borrow());
    let cgroups = Cgroups::of_host(&cgroup_root().unwrap_or_default()).unwrap();
    let mut registry = Registry::new(context, cgroups, Events::default());
    let version = BackendVersion::new(version);
    registry.backend = Some(Backend { leak_budget: LeakBudget::new(&version, 1024), version, sync: None });
    (registry, config)
}

/// A child of this test, which is killed at the end.
struct Child(std::process::Child);

impl Child {
    fn new() -> Self {
        Self(std::process::Command::new("sleep").arg("60").spawn().unwrap())
    }

    fn pin(&self) -> PinnedProcess {
        PinnedProcess::open(SubjectPid::new(self.0.id()).unwrap()).unwrap()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Whether each child in turn is added for this target.
fn added<const N: usize>(registry: &mut Registry, config: &Config, name: &str, children: [&Child; N]) -> [bool; N] {
    let serve = config.serve.iter().find(|serve| serve.target == target(name)).unwrap();
    children.map(|child| registry.add_within_quota(serve, config, child.pin()))
}

#[tokio::test]
async fn an_entry_stops_at_its_max_and_all_entries_at_the_limit_of_registrations() {
    let (mut registry, config) = registry("126", &["a", "b"]);
    let children = [Child::new(), Child::new(), Child::new(), Child::new()];
    let [first, second, third, fourth] = &children;
    assert_eq!(added(&mut registry, &config, "a", [first, second, third]), [true, true, false], "max");
    assert_eq!(added(&mut registry, &config, "b", [third, fourth]), [true, false], "max_registrations");
    assert_eq!((registry.slots_used(), registry.count(&target("a")), registry.count(&target("b"))), (3, 2, 1));
}

#[tokio::test]
async fn an_entry_whose_budget_is_exhausted_gets_no_registration() {
    let (mut registry, config) = registry("126", &["a", "b"]);
    let children = [Child::new(), Child::new()];
    let [first, second] = &children;
    let budget = &mut registry.backend.as_mut().unwrap().leak_budget;
    (0..256).for_each(|_| budget.count(&target("a")));
    assert_eq!(added(&mut registry, &config, "a", [first]), [false]);
    assert_eq!(added(&mut registry, &config, "b", [second]), [true], "the budget of another entry");
    registry.backend = None;
    assert_eq!(added(&mut registry, &config, "b", [first]), [false], "without polkitd");
}

#[tokio::test]
async fn a_pause_adds_nothing() {
    let (mut registry, config) = registry("126", &["a"]);
    let child = Child::new();
    registry.paused_until = Some(Instant::now() + RETRY);
    assert_eq!(added(&mut registry, &config, "a", [&child]), [false]);
    registry.paused_until = None;
    assert_eq!(added(&mut registry, &config, "a", [&child]), [true]);
}

#[tokio::test]
async fn a_process_above_the_registrations_per_second_is_not_added() {
    let (mut registry, _) = registry("126", &[]);
    let config = Config::of(vec![Serve { new_per_second: Some(0), ..Serve::of(target("a")) }], Vec::new());
    let child = Child::new();
    registry.rate_limit_of(&config.serve[0]).unwrap().enforce();
    assert_eq!(added(&mut registry, &config, "a", [&child]), [false]);
    assert!(registry.entries.is_empty());
}

#[tokio::test]
async fn a_registration_that_may_have_leaked_counts_for_its_entry() {
    let (mut registry, config) = registry("126", &["a", "b"]);
    let child = Child::new();
    let leaked = |registry: &Registry| registry.backend.as_ref().unwrap().leak_budget.leaked_by(&target("a"));
    for (may_have_leaked, expected) in [(false, 0), (true, 1)] {
        assert_eq!(added(&mut registry, &config, "a", [&child]), [true]);
        let process = Arc::clone(&registry.entries.values().next().unwrap().process);
        registry.on_ended(&Arc::new(child.pin()), true);
        assert_eq!(registry.entries.len(), 1, "the end of an earlier process with this pid");
        registry.on_ended(&process, may_have_leaked);
        assert_eq!((registry.entries.len(), leaked(&registry)), (0, expected));
    }
}

#[tokio::test]
async fn a_waiting_process_is_registered_as_soon_as_there_is_a_connection() {
    let (mut registry, config) = registry("126", &["a"]);
    let child = Child::new();
    assert_eq!(added(&mut registry, &config, "a", [&child]), [true]);
    let waits = |registry: &Registry| registry.entries.values().all(|entry| matches!(entry.stage, Stage::Waiting(_)));
    assert!(waits(&registry) && registry.waiting.len() == 1, "there is no connection");
    // The pool keeps two connections.
    let (pool, _others) = ConnectionPool::of(3).await;
    registry.pool = pool;
    registry.register_waiting();
    assert!(!waits(&registry) && registry.waiting.is_empty());
    assert!(matches!(registry.entries.values().next().unwrap().stage, Stage::Registering(_)));
}

#[tokio::test]
async fn exec_registers_only_within_the_limits_of_its_entry() {
    let (mut registry, _) = registry("126", &["a"]);
    let child = Child::new();
    let without = registry.target_for_exec(&child.pin()).unwrap_err();
    assert!(without.contains("no `[[serve]]` entry"), "{without}");
    let exec = ServeTarget::Exec(Vec::new());
    let config = Config::of(vec![Serve { max: Some(1), ..Serve::of(exec.clone()) }], Vec::new());
    registry.context = Arc::new(Context::of(config, Path::new("/nonexistent/journal")));
    assert_eq!(registry.target_for_exec(&child.pin()), Ok(Some(exec.clone())));
    for (leaked, is_free) in [(255, true), (256, true), (511, true), (512, false)] {
        let budget = &mut registry.backend.as_mut().unwrap().leak_budget;
        (budget.total()..leaked).for_each(|_| budget.count(&exec));
        assert_eq!(registry.target_for_exec(&child.pin()).is_ok(), is_free, "{leaked}");
    }
    let version = BackendVersion::new("126");
    registry.backend = Some(Backend { leak_budget: LeakBudget::new(&version, 1024), version, sync: None });
    registry.add(exec, child.pin(), None);
    let progress = registry.target_for_exec(&child.pin()).unwrap_err();
    assert!(progress.contains("in progress"), "{progress}");
    let full = registry.target_for_exec(&Child::new().pin()).unwrap_err();
    assert!(full.contains("no registration is free"), "{full}");
}

#[tokio::test]
async fn a_user_has_sixteen_registrations_by_exec() {
    let (mut registry, _) = registry("126", &["a"]);
    let exec = ServeTarget::Exec(Vec::new());
    let config = Config { max_registrations: 20, ..Config::of(vec![Serve::of(exec.clone())], Vec::new()) };
    registry.context = Arc::new(Context::of(config, Path::new("/nonexistent/journal")));
    let children: Vec<Child> = (0..17).map(|_| Child::new()).collect();
    for (number, child) in children.iter().enumerate() {
        let target = registry.target_for_exec(&child.pin());
        assert_eq!(target.is_ok(), number < 16, "{number}: {target:?}");
        registry.add(exec.clone(), child.pin(), None);
    }
}
