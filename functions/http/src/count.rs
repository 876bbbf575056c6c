//! `POST /v1/messages/count_tokens`: how many input tokens a request is, without answering it.
//!
//! `x-dormouse-token-source` says how the number is known: `counted` by whoever would answer, or
//! `estimated` from the length of what is to be read.

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use dormouse_core::{
    chat::Source,
    gateway::{Gateway, Origin},
};
use http::{HeaderMap, HeaderName};
use serde_json::json;

use crate::{answer, body, caller::Authenticated, dialect::Spoken, problem::Problem};

/// Says how a number of tokens is known.
pub(crate) const SOURCE: HeaderName = HeaderName::from_static("x-dormouse-token-source");

pub(crate) async fn count(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Extension(Spoken { dialect, route, .. }): Extension<Spoken>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = body::read(&gateway, body).await?;
    let request = answer::format(dialect)?.decode_request(&headers, &body)?;
    let origin = Origin { route, ..Origin::default() };
    let (tokens, source) = gateway.count_input(&caller, request, &origin).await?;
    let source = match source {
        Source::Reported | Source::Counted => "counted",
        Source::Estimated => "estimated",
    };
    Ok(([(SOURCE, source)], Json(json!({ "input_tokens": tokens }))).into_response())
}
