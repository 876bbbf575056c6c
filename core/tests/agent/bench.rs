//! A gateway with tools, in front of a scripted model.

mod model;
mod tools;

use std::sync::{Arc, Mutex};

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
    ports::{Program, Ran},
    rates::Limits,
    settings::Settings,
    tools::Fixed,
    wire::{self, Opening},
};
use dormouse_testkit::fakes::{FakeSandbox, TestHost};
use futures::StreamExt;
use http::HeaderMap;
use serde_json::{Value, json};

use model::Model;
pub(crate) use model::{Reply, calls, says};
use tools::{Log, tool};

pub(crate) const CATALOG: &str = "
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

    /// With every tool, and a sandbox in which programs do as `runs` says.
    pub(crate) fn able(runs: fn(&Program) -> Ran, script: impl IntoIterator<Item = Reply>) -> Self {
        let sandbox = FakeSandbox::new(move |program, _| runs(program));
        let ports = ToolPorts { sandbox: Some(Arc::new(sandbox)), ..ToolPorts::default() };
        Self::having(ports, &[("DORMOUSE_TOOLS", "*")], script)
    }

    /// A gateway that has more to work with than the tools of this module.
    pub(crate) fn having(
        ports: ToolPorts,
        set: &[(&str, &str)],
        script: impl IntoIterator<Item = Reply>,
    ) -> Self {
        Self::given(set, (CATALOG, ports), script)
    }

    /// With this catalog.
    pub(crate) fn given(
        set: &[(&str, &str)],
        (catalog, mut ports): (&str, ToolPorts),
        script: impl IntoIterator<Item = Reply>,
    ) -> Self {
        let host = Arc::new(TestHost::new());
        let model = Arc::new(Model::default());
        model.script.lock().unwrap().extend(script);
        let log = Arc::new(Log::default());
        let settings = Settings::read(|name| {
            let said = set.iter().find(|(key, _)| *key == name).map(|(_, it)| (*it).to_owned());
            said.or_else(|| match name {
                "DORMOUSE_CONFIG" => Some(catalog.to_owned()),
                "DORMOUSE_TOOLS" => Some("add,fail,long,meet,wait".to_owned()),
                _ => None,
            })
        });
        let tools = ["add", "fail", "long", "meet", "wait"].map(|name| tool(name, &log));
        ports.web.get_or_insert_with(|| model.clone());
        ports.toolboxes.insert(0, Arc::new(Fixed(tools.to_vec())));
        let ports = Ports {
            host: host.clone(),
            http: model.clone(),
            records: Arc::new(MemoryRecords::new(host.clone())),
            blobs: None,
            models: None,
            tools: ports,
        };
        let catalog = Catalog::read(catalog, |_| None).unwrap();
        let gateway = Gateway::with_catalog(settings.unwrap(), catalog, ports).unwrap();
        Self { host, gateway, log, model, budget: None }
    }

    /// The web answers these, one after the other.
    pub(crate) fn web(self, pages: impl IntoIterator<Item = &'static str>) -> Self {
        self.model.web.lock().unwrap().extend(pages);
        self
    }

    /// What was fetched.
    pub(crate) fn fetched(&self) -> Vec<String> {
        self.model.fetched.lock().unwrap().clone()
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
