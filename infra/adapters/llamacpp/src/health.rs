//! Asks a server whether it is ready, and for how many.

use std::time::Duration;

use bytes::Bytes;
use dormouse_core::ports::HttpClient;
use futures::StreamExt;
use http::{Request, StatusCode};
use serde_json::Value;
use tokio::time::{sleep, timeout};

/// One question may take so long: a loading server may accept a connection and say nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause between two questions starts short, for small models, and grows.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// What is read of an answer. llama-server's `/props` holds the chat template.
const MAX_BYTES: usize = 1 << 20;

/// A server on a loopback port.
#[derive(Debug)]
pub(crate) struct Health<'a> {
    pub(crate) http: &'a dyn HttpClient,
    pub(crate) port: u16,
}

impl Health<'_> {
    /// Returns when the server answers `GET /health` with 200, or `GET /v1/models` if it does not know
    /// the former. llama-server answers 503 while it loads the model.
    pub(crate) async fn arrive(&self) {
        let mut pause = FIRST_PAUSE;
        while !self.is_healthy().await {
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    async fn is_healthy(&self) -> bool {
        match self.status("/health").await {
            Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
                self.status("/v1/models").await == Some(StatusCode::OK)
            }
            status => status == Some(StatusCode::OK),
        }
    }

    /// How many numbered slots the server has: what llama-server says in `/props`, or else the length
    /// of its `/slots`. `None`: it does not say.
    pub(crate) async fn slots(&self) -> Option<u32> {
        let props = self.json("/props").await;
        let told = props.as_ref().and_then(|it| it.get("total_slots")).and_then(Value::as_u64);
        let slots = match told {
            Some(slots) => slots,
            None => u64::try_from(self.json("/slots").await?.as_array()?.len()).ok()?,
        };
        u32::try_from(slots).ok().filter(|slots| *slots > 0)
    }

    async fn status(&self, path: &str) -> Option<StatusCode> {
        let request = self.http.send(self.question(path)?);
        // Not there yet, or not listening: both are asked again.
        Some(timeout(PATIENCE, request).await.ok()?.ok()?.status())
    }

    async fn json(&self, path: &str) -> Option<Value> {
        timeout(PATIENCE, async {
            let answer = self.http.send(self.question(path)?).await.ok()?;
            if answer.status() != StatusCode::OK {
                return None;
            }
            let (mut body, mut read) = (answer.into_body(), Vec::new());
            while let Some(bytes) = body.next().await {
                read.extend_from_slice(&bytes.ok()?);
                if read.len() > MAX_BYTES {
                    return None;
                }
            }
            serde_json::from_slice(&read).ok()
        })
        .await
        .ok()?
    }

    fn question(&self, path: &str) -> Option<Request<Bytes>> {
        Request::get(format!("http://127.0.0.1:{}{path}", self.port)).body(Bytes::new()).ok()
    }
}
