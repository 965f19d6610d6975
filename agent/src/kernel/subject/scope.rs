//! What a registration is for, and which process a challenge to it is about.

use std::{path::Path, sync::Arc};

use polkit_dbus::{Subject, SubjectPid, SubjectUid};

use crate::{
    base::paths,
    rules::{facts::Fact, verdict::Reason},
    subject::{
        logind::{self, Login},
        process::Held,
        snapshot::Gathered,
    },
};

/// Whom the agent stands in for by one registration.
#[derive(Debug, Clone)]
pub enum StandsFor {
    /// One process.
    Process(Arc<Held>),
    /// Every process that polkit counts to a session, as it is when it asks.
    Session(Login),
}

impl StandsFor {
    /// What is registered.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Process(held) => Subject::Process(held.process),
            Self::Session(login) => Subject::Session(login.id.clone()),
        }
    }

    /// The user whose it is for polkitd, which keeps that from the registration.
    #[must_use]
    pub fn uid(&self) -> SubjectUid {
        match self {
            Self::Process(held) => held.process.uid,
            Self::Session(login) => login.uid,
        }
    }

    /// The id of the session, where it is one.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Process(_) => None,
            Self::Session(login) => Some(&login.id),
        }
    }

    /// The process that was registered, where it is one.
    #[must_use]
    pub fn registered(&self) -> Option<Arc<Held>> {
        match self {
            Self::Process(held) => Some(Arc::clone(held)),
            Self::Session(_) => None,
        }
    }

    /// The process that a challenge is about, held. It names a pid and nothing more; for a process it must be that one. Of a
    /// session it is whoever has that pid now.
    ///
    /// # Errors
    /// The [`Reason`] to refuse for.
    pub fn process(&self, named: Option<SubjectPid>) -> Result<Arc<Held>, Reason> {
        match self {
            Self::Process(held) if named == Some(held.process.pid) => Ok(Arc::clone(held)),
            Self::Process(_) => Err(Reason::OtherSubject),
            Self::Session(_) => {
                let pid = named.ok_or(Reason::NoSubject)?;
                Held::open(pid).map(Arc::new).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => Reason::Gone,
                    _ => Reason::Unreadable,
                })
            }
        }
    }

    /// What was read of the process, if the agent stands in for it: a session must be the one that polkit counts the process
    /// to at this moment.
    ///
    /// # Errors
    /// [`Reason::OtherSession`], and [`Reason::Unreadable`] where that cannot be said.
    pub fn admit(&self, mut gathered: Gathered) -> Result<Gathered, Reason> {
        let Self::Session(login) = self else { return Ok(gathered) };
        let Fact::Known(path) = &gathered.seen.cgroup else { return Err(Reason::Unreadable) };
        match logind::id_of(path, Path::new(paths::LOGIND)) {
            Fact::Known(Some(id)) if id == login.id => {
                gathered.facts.foreign = gathered.facts.uid != login.uid;
                Ok(gathered)
            }
            Fact::Known(_) => Err(Reason::OtherSession),
            Fact::Unknown => Err(Reason::Unreadable),
        }
    }
}
