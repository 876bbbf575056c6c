//! Calling a provider: any server that speaks the OpenAI API (llama.cpp, BitNet's llama-server, vLLM,
//! LM Studio, OpenAI, OpenRouter, DeepSeek, Zhipu, Vercel) or another dialect that [`wire`] can speak.
//!
//! Nothing of what a provider sends is trusted: statuses, bodies and silences all have limits, and the
//! gateway's own credential is struck out of whatever comes back.

mod adapt;
mod count;
mod deadline;
mod health;
mod local;
mod models;
mod providers;
mod single;
mod stop;
mod target;
mod whole;

use std::{sync::Arc, time::Duration};

use async_stream::try_stream;
use bytes::{Bytes, BytesMut};
use count::Counting;
pub use deadline::Deadline;
use futures::{FutureExt, StreamExt, stream};
pub use health::{Health, Pulse};
use http::{Response, header::RETRY_AFTER};
pub use local::LocalModels;
pub use models::{Model, describe as describe_server};
pub use providers::{Providers, Visit, Way};
pub use target::Target;

use crate::{
    Code, Error, Result,
    alarm::Alarm,
    chat::{Chunk, ChunkStream, Dialect, Request},
    ports::{ByteStream, Host, HttpClient},
    wire::{self, Called, Decode, Outgoing, Verbatim, openai_completions},
};

/// The largest whole answer that is read from a provider.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// The most that is read of a provider's error.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// How long the list of a provider's models may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug)]
pub struct Unanswered {
    /// What to tell the caller.
    pub error: Error,
    /// Whether the provider said no, or was not there: then it did not work for the call.
    pub refused: bool,
}

impl Unanswered {
    fn refused(error: Error) -> Self {
        Self { error, refused: true }
    }

    fn broken(error: Error) -> Self {
        Self { error, refused: false }
    }
}

/// A provider that can be called. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Provider {
    target: Arc<Target>,
    http: Arc<dyn HttpClient>,
    host: Arc<dyn Host>,
    /// What is known of how it counts tokens.
    counting: Arc<Counting>,
}

impl Provider {
    /// The provider at `target`, reached through `http`.
    pub fn new(target: Target, http: Arc<dyn HttpClient>, host: Arc<dyn Host>) -> Self {
        Self { target: Arc::new(target), http, host, counting: Arc::default() }
    }

    /// The wire format it speaks.
    pub fn dialect(&self) -> Dialect {
        self.target.dialect
    }

    /// Whether its server numbers its slots, which only llama.cpp's does.
    pub fn has_slots(&self) -> bool {
        self.target.slot.is_some()
    }

    /// Asks `model` and returns when the answer begins.
    ///
    /// An error before that is returned here; a later one ends the stream. `cap` lowers the request's
    /// limit of output tokens, or sets one. Dropping the future or the stream ends the call.
    pub async fn chat(
        &self,
        request: &Request,
        model: &str,
        cap: Option<u32>,
        deadline: &Deadline,
    ) -> Result<ChunkStream, Unanswered> {
        let outgoing = Outgoing {
            model,
            max_output_tokens: cap,
            max_tokens_field: self.target.max_tokens_field(),
            openai: self.target.is_openai(),
            stream: request.stream.is_some(),
            slot: self.target.slot,
        };
        let (dialect, format) = self.format_for(request).map_err(Unanswered::refused)?;
        let wire =
            self.write(request, (dialect, format), &outgoing).map_err(Unanswered::refused)?;
        let response = self.head(wire, format, deadline, self.target.first_byte_timeout).await?;
        let same = request.original.as_ref().is_some_and(|it| it.dialect == dialect);
        // A server may stream unasked, or answer whole when asked to stream; then its bytes are not
        // what the caller waits for.
        if format.is_stream(content_type(&response)) {
            let hide_usage = request.stream.is_some_and(|options| !options.include_usage);
            let pass = same && request.stream.is_some();
            let decoder = format.decoder(Verbatim { pass, hide_usage });
            let chunks = self.streamed(response.into_body(), decoder, deadline.clone());
            return Ok(adapt::answer(request, format, chunks));
        }
        let pass = same && request.stream.is_none();
        let body = self.collect(response.into_body(), deadline, MAX_ANSWER_BYTES).await;
        let chunk = body.and_then(|body| format.decode_answer(body, pass));
        let chunk = chunk.map_err(|error| Unanswered::broken(self.clean(error)))?;
        Ok(adapt::answer(request, format, stream::iter([Ok(chunk)]).boxed()))
    }

    /// Writes a request, adapted to what its dialect can say.
    fn write(
        &self,
        request: &Request,
        (dialect, format): (Dialect, &dyn Called),
        outgoing: &Outgoing<'_>,
    ) -> Result<http::Request<Bytes>> {
        let mut adapted = adapt::request(request, dialect, format);
        if outgoing.slot.is_some() {
            adapted = adapt::only_named(adapted);
        }
        self.target.post(format.encode_request(&adapted, outgoing)?, outgoing.stream)
    }

    /// What a request is written in: its own dialect or the provider's. Whoever offers OpenAI's chat
    /// offers its text completions too.
    fn format_for(&self, request: &Request) -> Result<(Dialect, &'static dyn Called)> {
        let own = self.dialect();
        if request.dialect != Dialect::OpenAiCompletions {
            return Ok((own, self.format()?));
        }
        if own == Dialect::OpenAiChat {
            return Ok((request.dialect, &openai_completions::OpenAiCompletions));
        }
        openai_completions::check_translatable(request)?;
        Ok((own, self.format()?))
    }

    /// How its dialect is spoken.
    fn format(&self) -> Result<&'static dyn Called> {
        wire::called(self.dialect()).ok_or_else(|| {
            let message = format!("no provider can speak {}", self.dialect().as_str());
            Error::new(Code::Internal, message)
        })
    }

    /// Lists the provider's models, as it describes them.
    pub async fn models(&self) -> Result<Vec<Model>> {
        let deadline = Deadline::after(Arc::clone(&self.host), LIST_TIMEOUT);
        let (format, list) = (self.format()?, self.format()?.models());
        let asked = self.head(self.target.get(list.path)?, format, &deadline, LIST_TIMEOUT).await;
        let response = asked.map_err(|unanswered| unanswered.error)?;
        let body = self.collect(response.into_body(), &deadline, MAX_ANSWER_BYTES).await?;
        models::decode(&body, list)
    }

    /// Sends a request and waits for a success status.
    async fn head(
        &self,
        request: http::Request<Bytes>,
        format: &dyn Called,
        deadline: &Deadline,
        patience: Duration,
    ) -> Result<Response<ByteStream>, Unanswered> {
        let sent = deadline.within(patience, self.http.send(request)).await;
        let sent = sent.unwrap_or_else(|| Err(late("did not begin to answer in time")));
        let response = sent.map_err(|error| match error.code() {
            Code::UpstreamUnreachable => Unanswered::refused(error),
            _ => Unanswered::broken(error),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        // The error's own words are worth having, but a status alone must do if they do not come.
        let body = self.collect(response.into_body(), deadline, MAX_ERROR_BYTES).await;
        let body = body.unwrap_or_else(|error| {
            tracing::debug!(error = &error as &dyn std::error::Error, "an error body broke off");
            Bytes::new()
        });
        let mut error = self.clean(format.decode_error(status.as_u16(), retry_after, &body));
        if wire::overflows(&error) {
            error = error.recognised(Code::ContextOverflow);
        }
        Err(Unanswered::refused(error))
    }

    /// Decodes a streamed body as it arrives.
    fn streamed(
        &self,
        mut body: ByteStream,
        mut decoder: Box<dyn Decode>,
        deadline: Deadline,
    ) -> ChunkStream {
        let this = self.clone();
        try_stream! {
            let patience = this.target.idle_timeout;
            let mut alarm = Alarm::after(Arc::clone(&this.host), deadline.at_most(patience));
            while !decoder.is_done() {
                let next = alarm.before(body.next()).await.ok_or_else(silent)?;
                let Some(bytes) = next.transpose()? else { break };
                alarm.set(deadline.at_most(patience));
                for chunk in joined(decoder.push(&bytes).map_err(|error| this.clean(error))?) {
                    yield chunk;
                }
            }
            for chunk in decoder.finish().map_err(|error| this.clean(error))? {
                yield chunk;
            }
            // Whoever has read a body to its end, if that is here, can use the connection again.
            drop(body.next().now_or_never());
        }
        .boxed()
    }

    async fn collect(
        &self,
        mut body: ByteStream,
        deadline: &Deadline,
        limit: usize,
    ) -> Result<Bytes> {
        let mut collected = BytesMut::new();
        while let Some(bytes) = self.next(&mut body, deadline).await? {
            if collected.len() + bytes.len() > limit {
                return Err(Error::new(Code::UpstreamInvalid, "the provider's answer is too long"));
            }
            collected.extend_from_slice(&bytes);
        }
        Ok(collected.freeze())
    }

    async fn next(&self, body: &mut ByteStream, deadline: &Deadline) -> Result<Option<Bytes>> {
        let next = deadline.within(self.target.idle_timeout, body.next()).await;
        next.ok_or_else(silent)?.transpose()
    }

    fn clean(&self, error: Error) -> Error {
        self.target.secrets().fold(error, Error::without)
    }
}

/// Makes one chunk of those that arrived together, where their bytes may pass: each is a write of its
/// own from here on.
fn joined(chunks: Vec<Chunk>) -> Vec<Chunk> {
    if chunks.len() < 2 || chunks.iter().any(|chunk| chunk.verbatim.is_none()) {
        return chunks;
    }
    let (mut events, mut bytes) = (Vec::with_capacity(chunks.len()), BytesMut::new());
    for chunk in chunks {
        events.extend(chunk.events);
        bytes.extend_from_slice(&chunk.verbatim.unwrap_or_default());
    }
    vec![Chunk { events, verbatim: Some(bytes.freeze()) }]
}

fn content_type(response: &Response<ByteStream>) -> &str {
    let header = response.headers().get(http::header::CONTENT_TYPE);
    header.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn silent() -> Error {
    late("stopped in the middle of its answer")
}

fn late(what: &str) -> Error {
    Error::new(Code::UpstreamTimeout, format!("the provider {what}"))
}
