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

use super::{RETRY, Registry, room::share_of};
use crate::{
    base::paths,
    config::{Config, What},
    register::{
        registration::{Registered, register},
        session_helper::{self, Guest},
    },
    subject::{
        logind::{self, Login},
        scope::StandsFor,
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
    what: What,
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

    pub(super) fn count(&self, what: &What) -> usize {
        self.registered.values().filter(|entry| entry.what == *what).count()
    }

    pub(super) fn clear(&mut self) {
        self.registered.clear();
        self.lives.abort_all();
        self.retry.clear();
    }

    /// Forgets those whose connection ended, and gives up those that are not wanted any more.
    fn keep_only(&mut self, wanted: &[(What, Login)]) {
        while let Some(ended) = self.lives.try_join_next() {
            // One that was aborted is forgotten already.
            if let Ok(id) = ended {
                self.registered.remove(&id);
            }
        }
        self.registered.retain(|id, entry| {
            let keep = wanted.iter().any(|(what, login)| *what == entry.what && login.id == *id);
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
        let config = Arc::clone(&self.road.config.borrow());
        let wanted = match self.wanted_sessions(&config) {
            Ok(wanted) => wanted,
            // What is registered stays so: what cannot be seen has not gone.
            Err(error) => return self.said.once(&format!("sessions cannot be looked at: {error}")),
        };
        self.sessions.keep_only(&wanted);
        for (what, login) in &wanted {
            let known = self.sessions.registered.contains_key(&login.id) || self.sessions.retry.contains_key(&login.id);
            if known || self.full_until.is_some_and(|until| until > Instant::now()) {
                continue;
            }
            self.add_session(what, login, &config).await;
        }
        for serve in &config.serve {
            if matches!(serve.what, What::SessionUser(_) | What::OwnSession) {
                let there = wanted.iter().filter(|(what, _)| *what == serve.what).count();
                self.over.insert(serve.what.clone(), there.saturating_sub(share_of(serve, &config)));
            }
        }
    }

    fn wanted_sessions(&mut self, config: &Config) -> io::Result<Vec<(What, Login)>> {
        let logind = Path::new(paths::LOGIND);
        let mut wanted = Vec::new();
        for serve in &config.serve {
            match &serve.what {
                What::SessionUser(user) => {
                    let logins = logind::of_user(user.id, logind)?;
                    wanted.extend(logins.into_iter().map(|login| (serve.what.clone(), login)));
                }
                What::OwnSession => match logind::own(&self.road.cgroup_root, logind)? {
                    Some(login) => wanted.push((serve.what.clone(), login)),
                    None => self.said.once(&format!("{}: not served: the agent runs in no session", serve.what)),
                },
                What::Unit(_) | What::User(_) | What::PidFile(_) | What::Exec(_) => {}
            }
        }
        Ok(wanted)
    }

    async fn add_session(&mut self, what: &What, login: &Login, config: &Config) {
        let Some(serve) = config.serve.iter().find(|serve| serve.what == *what) else { return };
        let share = share_of(serve, config);
        if self.count(what) >= share || self.places() >= config.max_registrations {
            self.said.once(&format!("{what}: more than {share} sessions; those above are not served. Raise `max`"));
            return;
        }
        match self.register_session(what, login).await {
            Ok(registered) => {
                let id = login.id.clone();
                let life = self.sessions.lives.spawn(async move {
                    // polkitd loses nothing by a session.
                    registered.live(None).await;
                    id
                });
                self.sessions.registered.insert(login.id.clone(), Entry { what: what.clone(), life });
            }
            Err(failure) => {
                self.sessions.retry.insert(login.id.clone(), Instant::now() + RETRY);
                self.tell_session(what, login, &failure);
            }
        }
    }

    /// A further connection is opened first and closed after, as for a process.
    async fn register_session(&self, what: &What, login: &Login) -> Result<Registered, Failure> {
        let room = connect().await?;
        // Whoever is in the session stays there until polkitd has looked.
        let (connection, guest) = match (what, &login.scope) {
            (What::SessionUser(user), Some(scope)) => {
                let slice = format!("user.slice/user-{}.slice", user.id);
                let (connection, guest) = connect_from(self.cgroups.folder(&slice).join(scope)).await?;
                (connection, Some(guest))
            }
            _ => (connect().await?, None),
        };
        let registered = register(&self.road, connection, StandsFor::Session(login.clone())).await?;
        drop((room, guest));
        Ok(registered)
    }

    fn tell_session(&mut self, what: &What, login: &Login, failure: &Failure) {
        let Login { id, class, kind, .. } = login;
        let of = format!("{what}: session {id} (class {class}, {kind})");
        match failure {
            Failure::Authority(AuthorityError::AlreadyRegistered) => self.said.once(&format!(
                "{of} has an agent of its own, which was there first and is left alone; it is served once that one is gone"
            )),
            Failure::Authority(error @ (AuthorityError::BusLimit(_) | AuthorityError::Bus(_))) => {
                self.full_until = Some(Instant::now() + RETRY);
                self.said.once(&format!("{of} is not served at the moment: {error}"));
            }
            Failure::Authority(error) => self.said.once(&format!("{of} could not be registered: {error}")),
            Failure::Join(error) => self.said.once(&format!("{of} is not served: {error}")),
        }
    }
}

/// A connection that is, for polkitd, one from inside of a scope.
async fn connect_from(scope: PathBuf) -> Result<(Connection, Guest), Failure> {
    // The child may take its time: not on the thread that serves others.
    let sent = tokio::task::spawn_blocking(move || session_helper::send(&scope)).await;
    let (guest, stream) = sent.map_err(io::Error::other).and_then(|sent| sent).map_err(Failure::Join)?;
    Ok((connect_over(stream).await?, guest))
}
