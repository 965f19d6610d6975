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
    // A longer request is cut, possibly between two details.
    let Some(request) = parse(&bytes).filter(|_| bytes.len() <= LONGEST) else { return Ok(()) };
    let (reply, pending) = pipeline::answer(context, &Request::Hook(request)).await;
    let written = stream.write_all(reply.to_hook().word().as_bytes()).await;
    // The hook waits for the end of the connection.
    let ended = stream.shutdown().await;
    if let Some(pending) = pending {
        pipeline::close(context, pending).await;
    }
    written.and(ended)
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::MetadataExt, net::UnixDatagram};

    use polkit_agent_rules::{
        model,
        rule::{Answer, Named, Rule},
    };
    use polkit_config::names::Names;

    use super::*;
    use crate::config::{Config, Serve, ServeTarget};

    /// The reply to these bytes from an agent whose polkitd has this uid, and which allows the user of this test.
    async fn replied(polkitd: u32, bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let journal = UnixDatagram::bind(folder.path().join("journal")).unwrap();
        let serve_own = Serve { by_hook: true, ..Serve::of(ServeTarget::User(own_user())) };
        let rules = vec![Rule { user: Some(own_user()), ..model::rule(Answer::Allow) }];
        let context = Context::of(Config::of(vec![serve_own], rules), &folder.path().join("journal"));
        let path = folder.path().join("hook.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let serving = tokio::spawn(serve(listener, polkitd, Arc::new(context)));
        let mut stream = UnixStream::connect(&path).await.unwrap();
        // Fails if the agent has rejected the connection.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut reply = String::new();
        let _ = stream.read_to_string(&mut reply).await;
        if !reply.is_empty() {
            // The outcome follows the reply.
            tokio::time::timeout(Duration::from_secs(20), outcome(&journal)).await.expect("an outcome record");
        }
        serving.abort();
        reply
    }

    /// Waits for the record that the reply was sent.
    async fn outcome(journal: &UnixDatagram) {
        journal.set_nonblocking(true).unwrap();
        let mut record = [0; 4096];
        loop {
            let length = journal.recv(&mut record).unwrap_or_default();
            if String::from_utf8_lossy(&record[..length]).contains("POLKIT_AGENT_OUTCOME=sent\n") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn own_user() -> Named {
        let user = Names::Host.user_by_uid(rustix::process::geteuid().as_raw()).unwrap().unwrap();
        Named { name: user.name, id: user.uid }
    }

    fn request() -> Vec<u8> {
        format!("{}\0{}\0{}\0", std::process::id(), own_user().name, model::ACTION).into_bytes()
    }

    #[tokio::test]
    async fn only_polkitd_s_user_gets_a_reply_and_root_does_not() {
        let own = own_user().id;
        assert_eq!(replied(own, &request()).await, "yes\n");
        assert_eq!(replied(own + 1, &request()).await, "", "the test's user is not polkitd's");
    }

    #[tokio::test]
    async fn a_request_that_is_cut_or_too_long_gets_no_reply() {
        let own = own_user().id;
        let whole = request();
        assert_eq!(replied(own, &whole[..whole.len() - 1]).await, "");
        let with_detail = |length: usize| [whole.clone(), b"key\0".to_vec(), vec![b'x'; length], vec![0]].concat();
        let room = LONGEST - whole.len() - "key\0\0".len();
        assert_eq!(replied(own, &with_detail(room)).await, "yes\n");
        assert_eq!(replied(own, &with_detail(room + 1)).await, "");
    }

    #[tokio::test]
    async fn the_socket_belongs_to_polkitd_and_replaces_an_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hook.sock");
        fs::write(&path, "old").unwrap();
        // Only root can give the socket to another user.
        let polkitd = if rustix::process::geteuid().is_root() { 33 } else { own_user().id };
        let _listener = listen(&path, polkitd).unwrap();
        let meta = fs::metadata(&path).unwrap();
        assert_eq!((meta.uid(), meta.mode() & 0o7777), (polkitd, 0o600));
    }
}
