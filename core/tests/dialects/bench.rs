//! A gateway in front of one scripted provider of each dialect.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Error, Result,
    catalog::Catalog,
    chat::{Dialect, Whole},
    gateway::{Answer, Gateway, Origin, Ports},
    keys::Caller,
    memory::MemoryRecords,
    ports::{ByteStream, HttpClient},
    rates::Limits,
    settings::Settings,
    wire::{self, Opening},
};
use dormouse_testkit::fakes::TestHost;
use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, Response, header};
use serde_json::Value;

/// The dialects that callers speak.
pub(crate) const CLIENTS: [Dialect; 3] =
    [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic];

/// The dialects that providers speak.
pub(crate) const PROVIDERS: [Dialect; 5] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::Anthropic,
    Dialect::Gemini,
    Dialect::Ollama,
];

const CATALOG: &str = "
providers:
  - {name: openai-chat, api: openai, base_url: http://chat/v1}
  - {name: openai-responses, api: openai-responses, base_url: http://responses/v1}
  - {name: anthropic, api: anthropic, base_url: http://anthropic/v1}
  - {name: gemini, api: gemini, base_url: http://gemini/v1beta}
  - {name: ollama, api: ollama, base_url: http://ollama}
";

/// What the provider sends.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In seconds.
    pub(crate) retry_after: Option<u64>,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    /// How many bytes come at once.
    pub(crate) piece: usize,
}

impl Reply {
    /// The answer of a case, whole or streamed, all at once.
    pub(crate) fn answer(case: &str, provider: Dialect, streams: bool) -> Self {
        let stem = format!("{case}/{}", provider.as_str());
        let (extension, content_type) = match (streams, provider) {
            (false, _) => ("json", "application/json"),
            (true, Dialect::Ollama) => ("ndjson", "application/x-ndjson"),
            (true, _) => ("sse", "text/event-stream"),
        };
        let body = fs::read(folder().join(format!("{stem}.{extension}"))).unwrap();
        Self { status: 200, retry_after: None, content_type, body, piece: usize::MAX }
    }

    pub(crate) fn in_pieces(self, piece: usize) -> Self {
        Self { piece, ..self }
    }
}

/// What the gateway asked of a provider.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// Whichever provider is asked, it replies this.
#[derive(Debug)]
struct Provider {
    reply: Mutex<Reply>,
    asked: Mutex<Vec<Call>>,
}

#[async_trait]
impl HttpClient for Provider {
    async fn send(&self, request: http::Request<Bytes>) -> Result<Response<ByteStream>> {
        let path = request.uri().path_and_query().unwrap().to_string();
        let body = serde_json::from_slice(request.body()).unwrap();
        self.asked.lock().unwrap().push(Call { path, body });
        let reply = self.reply.lock().unwrap().clone();
        let pieces = reply.body.chunks(reply.piece).map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let body = stream::iter(pieces.collect::<Vec<_>>()).boxed();
        let mut response = Response::builder()
            .status(reply.status)
            .header(header::CONTENT_TYPE, reply.content_type);
        if let Some(seconds) = reply.retry_after {
            response = response.header(header::RETRY_AFTER, seconds);
        }
        Ok(response.body(body).unwrap())
    }
}

/// A gateway and its providers.
pub(crate) struct Bench {
    host: Arc<TestHost>,
    provider: Arc<Provider>,
    gateway: Gateway,
}

/// What a caller received.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    /// What ended the stream, if it did not end well.
    pub(crate) error: Option<Error>,
}

impl Bench {
    pub(crate) fn new(reply: Reply) -> Self {
        let host = Arc::new(TestHost::new());
        let provider = Arc::new(Provider { reply: Mutex::new(reply), asked: Mutex::default() });
        let settings = Settings::read(|name| match name {
            "DORMOUSE_CONFIG" => Some(CATALOG.to_owned()),
            "DORMOUSE_SEAL_KEY" => Some("a key of the tests, as long as keys are".to_owned()),
            _ => None,
        });
        let catalog = Catalog::read(CATALOG, |_| None).unwrap();
        let records = Arc::new(MemoryRecords::new(host.clone()));
        let ports = Ports {
            host: host.clone(),
            http: provider.clone(),
            records,
            models: None,
            blobs: None,
            tools: Default::default(),
        };
        let gateway = Gateway::with_catalog(settings.unwrap(), catalog, ports).unwrap();
        Self { host, provider, gateway }
    }

    pub(crate) fn replies(&self, reply: Reply) {
        *self.provider.reply.lock().unwrap() = reply;
    }

    /// The last call.
    pub(crate) fn asked(&self) -> Option<Call> {
        self.provider.asked.lock().unwrap().last().cloned()
    }

    /// What a caller of `client` receives who sends `body`: what an HTTP host would send.
    pub(crate) async fn exchange(&self, client: Dialect, body: &Value) -> Result<Received> {
        let format = wire::served(client).unwrap();
        let request = format.decode_request(&HeaderMap::new(), &body.to_string().into())?;
        let opening = Opening { id: "0123456789abcdef".into(), created: 7 };
        let mut encoder = format.encoder(&request, opening.clone());
        let streams = request.stream.is_some();
        let origin = Origin { opening: Some(opening), ..Origin::default() };
        let caller = Caller {
            tenant: "acme".into(),
            key: "key".into(),
            budget: None,
            limits: Limits::default(),
            mode: None,
            tools: None,
            admin: false,
        };
        let asked = self.gateway.chat(&caller, request, origin);
        let mut answer = self.run(Box::pin(asked)).await?;
        if !streams {
            let (whole, own) = self.run(Box::pin(collected(answer))).await?;
            let bytes = own.unwrap_or_else(|| encoder.whole(&whole)).to_vec();
            return Ok(Received { bytes, error: None });
        }
        let (mut bytes, mut error) = (Vec::new(), None);
        while let Some(chunk) = self.run(answer.chunks.next()).await {
            match chunk {
                Ok(chunk) => bytes.extend_from_slice(&encoder.chunk(&chunk)),
                Err(failed) => {
                    bytes.extend_from_slice(&encoder.error(&failed));
                    error = Some(failed);
                }
            }
        }
        bytes.extend_from_slice(&encoder.done());
        Ok(Received { bytes, error })
    }

    /// Runs `work`, and beside it whatever the gateway spawns.
    fn run<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        self.host.run(work)
    }
}

/// A whole answer, and the provider's own bytes where they may pass.
async fn collected(mut answer: Answer) -> Result<(Whole, Option<Bytes>)> {
    let (mut whole, mut own) = (Whole::default(), None);
    while let Some(chunk) = answer.chunks.try_next().await? {
        for event in chunk.events {
            whole.push(event)?;
        }
        own = chunk.verbatim.or(own);
    }
    Ok((whole, own))
}

/// The request of a case as a caller of `client` writes it to `provider`.
pub(crate) fn request(case: &str, client: Dialect, provider: Dialect, streams: bool) -> Value {
    let mut body = read(&format!("requests/{case}/{}.json", client.as_str()));
    let model = match provider {
        Dialect::Gemini => "gemini-3-flash-preview",
        Dialect::Anthropic => "claude-sonnet-4-5",
        Dialect::Ollama => "qwen3:8b",
        _ => "gpt-5-mini",
    };
    body["model"] = format!("{}/{model}", provider.as_str()).into();
    if streams {
        body["stream"] = true.into();
        if client == Dialect::OpenAiChat {
            body["stream_options"] = serde_json::json!({ "include_usage": true });
        }
    }
    body
}

/// A JSON file beside this one.
pub(crate) fn read(path: &str) -> Value {
    serde_json::from_slice(&fs::read(folder().join(path)).unwrap()).unwrap()
}

/// The cases of a kind, by name.
pub(crate) fn cases(kind: &str) -> Vec<String> {
    let entries = fs::read_dir(folder().join(kind)).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<String> = entries.map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects")
}
