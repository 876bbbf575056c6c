//! A gateway with one provider that plays back one answer.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Result,
    accounting::Receipt,
    catalog::Catalog,
    gateway::{Gateway, LocalServers, Origin, Ports},
    keys::Caller,
    memory::MemoryRecords,
    money::NanoDollars,
    ports::{ByteStream, HttpClient},
    rates::Limits,
    settings::Settings,
};
use dormouse_testkit::fakes::{FakeModelServers, TestHost};
use futures::{StreamExt, stream};
use http::{Request, Response, header::CONTENT_TYPE};
use serde_json::Value;

/// A provider that plays back one answer and remembers what it was asked.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
    /// Whether it never ends its answer.
    pub(crate) stalls: bool,
    pub(crate) asked: Mutex<Vec<(String, Bytes)>>,
}

impl Provider {
    pub(crate) fn answering(body: &impl ToString) -> Self {
        Self {
            status: 200,
            kind: "application/json",
            body: body.to_string(),
            stalls: false,
            asked: Mutex::default(),
        }
    }
}

#[async_trait]
impl HttpClient for Provider {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let path = request.uri().path().to_owned();
        self.asked.lock().unwrap().push((path, request.into_body()));
        let body = stream::iter([Ok(Bytes::from(self.body.clone()))]);
        let body = if self.stalls { body.chain(stream::pending()).boxed() } else { body.boxed() };
        let response = Response::builder().status(self.status).header(CONTENT_TYPE, self.kind);
        Ok(response.body(body).unwrap())
    }
}

/// The model of this machine, which is free; `dear` is the upstream's, at a dollar per million tokens.
pub(crate) const LOCAL: &str = "org/local";

pub(crate) struct Bench {
    pub(crate) host: Arc<TestHost>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) servers: Arc<FakeModelServers>,
    pub(crate) gateway: Gateway,
}

impl Bench {
    pub(crate) fn new(provider: Provider) -> Self {
        Self::with(provider, &[])
    }

    pub(crate) fn with(provider: Provider, settings: &[(&str, &str)]) -> Self {
        let host = Arc::new(TestHost::new());
        let provider = Arc::new(provider);
        let servers = Arc::new(FakeModelServers::new(host.clone(), [LOCAL]));
        let ours = [
            ("DORMOUSE_UPSTREAM", "http://provider.invalid/v1"),
            ("DORMOUSE_PRICES", r#"{"dear": {"input": "1", "output": "10"}}"#),
            ("DORMOUSE_MAX_OUTPUT_TOKENS", "100"),
        ];
        let settings = Settings::read(|name| {
            let mut all = settings.iter().chain(&ours);
            all.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        let ports = Ports {
            host: host.clone(),
            http: provider.clone(),
            records: Arc::new(MemoryRecords::new(host.clone())),
            models: Some(LocalServers { servers: servers.clone(), http: provider.clone() }),
            blobs: None,
            tools: Default::default(),
        };
        let gateway = Gateway::new(settings.unwrap(), ports).unwrap();
        Self { host, provider, servers, gateway }
    }

    /// A gateway with a catalog.
    pub(crate) fn with_catalog(provider: Provider, catalog: &str) -> Self {
        let bench = Self::new(provider);
        let catalog = Catalog::read(catalog, |_| None).unwrap();
        let ports = Ports {
            host: bench.host.clone(),
            http: bench.provider.clone(),
            records: Arc::new(MemoryRecords::new(bench.host.clone())),
            models: None,
            blobs: None,
            tools: Default::default(),
        };
        let settings = Settings::read(|_| None).unwrap();
        let gateway = Gateway::with_catalog(settings, catalog, ports).unwrap();
        Self { gateway, ..bench }
    }

    /// Runs `work`, and beside it whatever the gateway spawns.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        self.host.run(work)
    }

    /// The only receipt.
    pub(crate) async fn receipt(&self) -> Receipt {
        let mut receipts = self.receipts().await;
        assert_eq!(receipts.len(), 1, "every call has one receipt");
        receipts.remove(0)
    }

    pub(crate) async fn receipts(&self) -> Vec<Receipt> {
        self.host.run_spawned().await;
        self.gateway.ledger().receipts("acme", None, 10).await.unwrap()
    }

    pub(crate) async fn held(&self) -> NanoDollars {
        self.gateway.ledger().balance("acme", "key", BUDGET).await.unwrap().held
    }

    /// What the provider was asked, as JSON, and where.
    pub(crate) fn asked(&self) -> Vec<(String, Value)> {
        let asked = self.provider.asked.lock().unwrap();
        let read =
            |(path, body): &(String, Bytes)| (path.clone(), serde_json::from_slice(body).unwrap());
        asked.iter().map(read).collect()
    }
}

const BUDGET: NanoDollars = NanoDollars(1_000_000_000);

pub(crate) fn caller() -> Caller {
    Caller {
        tenant: "acme".into(),
        key: "key".into(),
        budget: Some(BUDGET),
        limits: Limits::default(),
        mode: None,
        tools: None,
        admin: false,
    }
}

pub(crate) fn origin() -> Origin {
    Origin::default()
}
