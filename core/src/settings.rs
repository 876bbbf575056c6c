//! Every setting: its name, default and meaning, written once.
//!
//! The flags and the help of the command line, the table in the README and the errors for wrong
//! values are all made from [`SETTINGS`]. Whoever owns the process looks the names up (in its
//! arguments, environment or Spin variables) and passes the texts to [`Settings::read`].

mod models;
mod runs;
mod sandbox;
mod source;
mod value;
mod web;

use std::time::Duration;

pub use models::{LocalModel, ModelList};
pub use sandbox::SandboxMode;
pub use source::CatalogSource;
use value::Value;
pub use value::{Headers, LogFormat, Prices, Secret, Size};

use crate::{
    Code, Error, Result,
    agent::Mode,
    catalog::{Api, AuthStyle},
    tools::{Allowed, SearchEngine},
};

/// One setting, for help texts and look-ups.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name of the flag, without dashes in front: `body-limit`.
    pub flag: &'static str,
    /// What stands for the value in help texts.
    pub value: &'static str,
    /// The value if nothing is given; `None` if it then stays unset.
    pub default: Option<&'static str>,
    /// What it does.
    pub help: &'static str,
}

impl Setting {
    /// The name of the environment variable: `DORMOUSE_BODY_LIMIT`.
    pub fn variable(&self) -> String {
        format!("DORMOUSE_{}", self.flag.replace('-', "_").to_uppercase())
    }
}

macro_rules! settings {
    ($($field:ident: $type:ty, $flag:literal, $value:literal, $default:expr, $help:literal;)*) => {
        /// The settings of a gateway. `Debug` shows no secrets.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $(#[doc = $help] pub $field: $type,)*
        }

        /// Every setting, in the order of the documentation.
        pub const SETTINGS: &[Setting] = &[
            $(Setting { flag: $flag, value: $value, default: $default, help: $help }),*
        ];

        impl Settings {
            /// Reads every setting with `look_up`, which is given the name of its environment
            /// variable. A value that cannot be used is an
            /// [`InvalidRequest`](Code::InvalidRequest) that names the variable.
            pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self> {
                let mut settings = SETTINGS.iter();
                let mut next = || {
                    let setting = settings.next();
                    let name = setting.map(Setting::variable).unwrap_or_default();
                    let given = look_up(&name).filter(|text| !text.trim().is_empty());
                    let default = setting.and_then(|setting| setting.default);
                    (name, given.or_else(|| default.map(str::to_owned)))
                };
                let settings = Self { $($field: parse::<$type>(next())?,)* };
                settings.check()
            }
        }
    };
}

settings! {
    listen: String, "listen", "ADDRESS", Some("127.0.0.1:8080"),
        "Where to listen. `PORT`, as container platforms set it, means 0.0.0.0 and that port.";
    config: Option<CatalogSource>, "config", "FILE", None,
        "The catalog of providers, models and routes: a YAML file, or the YAML itself if the value has a line break. Instead of an upstream.";
    agents: Option<CatalogSource>, "agents", "PATH", None,
        "Agents, which `/a1` answers with: a YAML file, a folder of them, or the YAML itself if the value has a line break.";
    upstream: Option<String>, "upstream", "URL", None,
        "Base URL of a provider, below which its API has its paths, or a model in process: `embedded:nano`, `embedded:/models/x.gguf`. Models pass through by name.";
    upstream_api: Api, "upstream-api", "API", Some("openai"),
        "Which API the upstream speaks, and where: openai (`https://api.openai.com/v1`, and every compatible server), openai-responses (the same), anthropic (`https://api.anthropic.com/v1`), gemini (`https://generativelanguage.googleapis.com/v1beta`) or ollama (`http://127.0.0.1:11434`).";
    upstream_api_key: Option<Secret>, "upstream-api-key", "KEY", None,
        "The credential for the upstream. Never shown to callers, in errors or in logs.";
    upstream_auth: Option<AuthStyle>, "upstream-auth", "SCHEME", None,
        "How the upstream wants its credential: bearer, x-api-key, x-goog-api-key, query-key or none. Unset, as its API does: x-api-key for anthropic, x-goog-api-key for gemini, bearer for the others.";
    upstream_headers: Headers, "upstream-headers", "JSON", Some("{}"),
        "Further headers for the upstream, as a JSON object of strings.";
    upstream_proxy: Option<Secret>, "upstream-proxy", "URL", None,
        "Proxy for calls to the upstream: http://, https:// or socks5://. Native hosts only.";
    upstream_connect_timeout: Duration, "upstream-connect-timeout", "DURATION", Some("5s"),
        "How long a connection to the upstream may take.";
    upstream_first_byte_timeout: Duration, "upstream-first-byte-timeout", "DURATION", Some("5m"),
        "How long the upstream may take to begin its answer.";
    upstream_idle_timeout: Duration, "upstream-idle-timeout", "DURATION", Some("5m"),
        "How long the upstream may be silent within its answer.";
    default_model: Option<String>, "default-model", "NAME", None,
        "The model of requests that name none.";
    emulate_tools: bool, "emulate-tools", "BOOL", Some("false"),
        "Whether models are told of tools in their prompt, and their calls read out of what they print: for models and servers that have no tool calling of their own. A catalog says it for each model.";
    mode: Mode, "mode", "MODE", Some("emulate"),
        "Whose hands act: emulate (calls of tools go to the caller) or loop (the gateway runs its own tools and answers when the model is done). A tenant's configuration, a route and a request may say another.";
    agent_steps: u32, "agent-steps", "COUNT", Some("20"),
        "How often a run asks its model at most, in mode loop. A request may want fewer.";
    agent_timeout: Duration, "agent-timeout", "DURATION", Some("5m"),
        "The longest a run may take, in mode loop; no longer than the request timeout.";
    agent_repetitions: u32, "agent-repetitions", "COUNT", Some("3"),
        "How often the same call of a tool may have the same result; then the run ends.";
    moderation_model: Option<String>, "moderation-model", "NAME", None,
        "The upstream's model for moderations that name none. Unset, all are answered by a word list of the gateway's own.";
    prices: Prices, "prices", "JSON", Some("{}"),
        "Dollars per million tokens, by model, `*` for all others: {\"gpt-5\": {\"input\": \"1.25\", \"cached_input\": \"0.125\", \"cache_write\": \"1.25\", \"output\": \"10\", \"reasoning\": \"10\"}}. A model without a price is free.";
    max_output_tokens: u32, "max-output-tokens", "TOKENS", Some("4096"),
        "The output limit of a request that names none, where its model has a price and its key a budget.";
    models: Option<ModelList>, "models", "LIST", None,
        "Models of this machine, started when asked for: GGUF files and folders, separated by commas, or a JSON list of these and of objects {\"name\": …, \"path\": …, \"command\": …, \"memory\": \"4GB\", \"priority\": 1, \"preload\": true, \"concurrency\": 4}.";
    model_command: String, "model-command", "TEMPLATE", Some("llama-server -m {model} --port {port} --host 127.0.0.1"),
        "What starts a model's server; {model} stands for its path, or its name if it has none, and {port} for a free port, or {socket} for a Unix socket.";
    model_idle_timeout: Duration, "model-idle-timeout", "DURATION", Some("5m"),
        "How long a model's server is kept without a request; then it is stopped.";
    model_health_timeout: Duration, "model-health-timeout", "DURATION", Some("5m"),
        "How long a model's server may take to become healthy; then its start has failed.";
    models_max: Option<u32>, "models-max", "COUNT", None,
        "How many models may be loaded at once; the least recently used idle one makes room. Unset, as many as fit.";
    models_memory: Option<Size>, "models-memory", "SIZE", None,
        "How much memory loaded models may take together. Unset, no limit.";
    embedded_threads: Option<u32>, "embedded-threads", "COUNT", None,
        "On how many threads models in process compute, all requests together. Unset, one for each core.";
    embedded_context: u32, "embedded-context", "COUNT", Some("8192"),
        "How many tokens a request to a model in process and its answer may have together; never more than the model can look at.";
    embedded_parallel: u32, "embedded-parallel", "COUNT", Some("8"),
        "How many requests each model in process answers at once, which bounds its memory; further ones wait.";
    embedded_cache: Size, "embedded-cache", "SIZE", Some("128MB"),
        "How much memory each model in process keeps of what it read, for requests that begin alike.";
    model_queue: u32, "model-queue", "COUNT", Some("100"),
        "How many requests may wait for one model; more are answered 429.";
    wake_timeout: Duration, "wake-timeout", "DURATION", Some("60s"),
        "How long a request that is not streamed waits for its model to wake; then it is answered 503. Streamed ones wait on, kept alive.";
    store: Option<Secret>, "store", "URL", None,
        "Where keys, budgets and receipts are kept: sqlite:///path/to/file.db, postgres://…, redis://…, dynamodb://table or memory:. Unset, a SQLite file in the data directory.";
    store_timeout: Duration, "store-timeout", "DURATION", Some("5s"),
        "How long a call of the store may take, with opening a connection and trying again; then the request is answered 503.";
    blobs: Option<String>, "blobs", "URL", None,
        "Where files and pictures are kept: files:///directory, s3://bucket/prefix, records: (in the store) or memory:. Unset, in a directory blobs beside the SQLite file, or with another store, in that.";
    data: Option<String>, "data", "DIRECTORY", None,
        "The data directory. Unset, dormouse under $XDG_DATA_HOME or ~/.local/share.";
    api_key: Option<Secret>, "api-key", "KEY", None,
        "A fixed administrator's key, at least 16 characters, instead of one made at the first start.";
    workers: Option<u32>, "workers", "COUNT", None,
        "How many requests may run at once; more are answered 429. Unset, 10 for each core.";
    body_limit: Size, "body-limit", "SIZE", Some("32MB"),
        "The largest request body.";
    request_timeout: Duration, "request-timeout", "DURATION", Some("10m"),
        "The longest a request may run, its answer included.";
    hold_ttl: Option<Duration>, "hold-ttl", "DURATION", None,
        "When money held for a request that never came back is free again; longer than the request timeout. Unset, one minute longer.";
    receipt_retention: Duration, "receipt-retention", "DURATION", Some("90d"),
        "How long receipts are kept.";
    responses_retention: Duration, "responses-retention", "DURATION", Some("30d"),
        "How long responses are kept that callers may continue by their id. 0s: none are kept.";
    runs: u32, "runs", "COUNT", Some("4"),
        "How many background responses this process works on at once, those that other processes left among them. 0: it takes them, and leaves them to others.";
    runs_poll: Duration, "runs-poll", "DURATION", Some("10s"),
        "How often a server looks for background responses that other processes left; its own it begins at once.";
    run_lease: Duration, "run-lease", "DURATION", Some("30s"),
        "How long a process that works on a background response may be silent; then another goes on with it.";
    conversation_ttl: Duration, "conversation-ttl", "DURATION", Some("24h"),
        "How long a conversation is kept after its last turn. 0s: none are kept.";
    conversation_messages: u32, "conversation-messages", "COUNT", Some("200"),
        "The most messages of a conversation.";
    conversation_compact_at: u32, "conversation-compact-at", "PERCENT", Some("80"),
        "Above which share of its model's context window a conversation is compacted: a summary takes the place of all but its end. 0: only when asked to.";
    compaction_model: Option<String>, "compaction-model", "NAME", None,
        "The model that writes summaries of conversations. Unset, the one that is to answer.";
    context_window: Option<u32>, "context-window", "TOKENS", None,
        "The context window of models of which the catalog knows none. Unset, conversations with them are neither cut nor compacted by themselves.";
    seal_key: Option<Secret>, "seal-key", "KEY", None,
        "Seals a provider's signed thoughts on their way through callers: at least 32 characters, the same in all gateways that share conversations. Unset, one is made and kept in the store.";
    rate_limit_requests: Option<u32>, "rate-limit-requests", "COUNT", None,
        "How many requests each tenant may make in a minute. Unset, no limit; a tenant's configuration may say another.";
    rate_limit_tokens: Option<u32>, "rate-limit-tokens", "TOKENS", None,
        "How many tokens, of input and output together, each tenant may use in a minute. Unset, no limit; a tenant's configuration may say another.";
    files_quota: Size, "files-quota", "SIZE", Some("1GB"),
        "How much the files and pictures that a tenant keeps may have together.";
    tools: Allowed, "tools", "PATTERNS", Some("*"),
        "Which of its own tools the gateway offers, separated by commas: names, with one `*` for any text, or with `!` in front what is not offered; the last that fits counts. A tenant's configuration may say others.";
    tool_timeout: Duration, "tool-timeout", "DURATION", Some("30s"),
        "The longest a call of a tool may take, where the tool itself says nothing else.";
    tool_result_limit: Size, "tool-result-limit", "SIZE", Some("8KB"),
        "How much of a tool's result a model is shown; what is longer is cut, and says so.";
    sandbox: SandboxMode, "sandbox", "MODE", Some("auto"),
        "What holds the programs that tools run. auto: all means that this machine has; where they do not keep files, network and other processes out of reach, nothing is run. require: nothing may be missing. warn: whatever there is. runsc, or the path of one: gVisor. off: nothing is run. An http:// or https:// URL: a `dormouse sandbox serve` elsewhere.";
    sandbox_key: Option<Secret>, "sandbox-key", "KEY", None,
        "What a gateway and its `dormouse sandbox serve` know each other by: at least 16 characters.";
    sandbox_directory: Option<String>, "sandbox-directory", "DIRECTORY", None,
        "Where programs have their working directories. Unset, workspaces in the data directory.";
    sandbox_network: bool, "sandbox-network", "BOOL", Some("false"),
        "Whether programs may use the network, this machine's own services included.";
    sandbox_memory: Size, "sandbox-memory", "SIZE", Some("512MB"),
        "How much memory a program may have, all its processes together.";
    sandbox_processes: u32, "sandbox-processes", "COUNT", Some("64"),
        "How many processes and threads a program may have at once.";
    sandbox_disk: Size, "sandbox-disk", "SIZE", Some("64MB"),
        "How much one working directory may hold.";
    sandbox_total: Size, "sandbox-total", "SIZE", Some("4GB"),
        "How much all working directories may hold together; the least recently used make room.";
    sandbox_retention: Duration, "sandbox-retention", "DURATION", Some("24h"),
        "How long a working directory is kept after it was last used.";
    sandbox_runs: Option<u32>, "sandbox-runs", "COUNT", None,
        "How many programs may run at once; others wait. Unset, 4 for each core.";
    tools_dir: Option<String>, "tools-dir", "DIRECTORY", None,
        "Where further tools are: programs, one for each. Native hosts only.";
    web_search: SearchEngine, "web-search", "ENGINE", Some("duckduckgo"),
        "Who searches the web for the tool web_search: duckduckgo (its instant answers), brave (with --web-search-key), or the URL of a SearXNG server.";
    web_search_key: Option<Secret>, "web-search-key", "KEY", None,
        "The key of the search engine.";
    tenant_config_ttl: Duration, "tenant-config-ttl", "DURATION", Some("10s"),
        "How long a process goes by what it knows of a tenant's configuration: another process's change counts within this time, its own at once. 0s: it is read for every request.";
    public_url: Option<String>, "public-url", "URL", None,
        "Where callers reach the gateway, as it tells them itself. Unset, what a request and the proxies in front of the gateway say.";
    mcp_origins: Option<String>, "mcp-origins", "ORIGINS", None,
        "Origins of web pages that may call /mcp, separated by commas, beside the gateway's own and those of this machine.";
    headers_within: Duration, "headers-within", "DURATION", Some("1s"),
        "How long a streamed request waits for the upstream's status before its headers are sent.";
    keep_alive: Duration, "keep-alive", "DURATION", Some("10s"),
        "The longest silence in a stream; then a comment is sent.";
    drain_timeout: Duration, "drain-timeout", "DURATION", Some("30s"),
        "How long running requests may take to end after SIGTERM.";
    log: String, "log", "FILTER", Some("info"),
        "What to log: error, warn, info, debug, trace, or a filter such as dormouse_core=debug,info.";
    log_format: LogFormat, "log-format", "FORMAT", Some("auto"),
        "text, json, or auto: text on a terminal, JSON otherwise.";
}

/// All settings as a Markdown table, for the README.
pub fn markdown_table() -> String {
    let mut table = "| flag | variable | default | meaning |\n|---|---|---|---|\n".to_owned();
    for setting in SETTINGS {
        let default = setting.default.map(|default| format!("`{default}`")).unwrap_or_default();
        let (flag, variable, help) = (setting.flag, setting.variable(), setting.help);
        table.push_str(&format!("| `--{flag}` | `{variable}` | {default} | {help} |\n"));
    }
    table
}

impl Settings {
    /// When money that is held for a request may be given to others.
    pub fn hold_ttl(&self) -> Duration {
        self.hold_ttl.unwrap_or(self.request_timeout + Duration::from_secs(60))
    }

    /// The model that a request means: the one it names, or if it names none, the default.
    pub fn model_of<'a>(&'a self, named: &'a str) -> Option<&'a str> {
        Some(named).filter(|named| !named.is_empty()).or(self.default_model.as_deref())
    }

    fn check(self) -> Result<Self> {
        let wrong = |name: &'static str, why: &'static str| Err(Error::invalid(name, why));
        if self.hold_ttl() <= self.request_timeout {
            return wrong(
                "DORMOUSE_HOLD_TTL",
                "DORMOUSE_HOLD_TTL must be longer than DORMOUSE_REQUEST_TIMEOUT, or a running request could lose its money",
            );
        }
        if self.keep_alive.is_zero() {
            return wrong("DORMOUSE_KEEP_ALIVE", "DORMOUSE_KEEP_ALIVE must be longer than nothing");
        }
        if self.conversation_messages < 2 {
            return wrong(
                "DORMOUSE_CONVERSATION_MESSAGES",
                "DORMOUSE_CONVERSATION_MESSAGES must be at least 2: a question and its answer",
            );
        }
        if self.conversation_compact_at > 100 {
            return wrong(
                "DORMOUSE_CONVERSATION_COMPACT_AT",
                "DORMOUSE_CONVERSATION_COMPACT_AT must be at most 100",
            );
        }
        if self.api_key.as_ref().is_some_and(|key| key.expose().len() < 16) {
            return wrong("DORMOUSE_API_KEY", "DORMOUSE_API_KEY must have at least 16 characters");
        }
        if self.seal_key.as_ref().is_some_and(|key| key.expose().len() < 32) {
            return wrong(
                "DORMOUSE_SEAL_KEY",
                "DORMOUSE_SEAL_KEY must have at least 32 characters",
            );
        }
        self.check_counts()?;
        runs::check(&self)?;
        web::check(&self)?;
        source::check(&self)?;
        sandbox::check(&self)?;
        Ok(self)
    }

    /// Refuses counts of nothing.
    fn check_counts(&self) -> Result<()> {
        for (name, count) in [
            ("DORMOUSE_WORKERS", self.workers),
            ("DORMOUSE_MODELS_MAX", self.models_max),
            ("DORMOUSE_EMBEDDED_THREADS", self.embedded_threads),
            ("DORMOUSE_EMBEDDED_CONTEXT", Some(self.embedded_context)),
            ("DORMOUSE_EMBEDDED_PARALLEL", Some(self.embedded_parallel)),
            ("DORMOUSE_MAX_OUTPUT_TOKENS", Some(self.max_output_tokens)),
            ("DORMOUSE_AGENT_STEPS", Some(self.agent_steps)),
            ("DORMOUSE_AGENT_REPETITIONS", Some(self.agent_repetitions)),
            ("DORMOUSE_RATE_LIMIT_REQUESTS", self.rate_limit_requests),
            ("DORMOUSE_RATE_LIMIT_TOKENS", self.rate_limit_tokens),
            ("DORMOUSE_SANDBOX_PROCESSES", Some(self.sandbox_processes)),
            ("DORMOUSE_SANDBOX_RUNS", self.sandbox_runs),
        ] {
            if count == Some(0) {
                return Err(Error::invalid(name, format!("{name} must be at least 1")));
            }
        }
        Ok(())
    }
}

fn parse<T: Value>((name, text): (String, Option<String>)) -> Result<T> {
    T::parse(text.as_deref().map(T::trimmed))
        .map_err(|why| Error::new(Code::InvalidRequest, format!("{name}: {why}")).at(name))
}

/// Reads a duration as settings have it: `500ms`, `10s`, `5m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    Duration::parse(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings> {
        let find = |name: &str| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::read(find)
    }

    #[test]
    fn defaults_are_complete() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.listen, "127.0.0.1:8080");
        assert_eq!(settings.body_limit, Size(32 << 20));
        assert_eq!(settings.hold_ttl(), Duration::from_secs(660));
        assert_eq!(settings.upstream, None);
    }

    #[test]
    fn a_wrong_value_names_its_variable() {
        for (name, value) in [
            ("DORMOUSE_BODY_LIMIT", "big"),
            ("DORMOUSE_KEEP_ALIVE", "10"),
            ("DORMOUSE_KEEP_ALIVE", "0s"),
            ("DORMOUSE_WORKERS", "0"),
            ("DORMOUSE_WORKERS", "many"),
            ("DORMOUSE_PRICES", r#"{"m": {"input": "-1", "output": "1"}}"#),
            ("DORMOUSE_PRICES", r#"{"m": {"inputs": "1"}}"#),
            ("DORMOUSE_UPSTREAM", "localhost:8080"),
            ("DORMOUSE_UPSTREAM_API", "chat"),
            ("DORMOUSE_UPSTREAM_AUTH", "basic"),
            ("DORMOUSE_UPSTREAM_HEADERS", r#"{"x y": "1"}"#),
            ("DORMOUSE_API_KEY", "short"),
            ("DORMOUSE_SEAL_KEY", "too short to be a key"),
            ("DORMOUSE_HOLD_TTL", "10s"),
            ("DORMOUSE_RUNS_POLL", "0s"),
            ("DORMOUSE_RUN_LEASE", "0s"),
            ("DORMOUSE_RUN_LEASE", "16m"),
            ("DORMOUSE_MODELS", "[{}]"),
            ("DORMOUSE_MODELS", r#"[{"path": "a.gguf", "memory": "4"#),
            ("DORMOUSE_MODELS_MAX", "0"),
            ("DORMOUSE_RATE_LIMIT_REQUESTS", "0"),
            ("DORMOUSE_RATE_LIMIT_TOKENS", "some"),
            ("DORMOUSE_MODELS_MEMORY", "all"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert_eq!(error.param(), Some(name), "{name}={value}: {error}");
            assert!(error.message().contains(name), "{error}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let settings = read(&[("DORMOUSE_API_KEY", "sk-0123456789abcdef")]).unwrap();
        assert!(!format!("{settings:?}").contains("0123456789abcdef"));
    }
}
