//! `POST /v1/embeddings`: texts as vectors, in OpenAI's shape.

use axum::{Extension, body::Body, extract::State, response::Response};
use dormouse_core::{
    gateway::{Gateway, Origin},
    wire::openai_embeddings,
};

use crate::{
    answer::{self, Known},
    body,
    caller::Authenticated,
    correlation::CorrelationId,
    dialect::Spoken,
    problem::Problem,
};

/// Answers with a vector for each input.
pub(crate) async fn embed(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    (Extension(CorrelationId(id)), Extension(Spoken { route, .. })): Known,
    body: Body,
) -> Result<Response, Problem> {
    let body = body::read(&gateway, body).await?;
    let request = openai_embeddings::decode_request(&body)?;
    let encoding = request.encoding;
    let origin = Origin { correlation_id: Some(id), route, ..Origin::default() };
    let answered = gateway.embed(&caller, request, origin).await?;
    let body = openai_embeddings::encode_answer(&answered.answer, encoding)?;
    Ok(answer::json(body, answered.receipt.as_deref()))
}
