//! A registry, and tools that do as they are told.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use dormouse_core::{
    Error, Result, chat,
    chat::Part,
    ports::Workspace,
    telemetry::Metrics,
    tools::{Allowed, Context, Fixed, Limits, Offer, Output, Registry, Tool, Toolbox},
};
use dormouse_testkit::fakes::TestHost;
use serde_json::{Map, Value, json};

pub(crate) const LIMITS: Limits = Limits { time: Duration::from_secs(30), result: 8192 };

/// A tool that does what a closure does.
pub(crate) struct Scripted {
    definition: chat::Tool,
    time_limit: Option<Duration>,
    act: Box<Script>,
}

type Script = dyn Fn(&Map<String, Value>) -> Act + Send + Sync;

/// What a scripted tool does.
pub(crate) enum Act {
    Answer(Output),
    Panic,
    Hang,
}

impl Scripted {
    pub(crate) fn new(
        name: &str,
        act: impl Fn(&Map<String, Value>) -> Act + Send + Sync + 'static,
    ) -> Self {
        let definition = chat::Tool { name: name.to_owned(), ..chat::Tool::default() };
        Self { definition, time_limit: None, act: Box::new(act) }
    }

    /// Says its name.
    pub(crate) fn named(name: &str) -> Self {
        let said = name.to_owned();
        Self::new(name, move |_| Act::Answer(Output::text(said.clone())))
    }

    pub(crate) fn taking(mut self, schema: Value) -> Self {
        self.definition.input_schema = Some(schema);
        self
    }

    pub(crate) fn within(self, time: Duration) -> Self {
        Self { time_limit: Some(time), ..self }
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.definition.name)
    }
}

#[async_trait]
impl Tool for Scripted {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    fn time_limit(&self) -> Option<Duration> {
        self.time_limit
    }

    async fn call(&self, input: Map<String, Value>, _: &Context) -> Output {
        match (self.act)(&input) {
            Act::Answer(output) => output,
            Act::Panic => panic!("as told"),
            Act::Hang => std::future::pending().await,
        }
    }
}

/// Tools below a name.
#[derive(Debug)]
pub(crate) struct Server(pub(crate) &'static str, pub(crate) Option<Fixed>);

#[async_trait]
impl Toolbox for Server {
    fn namespace(&self) -> Option<&str> {
        Some(self.0)
    }

    async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>> {
        match &self.1 {
            Some(tools) => tools.tools().await,
            None => Err(Error::new(dormouse_core::Code::UpstreamUnreachable, "it is down")),
        }
    }
}

pub(crate) fn fixed(tools: impl IntoIterator<Item = Scripted>) -> Fixed {
    Fixed(tools.into_iter().map(|tool| Arc::new(tool) as Arc<dyn Tool>).collect())
}

pub(crate) struct Bench {
    pub(crate) host: Arc<TestHost>,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Registry,
}

impl Bench {
    pub(crate) fn of(toolboxes: Vec<Arc<dyn Toolbox>>) -> Self {
        let (host, metrics) = (Arc::new(TestHost::new()), Metrics::new(1));
        let secrets = vec!["sk-a-secret".to_owned()];
        let registry = Registry::new(host.clone(), metrics.clone(), toolboxes, LIMITS, secrets);
        Self { host, metrics, registry }
    }

    pub(crate) fn with(tools: impl IntoIterator<Item = Scripted>) -> Self {
        Self::of(vec![Arc::new(fixed(tools))])
    }

    pub(crate) async fn offer(&self, patterns: &[&str]) -> Offer {
        let allowed = Allowed::parse(patterns.iter().copied()).unwrap();
        self.registry.offer(&[&allowed], &[]).await
    }

    pub(crate) async fn call(&self, name: &str, input: Value) -> Output {
        let offer = self.offer(&["*"]).await;
        self.registry.execute(&offer, (name, &input.to_string()), &context(), LIMITS).await
    }
}

pub(crate) fn context() -> Context {
    let workspace = Workspace { tenant: "acme".into(), name: "run_1".into() };
    Context { workspace, idempotency_key: "run_1/1".into() }
}

/// All that a tool said.
pub(crate) fn text(output: &Output) -> String {
    let text = |part: &Part| match part {
        Part::Text { text, .. } => text.clone(),
        other => panic!("{other:?} is no text"),
    };
    output.parts.iter().map(text).collect()
}

/// What a failed tool said.
pub(crate) fn failure(output: &Output) -> String {
    assert!(output.is_error, "{output:?}");
    text(output)
}

/// A schema of an object with one field that must be there.
pub(crate) fn one_field(name: &str, of: &Value) -> Value {
    json!({ "type": "object", "properties": { name: of }, "required": [name], "additionalProperties": false })
}
