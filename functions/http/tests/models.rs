//! Models that sleep, over HTTP.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Router, body::Body};
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    gateway::{Gateway, LocalServers, Ports},
    memory::MemoryRecords,
    ports::{ByteStream, HttpClient},
    settings::Settings,
};
use dormouse_testkit::fakes::{FakeModelServers, TestHost};
use futures::{FutureExt, StreamExt};
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

const ADMIN: &str = "an administrator's key";

/// A network in which nobody answers.
#[derive(Debug)]
struct Silence;

#[async_trait]
impl HttpClient for Silence {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<ByteStream>> {
        Err(Error::new(Code::UpstreamUnreachable, "nobody is there"))
    }
}

struct Bench {
    host: Arc<TestHost>,
    servers: Arc<FakeModelServers>,
    router: Router,
}

impl Bench {
    fn new() -> Self {
        let host = Arc::new(TestHost::new());
        let servers = Arc::new(FakeModelServers::new(host.clone(), ["org/tiny"]));
        let settings =
            Settings::read(|name| (name == "DORMOUSE_API_KEY").then(|| ADMIN.to_owned())).unwrap();
        let ports = Ports {
            host: host.clone(),
            http: Arc::new(Silence),
            records: Arc::new(MemoryRecords::new(host.clone())),
            models: Some(LocalServers { servers: servers.clone(), http: Arc::new(Silence) }),
            blobs: None,
            tools: Default::default(),
        };
        let router = dormouse_http::router(Gateway::new(settings, ports).unwrap());
        Self { host, servers, router }
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: Value,
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn json(&self, method: &str, path: &str) -> (StatusCode, Value) {
        let response = self.call(method, path, Some(ADMIN), Value::Null).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

fn hello() -> Value {
    json!({ "model": "org/tiny", "stream": true, "messages": [{ "role": "user", "content": "Hello" }] })
}

#[tokio::test]
async fn who_waits_for_a_model_is_told_how_far_it_is() {
    let bench = Bench::new();
    bench.servers.hold("org/tiny");
    let mut call = Box::pin(bench.call("POST", "/v1/chat/completions", Some(ADMIN), hello()));
    assert!((&mut call).now_or_never().is_none());
    // The hold is taken by a task of its own; only then the model is asked for.
    bench.host.run_spawned().await;
    assert!((&mut call).now_or_never().is_none());
    bench.host.advance(Duration::from_secs(1));
    let response = call.await;
    assert_eq!(response.status(), 200, "the head does not wait for the model");
    let mut body = response.into_body().into_data_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), ": waking\n\n");
    bench.servers.progress("org/tiny", 0.42);
    assert!(body.next().now_or_never().is_none());

    bench.host.advance(Duration::from_secs(10));

    assert_eq!(body.next().await.unwrap().unwrap(), ": waking 42 %\n\n");
}

#[tokio::test]
async fn models_are_listed_with_the_state_of_their_servers() {
    let bench = Bench::new();
    let (status, list) = bench.json("GET", "/v1/models").await;
    let expected = json!({
        "id": "org/tiny",
        "object": "model",
        "created": 0,
        "owned_by": "dormouse",
        "dormouse": { "state": "cold", "active": 0, "queued": 0, "expected_wake_seconds": null, "waking_for_seconds": null, "progress": null },
    });
    assert_eq!((status.as_u16(), &list["data"][0]), (200, &expected));
    let (status, one) = bench.json("GET", "/v1/models/org/tiny").await;
    assert_eq!((status.as_u16(), one), (200, expected));
}

#[tokio::test]
async fn a_failed_model_is_shown_and_the_gateway_stays_ready() {
    let bench = Bench::new();
    bench.servers.break_down("org/tiny", "the file is damaged");
    let (status, error) = bench.json("POST", "/v1/models/org/tiny/wake").await;
    assert_eq!((status.as_u16(), &error["error"]["code"]), (502, &json!("upstream_failed")));

    let (status, ready) = bench.json("GET", "/readyz").await;

    assert_eq!(status, 200);
    let model = &ready["checks"]["models"]["models"]["org/tiny"];
    assert_eq!(model["state"], "failed");
    assert_eq!(model["reason"], "the file is damaged");
    assert_eq!(ready["checks"].get("upstream"), None, "none is configured, and none is missed");
}

#[tokio::test]
async fn administrators_wake_and_release_models() {
    let bench = Bench::new();
    let (status, model) = bench.json("POST", "/v1/models/org/tiny/wake").await;
    assert_eq!((status.as_u16(), &model["dormouse"]["state"]), (200, &json!("warm")));
    let (status, model) = bench.json("POST", "/v1/models/org/tiny/release").await;
    assert_eq!((status.as_u16(), &model["dormouse"]["state"]), (200, &json!("cold")));
    let (status, error) = bench.json("POST", "/v1/models/nobody/wake").await;
    assert_eq!((status.as_u16(), &error["error"]["code"]), (404, &json!("model_not_found")));
}

#[tokio::test]
async fn nobody_else_does_and_nothing_else_is_done() {
    let bench = Bench::new();
    let order = json!({ "tenant": "acme" });
    let minted = bench.call("POST", "/v1/keys", Some(ADMIN), order).await;
    let minted = minted.into_body().collect().await.unwrap().to_bytes();
    let minted: Value = serde_json::from_slice(&minted).unwrap();
    for (path, key, status) in [
        ("/v1/models/org/tiny/wake", None, 401),
        ("/v1/models/org/tiny/wake", minted["key"].as_str(), 403),
        ("/v1/models/org/tiny/release", minted["key"].as_str(), 403),
        ("/v1/models/org/tiny", Some(ADMIN), 405),
        ("/v1/models/org/tiny/eat", Some(ADMIN), 405),
    ] {
        let response = bench.call("POST", path, key, Value::Null).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
    }
    assert_eq!(bench.servers.starts("org/tiny"), 0);
}

#[tokio::test]
async fn wrong_parts_of_a_url_are_errors_in_our_shape() {
    let bench = Bench::new();
    for (path, param) in [("/v1/receipts?limit=abc", "query"), ("/v1/receipts/%FF", "path")] {
        let (status, body) = bench.json("GET", path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(body["error"]["param"], param, "{path}");
    }
}
