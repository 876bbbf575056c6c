//! A client of the gateway, as plain as curl.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{host::Running, sse::Events, stage::within};

/// A gateway, and a key to it.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    base: String,
    key: String,
    running: Arc<Mutex<Running>>,
}

/// A whole response.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
}

impl Gateway {
    /// The gateway at `base`.
    pub(crate) fn new(base: String, key: &str, running: Arc<Mutex<Running>>) -> Self {
        Self { base, key: key.to_owned(), running }
    }

    /// The same gateway, with another key.
    #[must_use]
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// The same key, at another gateway.
    #[must_use]
    pub(crate) fn at(&self, other: &Self) -> Self {
        Self { key: self.key.clone(), ..other.clone() }
    }

    /// The key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Its base URL.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// A request without credentials.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        client().request(method, format!("{}{path}", self.base))
    }

    /// A request with the key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(&self.key)
    }

    /// `GET path`.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path)).await
    }

    /// `POST path`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request(Method::POST, path).json(body)).await
    }

    /// A request for a chat completion.
    pub(crate) fn chat_request(&self, body: &Value) -> RequestBuilder {
        self.request(Method::POST, "/v1/chat/completions").json(body)
    }

    /// Asks for a chat completion and reads all of the answer.
    pub(crate) async fn chat(&self, body: &Value) -> Reply {
        Reply::of(self.chat_request(body)).await
    }

    /// Asks for a streamed chat completion, which must begin well.
    pub(crate) async fn stream(&self, body: &Value) -> Events {
        let response = within("headers", self.chat_request(body).send()).await.unwrap();
        assert_eq!(response.status(), 200, "{}", self.output().await);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events::of(response)
    }

    /// Makes a key with a budget in dollars. Returns its id, and the gateway with that key.
    pub(crate) async fn key_with_budget(&self, budget: &str) -> (String, Self) {
        let reply = self.post("/v1/keys", &json!({ "tenant": "acme", "budget": budget })).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let key = reply.json();
        let text = key["key"].as_str().expect("a new key shows its text");
        (key["id"].as_str().expect("an id").to_owned(), self.with_key(text))
    }

    /// The state of a key's budget, as an administrator sees it.
    pub(crate) async fn budget(&self, key: &str) -> Value {
        self.get(&format!("/v1/keys/{key}")).await.ok()["budget"].clone()
    }

    /// Asks again and again until `look` finds something in what is at `path`: for what happens by
    /// itself and tells nobody.
    pub(crate) async fn until<T>(&self, path: &str, look: impl Fn(&Value) -> Option<T>) -> T {
        within(path, async {
            loop {
                if let Some(found) = look(&self.get(path).await.json()) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }

    /// What it has printed.
    pub(crate) async fn output(&self) -> String {
        self.running.lock().await.output()
    }

    /// Waits until it has printed `text`.
    pub(crate) async fn printed(&self, text: &str) {
        within(&format!("{text:?} in the log"), async {
            while !self.output().await.contains(text) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    /// Tells the function that it has so long for each event.
    pub(crate) async fn allow(&self, time: Duration) {
        self.running.lock().await.allow(time);
    }

    /// Kills it with SIGKILL.
    pub(crate) async fn kill(&self) {
        self.running.lock().await.kill().await;
    }
}

impl Reply {
    /// The response to `request`.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        within("a response", async {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Self { status, headers, body: response.bytes().await.unwrap() }
        })
        .await
    }

    /// The body as JSON; `null` if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as JSON of a response that must be a success.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// The error in OpenAI's shape that must be in the body of a response with `status`.
    pub(crate) fn error(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        let error = self.json()["error"].clone();
        assert!(error["message"].is_string(), "{self:?}");
        assert!(error["type"].is_string(), "{self:?}");
        assert!(error.get("param").is_some(), "{self:?}");
        assert!(error.get("code").is_some(), "{self:?}");
        error
    }

    /// A header's text; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// How long `work` takes.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let before = Instant::now();
    (work.await, before.elapsed())
}

/// A request for a chat completion, whole.
pub(crate) fn ask(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hello there" }] })
}

/// A request for a chat completion, streamed.
pub(crate) fn ask_streamed(model: &str) -> Value {
    let mut body = ask(model);
    body["stream"] = json!(true);
    body
}

/// One client for all: its connections are made anew for each request, so that no test depends on
/// another's.
fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        dormouse_testkit::process::use_ring();
        Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client")
    })
}
