//! The pipeline: what a call costs and leaves behind, however it ends.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    accounting::{Outcome, Receipt},
    chat::{Source, Whole},
    gateway::{Answer, Gateway, Origin, Ports},
    keys::Caller,
    memory::MemoryRecords,
    money::NanoDollars,
    ports::{ByteStream, Commit, HttpClient, Page, Record, Records},
    rates::Limits,
    settings::Settings,
    wire::openai_chat::decode_request,
};
use dormouse_testkit::fakes::TestHost;
use futures::{FutureExt, StreamExt, stream};
use http::{Request, Response, header::CONTENT_TYPE};
use serde_json::{Value, json};

const SECRET: &str = "sk-upstream-secret";

/// A provider that plays back one response and remembers what it was asked.
#[derive(Debug)]
struct Tape {
    status: u16,
    pieces: Vec<&'static str>,
    /// Whether it falls silent after the last piece instead of ending.
    stalls: bool,
    asked: Mutex<Vec<Value>>,
}

impl Tape {
    fn playing(pieces: &[&'static str]) -> Self {
        Self { status: 200, pieces: pieces.to_vec(), stalls: false, asked: Mutex::default() }
    }
}

#[async_trait]
impl HttpClient for Tape {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let asked = serde_json::from_slice(request.body()).unwrap();
        self.asked.lock().unwrap().push(asked);
        let pieces = self.pieces.clone().into_iter().map(|piece| Ok(Bytes::from(piece)));
        let body = if self.stalls {
            stream::iter(pieces).chain(stream::pending()).boxed()
        } else {
            stream::iter(pieces).boxed()
        };
        let kind = if self.status == 200 { "text/event-stream" } else { "application/json" };
        let response = Response::builder().status(self.status).header(CONTENT_TYPE, kind);
        Ok(response.body(body).unwrap())
    }
}

/// A store that is down.
#[derive(Debug)]
struct Down;

fn down<T>() -> Result<T> {
    Err(Error::new(Code::StoreUnavailable, "the store is down"))
}

#[async_trait]
impl Records for Down {
    async fn get(&self, _: &str, _: &str, _: &str) -> Result<Option<Record>> {
        down()
    }
    async fn page(&self, _: &str, _: &str, _: Page) -> Result<Vec<Record>> {
        down()
    }
    async fn commit(&self, _: Commit) -> Result<dormouse_core::ports::Outcome> {
        down()
    }
}

/// A store that does nothing at once.
#[derive(Debug)]
struct Slow(MemoryRecords);

#[async_trait]
impl Records for Slow {
    async fn get(&self, tenant: &str, collection: &str, id: &str) -> Result<Option<Record>> {
        self.0.get(tenant, collection, id).await
    }
    async fn page(&self, tenant: &str, collection: &str, page: Page) -> Result<Vec<Record>> {
        self.0.page(tenant, collection, page).await
    }
    async fn commit(&self, commit: Commit) -> Result<dormouse_core::ports::Outcome> {
        futures::pending!();
        self.0.commit(commit).await
    }
}

struct Bench {
    host: Arc<TestHost>,
    http: Arc<Tape>,
    gateway: Gateway,
}

impl Bench {
    fn new(http: Tape) -> Self {
        let host = Arc::new(TestHost::new());
        let records = Arc::new(MemoryRecords::new(host.clone()));
        Self::with(host, http, records)
    }

    fn with(host: Arc<TestHost>, http: Tape, records: Arc<dyn Records>) -> Self {
        let http = Arc::new(http);
        let settings = Settings::read(|name| {
            let value = match name {
                "DORMOUSE_UPSTREAM" => "http://provider.invalid/v1",
                "DORMOUSE_UPSTREAM_API_KEY" => SECRET,
                "DORMOUSE_PRICES" => r#"{"dear": {"input": "1", "output": "10"}}"#,
                "DORMOUSE_MAX_OUTPUT_TOKENS" => "100",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let ports = Ports {
            host: host.clone(),
            http: http.clone(),
            records,
            models: None,
            blobs: None,
            tools: Default::default(),
        };
        let gateway = Gateway::new(settings.unwrap(), ports).unwrap();
        Self { host, http, gateway }
    }

    /// Runs `work`, and beside it whatever the gateway spawns.
    fn run<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        self.host.run(work)
    }

    async fn chat(&self, body: Value) -> Result<Answer> {
        let request = decode_request(&body.to_string().into()).unwrap();
        self.run(self.gateway.chat(&caller(), request, Origin::default())).await
    }

    async fn receipt(&self) -> Receipt {
        self.host.run_spawned().await;
        let mut receipts = self.gateway.ledger().receipts("acme", None, 10).await.unwrap();
        assert_eq!(receipts.len(), 1, "every call has one receipt");
        receipts.remove(0)
    }

    async fn held(&self) -> NanoDollars {
        let limit = NanoDollars(1_000_000_000);
        self.gateway.ledger().balance("acme", "key", limit).await.unwrap().held
    }
}

fn caller() -> Caller {
    let budget = Some(NanoDollars(1_000_000_000));
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

fn hello(model: &str) -> Value {
    json!({ "model": model, "stream": true, "messages": [{ "role": "user", "content": "Hello" }] })
}

const TEXT: &str = "data: {\"id\":\"a\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"12345678\"}}]}\n\n";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[tokio::test]
async fn a_finished_call_costs_what_the_provider_reports() {
    let bench = Bench::new(Tape::playing(&[TEXT, STOP, USAGE, DONE]));
    let answer = bench.chat(hello("dear")).await.unwrap();
    assert!(bench.held().await > NanoDollars(0), "the worst case is held while it runs");

    let whole = bench.run(Whole::collect(answer.chunks)).await.unwrap();

    assert_eq!(whole.usage.unwrap().input, 7);
    let receipt = bench.receipt().await;
    assert_eq!(receipt.outcome, Outcome::Completed);
    assert_eq!(receipt.cost, NanoDollars(7 * 1_000 + 3 * 10_000));
    assert_eq!(bench.held().await, NanoDollars(0));
}

#[tokio::test]
async fn a_caller_who_leaves_pays_an_estimate_of_what_was_used() {
    let bench = Bench::new(Tape { stalls: true, ..Tape::playing(&[TEXT]) });
    let mut answer = bench.chat(hello("dear")).await.unwrap();
    assert!(bench.run(answer.chunks.next()).await.is_some());

    drop(answer);

    let receipt = bench.receipt().await;
    assert_eq!(receipt.outcome, Outcome::Aborted);
    assert_eq!(receipt.usage.source, Source::Estimated);
    assert_eq!(receipt.usage.output, 2, "eight bytes of text");
    assert!(receipt.cost > NanoDollars(0));
    assert_eq!(bench.held().await, NanoDollars(0));
}

#[tokio::test]
async fn a_provider_that_says_no_costs_nothing_and_its_words_pass_without_our_secret() {
    let refusal = r#"{"error":{"message":"bad key sk-upstream-secret","sk-upstream-secret":1,"type":"invalid_request_error","code":"nope"}}"#;
    let bench = Bench::new(Tape { status: 400, ..Tape::playing(&[refusal]) });

    let error = bench.chat(hello("dear")).await.unwrap_err();

    assert_eq!(error.code(), Code::UpstreamRejected);
    assert_eq!(error.message(), "bad key [redacted]");
    assert!(!format!("{:?}", error.details()).contains(SECRET));
    let receipt = bench.receipt().await;
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Failed, NanoDollars(0)));
    assert_eq!(receipt.error.as_deref(), Some("upstream_rejected"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_and_is_paid_for_as_far_as_it_came() {
    let bench = Bench::new(Tape::playing(&[TEXT]));
    let answer = bench.chat(hello("dear")).await.unwrap();

    let error = bench.run(Whole::collect(answer.chunks)).await.unwrap_err();

    assert_eq!(error.code(), Code::UpstreamFailed);
    let receipt = bench.receipt().await;
    assert_eq!(receipt.outcome, Outcome::Failed);
    assert_eq!(receipt.usage.output, 2);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let bench = Bench::new(Tape { stalls: true, ..Tape::playing(&[TEXT]) });
    let mut answer = bench.chat(hello("dear")).await.unwrap();
    assert!(bench.run(answer.chunks.next()).await.unwrap().is_ok());
    assert!(answer.chunks.next().now_or_never().is_none(), "the provider is silent");

    bench.host.advance(Duration::from_secs(601));

    let error = bench.run(answer.chunks.next()).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::UpstreamTimeout);
    assert_eq!(bench.receipt().await.outcome, Outcome::Failed);
}

#[tokio::test]
async fn only_a_priced_call_on_a_budget_is_given_an_output_limit() {
    let bench = Bench::new(Tape::playing(&[TEXT, STOP, USAGE, DONE]));
    for model in ["dear", "free"] {
        drop(bench.chat(hello(model)).await.unwrap());
        bench.host.run_spawned().await;
    }
    let asked = bench.http.asked.lock().unwrap();
    assert_eq!(asked[0]["max_tokens"], 100);
    assert_eq!(asked[1].get("max_tokens"), None);
}

#[tokio::test]
async fn a_caller_who_stops_reading_does_not_escape_the_deadline() {
    let pieces = [TEXT; 8];
    let bench = Bench::new(Tape { stalls: true, ..Tape::playing(&pieces) });
    let answer = bench.chat(hello("dear")).await.unwrap();
    bench.host.run_spawned().await;

    bench.host.advance(Duration::from_secs(601));

    assert_eq!(bench.receipt().await.outcome, Outcome::Failed);
    assert_eq!(bench.held().await, NanoDollars(0));
    drop(answer);
}

#[tokio::test]
async fn a_gateway_that_closes_ends_and_settles_what_runs() {
    let bench = Bench::new(Tape { stalls: true, ..Tape::playing(&[TEXT]) });
    let mut answer = bench.chat(hello("dear")).await.unwrap();
    assert!(bench.run(answer.chunks.next()).await.unwrap().is_ok());

    bench.gateway.close();

    let error = bench.run(answer.chunks.next()).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::Stopping);
    assert_eq!(bench.receipt().await.usage.output, 2);
}

#[tokio::test]
async fn a_caller_who_leaves_while_money_is_held_leaves_no_hold() {
    let host = Arc::new(TestHost::new());
    let slow = Arc::new(Slow(MemoryRecords::new(host.clone())));
    let bench = Bench::with(host, Tape::playing(&[TEXT, STOP]), slow);
    let request = decode_request(&hello("dear").to_string().into()).unwrap();
    let caller = caller();
    let mut chat = Box::pin(bench.gateway.chat(&caller, request, Origin::default()));
    assert!((&mut chat).now_or_never().is_none(), "the hold is not there at once");

    drop(chat);

    let receipt = bench.receipt().await;
    assert_eq!((receipt.outcome, receipt.cost), (Outcome::Aborted, NanoDollars(0)));
    assert_eq!(bench.held().await, NanoDollars(0));
    assert!(bench.http.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_models_name_has_a_limit() {
    let bench = Bench::new(Tape::playing(&[TEXT, STOP]));
    let error = bench.chat(hello(&"m".repeat(257))).await.unwrap_err();
    assert_eq!((error.code(), error.param()), (Code::InvalidRequest, Some("model")));
}

#[tokio::test]
async fn a_provider_that_streams_unasked_is_collected() {
    let bench = Bench::new(Tape::playing(&[TEXT, STOP, USAGE, DONE]));
    let body = json!({ "model": "dear", "messages": [{ "role": "user", "content": "Hello" }] });
    let mut answer = bench.chat(body).await.unwrap();
    while let Some(chunk) = bench.run(answer.chunks.next()).await {
        assert_eq!(chunk.unwrap().verbatim, None, "events of a stream are no JSON document");
    }
}

#[tokio::test]
async fn without_a_store_nobody_is_asked() {
    let host = Arc::new(TestHost::new());
    let bench = Bench::with(host, Tape::playing(&[TEXT, STOP]), Arc::new(Down));
    for budget in [None, Some(NanoDollars(1))] {
        let request = decode_request(&hello("free").to_string().into()).unwrap();
        let caller = Caller { budget, ..caller() };
        let error =
            bench.run(bench.gateway.chat(&caller, request, Origin::default())).await.unwrap_err();
        assert_eq!(error.code(), Code::StoreUnavailable);
    }
    assert!(bench.http.asked.lock().unwrap().is_empty());
}
