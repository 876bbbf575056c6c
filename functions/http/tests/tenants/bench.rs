//! A gateway in memory, its tenants, and a provider that says the same to everyone.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{Router, body::Body};
use bytes::Bytes;
use dormouse_core::{
    Result,
    agents::{AgentFile, AgentFiles, Agents},
    blobs::RecordsBlobs,
    catalog::Catalog,
    gateway::{Gateway, Ports, ToolPorts},
    memory::MemoryRecords,
    ports::{
        BlobPage, Blobs, ByteStream, Commit, HttpClient, Outcome, Page, Record, Records, Write,
    },
    settings::Settings,
    tools::Toolbox,
};
use dormouse_testkit::fakes::TestHost;
use futures::{FutureExt, StreamExt, stream};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::AUTHORIZATION,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const ADMIN: &str = "an administrator's key";
/// Whom every gateway can ask.
pub(crate) const AGENTS: &str = "
agents:
  - name: coder
    description: Writes programs.
    system: |
      You write programs that cost $5 at most.
    model: big
    temperature: 0.2
    limits: {max_output_tokens: 100}
  - {name: tutor, system: You explain.}
  - name: reckoner
    system: You calculate.
    model: m
    mode: loop
    tools: [calc*, current_time, '!current_*']
    limits: {max_steps: 2}
";
const ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;

const STREAMED: &str = concat!(
    r#"data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
    "\n\n",
    r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#,
    "\n\ndata: [DONE]\n\n",
);

/// Definitions of agents, which may change.
#[derive(Debug)]
pub(crate) struct Definitions(Mutex<String>);

impl Definitions {
    pub(crate) fn change(&self, text: &str) {
        *self.0.lock().unwrap() = text.to_owned();
    }
}

impl AgentFiles for Definitions {
    fn read(&self) -> Result<Vec<AgentFile>> {
        let text = self.0.lock().unwrap().clone();
        Ok(vec![AgentFile { name: "agents.yaml".to_owned(), text }])
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// Says hi, and remembers what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    asked: Mutex<Vec<Value>>,
    failure: Mutex<Option<(u16, &'static str)>>,
}

impl Provider {
    /// Answers the next request so instead.
    pub(crate) fn fails_once(&self, status: u16, body: &'static str) {
        *self.failure.lock().unwrap() = Some((status, body));
    }

    /// The body of the last request.
    pub(crate) fn last(&self) -> Value {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

#[async_trait]
impl HttpClient for Provider {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let (kind, answer) = match asked["stream"] == true {
            true => ("text/event-stream", STREAMED),
            false => ("application/json", ANSWER),
        };
        self.asked.lock().unwrap().push(asked);
        let failure = self.failure.lock().unwrap().take();
        let (status, body) = failure.unwrap_or((200, answer));
        let body = stream::iter([Ok(Bytes::from_static(body.as_bytes()))]).boxed();
        let response = Response::builder().status(status).header("content-type", kind);
        Ok(response.body(body).unwrap())
    }
}

/// Records that remember what was asked of them.
#[derive(Debug)]
pub(crate) struct Watched {
    records: MemoryRecords,
    reads: Mutex<Vec<String>>,
    commits: Mutex<Vec<Commit>>,
}

impl Watched {
    /// How often a record of this collection was read.
    pub(crate) fn reads_of(&self, collection: &str) -> usize {
        self.reads.lock().unwrap().iter().filter(|read| *read == collection).count()
    }

    /// What was committed since the last look.
    pub(crate) fn commits(&self) -> Vec<Commit> {
        std::mem::take(&mut *self.commits.lock().unwrap())
    }

    /// Writes a record as another gateway would.
    pub(crate) async fn write(&self, tenant: &str, collection: &str, id: &str, value: &str) {
        let write = Write::put(collection, id, value.to_owned());
        self.records.commit(Commit::new(tenant, vec![write])).await.unwrap();
    }
}

#[async_trait]
impl Records for Watched {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        self.reads.lock().unwrap().push(collection.to_owned());
        self.records.get(tenant, collection, id).await
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        self.records.page(tenant, collection, page).await
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome> {
        self.commits.lock().unwrap().push(commit.clone());
        self.records.commit(commit).await
    }
}

/// A gateway.
pub(crate) struct Bench {
    pub(crate) host: Arc<TestHost>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) records: Arc<Watched>,
    pub(crate) agents: Arc<Definitions>,
    pub(crate) router: Router,
}

/// Someone with a key.
#[derive(Clone)]
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
        Self::with(&[])
    }

    /// A gateway with an upstream and these settings.
    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        let upstream = [("DORMOUSE_UPSTREAM", "http://provider/v1")];
        let settings = read(&[&upstream, settings].concat());
        let catalog = Catalog::of_settings(&settings).unwrap();
        Self::over(&Self::store(), settings, catalog)
    }

    /// A gateway with a catalog and these settings.
    pub(crate) fn with_catalog(catalog: &str, settings: &[(&str, &str)]) -> Self {
        let catalog = Catalog::read(catalog, |_| None).unwrap();
        Self::over(&Self::store(), read(settings), catalog)
    }

    /// Another gateway with the same records.
    pub(crate) fn beside(&self, catalog: &str, settings: &[(&str, &str)]) -> Self {
        let catalog = Catalog::read(catalog, |_| None).unwrap();
        let store = (Arc::clone(&self.host), Arc::clone(&self.records));
        Self::over(&store, read(settings), catalog)
    }

    /// A gateway that has tools of these toolboxes, too.
    pub(crate) fn with_toolboxes(toolboxes: Vec<Arc<dyn Toolbox>>) -> Self {
        let settings = read(&[("DORMOUSE_UPSTREAM", "http://provider/v1")]);
        let catalog = Catalog::of_settings(&settings).unwrap();
        Self::having(toolboxes, &Self::store(), settings, catalog)
    }

    fn store() -> (Arc<TestHost>, Arc<Watched>) {
        let host = Arc::new(TestHost::new());
        let records = MemoryRecords::new(host.clone());
        (host, Arc::new(Watched { records, reads: Mutex::default(), commits: Mutex::default() }))
    }

    fn over(store: &(Arc<TestHost>, Arc<Watched>), settings: Settings, catalog: Catalog) -> Self {
        Self::having(Vec::new(), store, settings, catalog)
    }

    fn having(
        toolboxes: Vec<Arc<dyn Toolbox>>,
        store: &(Arc<TestHost>, Arc<Watched>),
        settings: Settings,
        catalog: Catalog,
    ) -> Self {
        let (host, records) = store.clone();
        let provider = Arc::new(Provider::default());
        let ports = Ports {
            host: host.clone(),
            http: provider.clone(),
            records: records.clone(),
            models: None,
            blobs: None,
            tools: ToolPorts { web: Some(provider.clone()), sandbox: None, toolboxes },
        };
        let gateway = Gateway::with_catalog(settings, catalog, ports).unwrap();
        let agents = Arc::new(Definitions(Mutex::new(AGENTS.to_owned())));
        let gateway = gateway.with_agents(Agents::read(agents.clone()).unwrap());
        Self { host, provider, records, agents, router: dormouse_http::router(gateway) }
    }

    /// The names of the blobs of a tenant.
    pub(crate) async fn blobs(&self, tenant: &str) -> Vec<String> {
        let blobs = RecordsBlobs::new(self.records.clone(), self.host.clone());
        let listed = blobs.list(tenant, BlobPage::default()).await.unwrap();
        listed.into_iter().map(|blob| blob.name).collect()
    }

    /// Whoever has the fixed key.
    pub(crate) fn admin(&self) -> Tenant {
        let (host, router) = (Arc::clone(&self.host), self.router.clone());
        Tenant { id: String::new(), key: ADMIN.to_owned(), host, router }
    }

    /// Someone with a key that is made as `order` says.
    pub(crate) async fn tenant(&self, order: &Value) -> Tenant {
        let admin = self.admin();
        let made = admin.ask(&Method::POST, "/v1/keys", order.clone()).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        Tenant { id: text("id"), key: text("key"), ..admin }
    }
}

fn read(settings: &[(&str, &str)]) -> Settings {
    let find = |name: &str| settings.iter().find(|(key, _)| *key == name);
    Settings::read(|name| match name {
        "DORMOUSE_API_KEY" => Some(ADMIN.to_owned()),
        _ => find(name).map(|(_, value)| (*value).to_owned()),
    })
    .unwrap()
}

impl Tenant {
    /// The same key, at another gateway.
    pub(crate) fn at(&self, other: &Bench) -> Self {
        Self { router: other.router.clone(), ..self.clone() }
    }

    /// An answer of the model, which is kept and has a receipt.
    pub(crate) async fn answered(&self) -> Reply {
        let body = json!({ "model": "m", "input": "Hello" });
        let reply = self.ask(&Method::POST, "/v1/responses", body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply
    }

    /// The answer to a request.
    pub(crate) async fn ask(&self, method: &Method, path: impl Into<String>, body: Value) -> Reply {
        self.ask_with(method, path, Vec::new(), body.to_string()).await
    }

    /// The answer to a request with further headers.
    pub(crate) async fn ask_with(
        &self,
        method: &Method,
        path: impl Into<String>,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path.into())
            .header(AUTHORIZATION, format!("Bearer {}", self.key))
            .body(body.into())
            .unwrap();
        request.headers_mut().extend(headers);
        let mut answered = Box::pin(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
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
