//! What tells the process to stop.

use std::{future::pending, io};

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM or Ctrl-C.
pub(crate) async fn stop() {
    tokio::select! {
        () = terminated() => {}
        () = interrupted() => {}
    }
}

async fn terminated() {
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(error) => never("SIGTERM", &error).await,
    }
}

async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        never("Ctrl-C", &error).await;
    }
}

/// A signal that cannot be caught is one that does not come.
async fn never(signal: &str, error: &io::Error) {
    tracing::error!(signal, error = error as &dyn std::error::Error, "a signal cannot be caught");
    pending::<()>().await;
}
