//! Transcripts of what callers receive.

use std::time::Duration;

use dormouse_core::{
    Code, Error,
    chat::{
        Chunk, Delta, Dialect, Event, Extensions, FinishReason, PartKind, Source, Usage, Whole,
    },
    wire::{
        Encode,
        openai_chat::{AnswerEncoder, EncoderOptions},
    },
};
use serde_json::{Value, json};

fn start() -> Event {
    Event::Start { id: "chatcmpl-up".into(), model: "upstream-name".into(), created: Some(1) }
}

fn part(index: u32, kind: PartKind, deltas: Vec<Delta>) -> Vec<Event> {
    let mut events = vec![Event::PartStart { choice: 0, index, kind }];
    events.extend(deltas.into_iter().map(|delta| Event::PartDelta { choice: 0, index, delta }));
    events.push(Event::PartEnd { choice: 0, index });
    events
}

fn text(index: u32, pieces: &[&str]) -> Vec<Event> {
    let deltas = pieces.iter().map(|piece| Delta::Text((*piece).into())).collect();
    part(index, PartKind::Text, deltas)
}

fn call(index: u32, id: &str, name: &str, pieces: &[&str]) -> Vec<Event> {
    let deltas = pieces.iter().map(|piece| Delta::Arguments((*piece).into())).collect();
    part(index, PartKind::ToolCall { id: id.into(), name: name.into(), custom: false }, deltas)
}

fn thoughts(index: u32) -> Vec<Event> {
    let deltas = vec![Delta::Reasoning("Seventeen times ".into()), Delta::Reasoning("23…".into())];
    part(index, PartKind::Reasoning, deltas)
}

fn finish(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason }
}

fn usage() -> Event {
    Event::Usage(Usage {
        input: 41,
        cached_input: 40,
        cache_write: 0,
        output: 12,
        reasoning: 7,
        source: Source::Reported,
    })
}

fn extension(choice: Option<u32>, fields: &Value) -> Event {
    let fields = fields.as_object().cloned().unwrap_or_default();
    Event::Extension { dialect: Dialect::OpenAiChat, choice, fields: Extensions(fields) }
}

fn answer(
    parts: impl IntoIterator<Item = Vec<Event>>,
    end: impl IntoIterator<Item = Event>,
) -> Vec<Event> {
    let parts = parts.into_iter().flatten();
    std::iter::once(start()).chain(parts).chain(end).collect()
}

fn encoder(include_usage: bool) -> AnswerEncoder {
    AnswerEncoder::new(EncoderOptions {
        id: "chatcmpl-1".into(),
        model: "tiny".into(),
        created: 1_700_000_000,
        include_usage,
        ..EncoderOptions::default()
    })
}

fn streamed(events: Vec<Event>, include_usage: bool) -> String {
    let mut encoder = encoder(include_usage);
    let mut bytes = Vec::new();
    for event in events {
        bytes.extend_from_slice(&encoder.chunk(&Chunk::from(event)));
    }
    bytes.extend_from_slice(&encoder.done());
    String::from_utf8(bytes).expect("UTF-8")
}

fn whole(events: Vec<Event>) -> Value {
    let mut whole = Whole::default();
    for event in events {
        whole.push(event).expect("a legal sequence");
    }
    serde_json::from_slice(&encoder(false).whole(&whole)).expect("JSON")
}

#[test]
fn text_streamed() {
    let events = answer([text(0, &["Hel", "lo\n\"you\""])], [finish(FinishReason::Stop), usage()]);
    insta::assert_snapshot!(streamed(events, false));
}

#[test]
fn token_counts_come_last_and_without_choices() {
    let events = answer([text(0, &["Hi"])], [usage(), finish(FinishReason::Length)]);
    insta::assert_snapshot!(streamed(events, true));
}

#[test]
fn reasoning_streamed() {
    let events = answer([thoughts(0), text(1, &["391"])], [finish(FinishReason::Stop)]);
    insta::assert_snapshot!(streamed(events, false));
}

#[test]
fn one_tool_streamed() {
    let calls = call(0, "call_a", "get_weather", &["{\"city\":", "\"Ulm\"}"]);
    insta::assert_snapshot!(streamed(answer([calls], [finish(FinishReason::ToolCalls)]), false));
}

#[test]
fn parallel_tools_streamed() {
    let parts = [
        text(0, &["Let me look."]),
        call(1, "call_a", "get_weather", &["{\"city\":\"Ulm\"}"]),
        call(2, "call_b", "get_time", &["{", "}"]),
    ];
    insta::assert_snapshot!(streamed(answer(parts, [finish(FinishReason::ToolCalls)]), false));
}

#[test]
fn the_forerunner_of_tool_calls_streamed() {
    let reason = FinishReason::Other("function_call".into());
    let events = answer([call(0, "", "get_weather", &["{}"])], [finish(reason)]);
    insta::assert_snapshot!(streamed(events, false));
}

#[test]
fn a_refusal_streamed() {
    let refusal =
        part(0, PartKind::Refusal, vec![Delta::Refusal("I can't help with that.".into())]);
    insta::assert_snapshot!(streamed(
        answer([refusal], [finish(FinishReason::ContentFilter)]),
        false
    ));
}

#[test]
fn fields_of_the_providers_own_streamed() {
    let logprobs = json!({ "logprobs": { "content": [{ "token": "Hi", "logprob": -0.5 }] } });
    let message = json!({ "message": { "annotations": [] }, "stop_reason": 7 });
    let mut events = vec![
        start(),
        extension(None, &json!({ "system_fingerprint": "b1", "id": "theirs" })),
        extension(Some(0), &logprobs),
    ];
    events.extend(text(0, &["Hi"]));
    events.extend([
        extension(None, &json!({ "timings": { "predicted_n": 1 } })),
        extension(Some(0), &message),
        finish(FinishReason::Stop),
        extension(None, &json!({ "service_tier": "flex" })),
        usage(),
    ]);
    insta::assert_snapshot!(streamed(events, true));
}

#[test]
fn an_answer_of_nothing_streamed() {
    insta::assert_snapshot!(streamed(answer([], [finish(FinishReason::Stop)]), false));
}

#[test]
fn an_error_streamed() {
    let mut encoder = encoder(true);
    let mut bytes = Vec::new();
    for event in answer([text(0, &["Hi"])], [Event::Ping, usage()]) {
        bytes.extend_from_slice(&encoder.chunk(&Chunk::from(event)));
    }
    let error = Error::new(Code::UpstreamUnavailable, "Loading model")
        .retry_after(Duration::from_millis(1500));
    bytes.extend_from_slice(&encoder.error(&error));
    bytes.extend_from_slice(&encoder.done());
    insta::assert_snapshot!(String::from_utf8(bytes).expect("UTF-8"));
}

#[test]
fn an_answer_in_one_piece() {
    let parts = [
        thoughts(0),
        text(1, &["Let me ", "look."]),
        call(2, "call_a", "get_weather", &["{\"city\":", "\"Ulm\"}"]),
        call(3, "call_b", "get_time", &["{}"]),
    ];
    let events = answer(parts, [finish(FinishReason::ToolCalls), usage()]);
    insta::assert_json_snapshot!(whole(events));
}

#[test]
fn only_calls_in_one_piece() {
    let calls = call(0, "call_a", "get_time", &["{}"]);
    insta::assert_json_snapshot!(whole(answer([calls], [finish(FinishReason::ToolCalls)])));
}

#[test]
fn several_choices_in_one_piece() {
    let mut events = answer([text(0, &["a"])], [finish(FinishReason::Stop)]);
    events.extend([
        Event::PartStart { choice: 1, index: 0, kind: PartKind::Refusal },
        Event::PartDelta { choice: 1, index: 0, delta: Delta::Refusal("no".into()) },
        Event::PartEnd { choice: 1, index: 0 },
        extension(Some(1), &json!({ "logprobs": { "content": [1] } })),
        extension(Some(1), &json!({ "logprobs": { "content": [2] } })),
        Event::Finish { choice: 1, reason: FinishReason::ContentFilter },
        extension(None, &json!({ "system_fingerprint": "b1" })),
    ]);
    insta::assert_json_snapshot!(whole(events));
}
