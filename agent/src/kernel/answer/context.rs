//! Everything that the pipeline uses. One value for the whole agent.

use std::sync::Arc;

use polkit_dbus::{BackendVersion, Owner, Sender};
use polkit_types::AgentUid;
use tokio::sync::{mpsc, watch};

use crate::{
    base::{accounts::Accounts, cgroups::Cgroups, reader::Readers, unserved::UnservedLog},
    config::Config,
    kernel::{answer::state::DecisionState, audit::journal_writer::Recorder},
};

/// The polkitd that runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polkitd {
    /// Its unique name on the bus.
    pub owner: Owner,
    /// Its version.
    pub version: BackendVersion,
}

/// Everything that the pipeline uses.
#[derive(Debug)]
pub struct Context {
    /// The configuration in force.
    pub config: watch::Receiver<Arc<Config>>,
    /// The polkitd that runs now.
    pub polkitd: watch::Receiver<Option<Polkitd>>,
    /// The children that read slow facts.
    pub readers: Readers,
    /// The users and groups of /etc, for hook requests.
    pub accounts: Accounts,
    /// The hook requests that no `[[serve]]` entry covers.
    pub unserved: UnservedLog,
    /// The writer of records.
    pub recorder: Recorder,
    /// What earlier requests left.
    pub state: DecisionState,
    /// Receives events for the bus. An event that does not fit is lost.
    pub events: mpsc::Sender<Event>,
    /// The cgroup root of the system manager.
    pub cgroup_root: String,
    /// The cgroups below it.
    pub cgroups: Cgroups,
    /// The uid of the agent, which registers.
    pub registering: AgentUid,
}

/// An event for programs on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A decision was recorded under this id.
    Decision(String),
    /// A request with this id waits for a person.
    Pending(String),
}

impl Context {
    /// Whether polkitd sent a message: the sender is the one unique name of polkitd. A uid would not do: every program that polkitd
    /// starts has polkitd's uid, and could pass the cookie of a challenge of its own to an agent that allows.
    #[must_use]
    pub fn is_polkitd(&self, sender: &Sender) -> bool {
        self.polkitd.borrow().as_ref().is_some_and(|polkitd| polkitd.owner.sent(sender))
    }

    /// Publishes an event. Records are what counts: an event that no program takes is lost.
    pub fn publish(&self, event: Option<Event>) {
        let _ = event.map(|event| self.events.try_send(event));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::cgroups::cgroup_root;

    impl Context {
        /// A context without polkitd, whose records go to this socket.
        pub(crate) fn of(config: Config, journal: &Path) -> Self {
            let cgroup_root = cgroup_root().unwrap_or_default();
            Self {
                config: watch::channel(Arc::new(config)).1,
                polkitd: watch::channel(None).1,
                readers: Readers::default(),
                accounts: Accounts::default(),
                unserved: UnservedLog::default(),
                recorder: Recorder::to_socket(journal),
                state: DecisionState::default(),
                events: mpsc::channel(8).0,
                cgroups: Cgroups::of_host(&cgroup_root).unwrap(),
                cgroup_root,
                registering: AgentUid::new(0).unwrap(),
            }
        }
    }
}
