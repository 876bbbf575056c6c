//! What is read of answers and errors.

use std::collections::BTreeSet;

use dormouse_core::{
    Code,
    chat::{FinishReason, Part, Source, Usage, Whole},
    wire::{Called, Verbatim, ollama::Ollama},
};
use dormouse_testkit::reading::{self, Read, cut};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

macro_rules! transcript {
    ($name:literal) => {
        include_bytes!(concat!("transcripts/", $name)).as_slice()
    };
}

const STREAMS: [&[u8]; 3] = [
    transcript!("text.ndjson"),
    transcript!("thinking_calls.ndjson"),
    transcript!("failing.ndjson"),
];

fn streamed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    reading::streamed(Ollama.decoder(Verbatim::default()), pieces)
}

fn whole(body: &'static [u8]) -> Whole {
    reading::whole(Ollama.decode_answer(body.into(), false)).whole()
}

fn reason(whole: &Whole) -> Option<FinishReason> {
    whole.choices[&0].finish_reason.clone()
}

fn usage(input: u64, output: u64) -> Option<Usage> {
    Some(Usage { input, output, source: Source::Reported, ..Usage::default() })
}

fn text(text: &str) -> Part {
    Part::Text { text: text.into(), cache: None }
}

#[test]
fn streams_are_lines_of_json() {
    assert!(Ollama.is_stream("application/x-ndjson"));
    assert!(Ollama.is_stream(" application/x-ndjson; charset=utf-8"));
    assert!(!Ollama.is_stream("application/json; charset=utf-8"));
}

#[test]
fn a_text_comes_in_pieces() {
    let read = streamed([transcript!("text.ndjson")]);
    assert_eq!(read.parts(), [text("The sky\nis blue.")]);
    let whole = read.whole();
    assert_eq!(whole.model, "llama3.2");
    assert_eq!(reason(&whole), Some(FinishReason::Stop));
    assert_eq!(whole.usage, usage(26, 6));
}

fn ids(parts: &[Part]) -> Vec<String> {
    let id = |part: &Part| match part {
        Part::ToolCall { id, .. } => Some(id.clone()),
        _ => None,
    };
    parts.iter().filter_map(id).collect()
}

#[test]
fn calls_come_whole_and_get_ids_that_no_other_has() {
    let sent = transcript!("thinking_calls.ndjson");
    let read = streamed([sent]);
    let parts = read.parts();
    let thoughts = Part::Reasoning {
        text: "Two cities, so two calls.".into(),
        signature: None,
        redacted: false,
    };
    assert_eq!(parts[0], thoughts);
    let calls: Vec<(&str, &str)> = parts[1..].iter().map(call).collect();
    let paris = r#"{"city":"Paris","days":2}"#;
    assert_eq!(calls, [("get_weather", paris), ("get_weather", paris), ("now", "{}")]);
    assert_eq!(reason(&read.whole()), Some(FinishReason::ToolCalls));
    let first = ids(&parts);
    assert_eq!(first[2], "call_k2j4", "the provider's own id is kept");
    assert_eq!(first, ids(&streamed([sent]).parts()), "the same answer, the same ids");
    let next = String::from_utf8_lossy(sent).replace("08:12:01", "08:12:02");
    let next = ids(&streamed([next.as_bytes()]).parts());
    let all: BTreeSet<&String> = first[..2].iter().chain(&next[..2]).collect();
    assert_eq!(all.len(), 4, "{all:?}");
}

fn call(part: &Part) -> (&str, &str) {
    match part {
        Part::ToolCall { name, arguments, .. } => (name, arguments),
        other => panic!("no call: {other:?}"),
    }
}

#[test]
fn a_whole_answer_is_one_object() {
    let whole = whole(transcript!("whole.json"));
    assert_eq!(whole.choices[&0].parts, [text("Hello! How")]);
    assert_eq!(reason(&whole), Some(FinishReason::Length));
    assert_eq!(whole.usage, usage(0, 3));
    insta::assert_json_snapshot!("log_probabilities", whole.choices[&0].extensions);
}

#[test]
fn a_model_that_was_only_loaded_says_nothing() {
    let whole = whole(transcript!("loaded.json"));
    assert_eq!(reason(&whole), Some(FinishReason::Other("load".into())));
    assert_eq!(whole.usage, None);
}

#[test]
fn an_error_in_mid_stream_ends_what_was_said() {
    let read = streamed([transcript!("failing.ndjson")]);
    assert_eq!(read.events.len(), 3, "the start, and a piece of text: {:?}", read.events);
    let error = read.error.expect("an error");
    assert_eq!(error.code(), Code::UpstreamFailed);
    assert!(error.message().ends_with("out of memory"), "{error}");
}

#[test]
fn an_answer_without_its_end_has_broken_off() {
    let (sent, _) = STREAMS[0].split_at(200);
    assert_eq!(streamed([sent]).error.expect("an error").code(), Code::UpstreamFailed);
    let object = json!({ "message": { "content": "a" }, "done": false }).to_string();
    let error = Ollama.decode_answer(object.into(), false).expect_err("an error");
    assert_eq!(error.code(), Code::UpstreamInvalid);
}

#[test]
fn an_error_is_a_text() {
    let body = br#"{"error":"model 'nope' not found"}"#;
    let error = Ollama.decode_error(404, None, body);
    assert_eq!(error.code(), Code::UpstreamNotFound);
    assert_eq!(error.message(), "model 'nope' not found");
    let busy = br#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#;
    let error = Ollama.decode_error(503, None, busy);
    assert_eq!(error.code(), Code::UpstreamUnavailable);
    assert!(error.delay().is_some());
}

/// Lines, most of them something like what Ollama sends.
fn odd() -> impl Strategy<Value = String> {
    let message = prop_oneof![
        "[a-z]{0,3}".prop_map(|text| json!({ "role": "assistant", "content": text })),
        "[a-z]{0,3}".prop_map(|text| json!({ "content": "", "thinking": text })),
        Just(json!({ "tool_calls": [{ "function": { "name": "f", "arguments": { "a": 1 } } }] })),
        Just(json!({ "content": "b", "tool_calls": [{ "function": 7 }, 8, { "id": 9 }] })),
        Just(Value::Null),
    ];
    let line = (message, prop::bool::weighted(0.2)).prop_map(|(message, done)| {
        json!({ "model": "m", "message": message, "done": done, "eval_count": 3 })
    });
    vec(line, 0..6)
        .prop_map(|lines| lines.iter().map(|line| format!("{line}\n")).collect::<String>())
}

proptest! {
    #[test]
    fn cuts_change_nothing(stream in 0..STREAMS.len(), at in vec(any::<usize>(), 0..12)) {
        let sent = STREAMS[stream];
        let (uncut, pieces) = (streamed([sent]), streamed(cut(sent, &at)));
        prop_assert_eq!(pieces.events, uncut.events);
        prop_assert_eq!(pieces.error.map(|it| it.code()), uncut.error.map(|it| it.code()));
    }

    #[test]
    fn the_last_line_needs_no_end(stream in 0..2_usize) {
        let sent = STREAMS[stream].trim_ascii_end();
        prop_assert_eq!(streamed([sent]).events, streamed([STREAMS[stream]]).events);
    }

    #[test]
    fn odd_answers_are_legal_or_errors(sent in odd(), at in vec(any::<usize>(), 0..6)) {
        streamed(cut(sent.as_bytes(), &at));
    }

    #[test]
    fn garbage_is_an_error(sent in vec(any::<u8>(), 0..200), at in vec(any::<usize>(), 0..4)) {
        prop_assert!(streamed(cut(&sent, &at)).error.is_some());
        prop_assert!(Ollama.decode_answer(sent.into(), false).is_err());
    }
}
