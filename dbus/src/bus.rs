//! Connections to the system bus.

use zbus::{Connection, connection::Builder};

use crate::AuthorityError;

/// Connects to the system bus of the host, or to the one that `DBUS_SYSTEM_BUS_ADDRESS` names.
///
/// # Errors
/// [`AuthorityError::BusLimit`] where the bus has no room for this user, else [`AuthorityError::Bus`].
pub async fn connect() -> Result<Connection, AuthorityError> {
    build(Builder::system()).await
}

/// Connects to the bus at `address`.
///
/// # Errors
/// As [`connect`].
pub async fn connect_to(address: &str) -> Result<Connection, AuthorityError> {
    build(Builder::address(address)).await
}

async fn build(builder: Builder<'_>) -> Result<Connection, AuthorityError> {
    Ok(builder.build().await?)
}
