//! One id for everything that belongs to a request: in every log line, in the receipt, in the answer.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, BodyDataStream},
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use dormouse_core::{gateway::Gateway, ports::hex};
use futures::Stream;
use http::{HeaderName, HeaderValue, Method};
use tracing::{Instrument, Span, info_span};

use crate::problem::Answered;

const HEADER: HeaderName = HeaderName::from_static("x-correlation-id");
/// The longest id that is taken over from a client, in bytes.
const MAX_BYTES: usize = 128;

/// The id of the request at hand.
#[derive(Clone, Debug)]
pub(crate) struct CorrelationId(pub(crate) String);

/// Gives every request an id (its own, if it brings one), a span and a place in the metrics.
pub(crate) async fn correlate(
    State(gateway): State<Gateway>,
    mut request: Request,
    next: Next,
) -> Response {
    let before = gateway.host().elapsed();
    let id = given(&request).unwrap_or_else(|| fresh(&gateway));
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let route = route.to_owned();
    let span = info_span!(
        "request",
        correlation_id = id,
        http.request.method = method,
        http.route = route
    );
    request.extensions_mut().insert(CorrelationId(id.clone()));

    let mut response = next.run(request).instrument(span.clone()).await;

    let after = gateway.host().elapsed().saturating_sub(before);
    let status = response.status().as_u16();
    gateway.metrics().responded(method, &route, status, after);
    if let Some(answered) = response.extensions().get::<Answered>() {
        gateway.metrics().failed(answered.code());
    }
    span.in_scope(|| {
        let milliseconds = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(http.response.status_code = status, milliseconds, "answered");
    });
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response.map(|body| within(span, body))
}

/// Lets a streamed body write its log lines under the request's span too.
fn within(span: Span, body: Body) -> Body {
    use http_body::Body as _;
    if body.size_hint().exact().is_some() {
        return body;
    }
    Body::from_stream(InSpan { span, body: body.into_data_stream() })
}

struct InSpan {
    span: Span,
    body: BodyDataStream,
}

impl Stream for InSpan {
    type Item = <BodyDataStream as Stream>::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.span.in_scope(|| Pin::new(&mut this.body).poll_next(cx))
    }
}

fn given(request: &Request) -> Option<String> {
    let text = request.headers().get(HEADER)?.to_str().ok()?;
    let fits = !text.is_empty() && text.len() <= MAX_BYTES;
    (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}

fn fresh(gateway: &Gateway) -> String {
    hex(gateway.host().random().into_iter().take(16))
}

/// Methods as metrics know them: clients may invent others without end.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "_OTHER",
    }
}
