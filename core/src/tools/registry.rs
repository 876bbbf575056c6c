//! The tools of a gateway: which there are, who may use which, and running them.
//!
//! What a tool does wrong (it fails, panics, takes too long, says too much) ends in what the model is told,
//! never in an error of the request.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::join_all};
use serde_json::{Map, Value};
use tracing::{Instrument, info_span};

use super::{Allowed, Context, Output, Tool, Toolbox, result, schema};
use crate::{
    Error, Result, chat, inference::Deadline, near::did_you_mean, ports::Host, telemetry::Metrics,
};

/// How long a toolbox may take to say what is in it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most tools that are offered to one caller.
const MAX_TOOLS: usize = 512;
/// The longest name of a tool, in bytes: what every provider takes.
const MAX_NAME: usize = 64;

/// The tools of a gateway. Clones are the same tools.
#[derive(Clone, Debug)]
pub struct Registry {
    host: Arc<dyn Host>,
    metrics: Metrics,
    toolboxes: Vec<Arc<dyn Toolbox>>,
    limits: Limits,
    /// What no result may show.
    secrets: Arc<[String]>,
}

/// What a call of a tool may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may last, where the tool itself says nothing else.
    pub time: Duration,
    /// How much text of its result is shown, in bytes.
    pub result: usize,
}

/// The tools that a caller may use, by their full names.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    tools: BTreeMap<String, Offered>,
    /// The namespaces of toolboxes that could not say what is in them.
    missing: Vec<Option<String>>,
}

/// A tool that is offered.
#[derive(Clone, Debug)]
pub struct Offered {
    definition: chat::Tool,
    tool: Arc<dyn Tool>,
}

impl Registry {
    /// The tools in `toolboxes`. Of tools of one name that of the earlier toolbox counts.
    ///
    /// `secrets` are struck out of every result.
    pub fn new(
        host: Arc<dyn Host>,
        metrics: Metrics,
        toolboxes: Vec<Arc<dyn Toolbox>>,
        limits: Limits,
        secrets: Vec<String>,
    ) -> Self {
        Self { host, metrics, toolboxes, limits, secrets: secrets.into() }
    }

    /// What a call may take.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The tools that all of `allowed` allow, and those of `more`, which come last. A toolbox of which nothing is
    /// allowed is not asked, and so not missed.
    pub async fn offer(&self, allowed: &[&Allowed], more: &[Arc<dyn Toolbox>]) -> Offer {
        let is_wanted = |toolbox: &&Arc<dyn Toolbox>| {
            let start = toolbox.namespace().map_or_else(String::new, |name| full(name, ""));
            allowed.iter().all(|list| list.allows_some_after(&start))
        };
        let boxes: Vec<_> = self.toolboxes.iter().chain(more).filter(is_wanted).collect();
        let listed = join_all(boxes.iter().map(|it| self.list(it.as_ref()))).await;
        let mut offer = Offer::default();
        for (toolbox, listed) in boxes.iter().zip(listed) {
            let namespace = toolbox.namespace();
            match listed {
                Ok(tools) => tools.into_iter().for_each(|tool| offer.add(namespace, tool, allowed)),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        toolbox = namespace,
                        error,
                        "the tools of a toolbox are missing"
                    );
                    offer.missing.push(namespace.map(str::to_owned));
                }
            }
        }
        offer
    }

    /// Makes a call as a model wrote it: `arguments` is JSON text.
    ///
    /// A name that is not offered, and arguments that the tool does not take, are failures for the model to
    /// read.
    pub async fn execute(
        &self,
        offer: &Offer,
        (name, arguments): (&str, &str),
        context: &Context,
        limits: Limits,
    ) -> Output {
        let Some(offered) = offer.get(name) else {
            self.metrics.tool_called(UNKNOWN, Duration::ZERO, true);
            return Output::failed(offer.unknown(name));
        };
        let input = match object(arguments) {
            Ok(input) => input,
            Err(why) => {
                self.metrics.tool_called(&offered.definition.name, Duration::ZERO, true);
                return Output::failed(why);
            }
        };
        match offered.accepts(&input) {
            Ok(()) => self.run(offered, input, context, limits).await,
            Err(error) => {
                self.metrics.tool_called(&offered.definition.name, Duration::ZERO, true);
                Output::failed(error.message())
            }
        }
    }

    /// Runs a tool with an input that it [accepts](Offered::accepts).
    pub async fn run(
        &self,
        offered: &Offered,
        input: Map<String, Value>,
        context: &Context,
        limits: Limits,
    ) -> Output {
        let name = &offered.definition.name;
        let time = offered.tool.time_limit().unwrap_or(limits.time);
        let deadline = Deadline::after(Arc::clone(&self.host), time);
        let span = info_span!("execute_tool", gen_ai.tool.name = name);
        let before = self.host.elapsed();
        let call = AssertUnwindSafe(offered.tool.call(input, context)).catch_unwind();
        let output = match deadline.within(time, call).instrument(span).await {
            Some(Ok(output)) => output,
            Some(Err(_)) => {
                tracing::error!(tool = name, "a tool panicked");
                Output::failed(format!("`{name}` failed: a defect of the tool"))
            }
            None => {
                let time = time.as_secs_f64();
                Output::failed(format!("`{name}` was ended: it did not finish within {time} s"))
            }
        };
        let took = self.host.elapsed().saturating_sub(before);
        self.metrics.tool_called(name, took, output.is_error);
        result::presentable(output, &self.secrets, limits.result)
    }

    async fn list(&self, toolbox: &dyn Toolbox) -> Result<Vec<Arc<dyn Tool>>> {
        let deadline = Deadline::after(Arc::clone(&self.host), PATIENCE);
        let listing = AssertUnwindSafe(toolbox.tools()).catch_unwind();
        let failed = |why| Err(Error::new(crate::Code::Internal, why));
        match deadline.within(PATIENCE, listing).await {
            Some(Ok(listed)) => listed,
            Some(Err(_)) => failed("the toolbox panicked"),
            None => failed("the toolbox did not answer in time"),
        }
    }
}

/// What metrics call a tool that there is not.
const UNKNOWN: &str = "unknown";

impl Offer {
    /// The tools, by name, for a model to be told of.
    pub fn definitions(&self) -> impl Iterator<Item = &chat::Tool> {
        self.tools.values().map(|offered| &offered.definition)
    }

    /// The tool of this name.
    pub fn get(&self, name: &str) -> Option<&Offered> {
        self.tools.get(name)
    }

    /// Whether nothing is offered.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// The namespaces of toolboxes that could not say what is in them; `tools` where one has none.
    pub fn missing(&self) -> Vec<&str> {
        self.missing.iter().map(|name| name.as_deref().unwrap_or("tools")).collect()
    }

    /// What is missing, as answers name what they had to do without: `mcp:NAME` for a server, `tools` for
    /// others.
    pub fn degraded(&self) -> Vec<String> {
        let named = |name: &Option<String>| match name {
            Some(name) => format!("mcp:{name}"),
            None => "tools".to_owned(),
        };
        self.missing.iter().map(named).collect()
    }

    /// Why there is no tool of this name, for whoever asked for it.
    pub fn unknown(&self, name: &str) -> String {
        let near = did_you_mean(name, self.tools.keys().map(String::as_str));
        let shown: String = name.chars().take(MAX_NAME).collect();
        format!("there is no tool `{shown}`{near}")
    }

    fn add(&mut self, namespace: Option<&str>, tool: Arc<dyn Tool>, allowed: &[&Allowed]) {
        let name = full_name(namespace, &tool.definition().name);
        if !allowed.iter().all(|list| list.allows(&name)) {
            return;
        }
        if self.tools.len() >= MAX_TOOLS || self.tools.contains_key(&name) {
            tracing::debug!(
                tool = name,
                "a tool is left out: its name is taken, or there are too many"
            );
            return;
        }
        let definition = chat::Tool { name: name.clone(), ..tool.definition().clone() };
        self.tools.insert(name, Offered { definition, tool });
    }
}

impl Offered {
    /// Its full name, what it does, and the JSON Schema of its input.
    pub fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    /// Whether the tool takes this input.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest) that names the field below `input`.
    pub fn accepts(&self, input: &Map<String, Value>) -> Result<()> {
        let Some(wanted) = &self.definition.input_schema else { return Ok(()) };
        schema::check_object(wanted, input).map_err(|flaw| {
            let path =
                if flaw.path.is_empty() { "input".into() } else { format!("input.{}", flaw.path) };
            let message = format!("`{path}` {}", flaw.why);
            Error::invalid(path, message)
        })
    }
}

/// The name by which a tool is called: letters, digits, `_` and `-`, as every provider takes it.
fn full_name(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(|| fitting(name), |namespace| full(namespace, name))
}

fn full(namespace: &str, name: &str) -> String {
    fitting(&format!("{namespace}__{name}"))
}

fn fitting(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.chars().map(|c| if fits(c) { c } else { '_' }).take(MAX_NAME).collect()
}

/// The arguments of a call. Models leave them out where there are none.
fn object(arguments: &str) -> Result<Map<String, Value>, String> {
    if arguments.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(arguments) {
        Ok(Value::Object(input)) => Ok(input),
        Ok(_) => Err("the arguments must be a JSON object".to_owned()),
        Err(error) => Err(format!("the arguments are not JSON: {error}")),
    }
}
