//! Where things are. A packager's choices are compiled in: `make build SYSCONFDIR=…` sets these variables.

/// The folder of `agent.toml` and `agent.d`.
pub const CONFIG: &str = concat!(env!("PSA_SYSCONFDIR"), "/polkit-service-agent");
/// The folder of a distribution's own `agent.d`.
pub const VENDOR_CONFIG: &str = "/usr/lib/polkit-service-agent";
/// Where logind keeps its state.
pub const LOGIND: &str = "/run/systemd";
/// The daemon's run-time folder.
pub const RUN: &str = "/run/polkit-service-agent";
/// The socket that the hook asks over.
pub const HOOK_SOCKET: &str = "/run/polkit-service-agent/hook.sock";
/// The socket that `exec` asks over.
pub const EXEC_SOCKET: &str = "/run/polkit-service-agent/exec.sock";
