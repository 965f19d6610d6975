//! `polkit-service-agent run`: the main loop.

mod polkitd_changes;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use polkit_dbus::{Authority, Connection, OwnerWatch, connect};
use polkit_types::AgentUid;
use rustix::process::geteuid;
use tokio::{
    net::UnixListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::MissedTickBehavior,
};

use crate::{
    base::{
        accounts::Accounts,
        cgroups::{Cgroups, cgroup_root},
        paths,
        reader::Readers,
        unserved::UnservedLog,
    },
    config::{Config, Loaded, Origin, ServeTarget, advisories},
    daemon::{reload::Reload, systemd::Systemd},
    ipc::{
        bus::{self, ReloadReply},
        exec_socket,
    },
    kernel::{
        answer::{
            context::{self, Context},
            state::DecisionState,
        },
        audit::journal_writer::Recorder,
    },
    register::{
        fork_watcher::{Events, Hint},
        health::{Health, PolkitdHealth},
        registry::Registry,
        status::Status,
    },
};

/// The interval of the main loop's turns.
const TICK: Duration = Duration::from_millis(100);
/// The number of events that can wait for the bus. Further events are lost.
const EVENTS: usize = 256;
/// The most callers of `Reload` that wait to be read.
const RELOADS: usize = 16;

/// Runs until a signal ends it.
///
/// # Errors
/// Something that the agent needs cannot be reached, with the remedy.
pub async fn run(origin: Origin, config: Config) -> Result<(), String> {
    let [mut reload, mut terminate, mut interrupt] =
        signals().map_err(|error| format!("cannot receive signals: {error}"))?;
    let connection = connect().await.map_err(|error| format!("cannot reach the system bus: {error}"))?;
    let (mut watch, owner) = OwnerWatch::new(&connection).await.map_err(|error| error.to_string())?;
    let root = cgroup_root().map_err(|error| format!("cannot read the cgroup of pid 1: {error}"))?;
    let cgroups =
        Cgroups::of_host(&root).map_err(|error| format!("the unified cgroup hierarchy is missing: {error}"))?;
    let is_root = geteuid().is_root();
    if !is_root {
        serves_only_its_own(&config)?;
    }

    let (config_sender, config) = watch::channel(Arc::new(config));
    let (polkitd_sender, polkitd) = watch::channel(None);
    let (events_sender, heard) = mpsc::channel(EVENTS);
    let (requests, mut asked) = mpsc::channel(exec_socket::AT_ONCE);
    if is_root {
        tokio::spawn(exec_socket::serve(exec_listener().await?, config.clone(), requests));
    }
    let registering = AgentUid::new(geteuid().as_raw()).map_err(|error| error.to_string())?;
    let context = Context {
        config,
        polkitd,
        readers: Readers::default(),
        accounts: Accounts::default(),
        unserved: UnservedLog::default(),
        recorder: Recorder::for_host(),
        state: DecisionState::default(),
        events: events_sender,
        cgroup_root: root,
        cgroups: cgroups.clone(),
        registering,
    };
    context.state.set_config(&context.config.borrow());
    let context = Arc::new(context);
    let (events, mut hints) = if is_root { events() } else { no_events() };
    let (status_sender, status) = watch::channel(Arc::default());
    let (reloads, mut reload_calls) = mpsc::channel(RELOADS);
    if is_root && let Err(error) = bus::publish(&connection, status, Arc::clone(&context), heard, reloads).await {
        tracing::warn!("cannot take the bus name, so `status` does not work: {error}; is the bus policy installed?");
    }
    let mut agent = Running {
        started: Instant::now(),
        status: status_sender,
        context: Arc::clone(&context),
        hook: None,
        registry: Registry::new(Arc::clone(&context), cgroups, events),
        systemd: Systemd::new(),
        connection,
        reload: Reload::new(origin),
        reload_replies: Vec::new(),
        is_root,
        config: config_sender,
        polkitd: polkitd_sender,
        health: Health::default(),
        polkit_error: None,
        next_wake: Instant::now(),
        ready: false,
    };
    agent.log_advisories();
    agent.on_polkitd_changed(owner).await?;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = second.tick() => write_counted(&context).await,
            _ = tick.tick() => agent.turn().await?,
            () = agent.registry.next() => {}
            owner = watch.changed() => {
                let owner = owner.map_err(|error| format!("the system bus is gone: {error}"))?;
                agent.on_polkitd_changed(owner).await?;
            }
            Some(hint) = hints.recv() => match hint {
                Hint::Inspect(pid) => agent.inspect(pid),
                Hint::Rescan => agent.registry.scan_soon(),
            },
            Some((process, reply)) = asked.recv() => agent.registry.add_exec(process, reply),
            _ = reload.recv() => agent.reload.begin(),
            Some(reply) = reload_calls.recv() => {
                agent.reload_replies.push(reply);
                agent.reload.begin();
            }
            loaded = agent.reload.next() => agent.reload(loaded),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    agent.systemd.stopping();
    agent.registry.clear();
    write_counted(&context).await;
    Ok(())
}

async fn exec_listener() -> Result<UnixListener, String> {
    exec_socket::listen(Path::new(paths::EXEC_SOCKET)).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => "another polkit-service-agent is running".to_owned(),
        _ => format!("cannot create {}: {error}", paths::EXEC_SOCKET),
    })
}

fn events() -> (Events, mpsc::Receiver<Hint>) {
    Events::start().unwrap_or_else(|error| {
        // In the unit of the package this is always so: it allows no netlink sockets.
        tracing::debug!("no process events ({error}): the agent scans units ten times a second instead");
        no_events()
    })
}

fn no_events() -> (Events, mpsc::Receiver<Hint>) {
    (Events::default(), mpsc::channel(1).1)
}

/// Requires `session = "own"` of an agent without root. Its other entries were refused when the configuration was read.
fn serves_only_its_own(config: &Config) -> Result<(), String> {
    if config.serve.iter().any(|serve| serve.target == ServeTarget::OwnSession) {
        return Ok(());
    }
    Err("without root the agent serves only its own session: give it a file with `session = \"own\"` in its \
         [[serve]], by --config"
        .into())
}

async fn write_counted(context: &Context) {
    if let Err(error) = context.recorder.flush().await {
        tracing::error!("cannot record counted refusals: {error}");
    }
}

struct Running {
    started: Instant,
    status: watch::Sender<Arc<Status>>,
    context: Arc<Context>,
    /// The user of the hook's socket, and the task that answers there.
    hook: Option<(u32, JoinHandle<()>)>,
    registry: Registry,
    systemd: Systemd,
    connection: Connection,
    reload: Reload,
    /// The callers of `Reload` that wait for the configuration that is being read.
    reload_replies: Vec<ReloadReply>,
    is_root: bool,
    config: watch::Sender<Arc<Config>>,
    polkitd: watch::Sender<Option<context::Polkitd>>,
    health: Health,
    polkit_error: Option<String>,
    next_wake: Instant,
    ready: bool,
}

impl Running {
    /// One turn of the loop: ping the watchdog, scan, publish the status.
    async fn turn(&mut self) -> Result<(), String> {
        if self.systemd.watchdog_due() && self.health.pipeline_is_sound(&self.context).await {
            self.systemd.ping_watchdog();
        }
        if self.polkitd.borrow().is_none() {
            self.publish_status();
            return self.wake().await;
        }
        if let Some(change) = self.health.check_polkitd(&Authority::new(self.connection.clone())).await {
            tracing::warn!("{change}");
        }
        self.registry.scan();
        self.registry.scan_sessions().await;
        if !self.ready && self.registry.is_settled() {
            self.ready = true;
            self.systemd.ready();
            tracing::info!("ready");
        }
        self.publish_status();
        Ok(())
    }

    fn publish_status(&mut self) {
        let mut status = self.registry.status(self.started);
        (status.health, status.polkit_error) = (self.health.polkitd(), self.polkit_error.clone());
        (status.unfinished, status.last_unfinished) = self.context.readers.unfinished();
        status.not_served = self.context.unserved.count();
        let (registrations, entries) = (status.registrations, status.served.len());
        let line = match (status.health, &status.polkit_error) {
            (PolkitdHealth::Well, _) => format!("{registrations} processes registered, {entries} entries to serve"),
            (PolkitdHealth::Slow, _) => format!("polkitd does not respond; {registrations} processes registered"),
            (PolkitdHealth::Absent, Some(error)) => format!("waiting for polkitd: {error}"),
            (PolkitdHealth::Absent, None) => "waiting for polkitd".to_owned(),
        };
        self.systemd.status(&line);
        self.status.send_replace(Arc::new(status));
    }

    fn inspect(&mut self, pid: u32) {
        if self.polkitd.borrow().is_some() {
            self.registry.inspect(pid);
        }
    }

    /// Puts the whole new configuration in force, or keeps the whole old one, and tells the callers of `Reload`. If the configuration
    /// is read once more, they wait for that.
    fn reload(&mut self, loaded: Loaded) {
        let result = self.put_in_force(loaded);
        if let Err(error) = &result {
            tracing::error!("{error}: the old configuration stays in force");
        }
        // A caller that asks for the status after its reload gets the new one.
        self.publish_status();
        if self.reload.is_idle() {
            for reply in self.reload_replies.drain(..) {
                // Fails if the caller is gone.
                let _ = reply.send(result.clone());
            }
        }
    }

    fn put_in_force(&mut self, loaded: Loaded) -> Result<(), String> {
        for line in loaded.report.lines() {
            tracing::warn!("{line}");
        }
        match loaded.config {
            Some(config) if !self.is_root && serves_only_its_own(&config).is_err() => {
                Err("the new configuration does not serve the agent's own session".into())
            }
            Some(config) => {
                let config = Arc::new(config);
                let old = self.config.send_replace(Arc::clone(&config));
                self.context.state.set_config(&config);
                self.registry.scan_soon();
                tracing::info!("the new configuration is in force");
                self.log_advisories();
                for line in advisories::stale_grants(&old, &config) {
                    tracing::warn!("{line}");
                }
                Ok(())
            }
            None => Err("the new configuration has errors".into()),
        }
    }

    fn log_advisories(&self) {
        for note in advisories::of(&self.config.borrow()) {
            tracing::info!("{note}");
        }
    }
}

fn signals() -> std::io::Result<[Signal; 3]> {
    Ok([signal(SignalKind::hangup())?, signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?])
}
