//! What is understood of the streams that providers really send, however odd.

use dormouse_core::{
    Code,
    chat::{Dialect, Event, FinishReason, Part, Signature},
    wire::anthropic::decode_answer,
};
use serde_json::{Value, json};

use crate::provider::{
    Read, answer, closed, delta, end, input, opened, opened_call, opened_text, read, said, start,
    stream, text, tool_call,
};

fn thinking(index: u32) -> Value {
    opened(index, &json!({ "type": "thinking", "thinking": "", "signature": "" }))
}

fn thought(index: u32, text: &str) -> Value {
    delta(index, &json!({ "type": "thinking_delta", "thinking": text }))
}

fn signed(index: u32, proof: &str) -> Value {
    delta(index, &json!({ "type": "signature_delta", "signature": proof }))
}

fn reasoning(text: &str, proof: Option<&str>) -> Part {
    let signature = proof.map(|proof| Signature::new(Dialect::Anthropic, proof));
    Part::Reasoning { text: text.into(), signature, redacted: false }
}

#[test]
fn thoughts_text_and_calls_are_parts_of_their_own() {
    let sent = answer(
        &[
            json!({ "type": "ping" }),
            thinking(0),
            thought(0, "H"),
            thought(0, "m"),
            signed(0, "s1"),
            closed(0),
            opened_text(1),
            said(1, "Yes"),
            said(1, "."),
            closed(1),
            opened_call(2, "toolu_1", "f"),
            input(2, ""),
            input(2, "{\"a\":"),
            input(2, "1}"),
            closed(2),
        ],
        "tool_use",
    );
    let read = read(&sent).whole();
    assert_eq!((read.id.as_str(), read.model.as_str()), ("msg_up", "claude-up"));
    let choice = &read.choices[&0];
    let expected =
        [reasoning("Hm", Some("s1")), text("Yes."), tool_call("toolu_1", "f", "{\"a\":1}")];
    assert_eq!(choice.parts, expected);
    assert_eq!(choice.finish_reason, Some(FinishReason::ToolCalls));
}

#[test]
fn t_06_a_call_without_input_takes_an_empty_object() {
    let calls = [
        opened_call(0, "a", "now"),
        closed(0),
        opened_call(1, "b", "f"),
        input(1, "{}"),
        closed(1),
        opened(2, &json!({ "type": "tool_use", "id": "c", "name": "g", "input": { "x": 1 } })),
        closed(2),
    ];
    let expected =
        [tool_call("a", "now", "{}"), tool_call("b", "f", "{}"), tool_call("c", "g", "{\"x\":1}")];
    assert_eq!(read(&answer(&calls, "tool_use")).parts(), expected);
}

#[test]
fn t_05_blocks_that_are_left_open_are_closed_by_the_next() {
    // llama.cpp closes all blocks at the end.
    let sent = [
        opened_text(0),
        said(0, "Let me see."),
        opened_call(1, "a", "f"),
        input(1, "{}"),
        opened_call(2, "b", "g"),
        input(2, "{\"x\":2}"),
        closed(0),
        closed(1),
        closed(2),
    ];
    let expected =
        [text("Let me see."), tool_call("a", "f", "{}"), tool_call("b", "g", "{\"x\":2}")];
    assert_eq!(read(&answer(&sent, "tool_use")).parts(), expected);
}

#[test]
fn pieces_of_alternating_calls_are_put_in_order() {
    let sent = [
        opened_call(0, "a", "f"),
        opened_call(1, "b", "g"),
        input(0, "{\"x\":"),
        input(1, "{\"y\":"),
        input(0, "1}"),
        input(1, "2}"),
        closed(1),
        closed(0),
    ];
    let expected = [tool_call("a", "f", "{\"x\":1}"), tool_call("b", "g", "{\"y\":2}")];
    assert_eq!(read(&answer(&sent, "tool_use")).parts(), expected);
}

#[test]
fn t_03_a_delta_of_another_kind_is_a_part_of_its_own() {
    let sent = [opened_text(0), said(0, "a"), thought(0, "hm"), said(0, "b"), closed(0)];
    let parts = read(&answer(&sent, "end_turn")).parts();
    assert_eq!(parts, [text("a"), reasoning("hm", None), text("b")]);
}

#[test]
fn what_only_anthropic_has_is_carried_whole() {
    let search =
        json!({ "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {} });
    let found =
        json!({ "type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [] });
    let hidden = json!({ "type": "redacted_thinking", "data": "xyz" });
    let sent = [
        opened(0, &hidden),
        closed(0),
        opened(1, &search),
        input(1, "{\"query\":"),
        input(1, "\"owls\"}"),
        closed(1),
        opened(2, &found),
        closed(2),
    ];
    let mut whole = search.clone();
    whole["input"] = json!({ "query": "owls" });
    let own = |value: Value| Part::Other { dialect: Dialect::Anthropic, value };
    let signature = Some(Signature::new(Dialect::Anthropic, "xyz"));
    let redacted = Part::Reasoning { text: String::new(), signature, redacted: true };
    assert_eq!(read(&answer(&sent, "end_turn")).parts(), [redacted, own(whole), own(found)]);
}

#[test]
fn every_stop_reason_is_understood() {
    for (word, reason) in [
        ("end_turn", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("refusal", FinishReason::ContentFilter),
        ("pause_turn", FinishReason::Other("pause_turn".into())),
    ] {
        let whole = read(&answer(&[], word)).whole();
        assert_eq!(whole.choices[&0].finish_reason, Some(reason));
    }
    let delta = json!({ "stop_reason": "stop_sequence", "stop_sequence": "END" });
    let sent = stream(&[start(), json!({ "type": "message_delta", "delta": delta })]);
    let reason = FinishReason::StopText("END".into());
    assert_eq!(read(&sent).whole().choices[&0].finish_reason, Some(reason));
}

#[test]
fn an_answer_that_ends_behind_its_stop_reason_is_complete() {
    let mut events = vec![start(), opened_text(0), said(0, "Hi")];
    events.push(end("end_turn").remove(0));
    assert_eq!(read(&stream(&events)).parts(), [text("Hi")]);
}

#[test]
fn an_answer_that_breaks_off_is_an_error_behind_what_was_said() {
    let read = read(&stream(&[start(), opened_text(0), said(0, "Hi")]));
    assert_eq!(read.error.as_ref().map(dormouse_core::Error::code), Some(Code::UpstreamFailed));
    assert!(read.events().iter().any(|event| matches!(event, Event::PartDelta { .. })));
}

#[test]
fn an_error_in_the_stream_is_the_providers_own() {
    let error = json!({ "type": "overloaded_error", "message": "Overloaded" });
    let failed = json!({ "type": "error", "error": error });
    let read = read(&stream(&[start(), opened_text(0), failed]));
    let error = read.error.expect("an error");
    assert_eq!((error.code(), error.message()), (Code::UpstreamUnavailable, "Overloaded"));
    assert!(error.delay().is_some());
}

#[test]
fn unknown_events_say_nothing() {
    let sent = [json!({ "type": "vitals", "index": 0 }), opened_text(0), said(0, "a"), closed(0)];
    assert_eq!(read(&answer(&sent, "end_turn")).parts(), [text("a")]);
}

#[test]
fn t_04_a_second_start_is_no_second_answer() {
    let sent = [opened_text(0), start(), said(0, "a"), closed(0)];
    assert_eq!(read(&answer(&sent, "end_turn")).parts(), [text("a")]);
}

#[test]
fn a_whole_answer_is_read_as_its_stream_would_be() {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [
            { "type": "thinking", "thinking": "Hm", "signature": "s" },
            { "type": "text", "text": "Yes", "citations": [{ "type": "char_location" }] },
            { "type": "tool_use", "id": "t1", "name": "f", "input": { "a": [1] } },
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": { "input_tokens": 3, "output_tokens": 5, "service_tier": "standard" },
    });
    let chunk = decode_answer(message.to_string().into(), false).expect("an answer");
    let whole = Read { chunks: vec![chunk], error: None }.whole();
    let expected = [reasoning("Hm", Some("s")), text("Yes"), tool_call("t1", "f", "{\"a\":[1]}")];
    assert_eq!(whole.choices[&0].parts, expected);
    assert_eq!(whole.extensions.0["usage"], json!({ "service_tier": "standard" }));
    assert_eq!(whole.choices[&0].extensions.0["citations"], json!([{ "type": "char_location" }]));
}

#[test]
fn what_is_no_answer_is_refused() {
    for body in ["[]", "{}", "{\"content\":\"a\"}", "nothing"] {
        let refused = decode_answer(body.into(), false).expect_err(body);
        assert_eq!(refused.code(), Code::UpstreamInvalid, "{body}");
    }
    let error = r#"{"type":"error","error":{"type":"api_error","message":"Oops"}}"#;
    let failed = decode_answer(error.into(), true).expect_err("an error");
    assert_eq!(failed.message(), "Oops");
}
