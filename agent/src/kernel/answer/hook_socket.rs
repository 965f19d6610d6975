//! The endpoint for hook requests: a socket that belongs to polkitd's user. One of the files with effects.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};

use crate::kernel::answer::{
    context::Context,
    hook_protocol::{DAEMON_WITHIN, LONGEST, parse},
    pipeline,
    request::Request,
};

/// The number of simultaneous requests. polkitd sends one request after the other.
const AT_ONCE: usize = 16;

/// Makes the socket, for the user that polkitd runs as.
///
/// # Errors
/// Those of the file system.
pub fn listen(path: &Path, polkitd: u32) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    chown(path, Some(polkitd), None)?;
    Ok(listener)
}

/// Answers the connections of polkitd's user. Never returns.
pub async fn serve(listener: UnixListener, polkitd: u32, context: Arc<Context>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) if stream.peer_cred().is_ok_and(|peer| peer.uid() == polkitd) => {
                let context = Arc::clone(&context);
                tokio::spawn(async move {
                    let _place = place;
                    let limit = Duration::from_millis(DAEMON_WITHIN);
                    // Without a reply polkit uses its other rules.
                    let _ = tokio::time::timeout(limit, answer(stream, &context)).await;
                });
            }
            Ok((stream, _)) => {
                tracing::warn!("hook: rejected a connection of another user than polkitd's");
                drop(stream);
            }
            Err(error) => {
                tracing::warn!("hook: cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, context: &Context) -> io::Result<()> {
    let mut bytes = Vec::new();
    (&mut stream).take(LONGEST as u64 + 1).read_to_end(&mut bytes).await?;
    let Some(request) = parse(&bytes) else { return Ok(()) };
    let (reply, pending) = pipeline::answer(context, &Request::Hook(request)).await;
    let written = stream.write_all(reply.to_hook().word().as_bytes()).await;
    // The hook waits for the end of the connection.
    let ended = stream.shutdown().await;
    if let Some(pending) = pending {
        pipeline::close(context, pending).await;
    }
    written.and(ended)
}
