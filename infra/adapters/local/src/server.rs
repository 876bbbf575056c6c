//! Models in this process, asked as a provider of OpenAI's chat is: [`InProcess`] is an
//! [`HttpClient`] that answers the URLs of an [`EmbeddedModel`] itself.
//!
//! So whatever the gateway does with providers (routes, prices, receipts, tools in words, errors) it does
//! with these, and nothing in it knows that there is no server. What is answered: `/models`,
//! `/chat/completions` and `/chat/completions/input_tokens`, as llama.cpp's server does it.

mod chat;
mod question;
mod telling;

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Kind, Result,
    ports::{ByteStream, EmbeddedModel, HttpClient},
    wire::openai_chat::error_body,
};
use futures::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use question::Question;
use serde_json::{Value, json};

use crate::{
    engine::{Engine, Limits},
    shelf::Shelf,
};

/// Answers in this process. Nothing is loaded, and no thread started, before the first request.
#[derive(Debug)]
pub struct InProcess {
    shelf: Shelf,
}

impl InProcess {
    /// Models that keep to `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { shelf: Shelf::new(limits) }
    }

    async fn answer(
        &self,
        model: &EmbeddedModel,
        request: Request<Bytes>,
    ) -> Result<Response<ByteStream>> {
        let id = model.id();
        let path = request.uri().path().trim_end_matches('/');
        match (request.method(), path.strip_prefix("/v1").unwrap_or(path)) {
            (&Method::GET, "/models") => {
                let engine = self.shelf.model(&model.name).await?;
                Ok(whole(StatusCode::OK, described(id, &engine).to_string().into()))
            }
            (&Method::POST, "/chat/completions") => {
                let question = Question::read(request.body(), id)?;
                let engine = self.shelf.model(&model.name).await?;
                chat::answer(&engine, question, id.to_owned()).await
            }
            (&Method::POST, "/chat/completions/input_tokens") => {
                let question = Question::read(request.body(), id)?;
                let engine = self.shelf.model(&model.name).await?;
                let count = move |its: &Engine| Ok(its.tokens(&question.prompt(its)?)?.len());
                let count: usize = engine.compute(count).await??;
                Ok(whole(StatusCode::OK, json!({ "input_tokens": count }).to_string().into()))
            }
            (_, path) => {
                let message = format!("models in process do not answer `{path}`: they only chat");
                Err(Error::new(Code::RouteNotFound, message))
            }
        }
    }
}

#[async_trait]
impl HttpClient for InProcess {
    /// Answers at the URL of an [`EmbeddedModel`]; others are
    /// [`UpstreamUnreachable`](Code::UpstreamUnreachable).
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let Some(model) = EmbeddedModel::of(request.uri()) else {
            return Err(Error::new(Code::UpstreamUnreachable, "the URL names no model in process"));
        };
        self.answer(&model, request).await.or_else(|error| {
            if error.kind() == Kind::Internal {
                return Err(error);
            }
            tracing::debug!(error = &error as &dyn std::error::Error, "a model in process refused");
            Ok(whole(status(&error), error_body(&error).to_string().into()))
        })
    }
}

/// The list of models, which is this one: as llama.cpp's server writes it.
fn described(id: &str, engine: &Engine) -> Value {
    let facts = engine.facts();
    let meta = json!({ "n_ctx": facts.context, "n_params": facts.parameters });
    let about = json!({
        "id": id,
        "object": "model",
        "owned_by": "dormouse",
        "context_length": facts.context,
        "meta": meta,
    });
    json!({ "object": "list", "data": [about] })
}

fn whole(status: StatusCode, body: Bytes) -> Response<ByteStream> {
    response(status, "application/json", stream::iter([Ok(body)]).boxed())
}

fn response(
    status: StatusCode,
    content_type: &'static str,
    body: ByteStream,
) -> Response<ByteStream> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let value = http::HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}

/// The status with which a server says it.
fn status(error: &Error) -> StatusCode {
    match error.kind() {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::NotFound => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
