//! Serves one component; see the library's documentation.

use std::{io::Write, net::TcpListener, process::ExitCode};

use dormouse_spin_host::{engine, guest::Outside, options::Options, pool, serve};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dormouse-spin-host: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let options = Options::from_command_line()?;
    let engine = engine::new()?;
    let component = engine::load(&engine, &options.component, options.cache.as_deref())?;
    if options.compile {
        return Ok(());
    }
    let pool = pool::new(&engine, &component, Outside::new(&options))?;
    let listener = TcpListener::bind(options.listen)?;
    listener.set_nonblocking(true)?;
    println!("listening on http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve::forever(listener, pool))
}
