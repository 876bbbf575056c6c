//! Tools that the gateway runs itself.
//!
//! A [`Tool`] is one, a [`Toolbox`] is where some come from: those that are built in, an operator's HTTP
//! services and programs, the servers of the Model Context Protocol. What a tool answers is for the model to
//! read, failures too: a tool that fails never fails the request.
//!
//! | module       | holds                                                                     |
//! |--------------|---------------------------------------------------------------------------|
//! | `registry`   | which tools there are, who may use which, and running them within limits  |
//! | `allowed`    | patterns of what may be used                                              |
//! | `schema`     | a tool's input held against its JSON Schema                               |
//! | `result`     | what a model is shown of what a tool answered                             |
//! | the others   | one of the tools that are built in, or a few that belong together         |

mod allowed;
mod calculator;
mod clock;
mod code;
mod memory;
mod registered;
mod registry;
mod remote;
mod result;
pub mod schema;
mod task_files;
mod web;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Map, Value};

use self::remote::Remote;
pub use self::{
    allowed::Allowed,
    calculator::{Calculator, calculate},
    clock::CurrentTime,
    code::RunCode,
    memory::Memory,
    registered::{NewTool, RegisteredTool, RegisteredTools},
    registry::{Limits, Offer, Offered, Registry},
    remote::{HttpTool, METHODS, UrlTemplate, fields_that_may_be_missing, is_tool_name},
    result::cut,
    task_files::TaskFiles,
    web::{Hit, SearchEngine, Target, WebFetch, WebSearch, is_public},
};
use crate::{
    Result, chat,
    chat::Part,
    ports::{HttpClient, Workspace},
};

/// A tool.
#[async_trait]
pub trait Tool: fmt::Debug + Send + Sync {
    /// Its name, what it does, and the JSON Schema of its input.
    fn definition(&self) -> &chat::Tool;

    /// The longest a call may take, if not [as long as most](crate::settings::Settings::tool_timeout).
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// Runs it with an input that its schema accepts. Dropping the future ends what it began.
    async fn call(&self, input: Map<String, Value>, context: &Context) -> Output;
}

/// Where tools come from.
#[async_trait]
pub trait Toolbox: fmt::Debug + Send + Sync {
    /// What stands before the names of its tools, with `__` in between: the name of a server. `None`:
    /// nothing does.
    fn namespace(&self) -> Option<&str> {
        None
    }

    /// Its tools, as they are now. Names are unique within a toolbox.
    async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>>;
}

/// On whose behalf a tool runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The tenant and the run: its files are in the workspace of this name.
    pub workspace: Workspace,
    /// The same for the same call of the same run, however often it is tried: what a service needs so as not
    /// to do a thing twice.
    pub idempotency_key: String,
}

/// What a tool answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// For the model to read.
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    pub is_error: bool,
}

impl Output {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        let part = Part::Text { text: text.into(), cache: None };
        Self { parts: vec![part], is_error: false }
    }

    /// Why it could not be done.
    pub fn failed(why: impl Into<String>) -> Self {
        Self { is_error: true, ..Self::text(why) }
    }
}

/// The names of the tools that are built in.
pub const BUILT_IN: [&str; 14] = [
    "bash",
    "python",
    "read_file",
    "write_file",
    "edit_file",
    "list_files",
    "web_search",
    "web_fetch",
    "calculator",
    "current_time",
    "list_models",
    "memory_put",
    "memory_get",
    "memory_search",
];

/// HTTP services of the operator's, as tools that are called over `http`.
pub fn services(tools: &[HttpTool], http: &Arc<dyn HttpClient>) -> Fixed {
    let service = |tool: &HttpTool| Arc::new(Remote::trusted(tool.clone(), Arc::clone(http)));
    Fixed(tools.iter().map(|tool| service(tool) as Arc<dyn Tool>).collect())
}

/// Tools that are always the same.
#[derive(Clone, Debug, Default)]
pub struct Fixed(pub Vec<Arc<dyn Tool>>);

#[async_trait]
impl Toolbox for Fixed {
    async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>> {
        Ok(self.0.clone())
    }
}

/// What there is to know of a tool before it is called.
fn define(name: &str, about: &str, input_schema: Value) -> chat::Tool {
    chat::Tool {
        name: name.to_owned(),
        description: Some(about.to_owned()),
        input_schema: Some(input_schema),
        ..chat::Tool::default()
    }
}
