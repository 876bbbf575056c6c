//! A gateway with sleeping models, a fake machine around it and nobody on the network.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    accounting::Receipt,
    chat::Whole,
    gateway::{Answer, Gateway, LocalServers, Origin, Ports},
    keys::Caller,
    memory::MemoryRecords,
    money::NanoDollars,
    ports::{ByteStream, HttpClient, ModelServers, ServerState},
    rates::Limits,
    settings::Settings,
    wire::openai_chat::decode_request,
};
use dormouse_testkit::fakes::{FakeModelServers, TestHost};
use futures::{FutureExt, StreamExt, stream};
use http::{Request, Response, header::CONTENT_TYPE};
use serde_json::{Value, json};

const TEXT: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hi\"}}]}\n\n";
const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":6}}}\n\ndata: [DONE]\n\n";

/// Providers that all say the same, and remember by whom they were asked for what.
#[derive(Debug, Default)]
pub(crate) struct Providers {
    pub(crate) asked: Mutex<Vec<Request<Bytes>>>,
    /// How many of the next calls find nobody there.
    pub(crate) gone: Mutex<u32>,
}

#[async_trait]
impl HttpClient for Providers {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let path = request.uri().path().to_owned();
        self.asked.lock().unwrap().push(request);
        let mut gone = self.gone.lock().unwrap();
        if *gone > 0 {
            *gone -= 1;
            return Err(Error::new(Code::UpstreamUnreachable, "nobody is there"));
        }
        if path.ends_with("/models") {
            let list = r#"{"data":[{"id":"far"},{"id":"tiny","owned_by":"somebody else"}]}"#;
            return Ok(Response::new(stream::iter([Ok(Bytes::from(list))]).boxed()));
        }
        let pieces = [TEXT, END].map(|piece| Ok(Bytes::from(piece)));
        let response = Response::builder().header(CONTENT_TYPE, "text/event-stream");
        Ok(response.body(stream::iter(pieces).boxed()).unwrap())
    }
}

pub(crate) struct Bench {
    pub(crate) host: Arc<TestHost>,
    pub(crate) http: Arc<Providers>,
    pub(crate) servers: Arc<FakeModelServers>,
    pub(crate) gateway: Gateway,
}

impl Bench {
    pub(crate) fn new(arrange: impl FnOnce(FakeModelServers) -> FakeModelServers) -> Self {
        Self::with(arrange, &[("DORMOUSE_UPSTREAM", "http://far.invalid/v1")])
    }

    pub(crate) fn with(
        arrange: impl FnOnce(FakeModelServers) -> FakeModelServers,
        settings: &[(&str, &str)],
    ) -> Self {
        let host = Arc::new(TestHost::new());
        let http = Arc::new(Providers::default());
        let servers = Arc::new(arrange(FakeModelServers::new(host.clone(), ["tiny", "big"])));
        servers.answer_at("tiny", "http://127.0.0.1:9001/v1");
        let settings = Settings::read(|name| {
            let set = settings.iter().find(|(set, _)| *set == name);
            set.map(|(_, value)| (*value).to_owned()).or_else(|| {
                let value = match name {
                    "DORMOUSE_UPSTREAM_API_KEY" => "sk-upstream-secret",
                    "DORMOUSE_UPSTREAM_HEADERS" => r#"{"x-secret": "psst"}"#,
                    "DORMOUSE_PRICES" => r#"{"*": {"input": "1", "output": "10"}}"#,
                    "DORMOUSE_WORKERS" => "2",
                    _ => return None,
                };
                Some(value.to_owned())
            })
        });
        let ports = Ports {
            host: host.clone(),
            http: http.clone(),
            records: Arc::new(MemoryRecords::new(host.clone())),
            models: Some(LocalServers { servers: servers.clone(), http: http.clone() }),
            blobs: None,
            tools: Default::default(),
        };
        let gateway = Gateway::new(settings.unwrap(), ports).unwrap();
        Self { host, http, servers, gateway }
    }

    /// Runs `work`, and beside it whatever the gateway spawns.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        self.host.run(work)
    }

    /// Whether `work` waits for something that only the test can do.
    pub(crate) async fn waits<T>(&self, mut work: impl Future<Output = T> + Unpin) -> bool {
        for _ in 0..10 {
            if (&mut work).now_or_never().is_some() {
                return false;
            }
            self.host.run_spawned().await;
        }
        true
    }

    pub(crate) fn chat(&self, body: &Value) -> Pin<Box<dyn Future<Output = Result<Answer>> + '_>> {
        self.chat_in(None, body)
    }

    pub(crate) fn chat_in(
        &self,
        conversation: Option<&str>,
        body: &Value,
    ) -> Pin<Box<dyn Future<Output = Result<Answer>> + '_>> {
        let request = decode_request(&body.to_string().into()).unwrap();
        let conversation = conversation.map(str::to_owned);
        let origin = Origin { conversation, ..Origin::default() };
        Box::pin(async move { self.gateway.chat(&caller(), request, origin).await })
    }

    pub(crate) async fn finish(&self, answer: Answer) {
        self.run(Whole::collect(answer.chunks)).await.unwrap();
    }

    pub(crate) async fn receipt(&self) -> Receipt {
        self.host.run_spawned().await;
        let mut receipts = self.gateway.ledger().receipts("acme", None, 10).await.unwrap();
        assert_eq!(receipts.len(), 1, "every call has one receipt");
        receipts.remove(0)
    }

    pub(crate) async fn held(&self) -> NanoDollars {
        self.gateway.ledger().balance("acme", "key", BUDGET).await.unwrap().held
    }

    pub(crate) async fn state(&self, model: &str) -> ServerState {
        self.servers.state(model).await.unwrap().state
    }

    /// What the `index`th provider asked was sent.
    pub(crate) fn sent(&self, index: usize) -> Value {
        serde_json::from_slice(self.http.asked.lock().unwrap().get(index).unwrap().body()).unwrap()
    }

    pub(crate) fn askings(&self) -> usize {
        self.http.asked.lock().unwrap().len()
    }
}

const BUDGET: NanoDollars = NanoDollars(10_000_000_000);

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

pub(crate) fn streamed(model: &str) -> Value {
    json!({ "model": model, "stream": true, "max_tokens": 9, "messages": [{ "role": "user", "content": "Hello" }] })
}

pub(crate) fn whole(model: &str) -> Value {
    json!({ "model": model, "max_tokens": 9, "messages": [{ "role": "user", "content": "Hello" }] })
}
