//! `polkit-service-agent`.
#![forbid(unsafe_code)]

use std::{path::Path, process::ExitCode};

use clap::Parser;
use polkit_config::output;
use polkit_service_agent::{
    base::{blocking, log, paths, reader, terminal},
    cli::{
        approve,
        args::{Cli, Command, ConfigFile},
        check, decisions, enable, exec, status, test,
    },
    config::{Config, Origin, STDIN, load},
    daemon,
    kernel::subject::slow_facts,
    register::{pid_file, session_helper},
};
use tokio::runtime::{Builder, Runtime};

/// Something that the agent needs cannot be reached.
const CANNOT_REACH: u8 = 3;
/// The configuration has errors (EX_CONFIG of sysexits.h). The unit does not restart the agent then. `check` reports that by 1.
const BROKEN: u8 = 78;

fn main() -> ExitCode {
    // The agent's own children. They are not for users, so they are not part of the command line.
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(command), Some(scope)) if command == session_helper::COMMAND => {
            return session_helper::run(Path::new(&scope));
        }
        (Some(command), None) if command == reader::COMMAND => {
            return reader::run(|request, folder| {
                pid_file::report(request).or_else(|| Some(slow_facts::report(request, folder?)))
            });
        }
        _ => {}
    }
    let code = command(Cli::parse().command);
    match output::failure() {
        Some(failure) => {
            terminal::error(&failure);
            CANNOT_REACH.into()
        }
        None => code,
    }
}

fn command(command: Command) -> ExitCode {
    match command {
        Command::Run(file) => run(origin(file)),
        Command::Exec { command } => exec::run(Path::new(paths::EXEC_SOCKET), &command),
        Command::Status { json } => ask(status::run(json)),
        Command::Pending { approved, json } => ask(approve::pending(approved, json)),
        Command::Approve { id, length } => ask(approve::approve(&id, length)),
        Command::Deny { id } => ask(approve::deny(&id)),
        Command::Decisions(shown) => decisions::run(&shown),
        Command::Enable(asked) => enable::enable(&asked),
        Command::Disable(asked) => enable::disable(&asked),
        Command::Check(asked) => ask(check::run(&origin(asked.config), asked.quiet)),
        Command::Test(asked) => {
            let file = ConfigFile { config: asked.config.config.clone() };
            test::run(&origin(file), &asked)
        }
    }
}

fn ask(command: impl Future<Output = ExitCode>) -> ExitCode {
    match runtime() {
        Ok(runtime) => runtime.block_on(command),
        Err(why) => {
            terminal::error(&why);
            CANNOT_REACH.into()
        }
    }
}

fn origin(file: ConfigFile) -> Origin {
    file.config.map_or(Origin::Host, Origin::File)
}

fn run(origin: Origin) -> ExitCode {
    log::start("polkit-service-agent", "POLKIT_SERVICE_AGENT_LOG");
    if origin == Origin::File(STDIN.into()) {
        terminal::error("`run` reads its configuration again on a reload: name a file, not standard input");
        return BROKEN.into();
    }
    let loaded = load(&origin);
    terminal::report(&loaded.report);
    let Some(config) = loaded.config else {
        terminal::error("the configuration has errors: not started");
        // A user database that does not answer can answer later.
        let code = if loaded.report.has_only_temporary_errors() { CANNOT_REACH } else { BROKEN };
        return code.into();
    };
    match serve(origin, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            terminal::error(&why);
            CANNOT_REACH.into()
        }
    }
}

fn serve(origin: Origin, config: Config) -> Result<(), String> {
    let runtime = runtime()?;
    let ended = runtime.block_on(daemon::run::run(origin, config));
    // Does not wait for a thread that hangs in the user database.
    runtime.shutdown_background();
    ended
}

fn runtime() -> Result<Runtime, String> {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(blocking::THREADS).build();
    runtime.map_err(|error| format!("cannot start the runtime: {error}"))
}
