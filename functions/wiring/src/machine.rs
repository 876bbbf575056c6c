//! What a gateway sets going beside its requests.

use std::time::Duration;

use dormouse_host::NativeHost;

use crate::models::Models;

/// How long bookings may take at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Model servers and background tasks, which must not outlive the gateway nor end half done.
#[derive(Debug)]
pub struct Machine {
    pub(crate) models: Models,
    pub(crate) host: NativeHost,
}

impl Machine {
    /// Stops the model servers and lets tasks end. Returns when nothing is left.
    pub async fn stop(&self) {
        self.models.shutdown().await;
        self.host.finish(PATIENCE).await;
    }
}
