//! What a scripted provider remembers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use tokio::sync::watch;

use super::form;

/// A request that the provider received.
#[derive(Debug)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Bytes,
    name: String,
    closed: watch::Receiver<Option<Instant>>,
}

impl Received {
    pub(super) fn new(
        method: Method,
        path: String,
        headers: HeaderMap,
        body: Bytes,
        closed: watch::Receiver<Option<Instant>>,
    ) -> Self {
        let model = serde_json::from_slice::<Value>(&body).ok();
        let model = model.and_then(|body| body.get("model")?.as_str().map(str::to_owned));
        let model = model.or_else(|| form::model_in_path(&path).map(str::to_owned));
        let name = model.unwrap_or_else(|| path.clone());
        Self { method, path, headers, body, name, closed }
    }

    /// What was asked for: the model, or else the path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Waits until the connection on which the request came was closed by the other side, and returns
    /// when that was.
    pub async fn closed(&self) -> Instant {
        let mut closed = self.closed.clone();
        let told = closed.wait_for(Option::is_some).await;
        // Without a sender the provider itself is gone, and its connections with it.
        told.ok().and_then(|moment| *moment).unwrap_or_else(Instant::now)
    }

    /// Whether the connection on which the request came is still open.
    pub fn is_open(&self) -> bool {
        self.closed.borrow().is_none()
    }
}

/// Every request, in the order of arrival, and how many of them the test has been told of.
#[derive(Debug)]
pub(super) struct Log {
    requests: Mutex<Vec<(Arc<Received>, bool)>>,
    count: watch::Sender<usize>,
}

impl Default for Log {
    fn default() -> Self {
        Self { requests: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl Log {
    pub(super) fn add(&self, request: Arc<Received>) {
        self.with(|requests| requests.push((request, false)));
        self.count.send_modify(|count| *count += 1);
    }

    /// The first request for `name` that was not returned before.
    pub(super) async fn next(&self, name: &str) -> Arc<Received> {
        let mut changes = self.count.subscribe();
        loop {
            let found = self.with(|requests| {
                let fresh = requests.iter_mut().find(|(it, told)| !told && it.name() == name)?;
                fresh.1 = true;
                Some(Arc::clone(&fresh.0))
            });
            if let Some(request) = found {
                return request;
            }
            // The sender lives as long as the log.
            let _ = changes.changed().await;
        }
    }

    pub(super) async fn reaches(&self, name: &str, wanted: usize) {
        let mut changes = self.count.subscribe();
        while self.count(name) < wanted {
            // The sender lives as long as the log.
            let _ = changes.changed().await;
        }
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.with(|requests| requests.iter().filter(|(it, _)| it.name() == name).count())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<(Arc<Received>, bool)>) -> T) -> T {
        work(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
