//! A provider's errors, and what callers are told.

use std::time::Duration;

use dormouse_core::{
    Code, Error,
    wire::openai_chat::{decode_error, error_body},
};
use serde_json::{Map, Value, json};

fn decode(status: u16, body: &Value) -> Error {
    decode_error(status, None, body.to_string().as_bytes())
}

#[test]
fn a_status_says_what_the_caller_can_do() {
    let cases = [
        (400, Code::UpstreamRejected),
        (401, Code::UpstreamCredential),
        (402, Code::UpstreamFailed),
        (403, Code::UpstreamCredential),
        (404, Code::UpstreamNotFound),
        (408, Code::UpstreamTimeout),
        (413, Code::UpstreamTooLarge),
        (422, Code::UpstreamRejected),
        (429, Code::UpstreamRateLimited),
        (500, Code::UpstreamFailed),
        (502, Code::UpstreamFailed),
        (503, Code::UpstreamUnavailable),
        (504, Code::UpstreamTimeout),
        (529, Code::UpstreamUnavailable),
    ];
    for (status, code) in cases {
        assert_eq!(decode_error(status, None, b"").code(), code, "{status}");
    }
}

#[test]
fn patience_is_asked_for_as_the_provider_said() {
    let delay = |status, said: Option<u64>| {
        decode_error(status, said.map(Duration::from_secs), b"{}").delay().map(|it| it.as_secs())
    };
    assert_eq!(delay(503, None), Some(1));
    assert_eq!(delay(429, None), Some(1));
    assert_eq!(delay(503, Some(30)), Some(30));
    assert_eq!(delay(400, None), None);
    assert_eq!(delay(500, Some(2)), Some(2));
}

#[test]
fn a_providers_words_and_fields_reach_the_caller_unchanged() {
    let sent = json!({ "error": {
        "code": 400,
        "message": "request (5026 tokens) exceeds the available context size (4096 tokens)",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 5026,
        "n_ctx": 4096,
        "param": null,
    }});
    let received = json!({ "error": {
        "message": "request (5026 tokens) exceeds the available context size (4096 tokens)",
        "type": "exceed_context_size_error",
        "param": null,
        "code": 400,
        "n_prompt_tokens": 5026,
        "n_ctx": 4096,
    }});
    assert_eq!(error_body(&decode(400, &sent)), received);
}

#[test]
fn every_shape_of_error_has_its_message_found() {
    let message = |body: &Value| decode(500, body).message().to_owned();
    assert_eq!(message(&json!({ "error": { "message": "a" } })), "a");
    assert_eq!(message(&json!({ "error": "b" })), "b");
    assert_eq!(message(&json!({ "message": "c", "type": "x" })), "c");
    assert_eq!(message(&json!({ "detail": "d" })), "d");
    assert_eq!(message(&json!({ "detail": [{ "loc": ["body"] }] })), "[{\"loc\":[\"body\"]}]");
    assert_eq!(message(&json!([{ "error": { "message": "e" } }])), "e");
    assert_eq!(message(&json!({})), "the provider failed without saying why");
}

#[test]
fn an_error_that_is_no_json_is_quoted_in_part() {
    let page = format!("<html>\r\n\t<h1>502 Bad Gateway</h1>\0{}", "é".repeat(9_999));
    let error = decode_error(502, None, page.as_bytes());
    let start = "the provider answered with status 502: <html> <h1>502 Bad Gateway</h1> éé";
    assert!(error.message().starts_with(start), "{}", error.message());
    assert!(error.message().chars().count() < 400);
    assert_eq!(error.details(), None);
    let silent = decode_error(502, None, b"");
    assert_eq!(silent.message(), "the provider answered with status 502");
}

#[test]
fn what_a_provider_says_of_the_gateways_credential_stays_here() {
    let sent = json!({ "error": {
        "message": "Incorrect API key provided: sk-proj-abc*def.",
        "type": "invalid_request_error",
        "code": "invalid_api_key",
    }});
    let body = error_body(&decode(401, &sent)).to_string();
    assert!(!body.contains("sk-proj") && !body.contains("invalid_api_key"), "{body}");
    assert!(body.contains("upstream_credential"), "{body}");
}

#[test]
fn errors_of_our_own_have_a_type_that_clients_know() {
    let body = |error: &Error| error_body(error)["error"].clone();
    let invalid = body(&Error::invalid("messages[0].role", "no such role"));
    let expected = json!({
        "message": "no such role",
        "type": "invalid_request_error",
        "param": "messages[0].role",
        "code": "invalid_request",
    });
    assert_eq!(invalid, expected);
    let details =
        Map::from_iter([("scope".to_owned(), json!("key")), ("remaining".to_owned(), json!("0"))]);
    let budget = Error::new(Code::OverBudget, "no money").with_details(details);
    let expected = json!({
        "message": "no money",
        "type": "rate_limit_error",
        "param": null,
        "code": "over_budget",
        "retry_after": 60,
        "scope": "key",
        "remaining": "0",
    });
    assert_eq!(body(&budget.retry_after(Duration::from_secs(60))), expected);
}

#[test]
fn every_kind_of_error_has_a_type() {
    let kind = |code| error_body(&Error::new(code, "x"))["error"]["type"].clone();
    assert_eq!(kind(Code::Unauthenticated), "authentication_error");
    assert_eq!(kind(Code::Forbidden), "permission_error");
    assert_eq!(kind(Code::ModelNotFound), "not_found_error");
    assert_eq!(kind(Code::BodyTooLarge), "invalid_request_error");
    assert_eq!(kind(Code::Busy), "rate_limit_error");
    for code in
        [Code::Internal, Code::UpstreamFailed, Code::StoreUnavailable, Code::UpstreamTimeout]
    {
        assert_eq!(kind(code), "server_error");
    }
}
