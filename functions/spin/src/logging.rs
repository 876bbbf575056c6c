//! Logs on standard error, which Spin keeps in a file for each component.

use std::io;

use dormouse_core::{
    Code, Error, Result,
    settings::{LogFormat, Settings},
};
use tracing_subscriber::{
    Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Starts logging as `settings` say, once for each instance.
pub(crate) fn start(settings: &Settings) -> Result<()> {
    let filter: Targets = settings
        .log
        .parse()
        .map_err(|error| Error::invalid("DORMOUSE_LOG", format!("DORMOUSE_LOG: {error}")))?;
    let lines = fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry();
    match settings.log_format {
        LogFormat::Text => registry.with(lines.with_ansi(false).with_filter(filter)).try_init(),
        LogFormat::Json | LogFormat::Auto => {
            registry.with(lines.json().flatten_event(true).with_filter(filter)).try_init()
        }
    }
    .map_err(|error| Error::new(Code::Internal, "logging is already started").caused_by(error))
}
