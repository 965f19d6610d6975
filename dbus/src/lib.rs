//! The wire of polkit, and nothing else: [`Authority`] is `org.freedesktop.PolicyKit1.Authority` as a client,
//! [`serve`] is `org.freedesktop.PolicyKit1.AuthenticationAgent` as a server. No decision is made here.
//!
//! Everything that comes in is decoded once, into types that keep apart what must not be mixed: three kinds of uid
//! ([`SubjectUid`], [`IdentityUid`], [`AgentUid`]), two kinds of pid ([`SubjectPid`], [`CallerPid`]), and a
//! [`Cookie`] that cannot be printed. Whatever does not decode is a [`DecodeError`] that names the field.
//!
//! [`Helper`] is the third voice: polkit's own program that authenticates a user, for an agent that is not root.
//!
//! The crate `zbus_polkit` is not used: it describes an identity only as something to be sent, while an agent receives
//! them; it takes all uids and pids as one `u32`; and it reads missing parts of a subject from `/proc` on its own.
//! Using it for the calls alone would define `Subject` and `Identity` twice.
//!
//! The agent's side reads messages as they come instead of exporting an object: a connection of an agent answers
//! polkitd and offers nothing else, not even introspection.
#![forbid(unsafe_code)]

mod agent;
mod authority;
mod bus;
mod challenge;
mod cookie;
mod error;
mod helper;
mod identity;
mod owner;
mod subject;
mod version;

pub use agent::{AGENT_INTERFACE, AfterReply, Agent, AgentStream, Reply, Sender, serve};
pub use authority::{Authority, Authorization, Interaction, Registration};
pub use bus::{connect, connect_over, connect_to, open_stream};
pub use challenge::{Challenge, Details};
pub use cookie::Cookie;
pub use error::{AuthorityError, DecodeError};
pub use helper::{BadSecret, Helper, HelperError, Secret};
pub use owner::{AUTHORITY_NAME, Owner, OwnerWatch};
pub use subject::Subject;
pub use version::BackendVersion;

pub use polkit_types::{AgentUid, CallerPid, Identity, IdentityUid, Process, StartTime, SubjectPid, SubjectUid};
pub use zbus::Connection;
pub use zeroize::Zeroizing;
