//! `POST /v1/moderations`: whether something harmful is said, in OpenAI's shape.

use axum::{Extension, body::Body, extract::State, response::Response};
use dormouse_core::{
    gateway::{Gateway, Origin},
    wire::openai_moderations,
};

use crate::{answer, body, caller::Authenticated, correlation::CorrelationId, problem::Problem};

/// Answers with a verdict on each input.
pub(crate) async fn moderate(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Extension(CorrelationId(id)): Extension<CorrelationId>,
    body: Body,
) -> Result<Response, Problem> {
    let body = body::read(&gateway, body).await?;
    let request = openai_moderations::decode_request(&body)?;
    let origin = Origin { correlation_id: Some(id.clone()), ..Origin::default() };
    let answered = gateway.moderate(&caller, request, origin).await?;
    let body = openai_moderations::encode_answer(&answered.answer, &id);
    Ok(answer::json(body, answered.receipt.as_deref()))
}
