//! What a catalog may say: every field with its meaning, once.
//!
//! The comments are for operators too: they become the descriptions of the JSON Schema.

use http::Method;
use serde_json::{Value as Json, json};

use super::{
    around::Around,
    kinds::{Amounts, Count, HeaderFields, Hidden, ModelName, Name, ProviderPlace, Time},
    logical::{Failure, Strategy},
    mcp::McpEntry,
    model::{Capabilities, Capability},
    path::Path,
    pattern::Pattern,
    problem::shortened,
    provider::{Api, AuthStyle, CredentialStrategy},
    read::{Read, Reading, Word},
    route::Protocol,
    shape::object,
    tenant::{Hands, TenantName, TenantValues},
    tool::{About, InputSchema, ToolMethod, ToolName, ToolUrl},
    tree::{Node, Value},
};
use crate::wire::MaxTokensField;

object! {
    /// The catalog of a Dormouse gateway: which providers there are, which models they serve, and how
    /// requests find them.
    File {
        /// Who serves models.
        optional providers: Vec<ProviderEntry>,
        /// The models that callers can name.
        optional models: Vec<ModelEntry>,
        /// Names that stand for several models.
        optional logical_models: Vec<LogicalEntry>,
        /// Which provider serves names that are not listed, by pattern; the first that matches counts.
        optional patterns: Vec<PatternEntry>,
        /// Which protocol is spoken where, and what names mean there; the first that matches counts.
        optional routes: Vec<RouteEntry>,
        /// Whether callers may write `provider/model` for any model of a provider. Default: true.
        default provider_prefix: bool = true,
        /// The model of requests that name none.
        optional default_model: ModelName,
        /// The provider that takes every name that nothing else knows. Without one, such names are
        /// answered 404.
        optional default_provider: Name,
        /// HTTP services that the gateway calls for models.
        optional tools: Vec<ToolEntry>,
        /// Servers of the Model Context Protocol, whose tools the gateway offers.
        optional mcp_servers: Vec<McpEntry>,
        /// What holds for all tenants.
        optional tenant_defaults: TenantValues,
        /// What holds for single tenants, in place of `tenant_defaults`.
        optional tenants: Vec<TenantEntry>,
    }
}

object! {
    /// A provider.
    ProviderEntry {
        /// What the catalog, metrics and receipts call it. `machine` is taken: it stands for the models
        /// that the gateway starts itself.
        required name: Name,
        /// The wire format it speaks.
        required api: Api,
        /// Where it is, up to and including the version: https://api.openai.com/v1. Or a model in process,
        /// which speaks openai: embedded:nano, embedded:/models/x.gguf.
        required base_url: ProviderPlace,
        /// How it wants its credential. Default: as is usual with the API.
        optional auth: AuthStyle,
        /// What it is shown; without any it is called without.
        optional credentials: Vec<CredentialEntry>,
        /// Which of several credentials is shown. Default: round_robin.
        default credential_strategy: CredentialStrategy = CredentialStrategy::RoundRobin,
        /// Further headers of every call. Their values are kept secret.
        optional headers: HeaderFields,
        /// How long it may be silent. Default: as the settings of the gateway say.
        optional timeouts: TimeoutsEntry,
        /// Which field limits the output, where `api` is openai. Default: told from the URL.
        optional max_tokens_field: LimitField,
        /// What those of its models cost that have no price of their own.
        optional price: Amounts,
    }
}

object! {
    /// What a provider is shown.
    CredentialEntry {
        /// What logs and metrics call it.
        required name: Name,
        /// What is sent; best taken from the environment: ${OPENAI_API_KEY}.
        required secret: Hidden,
        /// How often it is used, in proportion to the others; only with round_robin. Default: 1.
        optional weight: Count,
    }
}

object! {
    /// How long a provider may be silent.
    TimeoutsEntry {
        /// Before its answer begins.
        optional first_byte: Time,
        /// Within its answer.
        optional idle: Time,
    }
}

object! {
    /// A model.
    ModelEntry {
        /// What callers call it.
        required name: ModelName,
        /// Who serves it: a provider, or `machine`.
        required provider: Name,
        /// What it is called there. Default: its name.
        optional upstream_model: ModelName,
        /// Other names that callers may use.
        optional aliases: Vec<ModelName>,
        /// What is known of it.
        flat facts: FactsEntry,
    }
}

object! {
    /// What is known of a model.
    FactsEntry {
        /// The most tokens of input and output together.
        optional context_window: Count,
        /// The most tokens of one answer.
        optional max_output_tokens: Count,
        /// What it can. What is not said is taken to be possible.
        optional capabilities: Capabilities,
        /// Whether it calls tools by itself; with false, calls are read from its text. Default: true.
        default native_tools: bool = true,
        /// Whether calls that it prints as text, though it has tools, are made real calls, and arguments
        /// that are no JSON are mended, or asked for once more. Default: true of models of this machine
        /// and of Ollama's, else false.
        optional rescue_tools: bool,
        /// What it costs. Default: what its provider's models cost; else it is free.
        optional price: Amounts,
    }
}

object! {
    /// A name that stands for several models.
    LogicalEntry {
        /// What callers call it.
        required name: ModelName,
        /// In which order the candidates are asked. Default: auto.
        default strategy: Strategy = Strategy::Auto,
        /// The models it stands for. A logical model among them stands for its own candidates, which
        /// share its weight; its strategy and fallback do not count.
        required candidates: Vec<CandidateEntry>,
        /// What every candidate must be capable of. Of a logical model among the candidates, those that
        /// are not are left out.
        optional requires: Vec<Capability>,
        /// When another candidate is asked.
        optional fallback: FallbackEntry,
    }
}

object! {
    /// One of the models that a name stands for.
    CandidateEntry {
        /// Its name, an alias, or `provider/model`.
        required model: ModelName,
        /// How often it is picked, in proportion to the others; only with weighted. Default: 1.
        optional weight: Count,
    }
}

object! {
    /// When another candidate is asked.
    FallbackEntry {
        /// After which failures. Default: transport, rate_limit and server_error.
        optional on: Vec<Failure>,
        /// How many candidates are asked at most; 1 for no fallback. Default: all.
        optional max_attempts: Count,
    }
}

object! {
    /// Who serves the names of a pattern.
    PatternEntry {
        /// The names: one `*` in it stands for any text.
        required r#match: Pattern,
        /// Who serves them: a provider, or `machine`.
        required provider: Name,
        /// What is known of them all.
        flat facts: FactsEntry,
    }
}

object! {
    /// What holds for requests that come in one way.
    RouteEntry {
        /// Which requests it is for.
        required r#match: ReachEntry,
        /// What is spoken.
        required protocol: Protocol,
        /// The model of requests that name none.
        optional default_model: ModelName,
        /// Whose hands act: `emulate` (calls of tools go to the caller) or `loop` (the gateway runs its own).
        optional mode: Hands,
        /// What is done around the loop, for requests that do not say it.
        flat around: Around,
        /// What names mean here, by pattern, before anything else; the first that matches counts.
        optional models: Meanings,
    }
}

object! {
    /// Which requests a route is for. What is not given does not matter, but something must be.
    ReachEntry {
        /// The host of the request, without a port; one `*` stands for any text.
        optional host: Host,
        /// The beginning of the path, in whole segments: /v1 is for /v1/messages, not for /v10.
        optional path: Prefix,
        /// The methods.
        optional methods: Vec<Verb>,
    }
}

object! {
    /// An HTTP service that the gateway calls for models.
    ToolEntry {
        /// What models call it.
        required name: ToolName,
        /// What it does, for models to read.
        required description: About,
        /// JSON Schema of its input.
        required input_schema: InputSchema,
        /// How it is called: GET and DELETE send what the URL does not name as their query, POST, PUT and PATCH
        /// as JSON. Default: POST.
        default method: ToolMethod = ToolMethod(Method::POST),
        /// Where it is called; `{field}` stands for a field of the input, which `input_schema` must require.
        required url: ToolUrl,
        /// Headers of every call. Their values are kept secret.
        optional headers: HeaderFields,
        /// The longest a call may take. Default: as the settings of the gateway say.
        optional timeout: Time,
    }
}

object! {
    /// A tenant.
    TenantEntry {
        /// Its name, as its keys have it.
        required name: TenantName,
        /// What holds for it.
        flat values: TenantValues,
    }
}

/// Which field limits the output of a server with OpenAI's API.
#[derive(Default)]
pub(super) struct LimitField(pub(super) Option<MaxTokensField>);

impl Word for LimitField {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "max_tokens" => Ok(Self(Some(MaxTokensField::MaxTokens))),
            "max_completion_tokens" => Ok(Self(Some(MaxTokensField::MaxCompletionTokens))),
            _ => Err("is neither max_tokens nor max_completion_tokens".to_owned()),
        }
    }

    fn pattern() -> Option<&'static str> {
        Some("^max_(completion_)?tokens$")
    }
}

/// A host, as the header of that name has it.
#[derive(Default)]
pub(super) struct Host(pub(super) Pattern);

impl Word for Host {
    fn parse(text: &str) -> Result<Self, String> {
        if text.contains(['/', '@']) || !text.starts_with('[') && text.contains(':') {
            return Err(
                "is not a host such as api.example.com, without scheme, port and path".into()
            );
        }
        Pattern::parse(text).map(|pattern| Self(pattern.in_small_letters()))
    }

    fn pattern() -> Option<&'static str> {
        Some(r"^[^\s/@]+$")
    }
}

/// The beginning of a path; empty for the root.
#[derive(Default)]
pub(super) struct Prefix(pub(super) String);

impl Word for Prefix {
    fn parse(text: &str) -> Result<Self, String> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "*?#".contains(c);
        if !text.starts_with('/') || text.contains(odd) {
            return Err("is not the beginning of a path such as /v1/messages".to_owned());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    fn pattern() -> Option<&'static str> {
        Some(r"^/[^\s*?#]*$")
    }
}

/// A method of HTTP.
#[derive(Default)]
pub(super) struct Verb(pub(super) Method);

impl Verb {
    const ALL: [Method; 7] = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];
}

impl Word for Verb {
    fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|method| method.as_str() == text);
        found.map(Self).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(Method::as_str).collect();
            format!("is not one of {}", known.join(", "))
        })
    }

    fn pattern() -> Option<&'static str> {
        Some("^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)$")
    }
}

/// What names mean, by pattern.
#[derive(Default)]
pub(super) struct Meanings(pub(super) Vec<(Pattern, ModelName)>);

impl Read for Meanings {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        let entries = reading.entries(node, path);
        let mut meanings = Vec::new();
        if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
            reading.note(path, "is empty: put something in, or leave it out");
        }
        for (key, node) in entries {
            let path = path.field(&key.text);
            let model = ModelName::read(node, &path, reading);
            match Pattern::parse(&key.text) {
                Ok(pattern) => meanings.push((pattern, model)),
                Err(why) => reading.note(&path, format!("`{}` {why}", shortened(&key.text))),
            }
        }
        Self(meanings)
    }

    fn schema() -> Json {
        json!({ "type": "object", "additionalProperties": ModelName::schema(), "minProperties": 1 })
    }
}
