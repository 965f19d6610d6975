//! Registrations for logind sessions. A session is registered once, for all of its processes.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use polkit_dbus::{AuthorityError, Connection, connect, connect_over};
use tokio::task::{AbortHandle, JoinSet};

use super::{RETRY, Registry, quota::share_of};
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

/// The sessions that are registered, by id.
#[derive(Default)]
pub(super) struct Sessions {
    registered: HashMap<String, Entry>,
    lives: JoinSet<String>,
    retry: HashMap<String, Instant>,
}

struct Entry {
    target: ServeTarget,
    life: AbortHandle,
}

/// Why a session could not be registered.
enum Failure {
    /// Nobody could be sent there.
    Join(io::Error),
    /// polkitd or the bus did not take it.
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
        self.lives.abort_all();
        self.retry.clear();
    }

    /// Forgets those whose connection ended, and gives up those that are not wanted any more.
    fn keep_only(&mut self, wanted: &[(ServeTarget, LogindSession)]) {
        while let Some(ended) = self.lives.try_join_next() {
            // One that was aborted is forgotten already.
            if let Ok(id) = ended {
                self.registered.remove(&id);
            }
        }
        self.registered.retain(|id, entry| {
            let keep = wanted.iter().any(|(target, login)| *target == entry.target && login.id == *id);
            if !keep {
                entry.life.abort();
            }
            keep
        });
        let now = Instant::now();
        self.retry.retain(|id, until| *until > now && wanted.iter().any(|(_, login)| login.id == *id));
    }
}

impl Registry {
    /// Registers for the sessions that are to be served and are not, and gives up those that are gone. Their number is that of
    /// the people who are logged in: they are looked at ten times a second.
    pub async fn scan_sessions(&mut self) {
        let config = Arc::clone(&self.context.config.borrow());
        let wanted = match self.wanted_sessions(&config) {
            Ok(wanted) => wanted,
            // What is registered stays so: what cannot be seen has not gone.
            Err(error) => return self.warnings.warn(&format!("sessions cannot be looked at: {error}")),
        };
        self.sessions.keep_only(&wanted);
        for (target, login) in &wanted {
            let known = self.sessions.registered.contains_key(&login.id) || self.sessions.retry.contains_key(&login.id);
            if known || self.full_until.is_some_and(|until| until > Instant::now()) {
                continue;
            }
            self.add_session(target, login, &config).await;
        }
        for serve in &config.serve {
            if matches!(serve.target, ServeTarget::SessionUser(_) | ServeTarget::OwnSession) {
                let there = wanted.iter().filter(|(target, _)| *target == serve.target).count();
                self.over.insert(serve.target.clone(), there.saturating_sub(share_of(serve, &config)));
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
                    None => self.warnings.warn(&format!("{}: not served: the agent runs in no session", serve.target)),
                },
                ServeTarget::Unit(_) | ServeTarget::User(_) | ServeTarget::PidFile(_) | ServeTarget::Exec(_) => {}
            }
        }
        Ok(wanted)
    }

    async fn add_session(&mut self, target: &ServeTarget, login: &LogindSession, config: &Config) {
        let Some(serve) = config.serve.iter().find(|serve| serve.target == *target) else { return };
        let share = share_of(serve, config);
        if self.count(target) >= share || self.places() >= config.max_registrations {
            self.warnings
                .warn(&format!("{target}: more than {share} sessions; those above are not served. Raise `max`"));
            return;
        }
        match self.register_session(target, login).await {
            Ok(registered) => {
                let id = login.id.clone();
                let life = self.sessions.lives.spawn(async move {
                    // polkitd loses nothing by a session.
                    registered.answer_until_end(None).await;
                    id
                });
                self.sessions.registered.insert(login.id.clone(), Entry { target: target.clone(), life });
            }
            Err(failure) => {
                self.sessions.retry.insert(login.id.clone(), Instant::now() + RETRY);
                self.tell_session(target, login, &failure);
            }
        }
    }

    /// A further connection is opened first and closed after, as for a process.
    async fn register_session(&self, target: &ServeTarget, login: &LogindSession) -> Result<Registered, Failure> {
        let room = connect().await?;
        // Whoever is in the session stays there until polkitd has looked.
        let (connection, helper) = match (target, &login.scope) {
            (ServeTarget::SessionUser(user), Some(scope)) => {
                let slice = format!("user.slice/user-{}.slice", user.id);
                let (connection, helper) = connect_from(self.cgroups.folder(&slice).join(scope)).await?;
                (connection, Some(helper))
            }
            _ => (connect().await?, None),
        };
        let registered = register(&self.context, connection, AgentScope::Session(login.clone())).await?;
        drop((room, helper));
        Ok(registered)
    }

    fn tell_session(&mut self, target: &ServeTarget, login: &LogindSession, failure: &Failure) {
        let LogindSession { id, class, kind, .. } = login;
        let of = format!("{target}: session {id} (class {class}, {kind})");
        match failure {
            Failure::Authority(AuthorityError::AlreadyRegistered) => self.warnings.warn(&format!(
                "{of} has an agent of its own, which was there first and is left alone; it is served once that one is gone"
            )),
            Failure::Authority(error @ (AuthorityError::BusLimit(_) | AuthorityError::Bus(_))) => {
                self.full_until = Some(Instant::now() + RETRY);
                self.warnings.warn(&format!("{of} is not served at the moment: {error}"));
            }
            Failure::Authority(error) => self.warnings.warn(&format!("{of} could not be registered: {error}")),
            Failure::Join(error) => self.warnings.warn(&format!("{of} is not served: {error}")),
        }
    }
}

/// A connection that is, for polkitd, one from inside of a scope.
async fn connect_from(scope: PathBuf) -> Result<(Connection, SessionHelper), Failure> {
    // The child may take its time: not on the thread that serves others.
    let sent = tokio::task::spawn_blocking(move || session_helper::spawn_in(&scope)).await;
    let (helper, stream) = sent.map_err(io::Error::other).and_then(|sent| sent).map_err(Failure::Join)?;
    Ok((connect_over(stream).await?, helper))
}
