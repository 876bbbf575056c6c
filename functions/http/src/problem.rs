//! Errors as clients see them: a status, a stable code, a message. Causes go to the log.

mod limits;

use std::{any::Any, sync::Arc};

use axum::{
    Json,
    extract::Request,
    response::{IntoResponse, Response},
};
use dormouse_core::{
    Code, Error, Kind,
    chat::Dialect,
    wire::{self, openai_chat},
};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::{Value, json};

use crate::correlation::CorrelationId;

/// An [`Error`] on its way out.
#[derive(Debug)]
pub(crate) struct Problem(Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// The error that a response carries.
#[derive(Clone, Debug)]
pub(crate) struct Answered(Arc<Error>);

impl Answered {
    /// Its code, for the metrics.
    pub(crate) fn code(&self) -> Code {
        self.0.code()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        log(&self.0);
        let mut response =
            (status(self.0.kind()), Json(openai_chat::error_body(&self.0))).into_response();
        let headers = response.headers_mut();
        if let Some(delay) = self.0.delay() {
            // RFC 9110 §10.2.3: whole seconds. Rounded up, so that the retry is not too early.
            let seconds = delay.as_millis().div_ceil(1000).max(1);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                headers.insert(RETRY_AFTER, value);
            }
        }
        if self.0.code() == Code::RateLimited {
            limits::tell(headers, &self.0);
        }
        if self.0.kind() == Kind::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Answered(Arc::new(self.0)));
        response
    }
}

/// Writes the error that `response` carries, if it does, in `dialect`.
pub(crate) fn translate(
    response: Response,
    dialect: Dialect,
    correlation: Option<&CorrelationId>,
) -> Response {
    let (Some(Answered(error)), Some(format)) =
        (response.extensions().get().cloned(), wire::served(dialect))
    else {
        return response;
    };
    let id = correlation.map_or("", |CorrelationId(id)| id);
    let (mut parts, _) = response.into_parts();
    let body = format.error_body(&error, id);
    parts.headers.remove(CONTENT_LENGTH);
    if dialect == Dialect::Anthropic && error.code() == Code::RateLimited {
        limits::tell_anthropic(&mut parts.headers, &error);
    }
    if dialect == Dialect::Anthropic && error.kind() == Kind::Unavailable {
        parts.status = OVERLOADED;
    }
    Response::from_parts(parts, body.to_string().into())
}

/// What Anthropic answers where others say 503; its clients retry it.
const OVERLOADED: StatusCode = match StatusCode::from_u16(529) {
    Ok(status) => status,
    Err(_) => StatusCode::SERVICE_UNAVAILABLE,
};

/// Writes an error to the log: loudly if an operator must know.
pub(crate) fn log(error: &Error) {
    if status(error.kind()).is_server_error() { log_failed(error) } else { log_refused(error) }
}

fn log_failed(error: &Error) {
    let code = error.code().as_str();
    tracing::error!(code, error = error as &dyn std::error::Error, "request failed");
}

fn log_refused(error: &Error) {
    let code = error.code().as_str();
    tracing::info!(code, error = error as &dyn std::error::Error, "request refused");
}

/// The only place where a [`Kind`] becomes a status.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Limited => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Upstream => StatusCode::BAD_GATEWAY,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// `GET /errors`: every code a client may meet, with its status and what helps.
pub(crate) async fn catalogue() -> Json<Value> {
    let entry = |code: &Code| {
        let status = status(code.kind()).as_u16();
        json!({ "code": code.as_str(), "status": status, "remedy": code.remedy() })
    };
    Json(json!({ "object": "list", "data": Code::ALL.iter().map(entry).collect::<Vec<_>>() }))
}

pub(crate) fn no_such_route(request: &Request) -> Problem {
    let message = format!("there is no route {} {}", request.method(), request.uri().path());
    Error::new(Code::RouteNotFound, message).into()
}

pub(crate) async fn no_such_method(request: Request) -> Problem {
    let message = format!("{} does not take {}", request.uri().path(), request.method());
    Error::new(Code::MethodNotAllowed, message).into()
}

/// The answer to a request whose handler panicked. The process lives on.
#[expect(clippy::needless_pass_by_value, reason = "what `CatchPanicLayer` calls")]
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let what = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    let error = Error::new(Code::Internal, "a defect in the gateway; see its log");
    Problem(error.caused_by(what.to_owned())).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, routing::get};
    use futures::executor::block_on;
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    use super::*;

    async fn defect() -> &'static str {
        panic!("a secret of the implementation")
    }

    #[test]
    fn a_panic_is_answered_without_its_words_and_the_next_request_is_served() {
        let router = Router::new()
            .route("/defect", get(defect))
            .route("/", get(|| async { "alive" }))
            .layer(CatchPanicLayer::custom(panicked));
        let ask = |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = block_on(router.clone().oneshot(request)).unwrap();
            let status = response.status();
            let body = block_on(response.into_body().collect()).unwrap().to_bytes();
            (status, String::from_utf8_lossy(&body).into_owned())
        };

        let (status, body) = ask("/defect");
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.contains(r#""code":"internal""#), "{body}");
        assert!(!body.contains("secret"), "{body}");
        assert_eq!(ask("/").1, "alive");
    }
}
