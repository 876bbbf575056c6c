//! Agents: a model with instructions and limits, under a name.
//!
//! Operators write them as YAML (`docs/agents.md`, `docs/agents.schema.json`), in one file or a folder. They are
//! the same for every tenant; what is said to one belongs to the tenant that said it. A request for the model
//! `agent/NAME` is a request for the agent: what the [`Agent`] says is put into it, and the rest of its way is
//! that of any other.
//!
//! | module  | holds                                        |
//! |---------|----------------------------------------------|
//! | `agent` | one agent, and what it makes of a request    |
//! | `file`  | every field that a file may have, once       |
//! | `read`  | from files to agents, or to all that is wrong |

mod agent;
mod file;
mod read;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

pub use agent::{Agent, PREFIX};

use crate::{Code, Error, Result, near::did_you_mean};

/// Where the definitions of agents are.
///
/// # Contract
///
/// 1. [`read`](Self::read) gives every file as it is now, in the order of their names.
/// 2. [`variable`](Self::variable) gives what `${NAME}` in a value stands for. `None`: nothing.
pub trait AgentFiles: fmt::Debug + Send + Sync {
    /// The files. An error names the setting that says where they are.
    fn read(&self) -> Result<Vec<AgentFile>>;

    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;
}

/// A file that defines agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentFile {
    /// What messages call it.
    pub name: String,
    /// Its text: YAML 1.2 of at most [`MAX_BYTES`](crate::catalog::MAX_BYTES).
    pub text: String,
}

type Roster = BTreeMap<String, Arc<Agent>>;

/// The agents of a gateway. Without files, there are none.
#[derive(Debug, Default)]
pub struct Agents(RwLock<Read>);

/// What was read last, and where.
#[derive(Clone, Debug, Default)]
struct Read {
    files: Option<Arc<dyn AgentFiles>>,
    roster: Arc<Roster>,
}

impl Agents {
    /// Reads the agents that `files` define.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequest`] that names `DORMOUSE_AGENTS`, with a line for everything that is wrong in any
    /// of the files.
    pub fn read(files: Arc<dyn AgentFiles>) -> Result<Self> {
        let roster = Arc::new(read::read(&*files)?);
        Ok(Self(RwLock::new(Read { files: Some(files), roster })))
    }

    /// Reads the files again. Requests that have begun keep the agent that they began with.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read): then everything stays as it was.
    pub fn reload(&self) -> Result<()> {
        if let Some(files) = self.current().files {
            self.become_those(Self::read(files)?);
        }
        Ok(())
    }

    /// Takes the place of what was read so far.
    pub(crate) fn become_those(&self, others: Self) {
        let others = others.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = others;
    }

    /// Every agent, by name.
    pub fn list(&self) -> Vec<Arc<Agent>> {
        self.current().roster.values().cloned().collect()
    }

    /// The agent called `name`.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none.
    pub fn find(&self, name: &str) -> Result<Arc<Agent>> {
        let roster = self.current().roster;
        roster.get(name).cloned().ok_or_else(|| {
            let near = did_you_mean(name, roster.keys().map(String::as_str));
            let name: String = name.chars().take(64).collect();
            Error::new(Code::NotFound, format!("there is no agent `{name}`{near}"))
        })
    }

    /// The agent that a request for `model` is for.
    pub(crate) fn of_model(&self, model: &str) -> Option<Arc<Agent>> {
        let name = model.strip_prefix(PREFIX)?;
        self.current().roster.get(name).cloned()
    }

    fn current(&self) -> Read {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// JSON Schema (2020-12) of a file, for editors.
    pub fn schema() -> serde_json::Value {
        read::schema()
    }
}
