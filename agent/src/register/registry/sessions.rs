//! The registrations for logind sessions. One registration covers all processes of a session.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use polkit_dbus::{AuthorityError, Connection, connect, connect_over};
use tokio::task::{AbortHandle, JoinSet};

use super::{RETRY, Registry, quota::quota_of};
use crate::{
    base::paths,
    config::{Config, ServeTarget},
    kernel::subject::{logind::LogindSession, scope::AgentScope},
    register::{
        logind_sessions,
        registration::{Registered, register},
        session_helper::{self, SessionHelper},
    },
};

/// The registered sessions, by id.
#[derive(Default)]
pub(super) struct Sessions {
    registered: HashMap<String, SessionEntry>,
    /// The tasks that answer challenges. Each returns the id of its session.
    answering: JoinSet<String>,
    /// The sessions that could not be registered, with the time of the next attempt.
    retry: HashMap<String, Instant>,
}

struct SessionEntry {
    target: ServeTarget,
    task: AbortHandle,
}

/// Why a session could not be registered.
enum Failure {
    /// The session helper failed.
    Helper(io::Error),
    /// polkitd refused, or the bus failed.
    Authority(AuthorityError),
}

impl From<AuthorityError> for Failure {
    fn from(error: AuthorityError) -> Self {
        Self::Authority(error)
    }
}

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.registered.len()
    }

    pub(super) fn count(&self, target: &ServeTarget) -> usize {
        self.registered.values().filter(|entry| entry.target == *target).count()
    }

    pub(super) fn clear(&mut self) {
        self.registered.clear();
        self.answering.abort_all();
        self.retry.clear();
    }

    /// Forgets the sessions whose connection ended, and drops the registrations of sessions that are not wanted any more.
    fn keep_only(&mut self, wanted: &[(ServeTarget, LogindSession)]) {
        while let Some(ended) = self.answering.try_join_next() {
            // An aborted task belongs to a session that is already forgotten.
            if let Ok(id) = ended {
                self.registered.remove(&id);
            }
        }
        self.registered.retain(|id, entry| {
            let keep = wanted.iter().any(|(target, login)| *target == entry.target && login.id == *id);
            if !keep {
                entry.task.abort();
            }
            keep
        });
        let now = Instant::now();
        self.retry.retain(|id, until| *until > now && wanted.iter().any(|(_, login)| login.id == *id));
    }
}

impl Registry {
    /// Registers for the sessions that must be served, and drops the registrations of sessions that ended. Cheap enough for ten calls per
    /// second, because a host has few sessions. Cancel-safe: a later call repeats an unfinished registration.
    pub async fn scan_sessions(&mut self) {
        let config = Arc::clone(&self.context.config.borrow());
        let wanted = match self.wanted_sessions(&config) {
            Ok(wanted) => wanted,
            // An unreadable session can still be open, so registrations stay.
            Err(error) => {
                let text =
                    format!("cannot read the sessions of logind: {error}; the registered sessions stay registered");
                return self.warnings.warn(&text);
            }
        };
        self.sessions.keep_only(&wanted);
        for (target, login) in &wanted {
            let known = self.sessions.registered.contains_key(&login.id) || self.sessions.retry.contains_key(&login.id);
            if known || self.paused_until.is_some_and(|until| until > Instant::now()) {
                continue;
            }
            self.add_session(target, login, &config).await;
        }
        for serve in &config.serve {
            if matches!(serve.target, ServeTarget::SessionUser(_) | ServeTarget::OwnSession) {
                let count = wanted.iter().filter(|(target, _)| *target == serve.target).count();
                self.over_limit.insert(serve.target.clone(), count.saturating_sub(quota_of(serve, &config)));
            }
        }
    }

    fn wanted_sessions(&mut self, config: &Config) -> io::Result<Vec<(ServeTarget, LogindSession)>> {
        let logind = Path::new(paths::LOGIND);
        let mut wanted = Vec::new();
        for serve in &config.serve {
            match &serve.target {
                ServeTarget::SessionUser(user) => {
                    let logins = logind_sessions::of_user(user.id, logind)?;
                    wanted.extend(logins.into_iter().map(|login| (serve.target.clone(), login)));
                }
                ServeTarget::OwnSession => match logind_sessions::own(&self.context.cgroup_root, logind)? {
                    Some(login) => wanted.push((serve.target.clone(), login)),
                    None => self.warnings.warn(&format!(
                        "{}: cannot serve the session of the agent: the agent does not run in a session; start it in one",
                        serve.target
                    )),
                },
                ServeTarget::Unit(_) | ServeTarget::User(_) | ServeTarget::PidFile(_) | ServeTarget::Exec(_) => {}
            }
        }
        Ok(wanted)
    }

    async fn add_session(&mut self, target: &ServeTarget, login: &LogindSession, config: &Config) {
        let Some(serve) = config.serve.iter().find(|serve| serve.target == *target) else { return };
        let quota = quota_of(serve, config);
        if self.count(target) >= quota || self.slots_used() >= config.max_registrations {
            self.warnings.warn(&format!(
                "{target}: more than {quota} sessions: the agent does not register the others; raise `max`"
            ));
            return;
        }
        match self.register_session(target, login).await {
            Ok(registered) => {
                let id = login.id.clone();
                let task = self.sessions.answering.spawn(async move {
                    // A session leaks no descriptors of polkitd.
                    registered.answer_until_end(None).await;
                    id
                });
                self.sessions.registered.insert(login.id.clone(), SessionEntry { target: target.clone(), task });
            }
            Err(failure) => {
                self.sessions.retry.insert(login.id.clone(), Instant::now() + RETRY);
                self.report_session_failure(target, login, &failure);
            }
        }
    }

    /// Registers for one session. Opens one connection more than needed and closes it afterwards, so that other programs of root can
    /// still connect: see [`crate::register::pool`].
    async fn register_session(&self, target: &ServeTarget, login: &LogindSession) -> Result<Registered, Failure> {
        let spare = connect().await?;
        // The helper stays in the session until polkitd accepted the registration.
        let (connection, helper) = match (target, &login.scope) {
            (ServeTarget::SessionUser(user), Some(scope)) => {
                let slice = format!("user.slice/user-{}.slice", user.id);
                let (connection, helper) = connect_from(self.cgroups.folder(&slice).join(scope)).await?;
                (connection, Some(helper))
            }
            _ => (connect().await?, None),
        };
        let registered = register(&self.context, connection, AgentScope::Session(login.clone())).await?;
        drop((spare, helper));
        Ok(registered)
    }

    fn report_session_failure(&mut self, target: &ServeTarget, login: &LogindSession, failure: &Failure) {
        let LogindSession { id, class, kind, .. } = login;
        let session = format!("session {id} (class {class}, {kind})");
        match failure {
            Failure::Authority(AuthorityError::AlreadyRegistered) => self.warnings.warn(&format!(
                "{target}: cannot register {session}: another agent is registered for this session; \
                 the agent tries again every 5 s"
            )),
            Failure::Authority(error @ (AuthorityError::BusLimit(_) | AuthorityError::Bus(_))) => {
                self.paused_until = Some(Instant::now() + RETRY);
                self.warnings
                    .warn(&format!("{target}: cannot register {session}: {error}; the agent tries again in 5 s"));
            }
            Failure::Authority(error) => {
                self.warnings.warn(&format!("{target}: cannot register {session}: {error}"));
            }
            Failure::Helper(error) => {
                self.warnings.warn(&format!("{target}: cannot register {session}: {error}"));
            }
        }
    }
}

/// Connects to the bus from inside of a scope, by a session helper.
async fn connect_from(scope: PathBuf) -> Result<(Connection, SessionHelper), Failure> {
    // Blocks for up to two seconds, so it runs on a thread of its own.
    let spawned = tokio::task::spawn_blocking(move || session_helper::spawn_in(&scope)).await;
    let (helper, stream) = spawned.map_err(io::Error::other).and_then(|spawned| spawned).map_err(Failure::Helper)?;
    Ok((connect_over(stream).await?, helper))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use polkit_agent_rules::rule::Named;
    use polkit_types::SubjectUid;

    use super::*;
    use crate::{config::Serve, kernel::answer::context::Context, register::fork_watcher::Events};

    fn user(id: u32) -> ServeTarget {
        ServeTarget::SessionUser(Named { name: "u".into(), id })
    }

    fn login(id: &str) -> LogindSession {
        let uid = SubjectUid::new(1000).unwrap();
        LogindSession { id: id.into(), uid, class: "user".into(), kind: "tty".into(), scope: None }
    }

    /// Sessions with these ids, whose tasks never end.
    fn sessions(entries: &[(&str, ServeTarget)]) -> Sessions {
        let mut sessions = Sessions::default();
        for (id, target) in entries {
            let task = sessions.answering.spawn(std::future::pending());
            sessions.registered.insert((*id).to_owned(), SessionEntry { target: target.clone(), task });
        }
        sessions
    }

    fn ids(sessions: &Sessions) -> Vec<&str> {
        let mut ids: Vec<&str> = sessions.registered.keys().map(String::as_str).collect();
        ids.sort_unstable();
        ids
    }

    #[tokio::test]
    async fn a_session_stays_registered_while_it_is_wanted_for_its_entry() {
        let mut sessions = sessions(&[("1", user(1000)), ("2", user(1000)), ("3", user(1001))]);
        assert_eq!((sessions.len(), sessions.count(&user(1000)), sessions.count(&user(1002))), (3, 2, 0));
        sessions.keep_only(&[(user(1000), login("1")), (user(1000), login("3"))]);
        assert_eq!(ids(&sessions), ["1"], "session 3 is registered for another entry");
        for _ in 0..2 {
            assert!(sessions.answering.join_next().await.unwrap().is_err_and(|error| error.is_cancelled()));
        }
        assert_eq!(sessions.answering.len(), 1);
    }

    #[tokio::test]
    async fn a_session_whose_connection_ended_is_registered_again() {
        let mut sessions = sessions(&[("1", user(1000))]);
        let task = sessions.answering.spawn(std::future::ready("2".to_owned()));
        sessions.registered.insert("2".into(), SessionEntry { target: user(1000), task });
        tokio::task::yield_now().await;
        sessions.keep_only(&[(user(1000), login("1")), (user(1000), login("2"))]);
        assert_eq!(ids(&sessions), ["1"]);
    }

    #[tokio::test]
    async fn a_failed_session_is_retried_when_its_time_comes() {
        let mut sessions = sessions(&[]);
        let now = Instant::now();
        sessions.retry = [("1".to_owned(), now + RETRY), ("2".to_owned(), now), ("3".to_owned(), now + RETRY)].into();
        sessions.keep_only(&[(user(1000), login("1")), (user(1000), login("2"))]);
        assert_eq!(sessions.retry.keys().collect::<Vec<_>>(), ["1"], "session 3 ended");
    }

    #[tokio::test]
    async fn the_end_of_polkitd_aborts_the_registrations_of_sessions() {
        let mut sessions = sessions(&[("1", user(1000))]);
        sessions.retry.insert("2".into(), Instant::now() + RETRY);
        sessions.clear();
        assert!(sessions.len() == 0 && sessions.retry.is_empty());
        assert!(sessions.answering.join_next().await.unwrap().is_err_and(|error| error.is_cancelled()));
    }

    fn registry(serve: Vec<Serve>) -> Registry {
        let config = Config { max_registrations: 2, ..Config::of(serve, Vec::new()) };
        let context = Context::of(config, Path::new("/nonexistent"));
        let cgroups = context.cgroups.clone();
        Registry::new(Arc::new(context), cgroups, Events::default())
    }

    #[tokio::test]
    async fn a_session_beyond_the_quota_is_not_registered() {
        let one = Serve { max: Some(1), ..Serve::of(user(1000)) };
        let mut registry = registry(vec![one, Serve::of(user(1001))]);
        registry.sessions = sessions(&[("1", user(1000))]);
        let config = Arc::clone(&registry.context.config.borrow());
        registry.add_session(&user(1000), &login("2"), &config).await;
        assert_eq!(ids(&registry.sessions), ["1"]);
        let warning = registry.warnings.last().unwrap_or_default();
        assert!(warning.contains("more than 1 sessions"), "{warning}");
        registry.sessions = sessions(&[("1", user(1000)), ("2", user(1002))]);
        registry.add_session(&user(1001), &login("3"), &config).await;
        assert!(registry.warnings.last().unwrap().starts_with("session_user u: more than 1"), "all places are taken");
        let none = Serve { max: Some(0), ..Serve::of(user(1000)) };
        let config = Config { max_registrations: 9, ..Config::of(vec![Serve::of(user(1001)), none], Vec::new()) };
        registry.add_session(&user(1000), &login("5"), &config).await;
        let warning = registry.warnings.last().unwrap_or_default();
        assert!(warning.contains("more than 0 sessions"), "the limit of its own entry: {warning}");
        registry.add_session(&user(4000), &login("4"), &config).await;
        assert_eq!((ids(&registry.sessions), registry.sessions.retry.len()), (vec!["1", "2"], 0), "no entry");
    }

    #[tokio::test]
    async fn a_scan_of_sessions_concerns_only_entries_for_sessions() {
        // This user has no session.
        let of_session = user(u32::MAX - 1);
        let mut registry = registry(vec![Serve::of(of_session.clone()), Serve::of(ServeTarget::PidFile("/a".into()))]);
        registry.scan_sessions().await;
        assert_eq!(registry.over_limit, [(of_session, 0)].into());
    }

    #[tokio::test]
    async fn the_status_counts_the_sessions_of_an_entry() {
        let mut registry = registry(vec![Serve::of(user(1000)), Serve::of(user(1001))]);
        registry.sessions = sessions(&[("1", user(1000)), ("2", user(1000)), ("3", user(1002))]);
        let served = registry.status(Instant::now()).served;
        assert_eq!(served.iter().map(|entry| entry.processes).collect::<Vec<_>>(), [2, 0]);
    }

    #[tokio::test]
    async fn only_a_failure_of_the_bus_pauses_the_registrations_of_sessions() {
        let reports = |failure: Failure| {
            let mut registry = registry(Vec::new());
            registry.report_session_failure(&user(1000), &login("7"), &failure);
            let left = registry.paused_until.map(|until| until.duration_since(Instant::now()));
            assert!(left.is_none_or(|left| left <= RETRY && left + Duration::from_secs(1) > RETRY), "{left:?}");
            (left.is_some(), registry.warnings.last().unwrap().to_owned())
        };
        let taken = reports(Failure::Authority(AuthorityError::AlreadyRegistered));
        assert!(!taken.0 && taken.1.contains("session 7 (class user, tty): another agent is registered"), "{taken:?}");
        assert!(reports(Failure::Authority(AuthorityError::BusLimit("full".into()))).0);
        assert!(!reports(Failure::Authority(AuthorityError::OtherUser)).0);
        assert!(!reports(Failure::Helper(io::ErrorKind::NotFound.into())).0);
    }
}
