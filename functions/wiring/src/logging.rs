//! Structured logs on standard error.

use std::io::{self, IsTerminal};

use dormouse_core::{
    Error, Result,
    settings::{LogFormat, Settings},
};
use dormouse_log::json_lines;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging as `settings` say. Call it once, before anything is logged.
pub fn start_logging(settings: &Settings) -> Result<()> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|error| Error::invalid("DORMOUSE_LOG", format!("DORMOUSE_LOG: {error}")))?;
    let text = match settings.log_format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let started = if text {
        let colours = io::stderr().is_terminal();
        registry.with(fmt::layer().with_writer(io::stderr).with_ansi(colours)).try_init()
    } else {
        registry.with(json_lines(io::stderr)).try_init()
    };
    log_panics();
    started.map_err(|error| {
        Error::new(dormouse_core::Code::Internal, "logging is already started").caused_by(error)
    })
}

/// A panic ends one request, not the process; what it said must not be lost.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, message = panic.payload_as_str().unwrap_or_default(), "panic");
    }));
}
