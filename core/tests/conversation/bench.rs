//! Gateways on one store, in front of a scripted provider.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    accounting::Receipt,
    catalog::Catalog,
    chat::{Dialect, Whole},
    conversation::{Address, Session, Turn},
    gateway::{Answer, Gateway, Origin, Ports},
    keys::Caller,
    memory::MemoryRecords,
    money::NanoDollars,
    ports::{ByteStream, Commit, HttpClient, Outcome, Page, Record, Records},
    rates::Limits,
    settings::Settings,
    wire,
};
use dormouse_testkit::fakes::TestHost;
use futures::{StreamExt, stream};
use http::{HeaderMap, Request, Response, header::CONTENT_TYPE};
use serde_json::{Value, json};

/// What the provider does when it is called.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It answers with this message and these token counts.
    Message(Value, u64, u64),
    /// It answers with an error status.
    Status(u16),
    /// It begins to answer, and the connection breaks.
    Breaks,
}

/// A provider of OpenAI's chat. What is not scripted is answered with its number, and with token counts by
/// four bytes each.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    script: Mutex<VecDeque<Reply>>,
    bodies: Mutex<Vec<Bytes>>,
    /// What it counts every request's tokens to be. Zero: it cannot count.
    pub(crate) counts: AtomicUsize,
}

#[async_trait]
impl HttpClient for Provider {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        futures::pending!();
        let path = request.uri().path();
        if path.ends_with("input_tokens")
            && let counted @ 1.. = self.counts.load(Ordering::Relaxed)
        {
            let counted = json!({ "input_tokens": counted }).to_string();
            return Ok(response(200, "application/json", vec![Ok(counted.into())]));
        }
        if !path.ends_with("chat/completions") {
            // There is no such call.
            return Ok(response(404, "application/json", vec![Ok(Bytes::new())]));
        }
        let number = {
            let mut bodies = self.bodies.lock().unwrap();
            bodies.push(request.body().clone());
            bodies.len()
        };
        let read = u64::try_from(messages(request.body()).len()).unwrap() / 4;
        let scripted = self.script.lock().unwrap().pop_front();
        let says = json!({ "content": format!("answer {number}") });
        match scripted.unwrap_or(Reply::Message(says, read, 3)) {
            Reply::Message(mut message, input, output) => {
                message["role"] = "assistant".into();
                let answer = json!({
                    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
                    "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
                    "usage": { "prompt_tokens": input, "completion_tokens": output },
                });
                Ok(response(200, "application/json", vec![Ok(answer.to_string().into())]))
            }
            Reply::Status(status) => {
                Ok(response(status, "application/json", vec![Ok("{}".into())]))
            }
            Reply::Breaks => {
                let begun = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n";
                let broken = Error::new(Code::UpstreamFailed, "the connection broke");
                Ok(response(200, "text/event-stream", vec![Ok(begun.into()), Err(broken)]))
            }
        }
    }
}

fn response(status: u16, kind: &str, body: Vec<Result<Bytes>>) -> Response<ByteStream> {
    let response = Response::builder().status(status).header(CONTENT_TYPE, kind);
    response.body(stream::iter(body).boxed()).unwrap()
}

/// The bytes of the messages in a request, without the bracket behind.
pub(crate) fn messages(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    let text = body["messages"].to_string();
    text.strip_suffix(']').unwrap().to_owned()
}

/// A store that counts, and of which commits can be made to lose their answers.
#[derive(Debug)]
pub(crate) struct Store {
    records: MemoryRecords,
    pub(crate) reads: AtomicUsize,
    pub(crate) writes: AtomicUsize,
    /// Whether the next commits are applied and their answers lost; the last is the first.
    pub(crate) losing: Mutex<Vec<bool>>,
}

#[async_trait]
impl Records for Store {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.records.get(tenant, collection, id).await
    }

    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.records.page(tenant, collection, page).await
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome> {
        self.writes.fetch_add(commit.writes.len(), Ordering::Relaxed);
        let outcome = self.records.commit(commit).await?;
        match self.losing.lock().unwrap().pop() {
            Some(true) => Err(Error::new(Code::StoreUnavailable, "the answer was lost")),
            _ => Ok(outcome),
        }
    }
}

/// Two gateways on one store.
pub(crate) struct Bench {
    pub(crate) host: Arc<TestHost>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) store: Arc<Store>,
    pub(crate) gateways: [Gateway; 2],
}

const CATALOG: &str = "
providers:
  - {name: p, api: openai, base_url: 'http://provider.invalid/v1'}
models:
  - {name: m, provider: p, upstream_model: m, price: {input: 1, output: 10}}
  - {name: small, provider: p, upstream_model: small, context_window: 1000, max_output_tokens: 100, price: {input: 1, output: 10}}
logical_models:
  - {name: either, strategy: priority, candidates: [{model: m}, {model: small}], fallback: {on: [server_error]}}
";

impl Bench {
    pub(crate) fn new() -> Self {
        Self::set(&[])
    }

    pub(crate) fn set(set: &[(&str, &str)]) -> Self {
        let host = Arc::new(TestHost::new());
        let provider = Arc::new(Provider::default());
        let store = Arc::new(Store {
            records: MemoryRecords::new(host.clone()),
            reads: AtomicUsize::default(),
            writes: AtomicUsize::default(),
            losing: Mutex::default(),
        });
        let gateway = || {
            let settings = Settings::read(|name| match name {
                "DORMOUSE_CONFIG" => Some(CATALOG.to_owned()),
                _ => set.iter().find(|(key, _)| *key == name).map(|(_, it)| (*it).to_owned()),
            });
            let (host, http, records) = (host.clone(), provider.clone(), store.clone());
            let ports =
                Ports { host, http, records, models: None, blobs: None, tools: Default::default() };
            let catalog = Catalog::read(CATALOG, |_| None).unwrap();
            Gateway::with_catalog(settings.unwrap(), catalog, ports).unwrap()
        };
        let gateways = [gateway(), gateway()];
        Self { host, provider, store, gateways }
    }

    pub(crate) fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.provider.script.lock().unwrap().extend(replies);
    }

    /// The bytes of the messages of every request so far, each without the bracket behind.
    pub(crate) fn told(&self) -> Vec<String> {
        self.provider.bodies.lock().unwrap().iter().map(|body| messages(body)).collect()
    }

    /// What the last request said.
    pub(crate) fn last(&self) -> Value {
        serde_json::from_str(&format!("{}]", self.told().pop().unwrap())).unwrap()
    }

    /// The bodies of all requests.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        let bodies = self.provider.bodies.lock().unwrap();
        bodies.iter().map(|body| serde_json::from_slice(body).unwrap()).collect()
    }

    /// Runs `work`, and beside it whatever the gateways spawn.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        self.host.run(work)
    }

    /// Begins an answer for `tenant`, through one of the gateways.
    pub(crate) async fn begin_at(
        &self,
        gateway: usize,
        tenant: &str,
        address: &Address,
        (dialect, body): (Dialect, &Value),
    ) -> Result<Answer> {
        let gateway = &self.gateways[gateway];
        let format = wire::served(dialect).unwrap();
        let request = format.decode_request(&HeaderMap::new(), &body.to_string().into())?;
        let caller = caller(tenant);
        let conversing = self.run(gateway.converse(&caller, address)).await?;
        let origin = Origin { conversing, ..Origin::default() };
        self.run(Box::pin(gateway.chat(&caller, request, origin))).await
    }

    pub(crate) async fn begin(&self, address: &Address, body: &Value) -> Result<Answer> {
        self.begin_at(0, "acme", address, (Dialect::OpenAiChat, body)).await
    }

    /// Asks beside others, and hears the answer to its end.
    pub(crate) async fn beside(&self, address: &Address, body: &Value) -> Result<Whole> {
        self.beside_at(0, address, body).await
    }

    pub(crate) async fn beside_at(
        &self,
        gateway: usize,
        address: &Address,
        body: &Value,
    ) -> Result<Whole> {
        let (gateway, caller) = (&self.gateways[gateway], caller("acme"));
        let request = wire::openai_chat::decode_request(&body.to_string().into())?;
        let conversing = gateway.converse(&caller, address).await?;
        let origin = Origin { conversing, ..Origin::default() };
        let answer = Box::pin(gateway.chat(&caller, request, origin)).await?;
        Whole::collect(answer.chunks).await
    }

    /// Hears an answer to its end.
    pub(crate) async fn hear(&self, answer: Answer) -> Result<Whole> {
        self.run(Whole::collect(answer.chunks)).await
    }

    /// Asks, and hears the answer to its end. Returns the conversation's id.
    pub(crate) async fn ask(&self, address: &Address, body: &Value) -> Result<String> {
        let answer = self.begin(address, body).await?;
        let id = answer.conversation.clone();
        self.hear(answer).await?;
        Ok(id.unwrap_or_default())
    }

    pub(crate) async fn read(&self, id: &str) -> Result<(Session, Vec<Turn>)> {
        self.gateways[0].conversations().read("acme", id).await
    }

    /// The texts of a conversation, as they are kept.
    pub(crate) async fn texts(&self, id: &str) -> Vec<String> {
        let (_, turns) = self.read(id).await.unwrap();
        let said = dormouse_core::conversation::transcript(&turns, &caller("acme"));
        let text = |message: &Value| message["content"].as_str().unwrap_or_default().to_owned();
        said.as_array().unwrap().iter().map(text).collect()
    }

    /// The receipts of all calls, oldest first.
    pub(crate) async fn receipts(&self) -> Vec<Receipt> {
        self.host.run_spawned().await;
        let mut receipts = self.gateways[0].ledger().receipts("acme", None, 1000).await.unwrap();
        receipts.sort_by_key(|receipt| receipt.id.clone());
        receipts
    }

    pub(crate) async fn held(&self) -> NanoDollars {
        self.host.run_spawned().await;
        let ledger = self.gateways[0].ledger();
        ledger.balance("acme", "key", NanoDollars(BUDGET)).await.unwrap().held
    }

    /// Reads and writes since the last time that this was asked.
    pub(crate) fn cost(&self) -> (usize, usize) {
        let taken = |count: &AtomicUsize| count.swap(0, Ordering::Relaxed);
        (taken(&self.store.reads), taken(&self.store.writes))
    }
}

const BUDGET: i64 = 1_000_000_000_000;

pub(crate) fn caller(tenant: &str) -> Caller {
    let budget = Some(NanoDollars(BUDGET));
    Caller {
        tenant: tenant.into(),
        key: "key".into(),
        budget,
        limits: Limits::default(),
        mode: None,
        tools: None,
        admin: false,
    }
}

/// A question.
pub(crate) fn says(text: &str) -> Value {
    says_to("m", text)
}

pub(crate) fn says_to(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

pub(crate) fn named(name: &str) -> Address {
    Address::Named(name.into())
}

pub(crate) fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}
