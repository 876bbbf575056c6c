//! Anthropic's messages over HTTP: routes, shapes and errors.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation is a failed test")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    gateway::{Gateway, Ports},
    memory::MemoryRecords,
    ports::{ByteStream, HttpClient},
    settings::Settings,
};
use dormouse_testkit::fakes::TestHost;
use futures::{FutureExt, StreamExt, stream};
use http::{HeaderMap, Request, Response, StatusCode, header::RETRY_AFTER};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

const KEY: &str = "the key of a caller";

/// A provider that answers as told, once each, and remembers what it was asked.
#[derive(Debug, Default)]
struct Provider {
    answers: Mutex<VecDeque<(u16, String)>>,
    asked: Mutex<Vec<(String, Value)>>,
}

#[async_trait]
impl HttpClient for Provider {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        self.asked.lock().unwrap().push((request.uri().path().to_owned(), body));
        let answer = self.answers.lock().unwrap().pop_front();
        let (status, body) =
            answer.ok_or_else(|| Error::new(Code::UpstreamUnreachable, "nobody is there"))?;
        let kind = if body.starts_with("data:") { "text/event-stream" } else { "application/json" };
        let body = stream::iter([Ok(Bytes::from(body))]).boxed();
        Ok(Response::builder().status(status).header("content-type", kind).body(body).unwrap())
    }
}

struct Bench {
    provider: Arc<Provider>,
    host: Arc<TestHost>,
    router: Router,
}

impl Bench {
    fn new(answers: &[(u16, &str)]) -> Self {
        let host = Arc::new(TestHost::new());
        let provider = Arc::new(Provider::default());
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned()));
        *provider.answers.lock().unwrap() = answers.collect();
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

    /// The answer to a request with the key, as Claude Code shows it.
    async fn ask(&self, method: &str, path: &str, body: &Value) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-api-key", KEY)
            .header("anthropic-version", "2023-06-01")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let mut answered = Box::pin(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            (parts, body.collect().await.unwrap().to_bytes())
        });
        // What the gateway does behind the answer runs beside it.
        for _ in 0..1000 {
            if let Some((parts, body)) = (&mut answered).now_or_never() {
                return (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap());
            }
            self.host.run_spawned().await;
        }
        panic!("no answer")
    }

    fn asked(&self) -> Vec<String> {
        self.provider.asked.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

fn hello() -> Value {
    json!({ "model": "claude-x", "max_tokens": 9, "messages": [{ "role": "user", "content": "Hello" }] })
}

/// A chat completion, whole and streamed.
const WHOLE: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;
const STREAM: &str = "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn a_message_is_answered_whole_and_in_a_stream() {
    let bench = Bench::new(&[(200, WHOLE), (200, STREAM)]);
    let (status, headers, body) = bench.ask("POST", "/v1/messages?beta=true", &hello()).await;
    assert_eq!(status, 200, "{body}");
    assert!(headers.contains_key("x-dormouse-receipt"));
    let message = parsed(&body);
    assert_eq!(message["model"], "claude-x");
    assert_eq!(message["content"], json!([{ "type": "text", "text": "Hi" }]));
    assert_eq!(message["usage"]["input_tokens"], 9);

    let mut streamed = hello();
    streamed["stream"] = json!(true);
    let (_, headers, body) = bench.ask("POST", "/v1/messages", &streamed).await;
    assert_eq!(headers["content-type"], "text/event-stream");
    let names: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let expected = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, expected, "{body}");
    assert_eq!(bench.asked(), ["/v1/chat/completions", "/v1/chat/completions"]);
}

#[tokio::test]
async fn t_33_errors_speak_the_dialect_of_the_route() {
    let overloaded =
        r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#;
    let bench = Bench::new(&[(503, overloaded), (429, r#"{"error":{"message":"slow down"}}"#)]);
    let (status, headers, body) = bench.ask("POST", "/v1/messages", &hello()).await;
    assert_eq!(status.as_u16(), 529, "{body}");
    assert_eq!(headers[RETRY_AFTER], "1");
    let error = parsed(&body);
    assert_eq!(
        (&error["type"], &error["error"]["type"]),
        (&json!("error"), &json!("overloaded_error"))
    );
    assert_eq!(error["error"]["message"], "Loading model");
    assert_eq!(error["request_id"], headers["x-correlation-id"].to_str().unwrap());

    let (status, _, body) = bench.ask("POST", "/v1/messages", &hello()).await;
    assert_eq!(
        (status.as_u16(), &parsed(&body)["error"]["type"]),
        (429, &json!("rate_limit_error"))
    );

    let (status, _, body) = bench.ask("POST", "/v1/messages", &json!({ "messages": [] })).await;
    assert_eq!(
        (status.as_u16(), &parsed(&body)["error"]["type"]),
        (400, &json!("invalid_request_error"))
    );
    assert_eq!(parsed(&body)["error"]["details"]["param"], "messages");

    let bare = Request::post("/v1/messages").body(Body::from(hello().to_string())).unwrap();
    let (status, _, body) = bench.send(bare).await;
    assert_eq!(
        (status.as_u16(), &parsed(&body)["error"]["type"]),
        (401, &json!("authentication_error"))
    );
}

#[tokio::test]
async fn t_32_tokens_are_counted_by_whoever_would_answer() {
    let bench = Bench::new(&[(200, r#"{"input_tokens":41,"object":"response.input_tokens"}"#)]);
    let (status, headers, body) =
        bench.ask("POST", "/v1/messages/count_tokens?beta=true", &hello()).await;
    assert_eq!((status.as_u16(), parsed(&body)), (200, json!({ "input_tokens": 41 })));
    assert_eq!(headers["x-dormouse-token-source"], "counted");
    assert_eq!(bench.asked(), ["/v1/chat/completions/input_tokens"]);

    let bench = Bench::new(&[(404, ""), (200, r#"{"input_tokens":22}"#)]);
    let (_, _, body) = bench.ask("POST", "/v1/messages/count_tokens", &hello()).await;
    assert_eq!(parsed(&body), json!({ "input_tokens": 22 }));
    let asked = bench.provider.asked.lock().unwrap();
    assert_eq!(asked[1].0, "/v1/messages/count_tokens");
    assert_eq!(asked[1].1.get("max_tokens"), None, "it says how to answer, not what to read");
}

#[tokio::test]
async fn a_provider_that_cannot_count_is_not_asked_again_and_the_answer_says_so() {
    let bench = Bench::new(&[(404, ""), (501, ""), (404, "")]);
    for _ in 0..3 {
        let (status, headers, body) =
            bench.ask("POST", "/v1/messages/count_tokens", &hello()).await;
        assert_eq!((status.as_u16(), parsed(&body)), (200, json!({ "input_tokens": 2 })));
        assert_eq!(headers["x-dormouse-token-source"], "estimated");
    }
    let tried =
        ["/v1/chat/completions/input_tokens", "/v1/messages/count_tokens", "/apply-template"];
    assert_eq!(bench.asked(), tried);
    bench.host.advance(std::time::Duration::from_secs(601));
    bench.provider.answers.lock().unwrap().extend([404, 404, 404].map(|it| (it, String::new())));
    bench.ask("POST", "/v1/messages/count_tokens", &hello()).await;
    assert_eq!(bench.asked().len(), 6);

    let bare = Request::post("/v1/messages/count_tokens").body(Body::from(hello().to_string()));
    assert_eq!(bench.send(bare.unwrap()).await.0, 401);
}

#[tokio::test]
async fn t_32_where_a_server_shows_its_prompts_their_tokens_are_counted() {
    let (prompt, tokens) = (r#"{"prompt":"<s>Hello"}"#, r#"{"tokens":[1,5,6]}"#);
    let bench = Bench::new(&[
        (404, ""),
        (404, ""),
        (200, prompt),
        (200, tokens),
        (200, prompt),
        (200, tokens),
    ]);
    for _ in 0..2 {
        let (_, headers, body) = bench.ask("POST", "/v1/messages/count_tokens", &hello()).await;
        assert_eq!(parsed(&body), json!({ "input_tokens": 3 }));
        assert_eq!(headers["x-dormouse-token-source"], "counted");
    }
    assert_eq!(
        bench.asked()[2..],
        ["/apply-template", "/tokenize", "/apply-template", "/tokenize"]
    );
    {
        let asked = bench.provider.asked.lock().unwrap();
        assert_eq!(asked[2].1["messages"], json!([{ "role": "user", "content": "Hello" }]));
        let expected = json!({ "content": "<s>Hello", "add_special": true, "parse_special": true });
        assert_eq!(asked[3].1, expected);
    }
    // A picture is no part of the prompt that is shown.
    let mut seen = hello();
    let source = json!({ "type": "base64", "media_type": "image/png", "data": "AAAA" });
    seen["messages"][0]["content"] = json!([{ "type": "image", "source": source }]);
    let (_, headers, _) = bench.ask("POST", "/v1/messages/count_tokens", &seen).await;
    assert_eq!(headers["x-dormouse-token-source"], "estimated");
    assert_eq!(bench.asked().len(), 6);
}

#[tokio::test]
async fn t_38_models_have_the_shape_of_who_asks() {
    let list = r#"{"object":"list","data":[{"id":"claude-mouse","created":86400},{"id":"b"}]}"#;
    let bench = Bench::new(&[(200, list), (200, list), (200, list)]);
    let (_, _, body) = bench.ask("GET", "/v1/models?limit=1", &Value::Null).await;
    let expected = json!({
        "type": "model",
        "id": "claude-mouse",
        "display_name": "claude-mouse",
        "created_at": "1970-01-02T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": null,
        "max_tokens": null,
    });
    let page = json!({ "data": [expected], "has_more": true, "first_id": "claude-mouse", "last_id": "claude-mouse" });
    assert_eq!(parsed(&body), page);
    let (_, _, body) = bench.ask("GET", "/v1/models/claude-mouse", &Value::Null).await;
    assert_eq!(parsed(&body), expected);
    let plain = Request::get("/v1/models").header("x-api-key", KEY).body(Body::empty()).unwrap();
    assert_eq!(parsed(&bench.send(plain).await.2)["object"], "list");
}

#[tokio::test]
async fn who_asks_whether_anyone_is_there_needs_no_key() {
    let bench = Bench::new(&[]);
    for (method, path) in [("HEAD", "/"), ("HEAD", "/api/hello"), ("GET", "/api/hello")] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        assert_eq!(bench.send(request).await.0, 200, "{method} {path}");
    }
    assert!(bench.asked().is_empty());
}
