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

#[cfg(test)]
mod tests {
    use super::*;

    fn own_pid() -> SubjectPid {
        SubjectPid::new(std::process::id()).unwrap()
    }

    fn process() -> AgentScope {
        AgentScope::Process(Arc::new(PinnedProcess::open(own_pid()).unwrap()))
    }

    fn session(id: &str) -> AgentScope {
        let (id, class, kind) = (id.to_owned(), "user".to_owned(), "tty".to_owned());
        AgentScope::Session(LogindSession { id, uid: SubjectUid::new(1000).unwrap(), class, kind, scope: None })
    }

    fn state(cgroup: Fact<String>) -> ProcessState {
        ProcessState { uid: SubjectUid::new(1000).unwrap(), cgroup, program: Fact::Unknown }
    }

    #[test]
    fn the_agent_of_a_process_answers_about_that_process_alone() {
        let pinned = process().pin(Some(own_pid())).unwrap();
        assert_eq!(pinned.process.pid, own_pid());
        for other in [None, SubjectPid::new(1).ok()] {
            assert_eq!(process().pin(other).map(drop), Err(Reason::OtherSubject), "{other:?}");
        }
    }

    #[test]
    fn the_agent_of_a_session_answers_about_the_process_that_polkitd_names() {
        assert_eq!(session("7").pin(Some(own_pid())).unwrap().process.pid, own_pid());
        assert_eq!(session("7").pin(None).map(drop), Err(Reason::NoSubject));
        let gone = SubjectPid::new(i32::MAX.cast_unsigned()).unwrap();
        assert_eq!(session("7").pin(Some(gone)).map(drop), Err(Reason::Gone));
    }

    #[test]
    fn the_agent_of_a_session_refuses_processes_outside_it() {
        let of = |id: &str, cgroup| session(id).verify_session(&state(cgroup));
        let inside = || Fact::Known("/user.slice/user-1000.slice/session-7.scope".to_owned());
        assert_eq!(of("7", inside()), Ok(()));
        assert_eq!(of("8", inside()), Err(Reason::OtherSession));
        assert_eq!(of("7", Fact::Known("/system.slice/apache2.service".into())), Err(Reason::OtherSession));
        assert_eq!(of("7", Fact::Unknown), Err(Reason::Unreadable));
        assert_eq!(process().verify_session(&state(Fact::Unknown)), Ok(()), "it serves no session");
    }

    #[test]
    fn a_scope_names_its_subject_and_user() {
        let own = PinnedProcess::open(own_pid()).unwrap().process;
        assert_eq!((process().subject(), process().uid()), (Subject::Process(own), own.uid));
        assert_eq!(process().registered().map(|pinned| pinned.process), Some(own));
        assert!(process().session().is_none());
        assert_eq!((session("7").subject(), session("7").uid().get()), (Subject::Session("7".into()), 1000));
        assert!(session("7").registered().is_none());
        assert_eq!(session("7").session().map(|session| session.id.as_str()), Some("7"));
    }
}
