//! Connections to the system bus.

use std::os::{
    linux::net::SocketAddrExt,
    unix::net::{SocketAddr, UnixStream},
};

use zbus::{
    Address, Connection,
    address::transport::{Transport, UnixSocket},
    connection::Builder,
};

use crate::AuthorityError;

/// Connects to the system bus of the host, or to `DBUS_SYSTEM_BUS_ADDRESS` if this variable is set.
///
/// # Errors
/// [`AuthorityError::BusLimit`] if this user has reached the connection limit of the bus, otherwise [`AuthorityError::Bus`].
pub async fn connect() -> Result<Connection, AuthorityError> {
    build(Builder::system()).await
}

/// Connects to the bus at `address`.
///
/// # Errors
/// The errors of [`connect`].
pub async fn connect_to(address: &str) -> Result<Connection, AuthorityError> {
    build(Builder::address(address)).await
}

/// Opens a stream to the system bus without sending anything. The bus, and so polkitd, attributes the connection to the
/// process that opened the stream, even if another process calls [`connect_over`].
///
/// # Errors
/// [`AuthorityError::Bus`], also if the address is not a socket of this host.
pub fn open_stream() -> Result<UnixStream, AuthorityError> {
    let address = Address::system()?;
    let Transport::Unix(unix) = address.transport() else { return Err(zbus::Error::Unsupported.into()) };
    let opened = match unix.path() {
        UnixSocket::File(path) => UnixStream::connect(path),
        UnixSocket::Abstract(name) => {
            SocketAddr::from_abstract_name(name.as_encoded_bytes()).and_then(|name| UnixStream::connect_addr(&name))
        }
        _ => return Err(zbus::Error::Unsupported.into()),
    };
    opened.map_err(|error| AuthorityError::Bus(error.into()))
}

/// Connects over a stream from [`open_stream`], which may come from another process of the same user.
///
/// # Errors
/// The errors of [`connect`].
pub async fn connect_over(stream: UnixStream) -> Result<Connection, AuthorityError> {
    build(Builder::unix_stream(stream)).await
}

async fn build(builder: Builder<'_>) -> Result<Connection, AuthorityError> {
    Ok(builder.build().await?)
}
