//! Streams that no provider should send, made at random: what comes out is legal, or an error.

use dormouse_core::{
    chat::Grammar,
    wire::{Verbatim, openai_chat::decode_answer},
};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use crate::{
    legal::cuts,
    provider::{choice, read, read_pieces, stream},
};

/// Any JSON that could stand where a field is expected.
fn junk() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(""),
        json!("a"),
        json!("{\"x\":"),
        json!("1}"),
        json!("{}"),
        json!(0),
        json!(1),
        json!(-1.5),
        json!(true),
        json!([]),
        json!({}),
        json!([{ "type": "text", "text": "t" }, 3]),
    ])
}

fn junk_call() -> impl Strategy<Value = Value> {
    (junk(), junk(), junk(), junk()).prop_map(|(index, id, name, arguments)| {
        json!({ "index": index, "id": id, "function": { "name": name, "arguments": arguments } })
    })
}

fn good_call() -> impl Strategy<Value = Value> {
    let arguments = prop::sample::select(vec!["", "{", "}", "\"x\":1", "{}", " "]);
    (0..3_u32, prop::option::of(0..3_u32), any::<bool>(), arguments).prop_map(
        |(index, id, name, arguments)| {
            let id = id.map(|id| format!("c{id}"));
            let name = name.then_some("f");
            json!({ "index": index, "id": id, "function": { "name": name, "arguments": arguments } })
        },
    )
}

/// A chunk that is well formed and little more.
pub(crate) fn odd_chunk() -> impl Strategy<Value = Value> {
    let delta = prop_oneof![
        (junk(), junk(), junk()).prop_map(|(content, reasoning, refusal)| {
            json!({ "content": content, "reasoning_content": reasoning, "refusal": refusal })
        }),
        prop::collection::vec(prop_oneof![3 => good_call(), 1 => junk_call()], 0..3)
            .prop_map(|calls| json!({ "tool_calls": calls })),
        junk().prop_map(|call| json!({ "function_call": call, "reasoning_signature": "s" })),
        junk(),
    ];
    let reason = prop_oneof![6 => Just(Value::Null), 1 => Just(json!("stop")), 1 => junk()];
    (0..2_u32, delta, reason, junk()).prop_map(|(index, delta, reason, usage)| {
        let mut chunk = choice(&json!({ "index": index, "delta": delta, "finish_reason": reason }));
        chunk["usage"] = usage;
        chunk
    })
}

proptest! {
    #[test]
    fn whatever_is_sent_what_comes_out_is_legal(
        chunks in prop::collection::vec(odd_chunk(), 0..12),
        end in any::<bool>(),
    ) {
        let sent = stream(&chunks);
        let sent = if end { &sent } else { sent.trim_end_matches("data: [DONE]\n\n") };
        let read = read(sent);
        let mut grammar = Grammar::default();
        for event in read.events() {
            prop_assert_eq!(grammar.check(&event), Ok(()), "{:?}", event);
        }
        if read.error.is_none() {
            prop_assert_eq!(grammar.complete(), Ok(()));
        }
    }

    #[test]
    fn garbage_is_refused_and_nothing_worse(
        bytes in prop::collection::vec(any::<u8>(), 0..256),
        prefix in prop::sample::select(vec!["", "data: ", "data: {\"choices\":[{\"delta\":"]),
    ) {
        let sent = [prefix.as_bytes(), &bytes].concat();
        let read = read_pieces([sent.as_slice()], Verbatim::default());
        prop_assert!(read.error.is_some());
        prop_assert!(decode_answer(sent.into(), true).is_err());
    }

    #[test]
    fn where_the_network_cuts_a_stream_does_not_matter(
        chunks in prop::collection::vec(odd_chunk(), 0..12),
        at in prop::collection::vec(any::<Index>(), 0..24),
        pass in any::<bool>(),
    ) {
        let sent = stream(&chunks);
        let verbatim = Verbatim { pass, hide_usage: true };
        let at_once = read_pieces([sent.as_bytes()], verbatim);
        let pieces = cuts(sent.len(), &at).into_iter().map(|range| &sent.as_bytes()[range]);
        let in_pieces = read_pieces(pieces, verbatim);
        prop_assert_eq!(at_once.chunks, in_pieces.chunks);
        prop_assert_eq!(
            at_once.error.map(|error| error.to_string()),
            in_pieces.error.map(|error| error.to_string())
        );
    }
}
