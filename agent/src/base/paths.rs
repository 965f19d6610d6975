//! The paths of the agent. The choices of a packager are compiled in: `make build SYSCONFDIR=…` sets these variables.

/// The folder of `agent.toml` and `agent.d`.
pub const CONFIG: &str = concat!(env!("PSA_SYSCONFDIR"), "/polkit-service-agent");
/// The folder of the distribution's `agent.d`.
pub const VENDOR_CONFIG: &str = "/usr/lib/polkit-service-agent";
/// The folder of logind's state files.
pub const LOGIND: &str = "/run/systemd";
/// The runtime folder of the daemon.
pub const RUN: &str = "/run/polkit-service-agent";
/// The socket for hook requests.
pub const HOOK_SOCKET: &str = "/run/polkit-service-agent/hook.sock";
/// The socket for `exec`.
pub const EXEC_SOCKET: &str = "/run/polkit-service-agent/exec.sock";
