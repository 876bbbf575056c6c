//! Errors with an error status.

use std::time::Duration;

use dormouse_core::{
    Code, Error,
    wire::{Called, gemini::Gemini},
};
use serde_json::{Value, json};

use crate::transcript::transcript;

fn decoded(status: u16, body: &Value) -> Error {
    Gemini.decode_error(status, None, body.to_string().as_bytes())
}

#[test]
fn the_status_says_what_it_is() {
    for (http, status, code) in [
        (400, "INVALID_ARGUMENT", Code::UpstreamRejected),
        (400, "FAILED_PRECONDITION", Code::UpstreamRejected),
        (401, "UNAUTHENTICATED", Code::UpstreamCredential),
        (403, "PERMISSION_DENIED", Code::UpstreamCredential),
        (404, "NOT_FOUND", Code::UpstreamNotFound),
        (429, "RESOURCE_EXHAUSTED", Code::UpstreamRateLimited),
        (500, "INTERNAL", Code::UpstreamFailed),
        (503, "UNAVAILABLE", Code::UpstreamUnavailable),
        (504, "DEADLINE_EXCEEDED", Code::UpstreamTimeout),
    ] {
        let error = json!({ "error": { "code": http, "message": "why", "status": status } });
        for body in [error.clone(), json!([error])] {
            let error = decoded(http, &body);
            assert_eq!(error.code(), code, "{body}");
            if status != "UNAUTHENTICATED" {
                assert_eq!(error.message(), "why", "{body}");
            }
        }
    }
}

#[test]
fn the_provider_says_how_long_to_wait() {
    let error = Gemini.decode_error(429, None, transcript!("rate_limited.json"));
    assert_eq!(error.code(), Code::UpstreamRateLimited);
    assert_eq!(error.delay(), Some(Duration::from_millis(34_500)));
    let details = error.details().expect("details");
    assert_eq!(details["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(details["details"][0]["violations"][0]["quotaValue"], "10");
    let header = Some(Duration::from_secs(7));
    let error = Gemini.decode_error(429, header, transcript!("rate_limited.json"));
    assert_eq!(error.delay(), header, "the header is nearer than the body");
}

#[test]
fn a_wrong_key_is_the_gateways_affair() {
    let error = Gemini.decode_error(400, None, transcript!("wrong_key.json"));
    assert_eq!(error.code(), Code::UpstreamCredential);
    assert_eq!(error.message(), "the provider refused the gateway's credential");
}

#[test]
fn what_is_no_error_of_googles_is_read_by_its_status() {
    let error = Gemini.decode_error(502, None, b"<html>Bad Gateway</html>");
    assert_eq!(error.code(), Code::UpstreamFailed);
    assert!(error.message().contains("Bad Gateway"), "{error}");
    assert_eq!(decoded(503, &json!({})).code(), Code::UpstreamUnavailable);
    let odd = json!({ "error": { "status": "UNAVAILABLE", "details": [{ "retryDelay": "-1s" }] } });
    assert_eq!(decoded(503, &odd).delay(), Some(Duration::from_secs(1)));
}
