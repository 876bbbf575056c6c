//! Whatever is written can be read again: streamed, whole, and cut anywhere.

use dormouse_core::{
    chat::{Chunk, Event, Part, Whole},
    wire::{
        Encode, Verbatim,
        openai_chat::{AnswerEncoder, EncoderOptions, decode_answer},
    },
};
use futures::{FutureExt, StreamExt, stream};
use proptest::{prelude::*, sample::Index};

use crate::{
    legal::{answers, cuts},
    provider::{Read, read_pieces},
};

/// Writes events as a stream, some of them at once.
fn written(events: &[Event], at: &[Index]) -> Vec<u8> {
    let mut encoder = AnswerEncoder::new(EncoderOptions {
        id: "chatcmpl-1".into(),
        model: "m".into(),
        created: 7,
        include_usage: true,
        ..EncoderOptions::default()
    });
    let mut bytes = Vec::new();
    for range in cuts(events.len(), at) {
        let chunk = Chunk { events: events[range].to_vec(), verbatim: None };
        bytes.extend_from_slice(&encoder.chunk(&chunk));
    }
    bytes.extend_from_slice(&encoder.done());
    bytes
}

/// The answer as far as the chat format can tell it: adjacent parts of one kind run together.
fn as_told(events: &[Event]) -> Whole {
    let mut whole = Whole::default();
    for event in events {
        whole.push(event.clone()).expect("a legal sequence");
    }
    for choice in whole.choices.values_mut() {
        let mut told: Vec<Part> = Vec::new();
        for part in std::mem::take(&mut choice.parts) {
            match (told.last_mut(), part) {
                (Some(Part::Text { text, .. }), Part::Text { text: more, .. })
                | (Some(Part::Refusal { text }), Part::Refusal { text: more }) => {
                    text.push_str(&more);
                }
                (
                    Some(Part::Reasoning { text, signature: signature @ None, .. }),
                    Part::Reasoning { text: more, signature: signed, .. },
                ) => {
                    text.push_str(&more);
                    *signature = signed;
                }
                (_, part) => told.push(part),
            }
        }
        choice.parts = told;
    }
    whole
}

/// What remains of an answer in a single message: a text, thoughts, a refusal, calls.
fn in_one_message(mut whole: Whole) -> Whole {
    for choice in whole.choices.values_mut() {
        let (mut thoughts, mut text, mut refusal) = (None, None, None);
        let (mut signed, mut calls) = (None, Vec::new());
        for part in std::mem::take(&mut choice.parts) {
            match part {
                Part::Reasoning { text, signature, .. } => {
                    thoughts.get_or_insert_with(String::new).push_str(&text);
                    signed = signature.or(signed);
                }
                Part::Text { text: more, .. } => {
                    text.get_or_insert_with(String::new).push_str(&more);
                }
                Part::Refusal { text } => {
                    refusal.get_or_insert_with(String::new).push_str(&text);
                }
                call => calls.push(call),
            }
        }
        choice.parts.extend(thoughts.map(|text| Part::Reasoning {
            text,
            signature: signed,
            redacted: false,
        }));
        choice.parts.extend(text.map(|text| Part::Text { text, cache: None }));
        choice.parts.extend(refusal.map(|text| Part::Refusal { text }));
        choice.parts.extend(calls);
    }
    whole
}

proptest! {
    #[test]
    fn a_streamed_answer_survives(
        events in answers(),
        together in prop::collection::vec(any::<Index>(), 0..24),
        at in prop::collection::vec(any::<Index>(), 0..24),
    ) {
        let sent = written(&events, &together);
        let pieces = cuts(sent.len(), &at).into_iter().map(|range| &sent[range]);
        let read = read_pieces(pieces, Verbatim::default());
        prop_assert_eq!(read.whole(), as_told(&events));
    }

    #[test]
    fn a_passed_answer_is_untouched(events in answers()) {
        let sent = written(&events, &[]);
        let read = read_pieces([sent.as_slice()], Verbatim { pass: true, hide_usage: false });
        let mut encoder = AnswerEncoder::new(EncoderOptions::default());
        let mut passed: Vec<u8> =
            read.chunks.iter().flat_map(|chunk| encoder.chunk(chunk)).collect();
        passed.extend_from_slice(&encoder.done());
        prop_assert_eq!(String::from_utf8_lossy(&passed), String::from_utf8_lossy(&sent));
    }

    #[test]
    fn a_whole_answer_survives(events in answers()) {
        let whole = as_told(&events);
        let chunk = decode_answer(AnswerEncoder::new(EncoderOptions::default()).whole(&whole), false).expect("an answer");
        let read = Read { chunks: vec![chunk], error: None };
        prop_assert_eq!(read.whole(), in_one_message(whole));
    }

    #[test]
    fn collecting_is_the_same_as_pushing(events in answers(), at in prop::collection::vec(any::<Index>(), 0..9)) {
        let mut pushed = Whole::default();
        for event in &events {
            pushed.push(event.clone()).expect("a legal sequence");
        }
        let chunks = cuts(events.len(), &at)
            .into_iter()
            .map(|range| Ok(Chunk { events: events[range].to_vec(), verbatim: None }));
        let collected = Whole::collect(stream::iter(chunks).boxed()).now_or_never();
        prop_assert_eq!(collected.expect("nothing to wait for").expect("a legal answer"), pushed);
    }
}
