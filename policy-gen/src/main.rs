//! The program `polkit-policy-gen`.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use polkit_policy_gen::cli::{Cli, Command};
use polkit_policy_gen::command;

fn main() -> ExitCode {
    let cli = Cli::parse();
    polkit_config::log::start("polkit-policy-gen", "POLKIT_POLICY_GEN_LOG");
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}"), 3),
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Generate(options) => command::generate::run(&options).await,
            Command::Install(options) => command::install::run(&options).await,
            Command::Diff(options) => command::diff::run(&options).await,
            Command::List(options) => command::list::run(&options),
            Command::Libvirt(options) => command::libvirt::run(&options),
            Command::Recipe(options) => command::recipe::run(&options),
            Command::Sets(options) => command::sets::run(&options),
            Command::Actions(options) => command::actions::run(&options).await,
            Command::Remove(options) => command::remove::run(&options),
            Command::Check(options) => command::check::run(&options).await,
            Command::Who(options) => command::who::run(&options).await,
            Command::Convert(options) => command::convert::run(&options).await,
            Command::Explain(options) => command::explain::run(&options).await,
            Command::Doctor(options) => command::doctor::run(&options).await,
            Command::Trace(options) => command::trace::run(&options).await,
            Command::Enable(options) => command::enable::run(&options).await,
            Command::Disable(options) => command::enable::take_back(&options).await,
        }
    });
    match done {
        Ok(code) => match polkit_config::output::failure() {
            Some(failure) => fail(&failure, 3),
            None => ExitCode::from(code),
        },
        Err(failure) => fail(&failure.to_string(), failure.code()),
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    // If standard error is closed, the message is lost.
    let _ = writeln!(std::io::stderr(), "{}", message.trim_end());
    ExitCode::from(code)
}
