//! Conversations over HTTP: `/c1`, sessions on `/v1`, and how they fail in each dialect.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use bytes::Bytes;
use dormouse_core::{
    Result,
    gateway::{Gateway, Ports},
    memory::MemoryRecords,
    ports::{ByteStream, HttpClient},
    settings::Settings,
};
use dormouse_testkit::fakes::TestHost;
use futures::{StreamExt, stream};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

const KEY: &str = "the key of a caller";

/// A provider that numbers its answers, and remembers what it was asked.
#[derive(Debug, Default)]
struct Provider {
    answers: AtomicUsize,
    asked: Mutex<Vec<Value>>,
}

#[async_trait]
impl HttpClient for Provider {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let streamed = body["stream"] == true;
        self.asked.lock().unwrap().push(body);
        let text = format!("answer {}", self.answers.fetch_add(1, Ordering::Relaxed) + 1);
        let usage = json!({ "prompt_tokens": 9, "completion_tokens": 2 });
        let (kind, body) = if streamed {
            let delta = json!({ "index": 0, "delta": { "content": text } });
            let begun = json!({ "id": "c", "model": "m", "choices": [delta] });
            let end = json!({ "index": 0, "delta": {}, "finish_reason": "stop" });
            let end = json!({ "choices": [end], "usage": usage });
            ("text/event-stream", format!("data: {begun}\n\ndata: {end}\n\ndata: [DONE]\n\n"))
        } else {
            let message = json!({ "role": "assistant", "content": text });
            let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
            let answer = json!({ "id": "c", "model": "m", "choices": [choice], "usage": usage });
            ("application/json", answer.to_string())
        };
        let body = stream::iter([Ok(Bytes::from(body))]).boxed();
        Ok(Response::builder().header("content-type", kind).body(body).unwrap())
    }
}

struct Bench {
    provider: Arc<Provider>,
    host: Arc<TestHost>,
    router: Router,
}

/// A response.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn conversation(&self) -> &str {
        self.header("x-conversation-id")
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Bench {
    fn new() -> Self {
        let host = Arc::new(TestHost::new());
        let provider = Arc::new(Provider::default());
        let settings = Settings::read(|name| match name {
            "DORMOUSE_API_KEY" => Some(KEY.to_owned()),
            "DORMOUSE_UPSTREAM" => Some("http://provider/v1".to_owned()),
            _ => None,
        });
        let ports = Ports {
            host: host.clone(),
            http: provider.clone(),
            records: Arc::new(MemoryRecords::new(host.clone())),
            models: None,
            blobs: None,
            tools: Default::default(),
        };
        let router = dormouse_http::router(Gateway::new(settings.unwrap(), ports).unwrap());
        Self { provider, host, router }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let (parts, body) = self.begin(method, path, headers, body).await.into_parts();
        let body = self.run(body.collect()).await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// The response as far as its headers.
    async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path).header("x-api-key", KEY);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.run(self.router.clone().oneshot(request)).await.unwrap()
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        self.host.run(work)
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], &Value::Null).await
    }

    async fn chat(&self, body: &Value) -> Reply {
        self.ask("POST", "/c1/chat", &[], body).await
    }

    /// What the provider was asked last.
    fn asked(&self) -> Value {
        self.provider.asked.lock().unwrap().last().unwrap().clone()
    }
}

fn contents(messages: &Value) -> Vec<&str> {
    messages.as_array().unwrap().iter().map(|it| it["content"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_first_answer_names_a_conversation_that_can_be_gone_on_with() {
    let bench = Bench::new();
    let first = bench.chat(&json!({ "model": "m", "message": "one", "system": "S" })).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.json()["choices"][0]["message"]["content"], "answer 1");
    let id = first.conversation().to_owned();
    assert!(id.starts_with("conv_"), "{first:?}");
    let parts = json!([{ "type": "text", "text": "two" }]);
    let second = json!({ "model": "m", "message": parts, "conversation_id": id, "stream": true });
    let second = bench.chat(&second).await;
    assert_eq!((second.status, second.conversation()), (200, id.as_str()));
    assert!(second.body.ends_with("data: [DONE]\n\n"), "{}", second.body);
    assert_eq!(contents(&bench.asked()["messages"]), ["S", "one", "answer 1", "two"]);
    assert_eq!(bench.asked().get("conversation_id"), None);

    let shown = bench.get(&format!("/c1/conversations/{id}")).await.json();
    assert_eq!(contents(&shown["messages"]), ["S", "one", "answer 1", "two", "answer 2"]);
    assert_eq!((&shown["title"], &shown["turns"]), (&json!("one"), &json!(2)));
    let receipt = bench.get(&format!("/v1/receipts/{}", second.header("x-dormouse-receipt"))).await;
    assert_eq!(receipt.json()["conversation"], id.as_str());

    let other = bench.chat(&json!({ "model": "m", "message": "other" })).await;
    assert_ne!(other.conversation(), id);
    let listed = bench.get("/c1/conversations?limit=1&offset=0").await.json();
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["has_more"]), (1, &json!(true)));
    let gone = bench.ask("DELETE", &format!("/c1/conversations/{id}"), &[], &Value::Null).await;
    assert_eq!(gone.json()["deleted"], true);
    assert_eq!(bench.get(&format!("/c1/conversations/{id}")).await.status, 404);
    let body = json!({ "model": "m", "message": "x", "conversation_id": id });
    assert_eq!(bench.chat(&body).await.json()["error"]["code"], "not_found");
}

#[tokio::test]
async fn an_archived_conversation_points_to_its_successor() {
    let bench = Bench::new();
    let first = bench.chat(&json!({ "model": "m", "message": "one" })).await;
    let old = first.conversation().to_owned();
    let compact = format!("/c1/conversations/{old}/compact");
    let compacted = bench.ask("POST", &compact, &[], &Value::Null).await;
    assert_eq!(compacted.status, 200, "{compacted:?}");
    let new = compacted.conversation().to_owned();
    assert_eq!(compacted.json()["lineage"]["predecessor"], old.as_str());
    assert!(!compacted.header("x-dormouse-receipt").is_empty());

    let place = format!("/c1/conversations/{new}");
    for (method, path, expected) in [
        ("GET", format!("/c1/conversations/{old}"), place.clone()),
        ("POST", compact, format!("{place}/compact")),
        ("POST", "/c1/chat".into(), format!("/c1/chat?conversation_id={new}")),
    ] {
        let body = json!({ "model": "m", "message": "two", "conversation_id": old });
        let moved = bench.ask(method, &path, &[], &body).await;
        assert_eq!((moved.status, moved.header("location")), (308, expected.as_str()), "{moved:?}");
        assert_eq!(moved.json()["error"]["code"], "conversation_archived");
        assert!(moved.body.contains(&new), "{}", moved.body);
        if path == "/c1/chat" {
            let followed = bench.ask(method, moved.header("location"), &[], &body).await;
            assert_eq!((followed.status, followed.conversation()), (200, new.as_str()));
        }
    }
    let archived = bench.get(&format!("/c1/conversations/{old}?archived=true")).await.json();
    assert_eq!(
        (&archived["archived"], &archived["lineage"]["successor"]),
        (&json!(true), &json!(new))
    );
    let session = [("x-session-id", old.as_str())];
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }] });
    let refused = bench.ask("POST", "/v1/chat/completions", &session, &body).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (409, &json!("conversation_archived"))
    );
}

#[tokio::test]
async fn a_session_goes_on_in_every_dialect_and_is_forgotten_by_its_name() {
    let bench = Bench::new();
    let said = |text: &str| json!([{ "role": "user", "content": text }]);
    let session = [("x-session-id", "my/session")];
    for (path, headers, body) in [
        ("/v1/chat/completions", &session[..], json!({ "model": "m", "messages": said("one") })),
        (
            "/v1/messages",
            &session[..],
            json!({ "model": "m", "max_tokens": 9, "messages": said("two") }),
        ),
        ("/v1/responses", &session[..], json!({ "model": "m", "input": "three" })),
        (
            "/v1/messages",
            &[],
            json!({ "model": "m", "max_tokens": 9, "messages": said("four"), "session_id": "my/session" }),
        ),
    ] {
        let reply = bench.ask("POST", path, headers, &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(reply.conversation().starts_with("conv_"), "{reply:?}");
        assert_eq!(bench.asked().get("session_id"), None);
    }
    let expected = ["one", "answer 1", "two", "answer 2", "three", "answer 3", "four"];
    assert_eq!(contents(&bench.asked()["messages"]), expected);
    let path = "/v1/sessions/my%2Fsession";
    assert_eq!(bench.ask("DELETE", path, &[], &Value::Null).await.json()["deleted"], true);
    assert_eq!(bench.ask("DELETE", path, &[], &Value::Null).await.status, 404);
}

#[tokio::test]
async fn who_comes_second_is_told_so_in_its_own_dialect() {
    let bench = Bench::new();
    let session = [("x-session-id", "a")];
    let said = json!([{ "role": "user", "content": "x" }]);
    let body = json!({ "model": "m", "stream": true, "messages": said });
    let first = bench.begin("POST", "/v1/chat/completions", &session, &body).await;
    assert!(first.headers().contains_key("x-conversation-id"));
    for (path, body, kind) in [
        ("/v1/chat/completions", json!({ "model": "m", "messages": said }), "conversation_busy"),
        (
            "/v1/messages",
            json!({ "model": "m", "max_tokens": 9, "messages": said }),
            "conversation_busy",
        ),
        ("/v1/responses", json!({ "model": "m", "input": "x" }), "conversation_busy"),
    ] {
        let refused = bench.ask("POST", path, &session, &body).await;
        assert_eq!((refused.status, refused.header("retry-after")), (409, "1"), "{refused:?}");
        assert!(refused.body.contains(kind) || path == "/v1/messages", "{refused:?}");
        assert_eq!(refused.json()["type"] == "error", path == "/v1/messages", "{refused:?}");
    }
    let mut body = first.into_body();
    while bench.run(body.frame()).await.is_some() {}
    let body = json!({ "model": "m", "messages": said });
    let free = bench.ask("POST", "/v1/chat/completions", &session, &body).await;
    assert_eq!(free.status, 200, "{free:?}");
}

#[tokio::test]
async fn what_is_missing_or_said_twice_is_named() {
    let bench = Bench::new();
    for (body, param) in [
        (json!({ "model": "m" }), "message"),
        (json!({ "model": "m", "message": 7 }), "message"),
        (json!({ "model": "m", "message": "x", "messages": [] }), "message"),
        (json!({ "model": "m", "message": "x", "session_id": "a" }), "session_id"),
        (json!({ "model": "m", "messages": [{ "role": "nobody" }] }), "messages[0].role"),
        (json!({ "model": "m", "message": "x", "conversation_id": 7 }), "conversation_id"),
    ] {
        let refused = bench.chat(&body).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert_eq!(refused.json()["error"]["param"], param, "{refused:?}");
    }
    for query in ["limit=0", "limit=101", "offset=10001"] {
        let refused = bench.get(&format!("/c1/conversations?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
    }
    assert!(bench.provider.asked.lock().unwrap().is_empty());
}
