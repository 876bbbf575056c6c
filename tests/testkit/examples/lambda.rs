//! Serves a function on loopback, as AWS Lambda behind a function URL would, until Ctrl-C.
//!
//! `cargo run -p dormouse-testkit --features servers --example lambda -- BINARY [INSTANCES]`
//!
//! The function gets the `DORMOUSE_*` variables of this process.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::{env, io, path::PathBuf};

use dormouse_testkit::lambda::{Emulator, EventKind};

const INSTANCES: usize = 4;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let Some(binary) = arguments.next().map(PathBuf::from) else {
        return Err(io::Error::other("name the function's binary"));
    };
    let instances = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(INSTANCES);
    let settings: Vec<_> = env::vars().filter(|(name, _)| name.starts_with("DORMOUSE_")).collect();
    let function =
        Emulator::start(&binary.canonicalize()?, &settings, EventKind::FunctionUrl, instances)
            .await?;
    println!("{} is served at {}", binary.display(), function.base_url());
    // Ends when whoever started it closes its standard input, or presses Ctrl-C.
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    eprint!("{}", function.logs());
    Ok(())
}
