//! Whatever is written can be read again: streamed, whole, and cut anywhere. Whatever is sent, what is read
//! is legal.

use dormouse_core::{
    chat::{Chunk, Event, Request},
    wire::{
        Encode, Opening, Verbatim,
        openai_responses::{AnswerEncoder, decode_answer, decode_request},
    },
};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};

use crate::{
    legal::{answers, as_told, cuts, told},
    provider::{Read, read_pieces, stream},
};

fn request() -> Request {
    let body = json!({ "model": "m", "input": "hi", "store": false }).to_string();
    decode_request(&body.into()).expect("a request")
}

fn encoder() -> AnswerEncoder {
    AnswerEncoder::new(&request(), &Opening { id: "1".into(), created: 7 })
}

/// Writes events as a stream, some of them at once.
fn written(events: &[Event], at: &[Index]) -> Vec<u8> {
    let mut encoder = encoder();
    let mut bytes = Vec::new();
    for range in cuts(events.len(), at) {
        let chunk = Chunk { events: events[range].to_vec(), verbatim: None };
        bytes.extend_from_slice(&encoder.chunk(&chunk));
    }
    bytes.extend_from_slice(&encoder.done());
    bytes
}

/// Any event that a provider might send, sensible or not.
fn noise() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.output_text.annotation.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.refusal.delta",
        "response.completed",
        "response.incomplete",
        "response.unheard_of",
    ]);
    let item = prop::sample::select(vec![
        "message",
        "reasoning",
        "function_call",
        "custom_tool_call",
        "x",
    ]);
    (kind, item, 0..4_u64, prop::option::of(0..3_u64), "[{}a\" ]{0,4}").prop_map(
        |(kind, item, id, index, text)| {
            json!({
                "type": kind,
                "item_id": format!("i{id}"),
                "output_index": index,
                "content_index": id % 2,
                "summary_index": id % 3,
                "delta": text,
                "annotation": { "type": "url_citation" },
                "item": {
                    "id": format!("i{id}"), "type": item, "call_id": "c", "name": "n",
                    "arguments": text, "input": text, "encrypted_content": text,
                    "summary": [{ "text": text }], "content": [{ "type": "output_text", "text": text }],
                },
            })
        },
    )
}

proptest! {
    #[test]
    fn a_streamed_answer_survives(
        events in answers(),
        together in vec(any::<Index>(), 0..24),
        at in vec(any::<Index>(), 0..24),
    ) {
        let sent = written(&events, &together);
        let pieces = cuts(sent.len(), &at).into_iter().map(|range| &sent[range]);
        let read = read_pieces(pieces, Verbatim::default());
        prop_assert_eq!(told(read.whole()), as_told(&events));
    }

    #[test]
    fn a_passed_answer_is_untouched(events in answers(), at in vec(any::<Index>(), 0..9)) {
        let sent = written(&events, &[]);
        let pieces = cuts(sent.len(), &at).into_iter().map(|range| &sent[range]);
        let read = read_pieces(pieces, Verbatim { pass: true, hide_usage: false });
        let mut encoder = encoder();
        let mut passed: Vec<u8> =
            read.chunks.iter().flat_map(|chunk| encoder.chunk(chunk)).collect();
        passed.extend_from_slice(&encoder.done());
        prop_assert_eq!(String::from_utf8_lossy(&passed), String::from_utf8_lossy(&sent));
    }

    #[test]
    fn a_whole_answer_survives(events in answers()) {
        let whole = as_told(&events);
        let body = encoder().whole(&whole);
        let chunk = decode_answer(body.clone(), true).expect("an answer");
        prop_assert_eq!(chunk.verbatim.as_ref(), Some(&body));
        let read = Read { chunks: vec![chunk], error: None };
        prop_assert_eq!(told(read.whole()), whole);
    }

    #[test]
    fn a_stream_and_a_whole_answer_say_the_same(events in answers()) {
        let sent = String::from_utf8(written(&events, &[])).expect("UTF-8");
        let last = sent.rsplit("data: ").next().expect("a last event");
        let last: Value = serde_json::from_str(last).expect("JSON");
        let mut whole = as_told(&events);
        whole.model = "m".into();
        let body: Value = serde_json::from_slice(&encoder().whole(&whole)).expect("JSON");
        prop_assert_eq!(&last["response"], &body);
    }

    #[test]
    fn noise_is_an_answer_or_an_error_but_never_illegal(
        events in vec(noise(), 0..24),
        at in vec(any::<Index>(), 0..5),
    ) {
        let sent = stream(&events);
        let pieces = cuts(sent.len(), &at).into_iter().map(|range| &sent.as_bytes()[range]);
        let read = read_pieces(pieces, Verbatim { pass: true, hide_usage: false });
        let grammar = read.legal();
        prop_assert!(read.error.is_some() || grammar.complete().is_ok());
    }

    #[test]
    fn garbage_never_panics(bytes in vec(any::<u8>(), 0..200), text in "[a-z:{}\"\n ]{0,80}") {
        for sent in [bytes.as_slice(), text.as_bytes()] {
            read_pieces([sent], Verbatim::default()).legal();
            let _ = decode_answer(sent.to_vec().into(), false);
            let _ = decode_request(&sent.to_vec().into());
        }
    }
}
