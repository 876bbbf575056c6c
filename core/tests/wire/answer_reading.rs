//! What is understood of the streams that providers really send, however odd.

use dormouse_core::{
    Code,
    chat::{Event, FinishReason, Part},
    wire::openai_chat::decode_answer,
};
use serde_json::{Value, json};

use crate::provider::{
    Read, call, choice, delta, finish, parts, read, reasoning, stream, text, tool_call,
};

#[test]
fn text_is_read_from_the_deltas() {
    let sent = stream(&[
        delta(&json!({ "role": "assistant", "content": null })),
        delta(&json!({ "content": "Hel" })),
        delta(&json!({ "content": "" })),
        delta(&json!({ "content": "lo" })),
        finish("stop"),
    ]);
    let whole = read(&sent).whole();
    assert_eq!((whole.id.as_str(), whole.model.as_str()), ("chatcmpl-9", "tiny"));
    assert_eq!(whole.created, Some(1_700_000_000));
    assert_eq!(whole.choices[&0].parts, [text("Hello")]);
    assert_eq!(whole.choices[&0].finish_reason, Some(FinishReason::Stop));
}

#[test]
fn thoughts_text_and_calls_are_parts_of_their_own() {
    for field in ["reasoning_content", "reasoning"] {
        let sent = [
            delta(&json!({ "role": "assistant", field: "Hm" })),
            delta(&json!({ field: "m." })),
            delta(&json!({ "content": "Yes." })),
            call(
                &json!({ "index": 0, "id": "c1", "function": { "name": "f", "arguments": "{}" } }),
            ),
            delta(&json!({ "content": "Done." })),
            finish("stop"),
        ];
        let expected = [reasoning("Hmm."), text("Yes."), tool_call("c1", "f", "{}"), text("Done.")];
        assert_eq!(parts(&sent), expected);
    }
}

#[test]
fn the_same_thoughts_under_two_names_are_thought_once() {
    let both = delta(&json!({ "reasoning_content": "Hm", "reasoning": "Hm" }));
    assert_eq!(parts(&[both, finish("stop")]), [reasoning("Hm")]);
}

#[test]
fn thoughts_among_the_parts_of_a_content_are_thoughts() {
    let content = json!([
        { "type": "thinking", "thinking": [{ "type": "text", "text": "Hm" }] },
        { "type": "text", "text": "Yes" },
    ]);
    let sent = [delta(&json!({ "content": content })), finish("stop")];
    assert_eq!(parts(&sent), [reasoning("Hm"), text("Yes")]);
}

#[test]
fn a_refusal_is_read() {
    let sent = [delta(&json!({ "content": null, "refusal": "No." })), finish("stop")];
    assert_eq!(parts(&sent), [Part::Refusal { text: "No.".into() }]);
}

#[test]
fn what_follows_the_finish_is_not_part_of_the_answer() {
    let sent = [
        delta(&json!({ "content": "Hi" })),
        finish("stop"),
        delta(&json!({ "content": "again" })),
        finish("length"),
    ];
    let whole = read(&stream(&sent)).whole();
    assert_eq!(whole.choices[&0].parts, [text("Hi")]);
    assert_eq!(whole.choices[&0].finish_reason, Some(FinishReason::Stop));
}

#[test]
fn choices_may_interleave() {
    let of = |index: u32, delta: Value| choice(&json!({ "index": index, "delta": delta }));
    let done =
        |index: u32| choice(&json!({ "index": index, "delta": {}, "finish_reason": "stop" }));
    let sent = [
        of(1, json!({ "content": "b" })),
        of(0, json!({ "content": "a" })),
        of(1, json!({ "content": "B" })),
        done(0),
        done(1),
    ];
    let whole = read(&stream(&sent)).whole();
    assert_eq!(whole.choices[&0].parts, [text("a")]);
    assert_eq!(whole.choices[&1].parts, [text("bB")]);
}

#[test]
fn progress_on_the_prompt_is_a_sign_of_life() {
    let mut progress = delta(&json!({ "role": "assistant", "content": null }));
    progress["prompt_progress"] =
        json!({ "total": 910, "cache": 0, "processed": 512, "time_ms": 9 });
    progress["timings"] = json!({ "prompt_n": 512, "predicted_n": 0 });
    let mut odd = delta(&json!({ "content": "a" }));
    odd["prompt_progress"] = progress["prompt_progress"].clone();
    let read = read(&stream(&[progress, odd, finish("stop")]));
    assert_eq!(read.chunks[0].events, [Event::Progress { percent: 56 }]);
    assert_eq!(read.whole().usage, None);
    assert_eq!(read.parts(), [text("a")], "what is said is never taken for mere progress");
}

#[test]
fn comments_are_signs_of_life() {
    let read = read(&format!(": PROCESSING\n\n{}", stream(&[finish("stop")])));
    assert_eq!(read.events()[0], Event::Ping);
}

#[test]
fn a_stream_without_its_end_mark_is_complete_if_its_choices_are() {
    let sent = stream(&[delta(&json!({ "content": "Hi" })), finish("stop")]);
    let sent = sent.strip_suffix("data: [DONE]\n\n").expect("the end mark");
    assert_eq!(read(sent).parts(), [text("Hi")]);
    // Nor does it matter whether the last blank line came.
    assert_eq!(read(sent.trim_end()).parts(), [text("Hi")]);
}

#[test]
fn a_stream_that_ends_early_broke_off() {
    let sent = stream(&[delta(&json!({ "content": "Hi" }))]);
    let sent = sent.strip_suffix("data: [DONE]\n\n").expect("the end mark");
    for sent in [sent, &sent[..sent.len() - 9], "", "data: [DONE]\n\n"] {
        let error = read(sent).error.expect("an error");
        assert_eq!(error.code(), Code::UpstreamFailed, "{sent}");
        assert_eq!(error.message(), "the provider's answer broke off");
    }
}

#[test]
fn an_end_mark_finishes_what_the_provider_left_open() {
    let called =
        call(&json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{}" } }));
    let reason = |sent: &[Value]| {
        read(&stream(sent)).whole().choices.remove(&0).and_then(|choice| choice.finish_reason)
    };
    assert_eq!(reason(&[delta(&json!({ "content": "Hi" }))]), Some(FinishReason::Stop));
    assert_eq!(reason(&[called]), Some(FinishReason::ToolCalls));
}

#[test]
fn an_error_in_the_stream_comes_after_what_was_said_and_in_its_own_words() {
    let error =
        json!({ "error": { "code": 500, "message": "peg-native", "type": "server_error" } });
    let sent = stream(&[delta(&json!({ "content": "Hi" })), error]);
    let Read { chunks, error } = read(&sent);
    assert_eq!(chunks.len(), 1);
    let error = error.expect("an error");
    assert_eq!((error.code(), error.message()), (Code::UpstreamFailed, "peg-native"));
    assert_eq!(error.details().and_then(|it| it.get("code")), Some(&json!(500)));
}

#[test]
fn what_is_not_json_is_refused() {
    for sent in ["data: hello\n\n", "data: [1]\n\n", "data: {\"choices\": [\n\n"] {
        assert_eq!(read(sent).error.expect("an error").code(), Code::UpstreamInvalid);
    }
}

#[test]
fn more_choices_than_can_be_asked_for_are_refused() {
    let sent = choice(&json!({ "index": 128, "delta": {} }));
    let error = read(&stream(&[sent])).error.expect("an error");
    assert_eq!(error.code(), Code::UpstreamInvalid);
}

#[test]
fn a_whole_answer_is_the_same_stream() {
    let body = json!({
        "id": "chatcmpl-9",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "tiny",
        "system_fingerprint": "b1",
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant",
                "reasoning_content": "Hm",
                "content": "Yes",
                "refusal": null,
                "annotations": [],
                "tool_calls": [
                    { "id": "a", "type": "function", "function": { "name": "f", "arguments": "{}" } },
                    { "type": "function", "function": { "name": "g", "arguments": "{\"x" } },
                ],
            },
            "logprobs": null,
            "finish_reason": "length",
        }],
        "usage": { "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7 },
    });
    let chunk = decode_answer(body.to_string().into(), false).expect("an answer");
    let whole = Read { chunks: vec![chunk], error: None }.whole();
    let expected =
        [reasoning("Hm"), text("Yes"), tool_call("a", "f", "{}"), tool_call("call_1", "g", "{\"x")];
    assert_eq!(whole.choices[&0].parts, expected);
    assert_eq!(whole.choices[&0].finish_reason, Some(FinishReason::Length));
    assert_eq!(whole.choices[&0].extensions.0["message"], json!({ "annotations": [] }));
    assert_eq!(whole.extensions.0["system_fingerprint"], "b1");
    assert_eq!(whole.usage.expect("usage").total(), 7);
}

#[test]
fn a_whole_answer_without_a_reason_has_one_all_the_same() {
    let body = json!({ "choices": [{ "message": { "content": "Hi" } }] });
    let chunk = decode_answer(body.to_string().into(), false).expect("an answer");
    let finish = Event::Finish { choice: 0, reason: FinishReason::Stop };
    assert_eq!(chunk.events.last(), Some(&finish));
}

#[test]
fn what_is_no_answer_is_refused() {
    for body in ["", "<html>", "[]", "{}", "{\"choices\": []}"] {
        let error = decode_answer(body.into(), false).expect_err("an error");
        assert_eq!(error.code(), Code::UpstreamInvalid, "{body}");
    }
    let error = decode_answer("{\"error\": {\"message\": \"no\"}}".into(), false);
    assert_eq!(error.expect_err("an error").message(), "no");
}
