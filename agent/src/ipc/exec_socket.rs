//! The daemon's side of `exec`: a socket that any user can connect to. The client sends nothing; the kernel tells which process it is.
//! The reply is one line. One of the files with effects.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use polkit_config::names::Names;
use polkit_types::SubjectPid;
use tokio::{
    io::AsyncWriteExt,
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc, oneshot, watch},
};

use crate::{
    base::blocking,
    config::{Config, ExecPrincipal, ServeTarget},
    kernel::subject::process::PinnedProcess,
};

/// The number of simultaneous connections. Others wait in the backlog of the socket.
pub const AT_ONCE: usize = 32;
/// The time limit of one connection, including the registration.
const DEADLINE: Duration = Duration::from_secs(25);

/// A process to register, and the channel for the reply.
pub type Request = (PinnedProcess, oneshot::Sender<Result<(), String>>);

/// Makes the socket. Fails if another agent is listening; replaces a stale socket.
///
/// # Errors
/// [`io::ErrorKind::AddrInUse`] if another agent runs, and those of the file system.
pub async fn listen(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Answers all connections. Never returns.
pub async fn serve(listener: UnixListener, config: watch::Receiver<Arc<Config>>, registry: mpsc::Sender<Request>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (config, registry) = (Arc::clone(&config.borrow()), registry.clone());
                tokio::spawn(async move {
                    let _place = place;
                    // Fails if the client does not wait for the reply.
                    let _ = tokio::time::timeout(DEADLINE, answer(stream, config, registry)).await;
                });
            }
            Err(error) => {
                tracing::warn!("exec: cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, config: Arc<Config>, registry: mpsc::Sender<Request>) -> io::Result<()> {
    let line = match register(&stream, config, registry).await {
        Ok(()) => "ok\n".to_owned(),
        Err(why) => format!("no {why}\n"),
    };
    stream.write_all(line.as_bytes()).await
}

/// Pins the peer. If its pid was reused since it connected, the new process belongs to the same user, who could have registered it
/// anyway. The agent decides about its requests when they come.
async fn register(stream: &UnixStream, config: Arc<Config>, registry: mpsc::Sender<Request>) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("the agent failed: {error}");
    let peer = stream.peer_cred().map_err(|error| failed(&error))?;
    let uid = peer.uid();
    if uid == 0 {
        return Err("root needs no agent: polkit allows root everything".into());
    }
    let may =
        blocking::run_nss(uid, move || may_ask(uid, &config, &Names::Host)).await.map_err(|error| failed(&error))?;
    if !may {
        return Err("no [[serve]] entry names this user in `exec`".into());
    }
    let held = pin_peer(peer.pid(), uid).ok_or("cannot find the process")?;
    let (reply, answer) = oneshot::channel();
    registry.send((held, reply)).await.map_err(|error| failed(&error))?;
    answer.await.map_err(|error| failed(&error))?
}

/// Pins the peer if its process has the uid of the connection: a set-user-ID program connects as another user than its process has.
fn pin_peer(pid: Option<i32>, uid: u32) -> Option<PinnedProcess> {
    let pid = pid.and_then(|pid| u32::try_from(pid).ok()).and_then(|pid| SubjectPid::new(pid).ok())?;
    PinnedProcess::open(pid).ok().filter(|held| held.process.uid.get() == uid)
}

/// Whether an `exec` entry names the user. A group counts only if the user database has the groups of the user.
fn may_ask(uid: u32, config: &Config, names: &Names) -> bool {
    let gids = || {
        let user = names.user_by_uid(uid).ok().flatten()?;
        names.groups_of(&user).ok()
    };
    let who = config.serve.iter().filter_map(|serve| match &serve.target {
        ServeTarget::Exec(who) => Some(who),
        ServeTarget::Unit(_)
        | ServeTarget::User(_)
        | ServeTarget::PidFile(_)
        | ServeTarget::SessionUser(_)
        | ServeTarget::OwnSession => None,
    });
    who.flatten().any(|who| match who {
        ExecPrincipal::User(user) => user.id == uid,
        ExecPrincipal::Group(group) => gids().is_some_and(|gids| gids.contains(&group.id)),
    })
}

#[cfg(test)]
mod tests {
    use polkit_agent_rules::rule::Named;
    use polkit_config::names::Tree;

    use super::*;
    use crate::config::Serve;

    #[test]
    fn a_process_of_another_user_than_the_connection_is_not_registered() {
        let (own, pid) = (rustix::process::getuid().as_raw(), i32::try_from(std::process::id()).unwrap());
        assert_eq!(pin_peer(Some(pid), own).unwrap().process.pid.get(), std::process::id());
        assert!(pin_peer(Some(pid), own + 1).is_none(), "a set-user-ID program");
        for none in [None, Some(0), Some(-1), Some(i32::MAX)] {
            assert!(pin_peer(none, own).is_none(), "{none:?}");
        }
    }

    #[test]
    fn an_entry_names_a_user_or_a_group_of_the_user() {
        let passwd = "alice:x:1000:1000::/:/bin/sh\nbob:x:1001:1001::/:/bin/sh\ncarol:x:1002:1002::/:/bin/sh\n";
        let names = Names::Root(Tree::parse(passwd, "vm:x:100:bob\n"));
        let named = |name: &str, id| Named { name: name.into(), id };
        let who = vec![ExecPrincipal::User(named("alice", 1000)), ExecPrincipal::Group(named("vm", 100))];
        let config = Config::of(vec![Serve::of(ServeTarget::Exec(who))], Vec::new());
        let may = [1000, 1001, 1002].map(|uid| may_ask(uid, &config, &names));
        assert_eq!(may, [true, true, false]);
        assert!(!may_ask(4242, &config, &names), "the groups of a user without an entry are unknown");
        let others = Config::of(vec![Serve::of(ServeTarget::User(named("alice", 1000)))], Vec::new());
        assert!(!may_ask(1000, &others, &names), "another form of entry");
    }

    /// The reply to a connection of this test, whose user an entry names. `answer` is that of the registry.
    async fn reply_to(serve: Vec<Serve>, answer: Option<Result<(), String>>) -> String {
        let (mut client, server) = UnixStream::pair().unwrap();
        let (registry, mut requests) = mpsc::channel::<Request>(1);
        let config = Arc::new(Config::of(serve, Vec::new()));
        let registrar = tokio::spawn(async move {
            if let (Some((process, reply)), Some(answer)) = (requests.recv().await, answer) {
                assert_eq!(process.process.pid.get(), std::process::id());
                reply.send(answer).unwrap();
            }
        });
        super::answer(server, config, registry).await.unwrap();
        let mut line = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut client, &mut line).await.unwrap();
        registrar.await.unwrap();
        line
    }

    #[tokio::test]
    async fn root_is_refused_and_other_users_get_the_answer_of_the_registry() {
        let uid = rustix::process::geteuid().as_raw();
        let own = || Serve::of(ServeTarget::Exec(vec![ExecPrincipal::User(Named { name: "u".into(), id: uid })]));
        if uid == 0 {
            let expected = "no root needs no agent: polkit allows root everything\n";
            assert_eq!(reply_to(vec![own()], None).await, expected);
            return;
        }
        assert_eq!(reply_to(vec![own()], Some(Ok(()))).await, "ok\n");
        assert_eq!(reply_to(vec![own()], Some(Err("full".into()))).await, "no full\n");
        assert!(reply_to(vec![own()], None).await.starts_with("no the agent failed: "));
        assert_eq!(reply_to(Vec::new(), None).await, "no no [[serve]] entry names this user in `exec`\n");
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_one_with_a_listener_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/exec.sock");
        let first = listen(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
        assert_eq!(listen(&path).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(listen(&path).await.is_ok(), "the socket of an agent that ended");
        let directory = folder.path().join("directory");
        fs::create_dir_all(directory.join("x")).unwrap();
        assert!(listen(&directory).await.is_err());
    }
}
