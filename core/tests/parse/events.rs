//! What is not text passes through, in its place.

use dormouse_core::chat::{
    Chunk, Delta, Dialect, Event, Extensions, FinishReason, Grammar, Part, PartKind, Usage, Whole,
};
use dormouse_core::parse::{CallOptions, PrintedCalls};
use serde_json::json;

use crate::reader::{Setup, ids, read_events, told, tools};

fn part(choice: u32, index: u32, kind: PartKind, delta: Delta) -> [Event; 3] {
    [
        Event::PartStart { choice, index, kind },
        Event::PartDelta { choice, index, delta },
        Event::PartEnd { choice, index },
    ]
}

fn start() -> Event {
    Event::Start { id: "a".into(), model: "m".into(), created: None }
}

fn text(choice: u32, index: u32, text: &str) -> [Event; 3] {
    part(choice, index, PartKind::Text, Delta::Text(text.into()))
}

fn finish(choice: u32) -> Event {
    Event::Finish { choice, reason: FinishReason::Stop }
}

#[test]
fn the_providers_own_thoughts_stay_where_they_are() {
    let mut events = vec![start()];
    events.extend(part(0, 0, PartKind::Reasoning, Delta::Reasoning("hm".into())));
    events.extend(text(0, 1, "{\"name\": \"get_time\", \"arguments\": {}}"));
    events.push(finish(0));
    let reading = read_events(Setup::default(), events);
    assert_eq!(told(&reading), ["reasoning \"hm\"", "call get_time {}"]);
    assert_eq!(reading.finish, FinishReason::ToolCalls);
}

#[test]
fn what_was_held_back_comes_before_a_part_of_another_kind() {
    let mut events = vec![start()];
    events.extend(text(0, 0, "one <tool_"));
    events.extend(part(0, 1, PartKind::Refusal, Delta::Refusal("no".into())));
    events.extend(text(0, 2, "two"));
    events.push(finish(0));
    let told = told(&read_events(Setup::default(), events));
    assert_eq!(told[0], "text \"one <tool_\"");
    assert_eq!(told[2], "text \"two\"");
}

#[test]
fn usage_and_the_providers_fields_pass() {
    let fields = Extensions(json!({ "timings": 1 }).as_object().cloned().unwrap());
    let extension = Event::Extension { dialect: Dialect::OpenAiChat, choice: None, fields };
    let usage = Event::Usage(Usage { input: 1, ..Usage::default() });
    let mut events = vec![Event::Ping, start(), extension.clone()];
    events.extend(text(0, 0, "hi"));
    events.extend([finish(0), usage.clone()]);
    let reading = read_events(Setup::default(), events);
    assert!(reading.events.contains(&extension));
    assert_eq!(reading.events.last(), Some(&usage));
    assert_eq!(reading.events.first(), Some(&Event::Ping));
}

#[test]
fn choices_are_read_by_themselves() {
    let piece =
        |choice, text: &str| Event::PartDelta { choice, index: 0, delta: Delta::Text(text.into()) };
    let open = |choice| Event::PartStart { choice, index: 0, kind: PartKind::Text };
    let close = |choice| Event::PartEnd { choice, index: 0 };
    let events = [
        start(),
        open(0),
        open(1),
        piece(0, "<tool_call>{\"name\": "),
        piece(1, "<tool_call>"),
        piece(0, "\"get_time\"}</tool_call>"),
        piece(1, " is a tag"),
        close(0),
        close(1),
        finish(0),
        finish(1),
    ];
    let mut calls = PrintedCalls::new(&tools(), CallOptions::default(), ids());
    let (mut whole, mut grammar) = (Whole::default(), Grammar::default());
    for event in calls.push(Chunk { events: events.to_vec(), verbatim: None }).events {
        grammar.check(&event).unwrap();
        whole.push(event).unwrap();
    }
    grammar.complete().unwrap();
    assert!(matches!(&whole.choices[&0].parts[..], [Part::ToolCall { .. }]));
    assert!(matches!(
        &whole.choices[&1].parts[..],
        [Part::Text { text, .. }] if text == "<tool_call> is a tag"
    ));
    assert_eq!(whole.choices[&0].finish_reason, Some(FinishReason::ToolCalls));
    assert_eq!(whole.choices[&1].finish_reason, Some(FinishReason::Stop));
}

#[test]
fn an_answer_that_breaks_off_gives_back_what_it_held() {
    let mut calls = PrintedCalls::new(&tools(), CallOptions::default(), ids());
    let mut events = vec![start()];
    events.extend(text(0, 0, "a\n<tool_call>{\"name\": \"get_time\""));
    let said = |events: Vec<Event>| -> String {
        let texts = events.into_iter().filter_map(|event| match event {
            Event::PartDelta { delta: Delta::Text(text), .. } => Some(text),
            _ => None,
        });
        texts.collect()
    };
    assert_eq!(said(calls.push(Chunk { events, verbatim: None }).events), "a\n");
    assert_eq!(said(calls.finish().events), "<tool_call>{\"name\": \"get_time\"");
}
