//! Reads a scripted answer, cut anywhere, and writes down what was found.

use dormouse_core::{
    chat::{Chunk, Delta, Event, FinishReason, Grammar, Part, PartKind, Tool, Whole},
    parse::{CallIds, CallOptions, Flaw, PrintedCalls, ReasoningMarks, ReasoningTags},
};
use serde_json::{Value, json};

/// A tool with this schema.
pub(crate) fn tool(name: &str, schema: Value) -> Tool {
    Tool {
        name: name.into(),
        description: Some(format!("Does {name}.")),
        input_schema: Some(schema),
        ..Tool::default()
    }
}

/// The tools that every scripted answer may call.
pub(crate) fn tools() -> Vec<Tool> {
    let text = |field: &str| json!({ "type": "object", "properties": { field: { "type": "string" } }, "required": [field] });
    vec![
        tool(
            "get_weather",
            json!({
                "type": "object",
                "properties": {
                    "city": { "type": "string" },
                    "days": { "type": "integer" },
                    "metric": { "type": "boolean" },
                },
                "required": ["city"],
            }),
        ),
        tool("get_time", json!({ "type": "object", "properties": {} })),
        tool(
            "write_file",
            json!({
                "type": "object",
                "properties": { "path": { "type": "string" }, "content": { "type": "string" } },
                "required": ["path", "content"],
            }),
        ),
        tool("bash", text("command")),
        tool("python", text("code")),
    ]
}

/// How an answer is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) reasoning: ReasoningMarks,
    pub(crate) calls: CallOptions,
    /// The answer was cut off at its limit.
    pub(crate) cut: bool,
}

/// What was found: the whole answer, and the flaws.
pub(crate) struct Reading {
    pub(crate) events: Vec<Event>,
    pub(crate) parts: Vec<Part>,
    pub(crate) finish: FinishReason,
    pub(crate) flaws: Vec<Flaw>,
}

/// Ids that count.
pub(crate) fn ids() -> CallIds {
    let mut next = 0;
    CallIds::new(move || {
        next += 1;
        format!("call_{next}")
    })
}

/// The events of an answer that says these pieces.
pub(crate) fn scripted(pieces: &[&str], cut: bool) -> Vec<Event> {
    let mut events = vec![Event::Start { id: "a".into(), model: "m".into(), created: None }];
    events.push(Event::PartStart { choice: 0, index: 0, kind: PartKind::Text });
    events.extend(pieces.iter().map(|piece| Event::PartDelta {
        choice: 0,
        index: 0,
        delta: Delta::Text((*piece).into()),
    }));
    events.push(Event::PartEnd { choice: 0, index: 0 });
    let reason = if cut { FinishReason::Length } else { FinishReason::Stop };
    events.push(Event::Finish { choice: 0, reason });
    events
}

/// Reads an answer, each piece by itself.
pub(crate) fn read(setup: Setup, pieces: &[&str]) -> Reading {
    read_events(setup, scripted(pieces, setup.cut))
}

/// Reads an answer, each event by itself.
pub(crate) fn read_events(setup: Setup, answer: Vec<Event>) -> Reading {
    let mut thoughts = ReasoningTags::new(setup.reasoning);
    let mut calls = PrintedCalls::new(&tools(), setup.calls, ids());
    let (mut events, mut flaws) = (Vec::new(), Vec::new());
    let chunks = answer.into_iter().filter_map(|event| thoughts.push(event.into()));
    for chunk in chunks.collect::<Vec<Chunk>>().into_iter().chain(thoughts.finish()) {
        let read = calls.push(chunk);
        events.extend(read.events);
        flaws.extend(read.flaws.into_iter().map(|(_, flaw)| flaw));
    }
    events.extend(calls.finish().events);
    let (mut grammar, mut whole) = (Grammar::default(), Whole::default());
    for event in &events {
        grammar.check(event).unwrap_or_else(|broken| panic!("{broken}: {events:#?}"));
        whole.push(event.clone()).unwrap();
    }
    grammar.complete().unwrap();
    let choice = whole.choices.remove(&0).unwrap();
    let finish = choice.finish_reason.unwrap();
    Reading { events, parts: choice.parts, finish, flaws }
}

/// What was found, a line each.
pub(crate) fn told(reading: &Reading) -> Vec<String> {
    let quoted = |text: &str| Value::from(text).to_string();
    let flaws = reading.flaws.iter().map(|flaw| format!("flaw {flaw:?}"));
    let parts = reading.parts.iter().map(|part| match part {
        Part::Text { text, .. } => format!("text {}", quoted(text)),
        Part::Reasoning { text, .. } => format!("reasoning {}", quoted(text)),
        Part::ToolCall { name, arguments, .. } => format!("call {name} {arguments}"),
        other => format!("{other:?}"),
    });
    parts.chain(flaws).collect()
}

/// Every character by itself.
pub(crate) fn characters(text: &str) -> Vec<&str> {
    text.split("").filter(|piece| !piece.is_empty()).collect()
}
