//! Errors: the provider's in its own words, ours in the format's.

use std::time::Duration;

use dormouse_core::{
    Code, Error,
    chat::Dialect,
    wire::{self, anthropic::error_body},
};
use serde_json::{Map, Value, json};

fn decoded(status: u16, body: &Value) -> Error {
    let format = wire::called(Dialect::Anthropic).expect("the format is called");
    format.decode_error(status, None, body.to_string().as_bytes())
}

#[test]
fn t_33_every_kind_of_error_has_the_formats_type() {
    for (code, kind) in [
        (Code::InvalidRequest, "invalid_request_error"),
        (Code::Unauthenticated, "authentication_error"),
        (Code::Forbidden, "permission_error"),
        (Code::ModelNotFound, "not_found_error"),
        (Code::BodyTooLarge, "request_too_large"),
        (Code::OverBudget, "rate_limit_error"),
        (Code::Internal, "api_error"),
        (Code::UpstreamFailed, "api_error"),
        (Code::StoreUnavailable, "overloaded_error"),
        (Code::UpstreamTimeout, "timeout_error"),
    ] {
        let body = error_body(&Error::new(code, "No."), "req_1");
        assert_eq!(body["type"], "error");
        assert_eq!(body["request_id"], "req_1");
        assert_eq!(body["error"]["type"], kind, "{}", code.as_str());
        assert_eq!(body["error"]["message"], "No.");
        assert_eq!(body["error"]["details"]["code"], code.as_str());
    }
}

#[test]
fn facts_about_an_error_stand_in_its_details() {
    let mut facts = Map::new();
    facts.insert("remaining".into(), 5.into());
    let error = Error::new(Code::OverBudget, "No money")
        .at("max_tokens")
        .retry_after(Duration::from_millis(1500))
        .with_details(facts);
    let expected =
        json!({ "code": "over_budget", "param": "max_tokens", "retry_after": 2, "remaining": 5 });
    assert_eq!(error_body(&error, "")["error"]["details"], expected);
}

#[test]
fn t_34_a_providers_words_arrive_untouched() {
    let words = "input length and `max_tokens` exceed context limit: 9 + 8 > 10";
    let theirs =
        json!({ "type": "invalid_request_error", "message": words, "details": { "hint": 1 } });
    let error = decoded(400, &json!({ "type": "error", "error": theirs, "request_id": "r" }));
    assert_eq!((error.code(), error.message()), (Code::UpstreamRejected, words));
    let body = error_body(&error, "req_1");
    assert_eq!(body["error"]["message"], words);
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert_eq!(body["error"]["details"]["hint"], 1);
}

#[test]
fn an_openai_shaped_error_keeps_its_facts_and_gets_a_type_of_the_format() {
    // What llama.cpp sends on this path, too.
    let theirs = json!({ "code": 400, "message": "too long", "type": "exceed_context_size_error", "n_ctx": 512 });
    let body = error_body(&decoded(400, &json!({ "error": theirs })), "");
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert_eq!(body["error"]["message"], "too long");
    assert_eq!(body["error"]["details"]["n_ctx"], 512);
}

#[test]
fn an_overloaded_provider_asks_for_patience() {
    let theirs = json!({ "type": "overloaded_error", "message": "Overloaded" });
    let error = decoded(529, &json!({ "type": "error", "error": theirs }));
    assert_eq!(error.code(), Code::UpstreamUnavailable);
    assert!(error.delay().is_some());
    assert_eq!(error_body(&error, "")["error"]["type"], "overloaded_error");
}

#[test]
fn what_a_provider_says_of_our_credential_is_kept_back() {
    let theirs = json!({ "type": "authentication_error", "message": "bad key sk-ant-1" });
    let error = decoded(401, &json!({ "type": "error", "error": theirs }));
    assert_eq!(error.code(), Code::UpstreamCredential);
    assert!(!error_body(&error, "").to_string().contains("sk-ant"), "{error}");
}
