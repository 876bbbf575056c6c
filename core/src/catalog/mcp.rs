//! Servers of the Model Context Protocol, whose tools the gateway offers.

use std::{fmt, time::Duration};

use serde_json::{Value as Json, json};

use super::{
    kinds::{BaseUrl, HeaderFields, Time},
    path::Path,
    read::{Read, Reading, Word},
    shape::object,
    tenant::Patterns,
    tree::Node,
};
use crate::{
    settings::{Headers, Secret},
    tools::Allowed,
};

/// The longest name of a server, in bytes: tools' names begin with it, and providers take 64.
const MAX_NAME: usize = 24;

/// A server. `Debug` shows no secrets.
#[derive(Clone, Debug)]
pub struct McpServer {
    /// What stands before the names of its tools.
    pub name: String,
    /// Where it is.
    pub place: McpPlace,
    /// Which of its tools are offered, by the names that it gives them. `None`: all.
    pub tools: Option<Allowed>,
    /// The longest a call of its tools may take. `None`: as the settings say.
    pub timeout: Option<Duration>,
}

/// Where a server is.
#[derive(Clone)]
pub enum McpPlace {
    /// At a URL, where it speaks Streamable HTTP.
    Url {
        /// The URL, without a slash at the end.
        url: String,
        /// Further headers of every call. Their values may be secrets.
        headers: Headers,
    },
    /// In a process that the gateway starts, at whose standard input and output it speaks.
    Process {
        /// The program.
        command: String,
        /// Its arguments, which may be secrets.
        args: Vec<Secret>,
        /// What its environment holds beside what every program needs.
        env: Vec<(String, Secret)>,
    },
}

impl McpServer {
    /// What nobody but the server may be told.
    pub fn secrets(&self) -> Vec<String> {
        match &self.place {
            McpPlace::Url { headers, .. } => headers.secrets(),
            McpPlace::Process { env, .. } => {
                env.iter().map(|(_, value)| value.expose().to_owned()).collect()
            }
        }
    }
}

impl fmt::Debug for McpPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, .. } => {
                f.debug_struct("Url").field("url", url).finish_non_exhaustive()
            }
            Self::Process { command, .. } => {
                f.debug_struct("Process").field("command", command).finish_non_exhaustive()
            }
        }
    }
}

object! {
    /// A server of the Model Context Protocol: at a `url`, or started by a `command`.
    McpEntry {
        /// What stands before the names of its tools: `files` makes its `read` the tool `files__read`.
        required name: ServerName,
        /// Where it is, if it speaks HTTP.
        optional url: BaseUrl,
        /// Further headers of every call, its credential among them. Their values are kept secret.
        optional headers: HeaderFields,
        /// The program that is started, on hosts that start processes; it speaks over its standard input
        /// and output.
        optional command: CommandWord,
        /// Its arguments.
        optional args: Vec<CommandWord>,
        /// Its environment, beside `PATH`, `HOME` and the like. The values are kept secret.
        optional env: Variables,
        /// Which of its tools are offered: names, with one `*` for any text, or with `!` in front what is
        /// not offered; the last that fits counts. Default: all.
        optional tools: Patterns,
        /// The longest a call may take. Default: as the settings of the gateway say.
        optional timeout: Time,
    }
}

/// The name of a server.
#[derive(Default)]
pub(super) struct ServerName(pub(super) String);

impl Word for ServerName {
    fn parse(text: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins || text.len() > MAX_NAME || !text.chars().all(fits) || text.contains("__") {
            return Err(format!(
                "is not a server's name: letters, digits, `-` and single `_`, at most {MAX_NAME}"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn pattern() -> Option<&'static str> {
        Some("^[A-Za-z0-9][A-Za-z0-9_-]{0,23}$")
    }
}

/// A word of a command line. It is not repeated in messages.
#[derive(Default)]
pub(super) struct CommandWord(pub(super) String);

impl Word for CommandWord {
    const OPEN: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        if text.contains('\0') {
            return Err("may not hold a null character".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

/// Variables of an environment.
#[derive(Default)]
pub(super) struct Variables(pub(super) Vec<(String, Secret)>);

impl Read for Variables {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        let mut variables = Vec::new();
        for (key, node) in reading.entries(node, path) {
            let path = path.field(&key.text);
            let name = &key.text;
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(fits) {
                reading.note(&path, "is not the name of a variable");
            }
            match reading.text(node, &path) {
                Some(text) if text.contains('\0') => {
                    reading.note(&path, "may not hold a null character");
                }
                Some(text) => variables.push((name.clone(), Secret::new(&text))),
                None => {}
            }
        }
        Self(variables)
    }

    fn schema() -> Json {
        json!({ "type": "object", "additionalProperties": { "type": "string" } })
    }
}
