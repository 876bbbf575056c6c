//! `dormouse`: the gateway as a long-running server, for a laptop, a container or Knative.

mod ask;
mod check;
mod command_line;
mod connections;
mod discover;
mod first_key;
mod models;
mod serve;
mod signals;

use std::{io::Write, process::ExitCode};

use command_line::Command;
use dormouse_core::Result;

fn main() -> ExitCode {
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
        Command::Models(order) => models::run(&order).await?,
        Command::Ask { settings, question } => ask::ask(settings, &question).await?,
        Command::Check(settings) => return check::check(&settings),
        Command::Schema { of_agents } => return check::schema(of_agents),
    }
    Ok(ExitCode::SUCCESS)
}
