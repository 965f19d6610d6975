//! What a registration is for, and which process a challenge to it is about.

use std::{path::Path, sync::Arc};

use polkit_agent_rules::{
    facts::{Fact, ProcessState},
    verdict::Reason,
};
use polkit_dbus::Subject;
use polkit_types::{SubjectPid, SubjectUid};

use crate::{
    base::paths,
    kernel::subject::{
        logind::{self, LogindSession},
        process::{self, PinnedProcess},
    },
};

/// What the agent is registered for by one registration.
#[derive(Debug, Clone)]
pub enum AgentScope {
    /// One process.
    Process(Arc<PinnedProcess>),
    /// Every process that polkit counts to a session.
    Session(LogindSession),
}

impl AgentScope {
    /// The subject of the registration.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Process(pinned) => Subject::Process(pinned.process),
            Self::Session(session) => Subject::Session(session.id.clone()),
        }
    }

    /// The uid that polkitd keeps with the registration.
    #[must_use]
    pub fn uid(&self) -> SubjectUid {
        match self {
            Self::Process(pinned) => pinned.process.uid,
            Self::Session(session) => session.uid,
        }
    }

    /// The session of the registration, if it is for one.
    #[must_use]
    pub fn session(&self) -> Option<&LogindSession> {
        match self {
            Self::Process(_) => None,
            Self::Session(session) => Some(session),
        }
    }

    /// The registered process, if the registration is for one.
    #[must_use]
    pub fn registered(&self) -> Option<Arc<PinnedProcess>> {
        match self {
            Self::Process(pinned) => Some(Arc::clone(pinned)),
            Self::Session(_) => None,
        }
    }

    /// Pins the process of a challenge. A challenge names a pid only. If the registration is for a process, the pid must be its pid.
    /// If it is for a session, the process is the one that has this pid now.
    ///
    /// # Errors
    /// [`Reason::OtherSubject`], [`Reason::NoSubject`], [`Reason::Gone`] or [`Reason::Unreadable`].
    pub fn pin(&self, named: Option<SubjectPid>) -> Result<Arc<PinnedProcess>, Reason> {
        match self {
            Self::Process(pinned) if named == Some(pinned.process.pid) => Ok(Arc::clone(pinned)),
            Self::Process(_) => Err(Reason::OtherSubject),
            Self::Session(_) => {
                let pid = named.ok_or(Reason::NoSubject)?;
                PinnedProcess::open(pid).map(Arc::new).map_err(|error| process::reason(&error))
            }
        }
    }

    /// Verifies that polkit counts the process to the session of the registration, if it is for a session.
    ///
    /// # Errors
    /// [`Reason::OtherSession`]; [`Reason::Unreadable`] if the session of the process is unknown.
    pub fn verify_session(&self, state: &ProcessState) -> Result<(), Reason> {
        let Self::Session(session) = self else { return Ok(()) };
        let Fact::Known(path) = &state.cgroup else { return Err(Reason::Unreadable) };
        match logind::id_of(path, Path::new(paths::LOGIND)) {
            Fact::Known(Some(id)) if id == session.id => Ok(()),
            Fact::Known(_) => Err(Reason::OtherSession),
            Fact::Unknown => Err(Reason::Unreadable),
        }
    }
}
