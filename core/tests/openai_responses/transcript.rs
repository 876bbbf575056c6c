//! What a caller receives, shortened for reading: responses without the fields that repeat the request.

use dormouse_core::{
    Error,
    chat::{Chunk, Delta, Event, FinishReason, PartKind, Request},
    wire::{
        Encode, Opening,
        openai_responses::{AnswerEncoder, decode_request},
    },
};
use serde_json::{Value, json};

/// A request with these fields beside a model and an input.
pub(crate) fn request(fields: &Value) -> Request {
    let mut body = json!({ "model": "m", "input": "hi" });
    for (field, value) in fields.as_object().expect("an object") {
        body[field] = value.clone();
    }
    decode_request(&body.to_string().into()).expect("a request")
}

/// An encoder of the answer to `request`.
pub(crate) fn encoder(request: &Request) -> AnswerEncoder {
    AnswerEncoder::new(request, &Opening { id: "7".into(), created: 1_700_000_000 })
}

/// The events of a stream, each checked for what all have in common.
pub(crate) fn events(sent: &str) -> Vec<Value> {
    let mut events = Vec::new();
    for frame in sent.split_terminator("\n\n") {
        if frame.starts_with(':') {
            continue;
        }
        let (name, data) = frame.split_once('\n').expect("two lines");
        let event: Value = serde_json::from_str(data.trim_start_matches("data: ")).expect("JSON");
        assert_eq!(name, format!("event: {}", event["type"].as_str().expect("a type")));
        assert_eq!(event["sequence_number"], events.len(), "{event}");
        if !event["response"].is_null() {
            assert_eq!(event["response"]["id"], "resp_7", "{event}");
        }
        events.push(event);
    }
    let terminal = ["response.completed", "response.incomplete", "response.failed"];
    let is_last = |event: &Value| terminal.iter().any(|kind| event["type"] == *kind);
    assert_eq!(events.iter().filter(|event| is_last(event)).count(), 1, "{sent}");
    assert!(events.last().is_some_and(is_last), "{sent}");
    events
}

/// The stream of an answer, as lines.
pub(crate) fn streamed(request: &Request, answer: &[Event], error: Option<&Error>) -> String {
    let mut encoder = encoder(request);
    let mut sent = Vec::new();
    for event in answer {
        sent.extend_from_slice(&encoder.chunk(&Chunk::from(event.clone())));
    }
    if let Some(error) = error {
        sent.extend_from_slice(&encoder.error(error));
    }
    sent.extend_from_slice(&encoder.done());
    let lines = events(std::str::from_utf8(&sent).expect("UTF-8")).into_iter().map(line);
    lines.collect::<Vec<_>>().join("\n")
}

fn line(mut event: Value) -> String {
    let kind = event["type"].as_str().expect("a type").to_owned();
    let fields = event.as_object_mut().expect("an object");
    fields.shift_remove("type");
    fields.shift_remove("sequence_number");
    if let Some(response) = fields.get_mut("response").and_then(Value::as_object_mut) {
        let shown = ["status", "error", "incomplete_details", "output", "usage"];
        response.retain(|field, value| shown.contains(&field.as_str()) && !value.is_null());
    }
    format!("{kind} {event}")
}

pub(crate) fn start() -> Event {
    Event::Start { id: "up".into(), model: "upstream-name".into(), created: Some(1) }
}

pub(crate) fn finish(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason }
}

/// A complete part.
pub(crate) fn part(index: u32, kind: PartKind, deltas: Vec<Delta>) -> Vec<Event> {
    let mut events = vec![Event::PartStart { choice: 0, index, kind }];
    events.extend(deltas.into_iter().map(|delta| Event::PartDelta { choice: 0, index, delta }));
    events.push(Event::PartEnd { choice: 0, index });
    events
}

/// A text in pieces.
pub(crate) fn text(index: u32, pieces: &[&str]) -> Vec<Event> {
    let deltas = pieces.iter().map(|piece| Delta::Text((*piece).into())).collect();
    part(index, PartKind::Text, deltas)
}

/// A call, its arguments in pieces.
pub(crate) fn call(index: u32, name: &str, custom: bool, pieces: &[&str]) -> Vec<Event> {
    let deltas = pieces.iter().map(|piece| Delta::Arguments((*piece).into())).collect();
    let kind = PartKind::ToolCall { id: format!("call_{index}"), name: name.into(), custom };
    part(index, kind, deltas)
}
