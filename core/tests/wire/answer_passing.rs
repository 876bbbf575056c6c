//! When a provider's own bytes reach the caller, and when they do not.

use bytes::Bytes;
use dormouse_core::{
    Code, Error,
    chat::{Chunk, Event, Source, Usage, Whole},
    wire::{
        Encode, Verbatim,
        openai_chat::{AnswerEncoder, EncoderOptions, decode_answer},
    },
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    answer_odd::odd_chunk,
    provider::{call, choice, delta, finish, read, read_pieces, stream, text, tool_call},
};

const PASS: Verbatim = Verbatim { pass: true, hide_usage: false };

fn usage_chunk() -> Value {
    let mut chunk = finish("stop");
    chunk["choices"] = json!([]);
    chunk["usage"] = json!({ "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7 });
    chunk
}

/// What the caller receives of a stream.
fn received(sent: &str, verbatim: Verbatim) -> String {
    let read = read_pieces([sent.as_bytes()], verbatim);
    let mut encoder = AnswerEncoder::new(EncoderOptions {
        id: "ours".into(),
        model: "ours".into(),
        created: 1,
        include_usage: !verbatim.hide_usage,
        ..EncoderOptions::default()
    });
    let mut bytes: Vec<u8> = read.chunks.iter().flat_map(|chunk| encoder.chunk(chunk)).collect();
    if let Some(error) = read.error {
        bytes.extend_from_slice(&encoder.error(&error));
    }
    bytes.extend_from_slice(&encoder.done());
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_sound_stream_passes_byte_for_byte() {
    let sent = "data: {\"id\":\"x\", \"choices\" : [{\"index\":0,\"delta\":{\"content\":\"a\"},\"odd\":1}]}\r\n\r\n\
                id: 4\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"later\":[1.50]}\n\n\
                data: [DONE]\n\n";
    assert_eq!(received(sent, PASS), sent);
}

#[test]
fn progress_on_the_prompt_is_shown_to_those_who_asked() {
    let mut progress = delta(&json!({ "role": "assistant", "content": null }));
    progress["prompt_progress"] = json!({ "total": 200, "processed": 84 });
    let sent = stream(&[progress, delta(&json!({ "content": "a" })), finish("stop")]);
    let (first, rest) = sent.split_once("\n\n").expect("a chunk");
    assert_eq!(received(&sent, PASS), format!(": prompt 42 %\n\n{rest}"));
    let read = read_pieces([sent.as_bytes()], PASS);
    let mut encoder =
        AnswerEncoder::new(EncoderOptions { show_progress: true, ..EncoderOptions::default() });
    assert_eq!(encoder.chunk(&read.chunks[0]), format!("{first}\n\n"));
}

#[test]
fn the_end_mark_is_written_once_even_if_the_provider_forgot_it() {
    let sent = stream(&[delta(&json!({ "content": "a" })), finish("stop")]);
    let without = sent.strip_suffix("data: [DONE]\n\n").expect("the end mark");
    assert_eq!(received(without, PASS), sent);
}

#[test]
fn token_counts_that_nobody_asked_for_are_hidden_and_still_counted() {
    let sent = stream(&[delta(&json!({ "content": "a" })), finish("stop"), usage_chunk()]);
    let hidden = Verbatim { pass: true, hide_usage: true };
    let expected = stream(&[delta(&json!({ "content": "a" })), finish("stop")]);
    assert_eq!(received(&sent, hidden), expected);

    let read = read_pieces([sent.as_bytes()], hidden);
    assert_eq!(read.whole().usage.expect("usage").total(), 7);
    assert_eq!(read.chunks.last().expect("a chunk").verbatim, Some(Bytes::new()));
}

#[test]
fn token_counts_in_the_last_chunk_of_a_choice_are_hidden_too() {
    let mut last = finish("stop");
    last["usage"] = usage_chunk()["usage"].clone();
    let sent = stream(&[delta(&json!({ "content": "a" })), last]);
    let received = received(&sent, Verbatim { pass: true, hide_usage: true });
    assert!(!received.contains("usage"), "{received}");
    assert!(received.contains("\"finish_reason\":\"stop\""), "{received}");
}

#[test]
fn counts_that_are_not_in_the_bytes_reach_a_caller_who_asked() {
    let mut last = finish("stop");
    last["timings"] = json!({ "cache_n": 2, "prompt_n": 1, "predicted_n": 4 });
    let sent = stream(&[delta(&json!({ "content": "a" })), last]);
    let received = received(&sent, PASS);
    assert!(received.starts_with(sent.strip_suffix("data: [DONE]\n\n").expect("the end mark")));
    assert!(received.contains("\"prompt_tokens\":3,\"completion_tokens\":4"), "{received}");
    let usage = read_pieces([sent.as_bytes()], PASS).whole().usage.expect("usage");
    let expected =
        Usage { input: 3, cached_input: 2, output: 4, source: Source::Counted, ..Usage::default() };
    assert_eq!(usage, expected);
}

#[test]
fn the_providers_own_counts_win_over_timings() {
    let mut last = finish("stop");
    last["timings"] = json!({ "cache_n": 2, "prompt_n": 1, "predicted_n": 4 });
    let usage = |chunks: &[Value]| read(&stream(chunks)).whole().usage.expect("usage").source;
    assert_eq!(usage(&[last.clone(), usage_chunk()]), Source::Reported);
    assert_eq!(usage(&[usage_chunk(), last]), Source::Reported);
}

#[test]
fn a_stream_that_must_be_mended_is_written_anew_from_there_on() {
    let sent = stream(&[
        delta(&json!({ "role": "assistant", "content": "a" })),
        call(&json!({ "index": 0, "function": { "name": "f", "arguments": "{}" } })),
        delta(&json!({ "content": "b" })),
        finish("tool_calls"),
    ]);
    let read_pieces = read_pieces([sent.as_bytes()], PASS);
    let passed: Vec<bool> =
        read_pieces.chunks.iter().map(|chunk| chunk.verbatim.is_some()).collect();
    assert_eq!(passed, [true, false, false, false]);

    let received = received(&sent, PASS);
    assert!(!received.contains("ours"), "an answer has one id and one model: {received}");
    assert_eq!(received.matches("assistant").count(), 1, "{received}");
    assert_eq!(read(&received).parts(), [text("a"), tool_call("call_0", "f", "{}"), text("b")]);
}

#[test]
fn pieces_that_wait_are_not_shown_before_their_turn() {
    let sent = stream(&[
        call(&json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{" } })),
        call(&json!({ "index": 1, "id": "b", "function": { "name": "g", "arguments": "{}" } })),
        call(&json!({ "index": 0, "function": { "arguments": "}" } })),
        finish("tool_calls"),
    ]);
    let expected = [tool_call("a", "f", "{}"), tool_call("b", "g", "{}")];
    assert_eq!(read(&received(&sent, PASS)).parts(), expected);
}

#[test]
fn what_the_provider_says_behind_the_finish_is_not_shown() {
    let mut content = finish("stop");
    content["choices"][0]["delta"] = json!({ "content": "again" });
    let sent = stream(&[delta(&json!({ "content": "a" })), finish("stop"), content, usage_chunk()]);
    let received = received(&sent, PASS);
    assert!(!received.contains("again"), "{received}");
    assert!(received.contains("\"prompt_tokens\":3"), "{received}");
}

#[test]
fn fields_behind_the_finish_pass() {
    let filter =
        choice(&json!({ "index": 0, "delta": {}, "content_filter_offsets": { "end": 9 } }));
    let sent = stream(&[delta(&json!({ "content": "a" })), finish("stop"), filter]);
    assert_eq!(received(&sent, PASS), sent);
}

#[test]
fn an_error_ends_what_was_passed() {
    let sent = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
                data: {\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\"}}\n\n";
    let expected = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
                    data: {\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_failed\"}}\n\n\
                    data: [DONE]\n\n";
    assert_eq!(received(sent, PASS), expected);
}

#[test]
fn a_whole_answer_passes_unless_it_must_be_mended() {
    let sound = Bytes::from("{ \"choices\": [ {\"message\":{\"content\":\"a\"}} ] }");
    assert_eq!(
        decode_answer(sound.clone(), true).expect("an answer").verbatim,
        Some(sound.clone())
    );
    assert_eq!(decode_answer(sound, false).expect("an answer").verbatim, None);
    let call = json!({ "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let body = json!({ "choices": [{ "message": { "tool_calls": [call] } }] });
    assert_eq!(decode_answer(body.to_string().into(), true).expect("an answer").verbatim, None);
}

#[test]
fn nothing_follows_an_error_but_the_end_mark() {
    let mut encoder =
        AnswerEncoder::new(EncoderOptions { include_usage: true, ..EncoderOptions::default() });
    let counted = encoder.chunk(&Chunk::from(Event::Usage(Usage::default())));
    assert!(counted.is_empty());
    assert!(!encoder.error(&Error::new(Code::UpstreamFailed, "no")).is_empty());
    assert_eq!(&encoder.done()[..], b"data: [DONE]\n\n");
}

proptest! {
    /// Whether bytes pass or not, a caller reads what the events say.
    #[test]
    fn a_caller_reads_what_the_events_say(
        chunks in prop::collection::vec(odd_chunk(), 0..12),
        hide_usage in any::<bool>(),
    ) {
        let sent = stream(&chunks);
        let meant = read(&sent);
        let shown = read(&received(&sent, Verbatim { pass: true, hide_usage }));
        prop_assert_eq!(shown.error.is_some(), meant.error.is_some());
        if meant.error.is_some() {
            return Ok(());
        }
        let (shown, meant) = (shown.whole(), meant.whole());
        let told = |whole: &Whole| -> Vec<_> {
            whole.choices.values().map(|it| (it.parts.clone(), it.finish_reason.clone())).collect()
        };
        prop_assert_eq!(told(&shown), told(&meant));
        prop_assert_eq!(shown.usage.is_some(), meant.usage.is_some() && !hide_usage);
    }
}
