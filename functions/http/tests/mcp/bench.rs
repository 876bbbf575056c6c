//! A gateway with a few tools and a sandbox in memory, and clients that send it whatever they like.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use bytes::Bytes;
use dormouse_core::{
    Error, Result, chat,
    gateway::{Gateway, Ports, ToolPorts},
    memory::MemoryRecords,
    ports::{ByteStream, Confinement, File, HttpClient, Limits, Program, Ran, Sandbox, Workspace},
    settings::Settings,
    tools::{BUILT_IN, Context, Output, Tool, Toolbox},
};
use dormouse_testkit::fakes::TestHost;
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, Method, Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

pub(crate) const KEY: &str = "an administrator's key";
/// What clients of the revisions with sessions send along.
pub(crate) const USUAL: &[(&str, &str)] =
    &[("content-type", "application/json"), ("accept", "application/json, text/event-stream")];

#[derive(Debug)]
struct NoUpstream;

#[async_trait]
impl HttpClient for NoUpstream {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<ByteStream>> {
        panic!("no tool and no protocol needs a provider")
    }
}

/// What the tools have seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) contexts: Mutex<Vec<Context>>,
    /// How many calls of `wait` are running.
    pub(crate) waiting: Arc<AtomicUsize>,
    /// Lets them end.
    pub(crate) open: AtomicBool,
}

#[derive(Debug)]
struct Say {
    definition: chat::Tool,
    seen: Arc<Seen>,
}

/// Counts a call for as long as it runs.
struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Tool for Say {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    async fn call(&self, input: Map<String, Value>, context: &Context) -> Output {
        self.seen.contexts.lock().unwrap().push(context.clone());
        match self.definition.name.as_str() {
            "fail" => Output::failed("it cannot be done"),
            "draw" => Output {
                parts: vec![chat::Part::Image(chat::Image {
                    url: "data:image/png;base64,iVBORw0KGgo=".to_owned(),
                    detail: None,
                    cache: None,
                })],
                is_error: false,
            },
            "wait" => {
                self.seen.waiting.fetch_add(1, Ordering::SeqCst);
                let _inside = Inside(Arc::clone(&self.seen.waiting));
                futures::future::poll_fn(|context| {
                    if self.seen.open.load(Ordering::SeqCst) {
                        return std::task::Poll::Ready(());
                    }
                    // Looks again whenever anything happens.
                    context.waker().wake_by_ref();
                    std::task::Poll::Pending
                })
                .await;
                Output::text("done")
            }
            _ => Output::text(input["text"].as_str().unwrap_or_default()),
        }
    }
}

#[derive(Debug)]
struct Tools(Vec<Arc<dyn Tool>>);

#[async_trait]
impl Toolbox for Tools {
    async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>> {
        Ok(self.0.clone())
    }
}

/// A sandbox that only keeps files.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<BTreeMap<(String, String, String), Bytes>>);

impl Shelf {
    pub(crate) fn put(&self, (tenant, name): (&str, &str), path: &str, content: &[u8]) {
        let key = (tenant.to_owned(), name.to_owned(), path.to_owned());
        self.0.lock().unwrap().insert(key, Bytes::copy_from_slice(content));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

#[async_trait]
impl Sandbox for Shelf {
    async fn confinement(&self) -> Result<Confinement> {
        Ok(Confinement::default())
    }

    async fn run(&self, _: &Workspace, _: &Program, _: &Limits) -> Result<Ran> {
        Err(Error::invalid("command", "nothing runs here"))
    }

    async fn read(&self, workspace: &Workspace, path: &str) -> Result<Option<Bytes>> {
        let key = (workspace.tenant.clone(), workspace.name.clone(), path.to_owned());
        Ok(self.0.lock().unwrap().get(&key).cloned())
    }

    async fn write(&self, workspace: &Workspace, path: &str, content: Bytes) -> Result<()> {
        self.put((&workspace.tenant, &workspace.name), path, &content);
        Ok(())
    }

    async fn list(&self, workspace: &Workspace, _: &str) -> Result<Vec<File>> {
        let files = self.0.lock().unwrap();
        let theirs = files.iter().filter(|((tenant, name, _), _)| {
            (tenant, name) == (&workspace.tenant, &workspace.name)
        });
        let listed = theirs.map(|((_, _, path), content)| File {
            path: path.clone(),
            size: u64::try_from(content.len()).unwrap(),
            directory: false,
        });
        Ok(listed.collect())
    }

    async fn pack(&self, _: &Workspace) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    async fn unpack(&self, _: &Workspace, _: Bytes) -> Result<()> {
        Ok(())
    }

    async fn discard(&self, workspace: &Workspace) -> Result<()> {
        self.0
            .lock()
            .unwrap()
            .retain(|key, _| (&key.0, &key.1) != (&workspace.tenant, &workspace.name));
        Ok(())
    }
}

/// A gateway.
pub(crate) struct Bench {
    pub(crate) host: Arc<TestHost>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) files: Arc<Shelf>,
    records: Arc<MemoryRecords>,
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
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What the events of a stream say.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|text| serde_json::from_str(text).unwrap()).collect()
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(&[], ["draw", "echo", "fail", "wait"].map(str::to_owned).to_vec())
    }

    /// A gateway with these settings and tools.
    pub(crate) fn with(settings: &[(&str, &str)], tools: Vec<String>) -> Self {
        let host = Arc::new(TestHost::new());
        let records = Arc::new(MemoryRecords::new(host.clone()));
        Self::over(host, records, Arc::default(), settings, tools)
    }

    /// Another process with the same store and files.
    pub(crate) fn beside(&self) -> Self {
        let (host, records) = (Arc::clone(&self.host), Arc::clone(&self.records));
        Self::over(host, records, Arc::clone(&self.files), &[], vec!["echo".to_owned()])
    }

    fn over(
        host: Arc<TestHost>,
        records: Arc<MemoryRecords>,
        files: Arc<Shelf>,
        settings: &[(&str, &str)],
        tools: Vec<String>,
    ) -> Self {
        let find = |name: &str| settings.iter().find(|(key, _)| *key == name);
        let settings = Settings::read(|name| match name {
            "DORMOUSE_API_KEY" => Some(KEY.to_owned()),
            // What the gateway brings along itself is not what is told of here.
            "DORMOUSE_TOOLS" => {
                Some(format!("*,{}", BUILT_IN.map(|it| format!("!{it}")).join(",")))
            }
            // Longer than any test: a tool waits until it is let go.
            "DORMOUSE_TOOL_TIMEOUT" => Some("1h".to_owned()),
            _ => find(name).map(|(_, value)| (*value).to_owned()),
        });
        let seen = Arc::new(Seen::default());
        let tool = |name: String| {
            let properties = json!({ "text": { "type": "string" } });
            let schema = json!({ "type": "object", "properties": properties });
            let definition = chat::Tool {
                name,
                description: Some("Says something.".to_owned()),
                input_schema: Some(schema),
                ..chat::Tool::default()
            };
            Arc::new(Say { definition, seen: Arc::clone(&seen) }) as Arc<dyn Tool>
        };
        let toolbox: Arc<dyn Toolbox> = Arc::new(Tools(tools.into_iter().map(tool).collect()));
        let ports = Ports {
            host: host.clone(),
            http: Arc::new(NoUpstream),
            records: records.clone(),
            models: None,
            blobs: None,
            tools: ToolPorts {
                sandbox: Some(files.clone()),
                toolboxes: vec![toolbox],
                ..ToolPorts::default()
            },
        };
        let router = dormouse_http::router(Gateway::new(settings.unwrap(), ports).unwrap());
        Self { host, seen, files, records, router }
    }

    /// Sends a request with the fixed key.
    pub(crate) fn send(
        &self,
        method: &Method,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> BoxFuture<'static, Response<Body>> {
        self.send_as(KEY, method, headers, body)
    }

    /// Sends a request with this key.
    pub(crate) fn send_as(
        &self,
        key: &str,
        method: &Method,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> BoxFuture<'static, Response<Body>> {
        let mut request = Request::builder().method(method).uri("/mcp");
        if !key.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let router = self.router.clone();
        let request = request.body(body.into()).unwrap();
        async move { router.oneshot(request).await.unwrap() }.boxed()
    }

    /// Posts a message with the headers that clients usually send, and these.
    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: &Value) -> Reply {
        let headers = [USUAL, headers].concat();
        collect(self.send(&Method::POST, &headers, body.to_string()).await).await
    }

    /// The result of a method in a session.
    pub(crate) async fn ask(&self, session: &str, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let reply = self.post(&[("mcp-session-id", session)], &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let mut answered = reply.json();
        assert_eq!(answered["id"], 7);
        answered["result"].take()
    }

    /// Begins a session and returns its id.
    pub(crate) async fn session(&self) -> String {
        self.session_as(KEY).await
    }

    pub(crate) async fn session_as(&self, key: &str) -> String {
        let body = initialize("2025-11-25").to_string();
        let reply = collect(self.send_as(key, &Method::POST, USUAL, body).await).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.header("mcp-session-id").to_owned()
    }

    /// A key of another tenant.
    pub(crate) async fn key_of(&self, tenant: &str) -> String {
        let request = Request::post("/v1/keys")
            .header(AUTHORIZATION, format!("Bearer {KEY}"))
            .body(Body::from(json!({ "tenant": tenant }).to_string()))
            .unwrap();
        let reply = collect(self.router.clone().oneshot(request).await.unwrap()).await;
        reply.json()["key"].as_str().unwrap().to_owned()
    }

    /// Anything else that the gateway serves, without a key.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        let request = Request::get(path).header("host", "gateway:8080").body(Body::empty());
        collect(self.router.clone().oneshot(request.unwrap()).await.unwrap()).await
    }

    /// Lets time pass until `done` is there.
    pub(crate) async fn until<T>(&self, done: impl Future<Output = T>) -> T {
        let mut done = Box::pin(done);
        loop {
            if let Some(value) = (&mut done).now_or_never() {
                return value;
            }
            self.host.advance(Duration::from_secs(1));
            self.host.run_spawned().await;
        }
    }
}

/// The handshake.
pub(crate) fn initialize(revision: &str) -> Value {
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": client });
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params })
}

pub(crate) async fn collect(response: Response<Body>) -> Reply {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    Reply { status: parts.status, headers: parts.headers, body }
}
