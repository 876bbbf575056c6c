//! Gateways on one store, each in a process that can die, and a provider in the hands of the test.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use bytes::Bytes;
use dormouse_core::{
    Result,
    blobs::RecordsBlobs,
    gateway::{Gateway, Ports, ToolPorts},
    memory::MemoryRecords,
    ports::{BlobPage, Blobs, ByteStream, Host, HttpClient, Records},
    settings::Settings,
    tools::Fixed,
};
use dormouse_testkit::fakes::TestHost;
use futures::{FutureExt, StreamExt, channel::mpsc, future::BoxFuture, stream};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::notebooks::{Log, Note, Notebooks};

const KEY: &str = "an administrator's key";

/// What the provider does when it is called.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It says this, word for word.
    Says(&'static str),
    /// It calls this tool.
    Calls(&'static str),
    /// It says something first, and then calls the tool `note` with this word.
    Notes(&'static str),
    /// It says what the test [lets](Provider::say) it say.
    Waits,
    /// It answers with this status.
    Status(u16),
}

/// A provider of OpenAI's chat. What is not scripted is answered with one word.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    script: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<Value>>,
    waiting: Mutex<Vec<mpsc::UnboundedSender<Result<Bytes>>>>,
}

impl Provider {
    /// What it was asked.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// Lets the last call that waits hear a word. `false`: nobody listens any more.
    pub(crate) fn say(&self, word: &str) -> bool {
        let waiting = self.waiting.lock().unwrap();
        waiting.last().unwrap().unbounded_send(Ok(delta(&json!({ "content": word })))).is_ok()
    }

    /// Ends the last call that waits.
    pub(crate) fn end(&self) {
        let call = self.waiting.lock().unwrap().pop().unwrap();
        call.unbounded_send(Ok(finish("stop"))).unwrap();
    }

    /// Whether somebody listens to the last call that waits.
    pub(crate) fn is_heard(&self) -> bool {
        !self.waiting.lock().unwrap().last().unwrap().is_closed()
    }
}

fn delta(delta: &Value) -> Bytes {
    let choice = json!({ "index": 0, "delta": delta });
    let chunk = json!({ "id": "c", "created": 1, "model": "m", "choices": [choice] });
    format!("data: {chunk}\n\n").into()
}

fn finish(reason: &str) -> Bytes {
    let choice = json!({ "index": 0, "delta": {}, "finish_reason": reason });
    let usage = json!({ "prompt_tokens": 9, "completion_tokens": 2 });
    let chunk = json!({ "id": "c", "model": "m", "choices": [choice], "usage": usage });
    format!("data: {chunk}\n\ndata: [DONE]\n\n").into()
}

#[async_trait]
impl HttpClient for Provider {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        futures::pending!();
        self.asked.lock().unwrap().push(serde_json::from_slice(request.body()).unwrap());
        let reply = self.script.lock().unwrap().pop_front().unwrap_or(Reply::Says("Hi"));
        let said = |pieces: Vec<Bytes>| stream::iter(pieces.into_iter().map(Ok)).boxed();
        let (status, body) = match reply {
            Reply::Says(text) => {
                let words = text.split_inclusive(' ');
                let mut pieces: Vec<Bytes> =
                    words.map(|word| delta(&json!({ "content": word }))).collect();
                pieces.push(finish("stop"));
                (200, said(pieces))
            }
            Reply::Calls(name) => {
                let function = json!({ "name": name, "arguments": "{}" });
                let call =
                    json!({ "index": 0, "id": "call_1", "type": "function", "function": function });
                (200, said(vec![delta(&json!({ "tool_calls": [call] })), finish("tool_calls")]))
            }
            Reply::Notes(word) => {
                let arguments = json!({ "word": word }).to_string();
                let function = json!({ "name": "note", "arguments": arguments });
                let call =
                    json!({ "index": 0, "id": "call_1", "type": "function", "function": function });
                let pieces = vec![
                    delta(&json!({ "content": "Let me note this." })),
                    delta(&json!({ "tool_calls": [call] })),
                    finish("tool_calls"),
                ];
                (200, said(pieces))
            }
            Reply::Waits => {
                let (say, heard) = mpsc::unbounded();
                self.waiting.lock().unwrap().push(say);
                (200, heard.boxed())
            }
            Reply::Status(status) => (status, said(vec!["{}".into()])),
        };
        let kind = if status == 200 { "text/event-stream" } else { "application/json" };
        Ok(Response::builder().status(status).header("content-type", kind).body(body).unwrap())
    }
}

/// Processes on one store.
pub(crate) struct Bench {
    pub(crate) provider: Arc<Provider>,
    /// What the tools of all processes did.
    pub(crate) log: Arc<Log>,
    clock: Arc<TestHost>,
    records: Arc<dyn Records>,
    settings: Settings,
    processes: Vec<Process>,
}

struct Process {
    host: Arc<TestHost>,
    router: Router,
    gateway: Gateway,
    alive: bool,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

impl Reading {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The events of a stream: the id that each has, its bytes, and its data.
    pub(crate) fn events(&self) -> Vec<(Option<u64>, String, Value)> {
        let frames = self.body.split_inclusive("\n\n").filter(|frame| !frame.starts_with(':'));
        let read = |frame: &str| {
            let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
            let data = serde_json::from_str(field("data: ").unwrap()).unwrap();
            (field("id: ").map(|id| id.parse().unwrap()), frame.to_owned(), data)
        };
        frames.map(read).collect()
    }

    /// The kinds of the events of a stream.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let kind = |(_, _, data): (_, _, Value)| {
            data["type"].as_str().unwrap().trim_start_matches("response.").to_owned()
        };
        self.events().into_iter().map(kind).collect()
    }
}

impl Bench {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::set(replies, &[])
    }

    /// Two processes with these settings, both looking for work.
    pub(crate) fn set(replies: impl IntoIterator<Item = Reply>, set: &[(&str, &str)]) -> Self {
        let provider = Arc::new(Provider::default());
        provider.script.lock().unwrap().extend(replies);
        let clock = Arc::new(TestHost::new());
        let records = Arc::new(MemoryRecords::new(clock.clone()));
        Self::over(provider, (clock, records), set)
    }

    fn over(
        provider: Arc<Provider>,
        (clock, records): (Arc<TestHost>, Arc<dyn Records>),
        set: &[(&str, &str)],
    ) -> Self {
        let settings = Settings::read(|name| match name {
            "DORMOUSE_API_KEY" => Some(KEY.to_owned()),
            "DORMOUSE_TOOLS" => Some("note".to_owned()),
            "DORMOUSE_UPSTREAM" => Some("http://provider/v1".to_owned()),
            name => set.iter().find(|(key, _)| *key == name).map(|(_, it)| (*it).to_owned()),
        });
        let settings = settings.unwrap();
        let (log, processes) = (Arc::default(), Vec::new());
        let mut bench = Self { provider, log, clock, records, settings, processes };
        bench.processes = vec![bench.process(), bench.process()];
        bench
    }

    /// Two other processes on the same store, with these settings.
    pub(crate) fn beside(&self, set: &[(&str, &str)]) -> Self {
        let store = (Arc::clone(&self.clock), Arc::clone(&self.records));
        Self::over(Arc::clone(&self.provider), store, set)
    }

    /// A process that looks for work.
    fn process(&self) -> Process {
        static SEEDS: AtomicU64 = AtomicU64::new(1);
        let host = Arc::new(TestHost::seeded(SEEDS.fetch_add(1, Ordering::Relaxed)));
        host.advance(self.clock.elapsed());
        let (http, records) = (self.provider.clone(), Arc::clone(&self.records));
        let sandbox = Arc::new(Notebooks::default());
        let note = Arc::new(Note::new(Arc::clone(&sandbox), Arc::clone(&self.log)));
        let tools = ToolPorts {
            sandbox: Some(sandbox),
            toolboxes: vec![Arc::new(Fixed(vec![note]))],
            ..ToolPorts::default()
        };
        let ports = Ports { host: host.clone(), http, records, models: None, blobs: None, tools };
        let gateway = Gateway::new(self.settings.clone(), ports).unwrap();
        let working = gateway.clone();
        host.spawn(async move { working.work().await }.boxed());
        let router = dormouse_http::router(gateway.clone());
        Process { host, router, gateway, alive: true }
    }

    /// Lets time pass for everybody.
    pub(crate) fn advance(&self, time: Duration) {
        self.clock.advance(time);
        self.processes.iter().for_each(|process| process.host.advance(time));
    }

    /// Lets every process that lives do what it can.
    pub(crate) async fn settle(&self) {
        for _ in 0..20 {
            for process in self.processes.iter().filter(|process| process.alive) {
                process.host.run_spawned().await;
            }
        }
    }

    /// How many blobs the tenant has.
    pub(crate) async fn blobs(&self) -> usize {
        let blobs = RecordsBlobs::new(Arc::clone(&self.records), self.clock.clone());
        blobs.list("default", BlobPage::default()).await.unwrap().len()
    }

    /// Lets time pass, second by second, and the processes do what they can.
    pub(crate) async fn pass(&self, time: Duration) {
        for _ in 0..time.as_secs() {
            self.advance(Duration::from_secs(1));
            self.settle().await;
        }
    }

    /// Kills a process: nothing that it has begun goes on.
    pub(crate) fn kill(&mut self, process: usize) {
        self.processes[process].alive = false;
    }

    /// Lets a process go on that seemed to be dead.
    pub(crate) fn revive(&mut self, process: usize) {
        self.processes[process].alive = true;
    }

    /// Kills a process, and starts another in its place.
    pub(crate) fn replace(&mut self, process: usize) {
        self.processes[process] = self.process();
    }

    /// Lets a process work for so long.
    pub(crate) fn works_for(&self, process: usize, time: Duration) -> BoxFuture<'static, ()> {
        let gateway = self.processes[process].gateway.clone();
        async move { gateway.work_for(time).await }.boxed()
    }

    /// Tells a process to stop.
    pub(crate) fn stop(&self, process: usize) {
        self.processes[process].gateway.close();
    }

    /// The answer to a request.
    pub(crate) async fn ask(
        &self,
        process: usize,
        (method, path): (&Method, &str),
        body: Option<&Value>,
    ) -> Reading {
        self.ask_with(process, (method, path), body, None).await
    }

    /// The answer to a request of who has seen an event, or another key.
    pub(crate) async fn ask_with(
        &self,
        process: usize,
        (method, path): (&Method, &str),
        body: Option<&Value>,
        header: Option<(&str, &str)>,
    ) -> Reading {
        let mut answered = pin!(self.send(process, (method, path), body, header));
        for _ in 0..100 {
            if let Some(reading) = answered.as_mut().now_or_never() {
                return reading;
            }
            self.settle().await;
        }
        panic!("no answer")
    }

    /// Sends a request. The test lets the processes do what they can meanwhile.
    pub(crate) async fn send(
        &self,
        process: usize,
        (method, path): (&Method, &str),
        body: Option<&Value>,
        header: Option<(&str, &str)>,
    ) -> Reading {
        let mut request = Request::builder().method(method).uri(path).header("x-api-key", KEY);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let router = self.processes[process].router.clone();
        let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reading { status: parts.status, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) async fn get(&self, process: usize, path: &str) -> Reading {
        self.ask(process, (&Method::GET, path), None).await
    }

    pub(crate) async fn post(&self, process: usize, path: &str, body: &Value) -> Reading {
        self.ask(process, (&Method::POST, path), Some(body)).await
    }

    /// Asks for a response in the background. Returns its id.
    pub(crate) async fn begin(&self, process: usize, input: &str) -> String {
        self.begin_as(process, KEY, input).await
    }

    /// The same, with another key.
    pub(crate) async fn begin_as(&self, process: usize, key: &str, input: &str) -> String {
        let body = json!({ "model": "m", "input": input, "background": true });
        let key = format!("Bearer {key}");
        let place = (&Method::POST, "/v1/responses");
        let header = Some(("authorization", &*key));
        let reading = self.ask_with(process, place, Some(&body), header).await;
        assert_eq!(reading.status, 200, "{reading:?}");
        let response = reading.json();
        assert_eq!(response["status"], "queued", "{response}");
        response["id"].as_str().unwrap().to_owned()
    }

    /// The response of this id, as one of the processes shows it.
    pub(crate) async fn response(&self, process: usize, id: &str) -> Value {
        let reading = self.get(process, &format!("/v1/responses/{id}")).await;
        assert_eq!(reading.status, 200, "{reading:?}");
        reading.json()
    }
}

/// The text of a response.
pub(crate) fn text(response: &Value) -> String {
    let items = response["output"].as_array().unwrap().iter();
    let parts = items.flat_map(|item| item["content"].as_array().into_iter().flatten());
    parts.filter_map(|part| part["text"].as_str()).collect()
}
