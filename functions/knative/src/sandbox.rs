//! `dormouse sandbox serve`: runs programs for gateways elsewhere.

use dormouse_core::{Result, settings::Settings};
use dormouse_wiring::SandboxHere;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    connections::{self, HEAD_WITHIN},
    serve::{listen, say, threads},
    signals,
};

/// Serves until SIGTERM or Ctrl-C, then lets running programs end.
pub(crate) async fn serve(settings: Settings) -> Result<()> {
    dormouse_wiring::start_logging(&settings)?;
    let SandboxHere { sandbox, host, runs } = SandboxHere::of(&settings)?;
    let patience = settings.drain_timeout;
    let (listener, address) = listen(&settings.listen).await?;
    let threads = threads()?;
    let router = dormouse_http::sandbox_router(sandbox, host, settings, runs)?;
    say(&format!("The sandbox listens on http://{address}"))?;
    let (stopping, stopped) = oneshot::channel();
    let told = async {
        signals::stop().await;
        tracing::info!("stopping: no new programs, running ones may end");
        // The receiver is only gone when the server has ended already.
        let _ = stopping.send(());
    };
    let enough = async {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
        // A second signal is as good as the end of the wait. Programs that still run end with their line here.
        drop(timeout(patience, signals::stop()).await);
    };
    tokio::select! {
        () = connections::serve(listener, &threads, router, HEAD_WITHIN, told) => {}
        () = enough => {}
    }
    Ok(())
}
