//! `dormouse`: the gateway as a long-running server, for a laptop, a container or Knative.

mod agents;
mod ask;
mod check;
mod client;
mod command_line;
mod connections;
mod discover;
mod first_key;
mod models;
mod runs;
mod sandbox;
mod serve;
mod signals;
mod steps;
mod threads;
mod tools;
mod unread;

use std::{env, io::Write, process::ExitCode};

use command_line::Command;
use dormouse_core::Result;
use mimalloc::MiMalloc;

/// A request allocates several hundred times; with glibc's allocator it takes a fifth more processor time
/// (`BENCHMARKS.md`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // Before there are threads: the helper of the sandbox must be alone in its process.
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() == Some("sandbox") && arguments.next().as_deref() == Some("exec")
    {
        return dormouse_wiring::sandbox_exec(arguments);
    }
    match run() {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to do if even standard error is gone.
            let _ = writeln!(std::io::stderr(), "dormouse: {}", error.message());
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run() -> Result<ExitCode> {
    match command_line::parse()? {
        Command::Serve(settings) => serve::serve(settings).await?,
        Command::Sandbox(settings) => sandbox::serve(settings).await?,
        Command::Models(client, act) => models::run(&client, &act).await?,
        Command::Runs(client, act) => runs::run(&client, &act).await?,
        Command::Tools(client, act) => tools::run(&client, &act).await?,
        Command::Agents(client) => agents::run(&client).await?,
        Command::Ask { settings, question } => ask::ask(settings, &question).await?,
        Command::Check(settings) => return check::check(&settings),
        Command::Schema { of_agents } => return check::schema(of_agents),
    }
    Ok(ExitCode::SUCCESS)
}
