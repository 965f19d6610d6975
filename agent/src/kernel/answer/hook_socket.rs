//! The daemon's side of the hook: a socket that is polkitd's user's alone.

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

use crate::{
    answer::{
        challenge::Road,
        hook::{Accounts, travel},
        hook_protocol::{DAEMON_WITHIN, LONGEST, parse},
    },
    base::log,
};

/// Those who are answered at the same time. polkitd asks one question after the other.
const AT_ONCE: usize = 16;

/// Makes the socket, for the user that polkitd runs as.
///
/// # Errors
/// What the file system says.
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

/// Answers whoever is polkitd's user, for ever.
pub async fn serve(listener: UnixListener, polkitd: u32, road: Arc<Road>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let accounts = Arc::new(Accounts::default());
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) if stream.peer_cred().is_ok_and(|peer| peer.uid() == polkitd) => {
                let (road, accounts) = (Arc::clone(&road), Arc::clone(&accounts));
                tokio::spawn(async move {
                    let _place = place;
                    let limit = Duration::from_millis(DAEMON_WITHIN);
                    // Who gets no answer goes on without one.
                    let _ = tokio::time::timeout(limit, answer(stream, &road, &accounts)).await;
                });
            }
            Ok((stream, _)) => {
                log::warning("hook: a process that is not polkitd's was turned away");
                drop(stream);
            }
            Err(error) => {
                log::warning(&format!("hook: a connection could not be taken: {error}"));
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, road: &Road, accounts: &Accounts) -> io::Result<()> {
    let mut bytes = Vec::new();
    (&mut stream).take(LONGEST as u64 + 1).read_to_end(&mut bytes).await?;
    if let Some(question) = parse(&bytes) {
        let (answer, ending) = travel(road, accounts, &question).await;
        let written = stream.write_all(answer.word().as_bytes()).await;
        // The hook waits for the end.
        let ended = stream.shutdown().await;
        if let Some(ending) = ending {
            road.finish(ending).await;
        }
        return written.and(ended);
    }
    Ok(())
}
