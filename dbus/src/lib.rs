//! The D-Bus interfaces of polkit: [`Authority`] is a client of `org.freedesktop.PolicyKit1.Authority`, and [`serve`] is a
//! server of `org.freedesktop.PolicyKit1.AuthenticationAgent`. This crate makes no decisions.
//!
//! Every message is decoded once, into types that cannot be mixed up: three kinds of uid ([`SubjectUid`], [`IdentityUid`],
//! [`AgentUid`]), two kinds of pid ([`SubjectPid`], [`CallerPid`]), and a [`Cookie`] that cannot be printed. A malformed
//! message is a [`DecodeError`] that names the field.
//!
//! [`CheckMonitor`] watches what others ask polkitd, and what polkitd replies.
//!
//! [`Helper`] talks to polkit's own program that authenticates a user, for agents that do not run as root.
//!
//! The crate does not use `zbus_polkit`. That crate can send identities but not receive them, has one `u32` type for all
//! uids and pids, and reads missing parts of a subject from `/proc`. For the calls alone it would define `Subject` and
//! `Identity` a second time.
//!
//! [`serve`] reads messages directly instead of exporting an object: an agent's connection serves polkitd and offers nothing
//! else, not even introspection.
#![forbid(unsafe_code)]

mod agent;
mod authority;
mod bus;
mod challenge;
mod cookie;
mod error;
mod helper;
mod identity;
mod monitor;
mod owner;
mod subject;
mod version;

pub use agent::{AGENT_INTERFACE, AfterReply, Agent, AgentStream, Reply, Sender, serve};
pub use authority::{Authority, Authorization, Implicit, Interaction, RegisteredAction, Registration};
pub use bus::{connect, connect_over, connect_to, open_stream};
pub use challenge::{Challenge, Details};
pub use cookie::Cookie;
pub use error::{AuthorityError, DecodeError};
pub use helper::{BadSecret, Helper, HelperError, Secret};
pub use monitor::{BusClient, CheckId, CheckMonitor, Watched, WatchedCheck, WatchedReply, WatchedSubject};
pub use owner::{AUTHORITY_NAME, Owner, OwnerWatch};
pub use subject::Subject;
pub use version::BackendVersion;

pub use polkit_types::{AgentUid, CallerPid, Identity, IdentityUid, Process, StartTime, SubjectPid, SubjectUid};
pub use zbus::Connection;
pub use zeroize::Zeroizing;
