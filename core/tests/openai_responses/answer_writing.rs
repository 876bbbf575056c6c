//! Transcripts of what callers receive.

use std::time::Duration;

use dormouse_core::{
    Code, Error,
    chat::{
        Chunk, Delta, Dialect, Event, Extensions, FinishReason, PartKind, Signature, Source, Usage,
        Whole,
    },
    wire::Encode,
};
use serde_json::{Value, json};

use crate::transcript::{call, encoder, events, finish, part, request, start, streamed, text};

fn answer(
    parts: impl IntoIterator<Item = Vec<Event>>,
    end: impl IntoIterator<Item = Event>,
) -> Vec<Event> {
    let parts = parts.into_iter().flatten();
    std::iter::once(start()).chain(parts).chain(end).collect()
}

fn usage() -> Event {
    Event::Usage(Usage {
        input: 41,
        cached_input: 30,
        cache_write: 5,
        output: 12,
        reasoning: 7,
        source: Source::Reported,
    })
}

/// Thoughts, with a proof that a provider of this format gave.
fn signed(index: u32) -> Vec<Event> {
    let proof = Signature::new(Dialect::OpenAiResponses, "proof");
    let deltas =
        vec![Delta::Reasoning("Hm".into()), Delta::Reasoning("…".into()), Delta::Signature(proof)];
    part(index, PartKind::Reasoning, deltas)
}

fn codex() -> Value {
    json!({ "store": false, "include": ["reasoning.encrypted_content"] })
}

#[test]
fn t_10_an_item_and_its_piece_are_added_before_any_delta() {
    let events = answer([text(0, &["Hel", "lo"])], [usage(), finish(FinishReason::Stop)]);
    insta::assert_snapshot!(streamed(&request(&json!({})), &events, None));
}

#[test]
fn thoughts_come_as_a_summary_and_their_proof_when_they_are_done() {
    let events = answer([signed(0), text(1, &["4"])], [finish(FinishReason::Stop)]);
    insta::assert_snapshot!(streamed(&request(&codex()), &events, None));
}

#[test]
fn a_proof_is_shown_to_those_who_keep_the_conversation_themselves() {
    let shown = |fields: Value| {
        let events = answer([signed(0)], [finish(FinishReason::Stop)]);
        streamed(&request(&fields), &events, None).contains("proof")
    };
    assert!(shown(json!({ "store": false })));
    assert!(shown(json!({ "include": ["reasoning.encrypted_content"] })));
    assert!(!shown(json!({})));
}

#[test]
fn calls_of_functions_streamed() {
    let calls =
        [call(0, "weather", false, &["{\"city\"", ": \"Oslo\"}"]), call(1, "now", false, &[])];
    let events = answer(calls, [finish(FinishReason::ToolCalls)]);
    insta::assert_snapshot!(streamed(&request(&json!({})), &events, None));
}

#[test]
fn a_call_of_a_free_text_tool_streamed() {
    let events =
        answer([call(0, "patch", true, &["*** Begin", "\n"])], [finish(FinishReason::ToolCalls)]);
    insta::assert_snapshot!(streamed(&request(&json!({})), &events, None));
}

#[test]
fn a_tool_in_a_namespace_is_called_by_its_own_name() {
    let echo = json!({ "type": "function", "name": "echo", "parameters": { "type": "object" } });
    let tools =
        json!([{ "type": "namespace", "name": "mcp__gw", "description": "", "tools": [echo] }]);
    let request = request(&json!({ "tools": tools }));
    let name = request.tools[0].name.clone();
    assert_eq!(name, "mcp__gw__echo");
    let answer = answer([call(0, &name, false, &["{}"])], [finish(FinishReason::ToolCalls)]);
    let lines = streamed(&request, &answer, None);
    let names = r#""name":"echo","namespace":"mcp__gw""#;
    assert_eq!(lines.matches(names).count(), 3, "added, done and completed: {lines}");
    assert!(!lines.contains("mcp__gw__echo"), "{lines}");
}

#[test]
fn a_refusal_streamed() {
    let refusal = part(0, PartKind::Refusal, vec![Delta::Refusal("No.".into())]);
    let events = answer([refusal], [finish(FinishReason::Stop)]);
    insta::assert_snapshot!(streamed(&request(&json!({})), &events, None));
}

#[test]
fn what_a_provider_did_itself_is_an_item_and_that_of_another_format_is_none() {
    let other = |dialect, kind: &str| PartKind::Other {
        dialect,
        value: json!({ "type": kind, "id": "ws_1", "status": "completed" }),
    };
    let events = answer(
        [
            part(0, other(Dialect::Anthropic, "server_tool_use"), Vec::new()),
            part(1, other(Dialect::OpenAiResponses, "web_search_call"), Vec::new()),
            text(2, &["found"]),
        ],
        [finish(FinishReason::Stop)],
    );
    insta::assert_snapshot!(streamed(&request(&json!({})), &events, None));
}

#[test]
fn what_is_noted_about_a_text_goes_with_it() {
    let note = |fields: Value| Event::Extension {
        dialect: Dialect::OpenAiResponses,
        choice: Some(0),
        fields: Extensions(fields.as_object().cloned().unwrap_or_default()),
    };
    let mut said = text(0, &["a", "b"]);
    said.insert(1, note(json!({ "0": { "logprobs": [{ "token": "a", "logprob": -0.5 }] } })));
    said.insert(
        3,
        note(json!({ "0": { "annotations": [{ "type": "url_citation", "url": "u" }] } })),
    );
    let events = answer([said], [finish(FinishReason::Stop)]);
    insta::assert_snapshot!(streamed(&request(&json!({})), &events, None));
}

#[test]
fn an_answer_that_was_cut_is_incomplete_and_so_is_its_last_item() {
    for (reason, said) in [
        (FinishReason::Length, "max_output_tokens"),
        (FinishReason::ContentFilter, "content_filter"),
    ] {
        let events = answer([text(0, &["one"]), text(1, &["tw"])], [finish(reason), usage()]);
        let lines = streamed(&request(&json!({})), &events, None);
        let last = lines.lines().last().expect("a line");
        let (kind, body) = last.split_once(' ').expect("an event");
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(kind, "response.incomplete");
        assert_eq!(body["response"]["incomplete_details"]["reason"], said);
        assert_eq!(body["response"]["usage"]["total_tokens"], 53);
        assert_eq!(body["response"]["output"][0]["status"], "completed");
        assert_eq!(body["response"]["output"][1]["status"], "incomplete");
    }
}

#[test]
fn t_11_an_error_before_anything_is_a_response_that_failed() {
    let error = Error::new(Code::UpstreamUnavailable, "loading");
    insta::assert_snapshot!(streamed(&request(&json!({})), &[], Some(&error)));
}

#[test]
fn t_11_an_error_in_the_middle_ends_the_response_and_calls_nothing_done_that_is_not() {
    let mut begun = answer([text(0, &["one"])], call(1, "run", false, &["{\"cmd\": \"rm"]));
    begun.pop();
    let error = Error::new(Code::UpstreamFailed, "gone");
    let lines = streamed(&request(&json!({})), &begun, Some(&error));
    let kinds = |kind: &str| lines.lines().filter(|line| line.starts_with(kind)).count();
    assert_eq!(kinds("response.output_item.added"), 2, "{lines}");
    assert_eq!(kinds("response.output_item.done"), 1, "{lines}");
    let last = lines.lines().last().expect("a line");
    assert!(last.contains(r#""code":"server_error""#) && !last.contains("function_call"), "{last}");
}

#[test]
fn t_11_a_stream_that_just_ends_has_failed() {
    let lines = streamed(&request(&json!({})), &[start()], None);
    assert!(lines.lines().last().expect("a line").starts_with("response.failed"), "{lines}");
}

#[test]
fn an_error_after_the_providers_last_event_replaces_it() {
    let request = request(&json!({}));
    let mut encoder = encoder(&request);
    let pass = |events: Vec<Event>, kind: &str, number: u64| {
        let response = json!({ "id": "resp_7" });
        let event = json!({ "type": kind, "sequence_number": number, "response": response });
        let raw = format!("event: {kind}\ndata: {event}\n\n");
        Chunk { events, verbatim: Some(raw.into()) }
    };
    let mut sent = Vec::new();
    let created = Event::Start { id: "resp_7".into(), model: "up".into(), created: Some(1) };
    sent.extend_from_slice(&encoder.chunk(&pass(vec![created], "response.created", 0)));
    let last = pass(vec![finish(FinishReason::Stop)], "response.completed", 1);
    sent.extend_from_slice(&encoder.chunk(&last));
    sent.extend_from_slice(&encoder.error(&Error::new(Code::StoreUnavailable, "down")));
    sent.extend_from_slice(&encoder.done());
    let events = events(std::str::from_utf8(&sent).expect("UTF-8"));
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds, ["response.created", "response.failed"]);
}

#[test]
fn errors_have_the_codes_that_clients_act_on() {
    let details = |value: Value| value.as_object().cloned().unwrap_or_default();
    let limited = Error::new(Code::UpstreamRateLimited, "Slow down.")
        .retry_after(Duration::from_millis(2_500));
    let spent = Error::new(Code::OverBudget, "spent");
    let overflow = Error::new(Code::UpstreamRejected, "the request exceeds the context size");
    let told = Error::new(Code::UpstreamRejected, "too long")
        .with_details(details(json!({ "code": "context_length_exceeded" })));
    let cases = [
        (limited, "rate_limit_exceeded", "Slow down. Please try again in 3s."),
        (spent, "insufficient_quota", "spent"),
        (overflow, "context_length_exceeded", "the request exceeds the context size"),
        (told, "context_length_exceeded", "too long"),
        (Error::new(Code::UpstreamRejected, "no"), "invalid_prompt", "no"),
        (Error::new(Code::UpstreamTimeout, "late"), "server_error", "late"),
    ];
    for (error, code, message) in cases {
        let lines = streamed(&request(&json!({})), &[], Some(&error));
        let last = lines.lines().last().and_then(|line| line.split_once(' ')).expect("an event");
        let last: Value = serde_json::from_str(last.1).expect("JSON");
        let found = &last["response"]["error"];
        assert_eq!(found, &json!({ "code": code, "message": message }));
    }
}

#[test]
fn a_response_repeats_the_request_as_strict_clients_want() {
    let request = request(&json!({
        "instructions": "Be brief.",
        "temperature": 0.5,
        "tools": [{ "type": "function", "name": "now" }, { "type": "web_search" }],
        "reasoning": { "effort": "low" },
        "metadata": { "a": "b" },
        "text": { "verbosity": "low" },
    }));
    let mut whole = Whole::default();
    let end = [usage(), finish(FinishReason::Stop)];
    for event in answer([text(0, &["Hi"]), call(1, "now", false, &["{}"])], end) {
        whole.push(event).expect("a legal sequence");
    }
    let body: Value = serde_json::from_slice(&encoder(&request).whole(&whole)).expect("JSON");
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).expect("JSON"));
}
