//! A gateway with a catalog, in front of scripted providers.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    accounting::Receipt,
    catalog::Catalog,
    chat::{Dialect, Message, Request, Role, StreamOptions, Whole},
    gateway::{Answer, Gateway, Origin, Ports},
    keys::Caller,
    memory::MemoryRecords,
    money::NanoDollars,
    ports::{ByteStream, HttpClient},
    rates::Limits,
    settings::Settings,
};
use dormouse_testkit::fakes::TestHost;
use futures::{StreamExt, stream};
use http::{Response, header};
use serde_json::Value;

/// What a provider does when it is called.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It answers with this text.
    Says(&'static str),
    /// It answers with an error status, and perhaps asks for patience in seconds.
    Status(u16, Option<u64>, &'static str),
    /// It cannot be reached.
    Unreachable,
    /// These bytes of a stream, which then ends.
    Sends(&'static str),
    /// These bytes of a stream, which then breaks.
    Breaks(&'static str),
}

/// A call that was made.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) host: String,
    pub(crate) credential: Option<String>,
    pub(crate) body: Value,
}

/// Providers by host. What is not scripted answers with its host's name.
#[derive(Debug, Default)]
struct Providers {
    scripts: Mutex<BTreeMap<String, VecDeque<Reply>>>,
    calls: Mutex<Vec<Call>>,
}

#[async_trait]
impl HttpClient for Providers {
    async fn send(&self, request: http::Request<Bytes>) -> Result<Response<ByteStream>> {
        let host = request.uri().host().unwrap().to_owned();
        let credential = request.headers().get(header::AUTHORIZATION);
        self.calls.lock().unwrap().push(Call {
            host: host.clone(),
            credential: credential.map(|it| it.to_str().unwrap().replace("Bearer ", "")),
            body: serde_json::from_slice(request.body()).unwrap(),
        });
        let scripted = self.scripts.lock().unwrap().get_mut(&host).and_then(VecDeque::pop_front);
        let event_stream = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
        Ok(match scripted.unwrap_or(Reply::Says("yes")) {
            Reply::Says(text) => event_stream.body(bytes(said(text))).unwrap(),
            Reply::Sends(stream) => event_stream.body(bytes(stream.to_owned())).unwrap(),
            Reply::Breaks(begun) => {
                let broken = Error::new(Code::UpstreamFailed, "the connection broke");
                let body = stream::iter([Ok(Bytes::from(begun)), Err(broken)]).boxed();
                event_stream.body(body).unwrap()
            }
            Reply::Status(status, patience, body) => {
                let mut response = Response::builder().status(status);
                if let Some(seconds) = patience {
                    response = response.header(header::RETRY_AFTER, seconds);
                }
                response.body(bytes(body.to_owned())).unwrap()
            }
            Reply::Unreachable => {
                return Err(Error::new(Code::UpstreamUnreachable, "connection refused"));
            }
        })
    }
}

fn bytes(text: String) -> ByteStream {
    stream::iter([Ok(Bytes::from(text))]).boxed()
}

fn said(text: &str) -> String {
    format!(
        "{ROLE}data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n\
         data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n\
         data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":10,\"completion_tokens\":1}}}}\n\n\
         data: [DONE]\n\n"
    )
}

/// The first chunk of a stream, in which nothing is said yet.
pub(crate) const ROLE: &str = "data: {\"id\":\"a\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";

/// A gateway with a catalog.
pub(crate) struct Bench {
    pub(crate) host: Arc<TestHost>,
    pub(crate) gateway: Gateway,
    providers: Arc<Providers>,
    budget: NanoDollars,
}

impl Bench {
    pub(crate) fn new(catalog: &str) -> Self {
        let host = Arc::new(TestHost::new());
        let providers = Arc::new(Providers::default());
        let settings = Settings::read(|name| match name {
            "DORMOUSE_CONFIG" => Some(catalog.to_owned()),
            "DORMOUSE_MAX_OUTPUT_TOKENS" => Some("100".to_owned()),
            _ => None,
        });
        let catalog = Catalog::read(catalog, |name| Some(format!("sk-{name}"))).unwrap();
        let records = Arc::new(MemoryRecords::new(host.clone()));
        let ports = Ports {
            host: host.clone(),
            http: providers.clone(),
            records,
            models: None,
            blobs: None,
            tools: Default::default(),
        };
        let gateway = Gateway::with_catalog(settings.unwrap(), catalog, ports).unwrap();
        Self { host, gateway, providers, budget: NanoDollars(1_000_000_000) }
    }

    pub(crate) fn with_budget(self, budget: NanoDollars) -> Self {
        Self { budget, ..self }
    }

    /// What the provider at `host` does next, once for each reply.
    pub(crate) fn script(&self, host: &str, replies: impl IntoIterator<Item = Reply>) {
        let mut scripts = self.providers.scripts.lock().unwrap();
        scripts.entry(host.to_owned()).or_default().extend(replies);
    }

    /// The calls since the last time that this was asked.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.providers.calls.lock().unwrap())
    }

    /// The hosts of the calls since the last time that they were asked for.
    pub(crate) fn called(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.host).collect()
    }

    pub(crate) async fn ask(&self, model: &str) -> Result<Answer> {
        self.ask_with(hello(model), Origin::default()).await
    }

    pub(crate) async fn ask_with(&self, request: Request, origin: Origin) -> Result<Answer> {
        self.run(self.gateway.chat(&self.caller(), request, origin)).await
    }

    /// What is answered, to its end.
    pub(crate) async fn answer(&self, model: &str) -> Result<Whole> {
        let answer = self.ask(model).await?;
        self.whole(answer).await
    }

    /// An answer, to its end.
    pub(crate) async fn whole(&self, answer: Answer) -> Result<Whole> {
        self.run(Whole::collect(answer.chunks)).await
    }

    /// The receipts of all attempts, oldest first.
    pub(crate) async fn receipts(&self) -> Vec<Receipt> {
        self.host.run_spawned().await;
        let mut receipts = self.gateway.ledger().receipts("acme", None, 100).await.unwrap();
        receipts.sort_by_key(|receipt| receipt.id.clone());
        receipts
    }

    pub(crate) async fn held(&self) -> NanoDollars {
        self.host.run_spawned().await;
        self.gateway.ledger().balance("acme", "key", self.budget).await.unwrap().held
    }

    /// Runs `work`, and beside it whatever the gateway spawns.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        self.host.run(work)
    }

    fn caller(&self) -> Caller {
        let budget = Some(self.budget);
        Caller {
            tenant: "acme".into(),
            key: "key".into(),
            budget,
            limits: Limits::default(),
            mode: None,
            tools: None,
            admin: false,
        }
    }
}

pub(crate) fn hello(model: &str) -> Request {
    Request {
        dialect: Dialect::OpenAiChat,
        model: model.to_owned(),
        messages: vec![Message::text(Role::User, "Hello")],
        stream: Some(StreamOptions { include_usage: true }),
        ..Request::default()
    }
}
