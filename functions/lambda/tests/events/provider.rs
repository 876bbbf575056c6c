//! A provider that speaks one piece of a streamed answer each time it is told to.

use std::{convert::Infallible, sync::Arc};

use axum::{Router, body::Body, extract::State, response::Response, routing::post};
use futures::stream;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};

/// The words of every answer, each its own piece.
pub(crate) const WORDS: [&str; 3] = ["one ", "two ", "three"];

/// The running provider.
pub(crate) struct Provider {
    pub(crate) base_url: String,
    state: Arc<Gates>,
    server: JoinHandle<()>,
}

struct Gates {
    /// One permit for each piece that may be sent.
    pieces: Semaphore,
    /// One permit for each request that has arrived.
    arrivals: Semaphore,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let gates = Gates { pieces: Semaphore::new(0), arrivals: Semaphore::new(0) };
        let state = Arc::new(gates);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/v1/chat/completions", post(answer))
            .with_state(Arc::clone(&state));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base_url, state, server }
    }

    /// Lets `count` further pieces out, whoever waits for them.
    pub(crate) fn release(&self, count: usize) {
        self.state.pieces.add_permits(count);
    }

    /// Waits for `count` requests that no earlier call has seen.
    pub(crate) async fn asked(&self, count: u32) {
        self.state.arrivals.acquire_many(count).await.unwrap().forget();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(gates): State<Arc<Gates>>) -> Response {
    gates.arrivals.add_permits(1);
    let words = WORDS.iter().map(|word| {
        let delta = serde_json::json!({"content": word});
        format!("data: {}\n\n", chunk(&delta, None))
    });
    let end = chunk(&serde_json::json!({}), Some("stop"));
    let usage = serde_json::json!({
        "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
        "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6},
    });
    let last = format!("data: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n");
    // The end needs no permit of its own: it comes with the last word.
    let pieces: Vec<_> = words.map(|word| (word, true)).chain([(last, false)]).collect();
    let body = stream::unfold((gates, pieces.into_iter()), async |(gates, mut pieces)| {
        let (piece, gated) = pieces.next()?;
        if gated {
            gates.pieces.acquire().await.ok()?.forget();
        }
        Some((Ok::<_, Infallible>(piece), (gates, pieces)))
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(Body::from_stream(body))
        .unwrap()
}

fn chunk(delta: &serde_json::Value, finish_reason: Option<&str>) -> serde_json::Value {
    serde_json::json!({
        "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    })
}
