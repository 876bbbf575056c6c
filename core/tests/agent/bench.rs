//! A gateway with tools, in front of a scripted model.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Error, Result,
    accounting::Receipt,
    agent::{Journal, Run, Step},
    catalog::Catalog,
    chat::{self, Dialect, Event, Grammar},
    conversation::Address,
    gateway::{Answer, Gateway, Origin, Ports, ToolPorts},
    keys::Caller,
    memory::MemoryRecords,
    money::NanoDollars,
    ports::{ByteStream, HttpClient},
    rates::Limits,
    settings::Settings,
    tools::{Context, Fixed, Output, Tool},
    wire::{self, Opening},
};
use dormouse_testkit::fakes::TestHost;
use futures::{StreamExt, future::pending, stream};
use http::{HeaderMap, Request, Response, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};

/// What the model does when it is asked.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It says this, and makes these calls: id, name, arguments.
    Says(&'static str, Vec<(&'static str, &'static str, &'static str)>),
    /// It is cut short by its limit of tokens.
    Cut(&'static str),
    /// It begins to speak, and then is silent.
    Hangs(&'static str),
    /// It cannot be reached.
    Fails,
}

pub(crate) fn says(text: &'static str) -> Reply {
    Reply::Says(text, Vec::new())
}

pub(crate) fn calls<const N: usize>(
    calls: [(&'static str, &'static str, &'static str); N],
) -> Reply {
    Reply::Says("", calls.to_vec())
}

#[derive(Debug, Default)]
struct Model {
    script: Mutex<VecDeque<Reply>>,
    bodies: Mutex<Vec<Value>>,
}

#[async_trait]
impl HttpClient for Model {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        self.bodies.lock().unwrap().push(serde_json::from_slice(request.body()).unwrap());
        let reply = self.script.lock().unwrap().pop_front().expect("nobody scripted an answer");
        let (deltas, reason) = match &reply {
            Reply::Says(text, calls) => {
                let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
                (deltas(text, calls), Some(reason))
            }
            Reply::Cut(text) => (deltas(text, &[]), Some("length")),
            Reply::Hangs(text) => (deltas(text, &[]), None),
            Reply::Fails => {
                let error = Error::new(dormouse_core::Code::UpstreamUnreachable, "it is gone");
                return Err(error);
            }
        };
        let chunk = |choice: Value| {
            let object = json!({ "id": "chatcmpl-1", "model": "m", "choices": [choice] });
            format!("data: {object}\n\n")
        };
        let mut body: String =
            deltas.into_iter().map(|delta| chunk(json!({ "index": 0, "delta": delta }))).collect();
        if let Some(reason) = reason {
            body += &chunk(json!({ "index": 0, "delta": {}, "finish_reason": reason }));
            let usage = json!({ "prompt_tokens": 10, "completion_tokens": 2 });
            body += &format!("data: {}\n\n", json!({ "choices": [], "usage": usage }));
            body += "data: [DONE]\n\n";
        }
        let said = stream::iter([Ok(Bytes::from(body))]);
        let rest = stream::once(async move {
            if reason.is_none() {
                pending::<()>().await;
            }
            Ok(Bytes::new())
        });
        let response = Response::builder().header(CONTENT_TYPE, "text/event-stream");
        Ok(response.body(said.chain(rest).boxed()).unwrap())
    }
}

/// One word at a time, as models speak.
fn deltas(text: &str, calls: &[(&str, &str, &str)]) -> Vec<Value> {
    let words = text.split_inclusive(' ').filter(|word| !word.is_empty());
    let mut deltas = vec![json!({ "role": "assistant", "content": "" })];
    deltas.extend(words.map(|word| json!({ "content": word })));
    for (index, (id, name, arguments)) in calls.iter().enumerate() {
        let function = json!({ "name": name, "arguments": "" });
        let begun = json!({ "index": index, "id": id, "type": "function", "function": function });
        deltas.push(json!({ "tool_calls": [begun] }));
        let more = json!({ "index": index, "function": { "arguments": arguments } });
        deltas.push(json!({ "tool_calls": [more] }));
    }
    deltas
}

/// What was done with the tools.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) calls: Mutex<Vec<(String, Context)>>,
    /// Calls that were begun and neither ended nor dropped.
    pub(crate) working: AtomicUsize,
}

/// A tool that does what its name says.
struct Scripted {
    definition: chat::Tool,
    log: Arc<Log>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.definition.name)
    }
}

struct Working<'a>(&'a AtomicUsize);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Tool for Scripted {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    async fn call(&self, input: Map<String, Value>, context: &Context) -> Output {
        self.log.calls.lock().unwrap().push((self.definition.name.clone(), context.clone()));
        self.log.working.fetch_add(1, Ordering::Relaxed);
        let _working = Working(&self.log.working);
        match &*self.definition.name {
            "add" => {
                let number = |field: &str| input[field].as_i64().unwrap();
                Output::text((number("a") + number("b")).to_string())
            }
            "fail" => Output::failed("no such file"),
            "long" => Output::text("x".repeat(100_000)),
            // Ends when another call works beside it.
            "meet" => {
                while self.log.working.load(Ordering::Relaxed) < 2
                    && self.log.calls.lock().unwrap().len() < 2
                {
                    again().await;
                }
                Output::text("met")
            }
            _ => pending().await,
        }
    }
}

/// Lets others work first.
async fn again() {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn tool(name: &str, log: &Arc<Log>) -> Arc<dyn Tool> {
    let number = json!({ "type": "integer" });
    let schema = match name {
        "add" => json!({
            "type": "object", "properties": { "a": number, "b": number }, "required": ["a", "b"],
        }),
        _ => json!({ "type": "object", "properties": {} }),
    };
    let definition = chat::Tool {
        name: name.to_owned(),
        description: Some(format!("to {name}")),
        input_schema: Some(schema),
        ..chat::Tool::default()
    };
    Arc::new(Scripted { definition, log: Arc::clone(log) })
}

const CATALOG: &str = "
providers:
  - {name: p, api: openai, base_url: 'http://provider.invalid/v1'}
models:
  - {name: m, provider: p, upstream_model: m, price: {input: 1, output: 1}}
  - {name: small, provider: p, upstream_model: small, native_tools: false, price: {input: 1, output: 1}}
";

/// A gateway with tools.
pub(crate) struct Bench {
    pub(crate) host: Arc<TestHost>,
    pub(crate) gateway: Gateway,
    pub(crate) log: Arc<Log>,
    model: Arc<Model>,
    pub(crate) budget: Option<NanoDollars>,
}

impl Bench {
    pub(crate) fn new(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::set(&[], script)
    }

    pub(crate) fn set(set: &[(&str, &str)], script: impl IntoIterator<Item = Reply>) -> Self {
        Self::having(ToolPorts::default(), set, script)
    }

    /// A gateway that has more to work with than the tools of this module.
    pub(crate) fn having(
        mut ports: ToolPorts,
        set: &[(&str, &str)],
        script: impl IntoIterator<Item = Reply>,
    ) -> Self {
        let host = Arc::new(TestHost::new());
        let model = Arc::new(Model::default());
        model.script.lock().unwrap().extend(script);
        let log = Arc::new(Log::default());
        let said =
            |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, it)| (*it).to_owned());
        let settings = Settings::read(|name| match name {
            "DORMOUSE_CONFIG" => Some(CATALOG.to_owned()),
            "DORMOUSE_TOOLS" => said(name).or(Some("add,fail,long,meet,wait".to_owned())),
            _ => said(name),
        });
        let tools = ["add", "fail", "long", "meet", "wait"].map(|name| tool(name, &log));
        ports.toolboxes.insert(0, Arc::new(Fixed(tools.to_vec())));
        let ports = Ports {
            host: host.clone(),
            http: model.clone(),
            records: Arc::new(MemoryRecords::new(host.clone())),
            blobs: None,
            models: None,
            tools: ports,
        };
        let catalog = Catalog::read(CATALOG, |_| None).unwrap();
        let gateway = Gateway::with_catalog(settings.unwrap(), catalog, ports).unwrap();
        Self { host, gateway, log, model, budget: None }
    }

    /// What the model was asked.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.model.bodies.lock().unwrap().clone()
    }

    /// The messages of every question, as text without the bracket behind.
    pub(crate) fn told(&self) -> Vec<String> {
        let text = |body: &Value| body["messages"].to_string();
        let bodies = self.asked();
        bodies.iter().map(|body| text(body).strip_suffix(']').unwrap().to_owned()).collect()
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller {
            tenant: "acme".into(),
            key: "key".into(),
            budget: self.budget,
            limits: Limits::default(),
            mode: None,
            tools: None,
            admin: false,
        }
    }

    /// Runs `work`, and beside it whatever the gateway spawns.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        self.host.run(work)
    }

    /// Asks with the body of a request of this dialect.
    pub(crate) async fn ask(
        &self,
        dialect: Dialect,
        body: Value,
        origin: Origin,
    ) -> Result<Answer> {
        let request = decode(dialect, &body)?;
        self.run(self.gateway.chat(&self.caller(), request, origin)).await
    }

    /// The whole answer, as its caller reads it.
    pub(crate) async fn whole(&self, dialect: Dialect, body: Value) -> Value {
        let events = self.events(dialect, body.clone()).await;
        let request = decode(dialect, &body).unwrap();
        let mut whole = chat::Whole::default();
        events.into_iter().for_each(|event| whole.push(event).unwrap());
        let mut encoder = wire::served(dialect).unwrap().encoder(&request, opening());
        serde_json::from_slice(&encoder.whole(&whole)).unwrap()
    }

    /// The streamed answer, as its caller reads it.
    pub(crate) async fn stream(&self, dialect: Dialect, mut body: Value) -> String {
        body["stream"] = true.into();
        let request = decode(dialect, &body).unwrap();
        let mut encoder = wire::served(dialect).unwrap().encoder(&request, opening());
        let origin = Origin { opening: Some(opening()), ..Origin::default() };
        let mut answer = self.ask(dialect, body, origin).await.unwrap();
        let mut sent = Vec::new();
        while let Some(chunk) = self.run(answer.chunks.next()).await {
            match chunk {
                Ok(chunk) => sent.extend_from_slice(&encoder.chunk(&chunk)),
                Err(error) => sent.extend_from_slice(&encoder.error(&error)),
            }
        }
        sent.extend_from_slice(&encoder.done());
        String::from_utf8(sent).unwrap()
    }

    /// What is told, in the vocabulary. It is a legal answer.
    pub(crate) async fn events(&self, dialect: Dialect, body: Value) -> Vec<Event> {
        let origin = Origin { opening: Some(opening()), ..Origin::default() };
        let answer = self.ask(dialect, body, origin).await.unwrap();
        self.collect(answer).await.unwrap()
    }

    /// All events of an answer, checked.
    pub(crate) async fn collect(&self, mut answer: Answer) -> Result<Vec<Event>> {
        let (mut events, mut grammar) = (Vec::new(), Grammar::default());
        while let Some(chunk) = self.run(answer.chunks.next()).await {
            for event in chunk?.events {
                grammar.check(&event).unwrap();
                events.push(event);
            }
        }
        grammar.complete().unwrap();
        Ok(events)
    }

    /// The receipts, oldest first.
    pub(crate) async fn receipts(&self) -> Vec<Receipt> {
        self.host.run_spawned().await;
        let mut receipts = self.gateway.ledger().receipts("acme", None, 100).await.unwrap();
        receipts.sort_by_key(|receipt| receipt.step);
        receipts
    }

    pub(crate) async fn held(&self) -> NanoDollars {
        self.host.run_spawned().await;
        let budget = self.budget.unwrap_or_default();
        self.gateway.ledger().balance("acme", "key", budget).await.unwrap().held
    }

    /// Where a request goes that names the conversation `name`.
    pub(crate) async fn conversation(&self, name: &str) -> Origin {
        let address = Address::Named(name.to_owned());
        let caller = self.caller();
        let opened = self.run(self.gateway.converse(&caller, &address)).await.unwrap();
        Origin { conversing: opened, ..Origin::default() }
    }
}

fn opening() -> Opening {
    Opening { id: "1".into(), created: 7 }
}

fn decode(dialect: Dialect, body: &Value) -> Result<chat::Request> {
    let body = Bytes::from(body.to_string());
    wire::served(dialect).unwrap().decode_request(&HeaderMap::new(), &body)
}

/// A request of mode `loop`, in OpenAI's chat.
pub(crate) fn question(model: &str) -> Value {
    json!({
        "model": model,
        "messages": [{ "role": "user", "content": "What is 1 + 2?" }],
        "dormouse": { "mode": "loop" },
    })
}

/// The same in any dialect.
pub(crate) fn question_in(dialect: Dialect, model: &str) -> Value {
    let mut body = question(model);
    match dialect {
        Dialect::OpenAiResponses => {
            let fields = body.as_object_mut().unwrap();
            let messages = fields.shift_remove("messages").unwrap();
            fields.insert("input".into(), messages);
        }
        Dialect::Anthropic => body["max_tokens"] = 100.into(),
        _ => {}
    }
    body
}

/// What streamed events say, without those that only keep alive.
pub(crate) fn frames(sent: &str) -> Vec<Value> {
    let data = sent.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// Records steps, and may refuse to.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    pub(crate) recorded: Mutex<Vec<Step>>,
    /// How many it takes. `None`: all.
    pub(crate) most: Option<usize>,
}

#[async_trait]
impl Journal for Steps {
    async fn record(&self, at: u32, step: &Step) -> Result<()> {
        let mut recorded = self.recorded.lock().unwrap();
        assert_eq!(usize::try_from(at).unwrap(), recorded.len());
        if self.most.is_some_and(|most| recorded.len() >= most) {
            return Err(Error::new(dormouse_core::Code::StoreUnavailable, "the store is down"));
        }
        recorded.push(step.clone());
        Ok(())
    }
}

/// A request that is answered by the run `id`, from `steps` on.
pub(crate) fn resumed(id: &str, steps: Vec<Step>, journal: &Arc<Steps>) -> Origin {
    let journal = Some(Arc::clone(journal) as Arc<dyn Journal>);
    Origin { agent: Some(Run { id: id.to_owned(), steps, journal }), ..Origin::default() }
}
