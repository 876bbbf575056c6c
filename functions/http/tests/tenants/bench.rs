//! A gateway in memory, its tenants, and a provider that says the same to everyone.

use std::sync::Arc;

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
use futures::{FutureExt, StreamExt, stream};
use http::{HeaderMap, Method, Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

const ADMIN: &str = "an administrator's key";
const ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;

/// Says hi.
#[derive(Debug)]
struct Provider;

#[async_trait]
impl HttpClient for Provider {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<ByteStream>> {
        let body = stream::iter([Ok(Bytes::from_static(ANSWER.as_bytes()))]).boxed();
        Ok(Response::builder().header("content-type", "application/json").body(body).unwrap())
    }
}

/// A gateway.
pub(crate) struct Bench {
    host: Arc<TestHost>,
    pub(crate) router: Router,
}

/// Someone with a key.
pub(crate) struct Tenant {
    /// The id of the key.
    pub(crate) id: String,
    key: String,
    host: Arc<TestHost>,
    router: Router,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let host = Arc::new(TestHost::new());
        let settings = Settings::read(|name| match name {
            "DORMOUSE_API_KEY" => Some(ADMIN.to_owned()),
            "DORMOUSE_UPSTREAM" => Some("http://provider/v1".to_owned()),
            _ => None,
        });
        let ports = Ports {
            host: host.clone(),
            http: Arc::new(Provider),
            records: Arc::new(MemoryRecords::new(host.clone())),
            models: None,
        };
        let router = dormouse_http::router(Gateway::new(settings.unwrap(), ports).unwrap());
        Self { host, router }
    }

    /// Someone with a key that is made as `order` says.
    pub(crate) async fn tenant(&self, order: &Value) -> Tenant {
        let (host, router) = (Arc::clone(&self.host), self.router.clone());
        let admin = Tenant { id: String::new(), key: ADMIN.to_owned(), host, router };
        let made = admin.ask(&Method::POST, "/v1/keys", order.clone()).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        Tenant { id: text("id"), key: text("key"), ..admin }
    }
}

impl Tenant {
    /// An answer of the model, which is kept and has a receipt.
    pub(crate) async fn answered(&self) -> Reply {
        let body = json!({ "model": "m", "input": "Hello" });
        let reply = self.ask(&Method::POST, "/v1/responses", body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply
    }

    /// The answer to a request.
    pub(crate) async fn ask(&self, method: &Method, path: impl Into<String>, body: Value) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path.into())
            .header(AUTHORIZATION, format!("Bearer {}", self.key))
            .body(Body::from(body.to_string()));
        let mut answered = Box::pin(async {
            let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            Reply { status: parts.status, headers: parts.headers, body }
        });
        // What the gateway does behind the answer runs beside it.
        for _ in 0..1000 {
            if let Some(reply) = (&mut answered).now_or_never() {
                return reply;
            }
            self.host.run_spawned().await;
        }
        panic!("no answer")
    }
}
