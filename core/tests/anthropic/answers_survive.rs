//! Whatever is written can be read again: streamed, whole, and cut anywhere; and nothing that a provider
//! sends breaks the rules.

use dormouse_core::{
    chat::{Choice, Chunk, Delta, Dialect, Event, FinishReason, Grammar, Part, Usage, Whole},
    wire::{
        Encode,
        anthropic::{AnswerEncoder, EncoderOptions, decode_answer},
    },
};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};

use crate::{
    legal::{answers, cuts},
    provider::{
        Read, closed, delta, end, input, opened, opened_call, opened_text, read_pieces, said,
        start, stream,
    },
};

fn options() -> EncoderOptions {
    EncoderOptions { model: "m".into(), ..EncoderOptions::default() }
}

/// The first choice of a legal answer: this format has no more.
fn one_choice(events: Vec<Event>) -> Vec<Event> {
    let first = |event: &Event| match event {
        Event::PartStart { choice, .. }
        | Event::PartDelta { choice, .. }
        | Event::PartEnd { choice, .. }
        | Event::Finish { choice, .. } => *choice == 0,
        Event::Extension { .. } => false,
        Event::Start { .. } | Event::Usage(_) | Event::Ping | Event::Progress { .. } => true,
    };
    let signed = |mut event: Event| {
        if let Event::PartDelta { delta: Delta::Signature(signature), .. } = &mut event {
            signature.dialect = Dialect::Anthropic;
        }
        event
    };
    events.into_iter().filter(first).map(signed).collect()
}

/// Writes events as a stream, some of them at once.
fn written(events: &[Event], at: &[Index]) -> Vec<u8> {
    let mut encoder = AnswerEncoder::new(options());
    let mut bytes = Vec::new();
    for range in cuts(events.len(), at) {
        let chunk = Chunk { events: events[range].to_vec(), verbatim: None };
        bytes.extend_from_slice(&encoder.chunk(&chunk));
    }
    bytes.extend_from_slice(&encoder.done());
    bytes
}

/// The answer as far as this format can tell it: a refusal is text.
fn as_told(events: &[Event]) -> (Choice, Option<Usage>) {
    let mut whole = Whole::default();
    events.iter().for_each(|event| whole.push(event.clone()).expect("a legal sequence"));
    let mut choice = whole.choices.remove(&0).expect("a choice");
    let calls = choice.parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    let refuses = choice.parts.iter().any(|part| matches!(part, Part::Refusal { .. }));
    choice.finish_reason = choice.finish_reason.map(|reason| match reason {
        FinishReason::Length | FinishReason::ContentFilter => reason,
        _ if calls => FinishReason::ToolCalls,
        _ if refuses => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    });
    for part in &mut choice.parts {
        if let Part::Refusal { text } = part {
            *part = Part::Text { text: std::mem::take(text), cache: None };
        }
    }
    (choice, whole.usage)
}

fn told(read: &Read) -> (Choice, Option<Usage>) {
    let mut whole = read.whole();
    (whole.choices.remove(&0).expect("a choice"), whole.usage)
}

/// The rules of the format: one start, first; one block open at a time, in order; deltas of its kind.
fn check_rules(sent: &[u8]) {
    let text = String::from_utf8_lossy(sent);
    let (mut started, mut open, mut next) = (false, None, 0);
    for frame in text.split_terminator("\n\n") {
        let (name, data) = frame.split_once('\n').expect("a name and data");
        let event: Value = serde_json::from_str(&data["data: ".len()..]).expect("JSON");
        assert_eq!(name["event: ".len()..], event["type"], "{frame}");
        let kind = event["delta"]["type"].as_str().unwrap_or_default();
        match event["type"].as_str().expect("a type") {
            "ping" => {}
            "message_start" => assert!(!std::mem::replace(&mut started, true), "{frame}"),
            _ if !started => panic!("before the start: {frame}"),
            "content_block_start" => {
                assert_eq!((&open, &event["index"]), (&None, &json!(next)), "{frame}");
                next += 1;
                open = Some(event["content_block"]["type"].as_str().unwrap_or_default().to_owned());
            }
            "content_block_stop" => assert!(open.take().is_some(), "{frame}"),
            "content_block_delta" => {
                let fits = match open.as_deref() {
                    Some("text") => kind == "text_delta" || kind == "citations_delta",
                    Some("thinking") => kind == "thinking_delta" || kind == "signature_delta",
                    Some("tool_use" | "server_tool_use") => kind == "input_json_delta",
                    _ => false,
                };
                assert!(fits, "{frame}");
            }
            _ => assert_eq!(open, None, "{frame}"),
        }
    }
}

/// A frame that may or may not make sense where it stands.
fn frame() -> impl Strategy<Value = Value> {
    let block = prop_oneof![
        Just(json!({ "type": "thinking", "thinking": "", "signature": "" })),
        Just(json!({ "type": "redacted_thinking", "data": "x" })),
        Just(json!({ "type": "server_tool_use", "id": "s", "name": "n", "input": {} })),
        Just(json!({ "type": "tool_use", "name": "n" })),
        Just(json!({ "type": 7 })),
    ];
    let odd = prop_oneof![
        Just(json!({ "type": "signature_delta", "signature": "s" })),
        Just(json!({ "type": "thinking_delta", "thinking": "hm" })),
        Just(json!({ "type": "citations_delta", "citation": {} })),
        Just(json!({ "type": "novel_delta" })),
    ];
    let at = 0..4_u32;
    prop_oneof![
        Just(start()),
        at.clone().prop_map(opened_text),
        at.clone().prop_map(|at| opened_call(at, "t", "f")),
        (at.clone(), block).prop_map(|(at, block)| opened(at, &block)),
        at.clone().prop_map(|at| said(at, "a")),
        (at.clone(), "[{}\" ]{0,3}").prop_map(|(at, piece)| input(at, &piece)),
        (at.clone(), odd).prop_map(|(at, odd)| delta(at, &odd)),
        at.prop_map(closed),
        Just(json!({ "type": "ping" })),
        prop::sample::select(end("tool_use")),
        Just(json!({ "type": "message_delta", "usage": { "output_tokens": 3 } })),
        Just(json!({ "type": "content_block_delta" })),
    ]
}

/// Whatever came out, errors aside, must be legal.
fn is_legal(read: &Read) {
    let mut grammar = Grammar::default();
    for event in read.events() {
        grammar.check(&event).unwrap_or_else(|rule| panic!("{rule}: {event:?}"));
    }
    if read.error.is_none() {
        grammar.complete().expect("a complete sequence");
    }
}

proptest! {
    #[test]
    fn a_streamed_answer_survives(
        events in answers(),
        together in vec(any::<Index>(), 0..24),
        at in vec(any::<Index>(), 0..24),
    ) {
        let events = one_choice(events);
        let sent = written(&events, &together);
        check_rules(&sent);
        let pieces = cuts(sent.len(), &at).into_iter().map(|range| &sent[range]);
        let read = read_pieces(pieces, false);
        let (choice, usage) = as_told(&events);
        let (read_choice, read_usage) = told(&read);
        prop_assert_eq!(read_choice, choice);
        if let Some(usage) = usage.filter(|usage| usage.input > 0 && usage.output > 0) {
            prop_assert_eq!(read_usage.map(|it| (it.input, it.output)), Some((usage.input, usage.output)));
        }
    }

    #[test]
    fn a_passed_answer_is_untouched(events in answers()) {
        let sent = written(&one_choice(events), &[]);
        let read = read_pieces([sent.as_slice()], true);
        let mut encoder = AnswerEncoder::new(EncoderOptions::default());
        let mut passed: Vec<u8> = read.chunks.iter().flat_map(|chunk| encoder.chunk(chunk)).collect();
        passed.extend_from_slice(&encoder.done());
        prop_assert_eq!(String::from_utf8_lossy(&passed), String::from_utf8_lossy(&sent));
    }

    #[test]
    fn a_whole_answer_survives(events in answers()) {
        let events = one_choice(events);
        let mut whole = Whole::default();
        events.iter().for_each(|event| whole.push(event.clone()).expect("a legal sequence"));
        let body = AnswerEncoder::new(options()).whole(&whole);
        let chunk = decode_answer(body, false).expect("an answer");
        let read = Read { chunks: vec![chunk], error: None };
        prop_assert_eq!(told(&read).0, as_told(&events).0);
    }

    #[test]
    fn nothing_that_a_provider_sends_breaks_the_rules(
        frames in vec(frame(), 0..24),
        pass in any::<bool>(),
        at in vec(any::<Index>(), 0..6),
    ) {
        let sent = stream(&frames);
        let pieces = cuts(sent.len(), &at).into_iter().map(|range| &sent.as_bytes()[range]);
        let read = read_pieces(pieces, pass);
        is_legal(&read);
        if !pass {
            let mut encoder = AnswerEncoder::new(options());
            let mut told: Vec<u8> = read.chunks.iter().flat_map(|chunk| encoder.chunk(chunk)).collect();
            if read.error.is_none() {
                told.extend_from_slice(&encoder.done());
            }
            check_rules(&told);
        }
    }

    #[test]
    fn garbage_is_an_error_and_no_panic(garbage in vec(any::<u8>(), 0..200), pass in any::<bool>()) {
        is_legal(&read_pieces([garbage.as_slice()], pass));
        decode_answer(garbage.into(), pass).expect_err("no answer");
    }
}
