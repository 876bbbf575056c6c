//! What is read of a provider's answer.

use dormouse_core::{
    Code,
    chat::{Chunk, Delta, Dialect, Event, FinishReason, Part, Usage},
    wire::{
        Called, Verbatim,
        openai_responses::{OpenAiResponses, decode_answer},
    },
};
use serde_json::{Value, json};

use crate::provider::{Read, read, read_pieces, stream};

fn text(text: &str) -> Part {
    Part::Text { text: text.into(), cache: None }
}

fn call(id: &str, arguments: &str) -> Part {
    let (id, name) = (id.into(), "weather".into());
    Part::ToolCall { id, name, arguments: arguments.into(), custom: false }
}

fn delta(kind: &str, item: &str, delta: &str) -> Value {
    json!({ "type": format!("response.{kind}.delta"), "item_id": item, "delta": delta })
}

fn added(item: &Value) -> Value {
    json!({ "type": "response.output_item.added", "item": item })
}

fn done(item: &Value) -> Value {
    json!({ "type": "response.output_item.done", "item": item })
}

fn function(id: &str, arguments: &str) -> Value {
    json!({
        "type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "weather",
        "arguments": arguments,
    })
}

fn ended(kind: &str, response: &Value) -> Value {
    json!({ "type": format!("response.{kind}"), "response": response })
}

fn created() -> Value {
    ended("created", &json!({ "id": "resp_1", "model": "tiny", "created_at": 5 }))
}

fn counts() -> Value {
    json!({
        "input_tokens": 30, "input_tokens_details": { "cached_tokens": 20 },
        "output_tokens": 9, "output_tokens_details": { "reasoning_tokens": 4 }, "total_tokens": 39,
    })
}

fn usage(read: &Read) -> Option<Usage> {
    read.events().iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(*usage),
        _ => None,
    })
}

/// What llama.cpp's server sends: no places, no numbers, and every item done at the end.
fn overlapping() -> Vec<Value> {
    let message = json!({ "type": "message", "id": "msg_1", "role": "assistant", "content": [] });
    let said = json!({
        "type": "message", "id": "msg_1",
        "content": [{ "type": "output_text", "text": "Let me see." }],
    });
    vec![
        created(),
        ended("in_progress", &json!({ "id": "resp_1" })),
        added(&message),
        delta("output_text", "msg_1", "Let me "),
        delta("output_text", "msg_1", "see."),
        added(&function("a", "")),
        delta("function_call_arguments", "fc_a", "{\"city\":"),
        delta("function_call_arguments", "fc_a", "\"Oslo\"}"),
        added(&function("b", "")),
        delta("function_call_arguments", "fc_b", "{}"),
        done(&said),
        done(&function("a", "{\"city\":\"Oslo\"}")),
        done(&function("b", "{}")),
        ended("completed", &json!({ "id": "resp_1", "usage": counts() })),
    ]
}

#[test]
fn items_that_overlap_are_told_one_after_the_other() {
    let read = read(&stream(&overlapping()));
    let whole = read.whole();
    assert_eq!(
        (whole.id.as_str(), whole.model.as_str(), whole.created),
        ("resp_1", "tiny", Some(5))
    );
    assert_eq!(
        read.parts(),
        [text("Let me see."), call("a", "{\"city\":\"Oslo\"}"), call("b", "{}")]
    );
    assert_eq!(whole.choices[&0].finish_reason, Some(FinishReason::ToolCalls));
}

#[test]
fn a_text_is_told_as_it_comes() {
    let events = overlapping();
    let read = read(&stream(&events[..5]));
    let said: Vec<String> = read
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::PartDelta { delta: Delta::Text(text), .. } => Some(text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(said, ["Let me ", "see."]);
}

#[test]
fn bytes_that_strict_clients_would_refuse_are_not_passed_on() {
    let sent = stream(&overlapping());
    let read = read_pieces([sent.as_bytes()], Verbatim { pass: true, hide_usage: false });
    assert!(read.chunks.iter().all(|chunk| chunk.verbatim.is_none()), "{read:?}");
    let body = json!({ "id": "resp_1", "output": [], "status": "completed" }).to_string();
    assert_eq!(decode_answer(body.into(), true).expect("an answer").verbatim, None);
}

#[test]
fn t_12_a_stream_may_end_with_done_or_without() {
    let events = [created(), ended("completed", &json!({ "id": "resp_1", "output": [] }))];
    let sent = stream(&events);
    for sent in [sent.clone(), format!("{sent}data: [DONE]\n\n")] {
        assert_eq!(read(&sent).whole().choices[&0].finish_reason, Some(FinishReason::Stop));
    }
}

#[test]
fn t_11_a_stream_without_a_last_event_broke_off() {
    let begun = stream(&overlapping()[..6]);
    for sent in [begun.clone(), format!("{begun}data: [DONE]\n\n"), String::new()] {
        let read = read(&sent);
        read.legal();
        assert_eq!(read.error.expect("an error").code(), Code::UpstreamFailed);
    }
}

#[test]
fn t_13_token_counts_are_read_from_any_last_event() {
    let expected =
        Usage { input: 30, cached_input: 20, output: 9, reasoning: 4, ..Usage::default() };
    for kind in ["completed", "incomplete", "failed"] {
        let last = ended(kind, &json!({ "id": "resp_1", "output": [], "usage": counts() }));
        let read = read(&stream(&[created(), last]));
        assert_eq!(usage(&read), Some(expected), "{kind}");
        assert_eq!(read.error.is_some(), kind == "failed");
    }
}

#[test]
fn an_incomplete_answer_says_why() {
    for (said, reason) in [
        ("max_output_tokens", FinishReason::Length),
        ("content_filter", FinishReason::ContentFilter),
    ] {
        let details = json!({ "reason": said });
        let last = ended("incomplete", &json!({ "incomplete_details": details }));
        let cut = delta("function_call_arguments", "fc_a", "{\"ci");
        let read = read(&stream(&[created(), added(&function("a", "")), cut, last]));
        assert_eq!(read.whole().choices[&0].finish_reason, Some(reason));
        assert_eq!(read.parts(), [call("a", "{\"ci")]);
    }
}

#[test]
fn a_call_without_arguments_is_given_an_empty_object() {
    let last = ended("completed", &json!({}));
    let read =
        read(&stream(&[created(), added(&function("a", "")), done(&function("a", "")), last]));
    assert_eq!(read.parts(), [call("a", "{}")]);
}

#[test]
fn thoughts_are_read_from_summaries_and_from_texts() {
    let item = json!({
        "type": "reasoning", "id": "rs_1", "encrypted_content": "proof",
        "summary": [{ "type": "summary_text", "text": "One" }, { "type": "summary_text", "text": "Two" }],
    });
    let summary = |index: u64, words: &str| {
        let mut event = delta("reasoning_summary_text", "rs_1", words);
        event["summary_index"] = index.into();
        event
    };
    let last = ended("completed", &json!({}));
    let streamed = [created(), summary(0, "One"), summary(1, "Two"), done(&item), last.clone()];
    let at_once = [created(), done(&item), last.clone()];
    for events in [&streamed[..], &at_once[..]] {
        let parts = read(&stream(events)).parts();
        let [Part::Reasoning { text, signature: Some(signature), redacted: false }] = &parts[..]
        else {
            panic!("{parts:?}");
        };
        assert_eq!(text, "One\n\nTwo");
        assert_eq!(signature.dialect, Dialect::OpenAiResponses);
        assert_eq!((signature.text.as_str(), signature.id.as_deref()), ("proof", Some("rs_1")));
    }
    let own = [created(), delta("reasoning_text", "rs_1", "Hm"), last];
    let unsigned = Part::Reasoning { text: "Hm".into(), signature: None, redacted: false };
    assert_eq!(read(&stream(&own)).parts(), [unsigned]);
}

#[test]
fn what_was_never_streamed_is_read_from_the_last_event() {
    let item = json!({ "type": "message", "content": [{ "type": "output_text", "text": "Hi" }] });
    let last = ended("completed", &json!({ "output": [item] }));
    assert_eq!(read(&stream(&[created(), last])).parts(), [text("Hi")]);
}

#[test]
fn a_call_in_a_namespace_has_one_name() {
    let mut item = function("a", "{}");
    item["namespace"] = "mcp__gw".into();
    let last = ended("completed", &json!({}));
    let parts = read(&stream(&[created(), done(&item), last])).parts();
    assert!(matches!(&parts[..], [Part::ToolCall { name, .. }] if name == "mcp__gw__weather"));
}

#[test]
fn errors_in_a_stream_keep_their_words_and_codes() {
    let event =
        |code: &str| json!({ "type": "error", "code": code, "message": "Said so.", "param": null });
    let failed =
        |code: &str| ended("failed", &json!({ "error": { "code": code, "message": "Said so." } }));
    for (code, expected) in [
        ("rate_limit_exceeded", Code::UpstreamRateLimited),
        ("context_length_exceeded", Code::UpstreamRejected),
        ("server_is_overloaded", Code::UpstreamUnavailable),
        ("server_error", Code::UpstreamFailed),
    ] {
        for last in [event(code), failed(code)] {
            let error = read(&stream(&[created(), last])).error.expect("an error");
            assert_eq!((error.code(), error.message()), (expected, "Said so."));
            assert_eq!(error.details().expect("details")["code"], code);
        }
    }
}

#[test]
fn a_whole_answer_is_read() {
    let body = json!({
        "id": "resp_1", "model": "tiny", "created_at": 5, "status": "completed", "usage": counts(),
        "output": [
            { "type": "message", "content": [{ "type": "output_text", "text": "Hi" }] },
            function("a", "{}"),
        ],
    });
    let chunk = decode_answer(body.to_string().into(), false).expect("an answer");
    let read = Read { chunks: vec![chunk], error: None };
    assert_eq!(read.parts(), [text("Hi"), call("a", "{}")]);
    assert_eq!(usage(&read).expect("counts").output, 9);
}

#[test]
fn what_is_no_answer_is_an_error() {
    for (body, code) in [
        ("{}", Code::UpstreamInvalid),
        ("[]", Code::UpstreamInvalid),
        (r#"{"error":{"message":"no","code":"server_error"}}"#, Code::UpstreamFailed),
        (r#"{"status":"failed","output":[],"error":null}"#, Code::UpstreamFailed),
    ] {
        let error = decode_answer(body.to_owned().into(), false).expect_err(body);
        assert_eq!(error.code(), code, "{body}");
    }
    let error = OpenAiResponses.decode_error(429, None, br#"{"error":{"message":"slow"}}"#);
    assert_eq!((error.code(), error.message()), (Code::UpstreamRateLimited, "slow"));
}

#[test]
fn silence_is_a_sign_of_life() {
    let read = read(": keep-alive\n\n");
    assert_eq!(read.chunks, [Chunk::from(Event::Ping)]);
}
