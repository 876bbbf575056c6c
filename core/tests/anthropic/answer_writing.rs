//! Transcripts of what callers receive.

use std::time::Duration;

use dormouse_core::{
    Code, Error,
    chat::{
        Chunk, Delta, Dialect, Event, Extensions, FinishReason, PartKind, Signature, Usage, Whole,
    },
    wire::{
        Encode,
        anthropic::{AnswerEncoder, EncoderOptions},
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

fn call(index: u32, id: &str, custom: bool, pieces: &[&str]) -> Vec<Event> {
    let deltas = pieces.iter().map(|piece| Delta::Arguments((*piece).into())).collect();
    part(index, PartKind::ToolCall { id: id.into(), name: "f".into(), custom }, deltas)
}

fn thoughts(index: u32, proof: Option<&str>) -> Vec<Event> {
    let mut deltas =
        vec![Delta::Reasoning("Seventeen times ".into()), Delta::Reasoning("23…".into())];
    deltas.extend(proof.map(|proof| Delta::Signature(Signature::new(Dialect::OpenAiChat, proof))));
    part(index, PartKind::Reasoning, deltas)
}

fn finish(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason }
}

fn usage() -> Event {
    Event::Usage(Usage {
        input: 30,
        cached_input: 20,
        cache_write: 4,
        output: 7,
        reasoning: 2,
        ..Usage::default()
    })
}

fn encoder() -> AnswerEncoder {
    AnswerEncoder::new(EncoderOptions {
        id: "msg_1".into(),
        model: "claude-asked".into(),
        request_id: "req1".into(),
        input_estimate: 12,
    })
}

/// Every event in a chunk of its own.
fn streamed(events: Vec<Event>) -> String {
    let mut encoder = encoder();
    let mut bytes: Vec<u8> =
        events.into_iter().flat_map(|event| encoder.chunk(&Chunk::from(event))).collect();
    bytes.extend_from_slice(&encoder.done());
    String::from_utf8(bytes).expect("UTF-8")
}

fn whole(events: &[Event]) -> Value {
    let mut whole = Whole::default();
    events.iter().for_each(|event| whole.push(event.clone()).expect("a legal sequence"));
    serde_json::from_slice(&encoder().whole(&whole)).expect("JSON")
}

fn answer(content: Vec<Vec<Event>>, reason: FinishReason) -> Vec<Event> {
    let mut events = vec![start()];
    events.extend(content.into_iter().flatten());
    events.extend([finish(reason), usage()]);
    events
}

#[test]
fn text_streamed() {
    let events = answer(vec![text(0, &["Hel", "", "lo\n"])], FinishReason::Stop);
    insta::assert_snapshot!(streamed(events));
}

#[test]
fn t_04_thoughts_end_in_a_signature_streamed() {
    let content = vec![thoughts(0, None), thoughts(1, Some("proof")), text(2, &["391"])];
    insta::assert_snapshot!(streamed(answer(content, FinishReason::Stop)));
}

#[test]
fn t_06_parallel_tools_streamed() {
    let content = vec![
        text(0, &["I'll look."]),
        call(1, "toolu_1", false, &["{\"a\"", ":1}"]),
        call(2, "call:2", false, &[]),
        call(3, "", true, &["ls ", "-l"]),
    ];
    insta::assert_snapshot!(streamed(answer(content, FinishReason::ToolCalls)));
}

#[test]
fn what_only_anthropic_has_streamed() {
    let own = |index: u32, value: Value| {
        part(index, PartKind::Other { dialect: Dialect::Anthropic, value }, Vec::new())
    };
    let foreign = PartKind::Other { dialect: Dialect::OpenAiResponses, value: json!({}) };
    let hidden = Delta::Signature(Signature::new(Dialect::Anthropic, "xyz"));
    let container = json!({ "container": { "id": "c" }, "usage": { "service_tier": "standard" } });
    let extension = Event::Extension {
        dialect: Dialect::Anthropic,
        choice: None,
        fields: Extensions(container.as_object().cloned().unwrap_or_default()),
    };
    let content = vec![
        part(0, PartKind::Redacted, vec![hidden]),
        part(1, foreign, Vec::new()),
        own(
            2,
            json!({ "type": "server_tool_use", "id": "s1", "name": "web_search", "input": { "query": "q" } }),
        ),
        own(3, json!({ "type": "web_search_tool_result", "tool_use_id": "s1", "content": [] })),
        vec![extension],
    ];
    insta::assert_snapshot!(streamed(answer(content, FinishReason::Other("pause_turn".into()))));
}

#[test]
fn an_answer_of_nothing_streamed() {
    insta::assert_snapshot!(streamed(vec![start(), finish(FinishReason::Length)]));
}

#[test]
fn an_error_streamed() {
    let mut encoder = encoder();
    let begun = encoder.chunk(&Chunk { events: vec![start()], verbatim: None });
    let error =
        Error::new(Code::UpstreamUnavailable, "Overloaded").retry_after(Duration::from_secs(2));
    let sent = [begun, encoder.error(&error), encoder.done()].concat();
    insta::assert_snapshot!(String::from_utf8(sent).expect("UTF-8"));
}

#[test]
fn an_answer_in_one_piece() {
    let content = vec![
        thoughts(0, Some("proof")),
        text(1, &["Hello"]),
        call(2, "toolu_1", false, &["{\"a\":1}"]),
        call(3, "t2", false, &["{\"a\":"]),
    ];
    let events = answer(content, FinishReason::ToolCalls);
    insta::assert_json_snapshot!(whole(&events));
}

#[test]
fn counts_known_at_the_start_are_told_there() {
    let mut encoder = encoder();
    let chunk = Chunk { events: vec![start(), usage()], verbatim: None };
    let sent = String::from_utf8(encoder.chunk(&chunk).to_vec()).expect("UTF-8");
    let data = sent.lines().find_map(|line| line.strip_prefix("data: ")).expect("an event");
    let event: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(event["message"]["usage"]["input_tokens"], 6);
    assert_eq!(event["message"]["usage"]["cache_read_input_tokens"], 20);
}

#[test]
fn the_stop_reason_is_tool_use_exactly_where_a_tool_is_called() {
    let told = |content: Vec<Vec<Event>>, reason: FinishReason| {
        let message = whole(&answer(content, reason));
        (
            message["stop_reason"].as_str().expect("a reason").to_owned(),
            message["stop_sequence"].clone(),
        )
    };
    let tool = || vec![call(0, "t", false, &["{}"])];
    let refusal = || vec![part(0, PartKind::Refusal, vec![Delta::Refusal("No.".into())])];
    for (content, reason, expected) in [
        (tool(), FinishReason::Stop, "tool_use"),
        (tool(), FinishReason::ToolCalls, "tool_use"),
        (tool(), FinishReason::Length, "max_tokens"),
        (vec![], FinishReason::ToolCalls, "end_turn"),
        (vec![], FinishReason::Stop, "end_turn"),
        (vec![], FinishReason::ContentFilter, "refusal"),
        (refusal(), FinishReason::Stop, "refusal"),
        (vec![], FinishReason::Other("pause_turn".into()), "pause_turn"),
        (vec![], FinishReason::Other("new".into()), "end_turn"),
    ] {
        assert_eq!(told(content, reason.clone()), (expected.into(), Value::Null), "{reason:?}");
    }
    let stopped = told(vec![], FinishReason::StopText("END".into()));
    assert_eq!(stopped, ("stop_sequence".into(), json!("END")));
}

#[test]
fn a_sign_of_life_is_a_ping_also_before_the_start() {
    let mut encoder = encoder();
    let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    assert_eq!(encoder.keep_alive(None), ping);
    assert_eq!(encoder.keep_alive(Some("waking 42 %")), format!(": waking 42 %\n{ping}"));
    assert_eq!(encoder.chunk(&Chunk::from(Event::Ping)), ping);
}

#[test]
fn without_counts_the_output_is_estimated_and_never_nothing() {
    let events = [start()].into_iter().chain(text(0, &["twelve bytes"])).collect::<Vec<_>>();
    let sent = streamed(events);
    assert!(sent.contains("\"output_tokens\":3"), "{sent}");
    assert!(sent.contains("\"input_tokens\":12"), "{sent}");
}
