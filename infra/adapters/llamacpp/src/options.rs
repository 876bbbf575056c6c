//! What an operator may say about models and their servers.

use std::{collections::BTreeSet, fmt, fs, path::PathBuf, time::Duration};

use dormouse_core::{Code, Error, Result};

use crate::process::Address;

/// What stands in a command for the address.
const PORT: &str = "{port}";
const SOCKET: &str = "{socket}";

/// Models, and how their servers are treated.
#[derive(Clone, Debug)]
pub struct Options {
    /// The models that can be woken; their names must differ.
    pub models: Vec<ModelSpec>,
    /// A server without answers to give is stopped after this time.
    pub idle_timeout: Duration,
    /// A started server must be healthy within this time.
    pub health_timeout: Duration,
    /// At most so many servers run at once, at least 1; `None`: any number.
    pub max_loaded: Option<usize>,
    /// At most so many bytes are used by all models that are loaded; `None`: any number.
    pub memory_budget: Option<u64>,
    /// At most so many callers wait for each model. At least 1.
    pub queue: usize,
    /// How long a model rests after its first failure; twice as long after each further one.
    pub backoff_initial: Duration,
    /// The longest such rest. A server that ran longer than this had its earlier failures forgiven.
    pub backoff_max: Duration,
    /// How long a server that is told to stop (SIGTERM) may take before it is killed, and how long a
    /// shutdown waits for running answers.
    pub drain_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            idle_timeout: Duration::from_secs(300),
            health_timeout: Duration::from_secs(300),
            max_loaded: None,
            memory_budget: None,
            queue: 256,
            backoff_initial: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

impl Options {
    /// Finds what no server could be started with.
    pub(crate) fn check(&self) -> Result<()> {
        if self.queue == 0 || self.max_loaded == Some(0) {
            let message = "a queue of 0 callers, or room for 0 models, lets no model wake";
            return Err(refused(message.to_owned()));
        }
        let mut names = BTreeSet::new();
        for spec in &self.models {
            let name = &spec.name;
            if !names.insert(name) {
                return Err(refused(format!("the model `{name}` is configured twice")));
            }
            if spec.command.first().is_none_or(String::is_empty) {
                return Err(refused(format!("the command for the model `{name}` is empty")));
            }
            if spec.concurrency == Some(0) {
                return Err(refused(format!("the model `{name}` may not give any answer")));
            }
            let named = |place: &str| spec.command.iter().any(|part| part.contains(place));
            if named(PORT) == named(SOCKET) {
                let message =
                    format!("the command for the model `{name}` needs either {PORT} or {SOCKET}");
                return Err(refused(message));
            }
        }
        Ok(())
    }
}

fn refused(message: String) -> Error {
    Error::new(Code::InvalidRequest, message)
}

/// A model and the command that serves it.
#[derive(Clone)]
pub struct ModelSpec {
    /// What callers call it.
    pub name: String,
    /// The program and its arguments. `{model}` stands for [`path`](Self::path), or the name if there
    /// is none; `{port}` for the port of 127.0.0.1 on which the server must listen, or `{socket}` for
    /// the path of the Unix socket on which it must: one of the two.
    pub command: Vec<String>,
    /// The model's file.
    pub path: Option<PathBuf>,
    /// How much memory it takes when loaded; `None`: as much as its file is long.
    pub memory_bytes: Option<u64>,
    /// Lower ones are evicted first, and wait longest.
    pub priority: i32,
    /// Woken when the gateway starts, if there is room.
    pub preload: bool,
    /// How many answers it gives at once, at least 1; `None`: as many as its server says that it has slots.
    pub concurrency: Option<u32>,
}

impl ModelSpec {
    /// A model served by the program `command`, with the defaults for everything else.
    pub fn new(name: impl Into<String>, command: Vec<String>) -> Self {
        Self {
            name: name.into(),
            command,
            path: None,
            memory_bytes: None,
            priority: 0,
            preload: false,
            concurrency: None,
        }
    }

    /// How much memory it takes, as far as can be known.
    pub(crate) fn memory(&self) -> u64 {
        let length = || fs::metadata(self.path.as_ref()?).ok().map(|file| file.len());
        self.memory_bytes.or_else(length).unwrap_or(0)
    }

    /// Whether its server is to listen on a Unix socket.
    pub(crate) fn wants_socket(&self) -> bool {
        self.command.iter().any(|part| part.contains(SOCKET))
    }

    /// The command with its placeholders filled in.
    pub(crate) fn command_at(&self, address: &Address) -> Vec<String> {
        let path = self.path.as_ref().map(|path| path.to_string_lossy());
        let model = path.as_deref().unwrap_or(&self.name);
        let (place, value) = match address {
            Address::Port(port) => (PORT, port.number.to_string()),
            Address::Socket(socket) => (SOCKET, socket.path.clone()),
        };
        let fill = |part: &String| part.replace(place, &value).replace("{model}", model);
        self.command.iter().map(fill).collect()
    }

    /// Strikes out of a server's words what callers have no business with: where its files lie and
    /// what its command line keeps secret.
    pub(crate) fn without_secrets(&self, words: &str) -> String {
        let path = self.path.as_ref().map(|path| path.to_string_lossy().into_owned());
        let folder = self.path.as_ref().and_then(|path| path.parent());
        let folder = folder.map(|folder| folder.to_string_lossy().into_owned());
        let program = self.command.first().filter(|program| program.contains('/')).cloned();
        let mut words = words.to_owned();
        for place in [path, folder, program].into_iter().flatten().filter(|it| it.len() > 1) {
            words = words.replace(&place, "…");
        }
        for secret in secrets(&self.command) {
            words = words.replace(secret, "[redacted]");
        }
        words
    }
}

/// The values of options that are named like secrets: `--api-key KEY`, `--hf-token=TOKEN`.
fn secrets(command: &[String]) -> impl Iterator<Item = &str> {
    let secret = |flag: &str| {
        let flag = flag.to_ascii_lowercase();
        flag.starts_with('-')
            && ["key", "token", "secret", "password"].iter().any(|it| flag.contains(it))
    };
    let next = command.iter().zip(command.iter().skip(1));
    let apart = next.filter(move |(flag, _)| !flag.contains('=') && secret(flag));
    let joined = command.iter().filter_map(|part| part.split_once('='));
    let joined = joined.filter(move |(flag, _)| secret(flag));
    apart
        .map(|(_, value)| value.as_str())
        .chain(joined.map(|(_, value)| value))
        .filter(|it| !it.is_empty())
}

impl fmt::Debug for ModelSpec {
    /// Without the command's arguments: keys are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelSpec")
            .field("name", &self.name)
            .field("program", &self.command.first())
            .field("path", &self.path)
            .field("memory_bytes", &self.memory_bytes)
            .field("priority", &self.priority)
            .field("preload", &self.preload)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(command: &[&str]) -> ModelSpec {
        let command = command.iter().map(|part| (*part).to_owned()).collect();
        ModelSpec { path: Some("/srv/models/tiny.gguf".into()), ..ModelSpec::new("tiny", command) }
    }

    #[test]
    fn placeholders_are_filled_wherever_they_stand() {
        let spec = spec(&["serve", "--model={model}", "http://127.0.0.1:{port}/"]);
        let expected = ["serve", "--model=/srv/models/tiny.gguf", "http://127.0.0.1:8042/"];
        assert_eq!(spec.command_at(&Address::on_port(8042)), expected);
    }

    #[test]
    fn what_a_server_says_is_told_without_places_and_keys() {
        let spec = spec(&["/opt/llama/llama-server", "--api-key", "hush", "--hf-token=psst"]);
        let words = "/opt/llama/llama-server: cannot read /srv/models/tiny.gguf with hush and psst";
        let told = "…: cannot read … with [redacted] and [redacted]";
        assert_eq!(spec.without_secrets(words), told);
    }

    #[test]
    fn arguments_are_not_shown_when_debugging() {
        let shown = format!("{:?}", spec(&["serve", "--api-key", "hush", "{port}"]));
        assert!(shown.contains("serve") && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn commands_that_cannot_work_are_refused() {
        let refused = |models: Vec<ModelSpec>| {
            Options { models, ..Options::default() }.check().unwrap_err().message().to_owned()
        };
        let good = spec(&["serve", "{port}"]);
        assert!(refused(vec![good.clone(), good]).contains("twice"));
        for command in [&["serve"] as &[&str], &["serve", "{port}", "{socket}"]] {
            assert!(refused(vec![spec(command)]).contains("either {port} or {socket}"));
        }
        assert!(refused(vec![spec(&[])]).contains("empty"));
        let silent = ModelSpec { concurrency: Some(0), ..spec(&["serve", "{port}"]) };
        assert!(refused(vec![silent]).contains("any answer"));
        let no_queue = Options { queue: 0, ..Options::default() };
        let no_room = Options { max_loaded: Some(0), ..Options::default() };
        assert!(no_queue.check().is_err() && no_room.check().is_err());
    }
}
