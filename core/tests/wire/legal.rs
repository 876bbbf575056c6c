//! Legal answers, made at random.

use dormouse_core::chat::{
    Delta, Dialect, Event, Extensions, FinishReason, PartKind, Signature, Source, Usage,
};
use proptest::{collection::vec, option, prelude::*, sample::Index};
use serde_json::{Value, json};

/// A part, before it has a place.
#[derive(Clone, Debug)]
struct Planned {
    kind: PartKind,
    deltas: Vec<Delta>,
}

/// Any legal answer: up to three choices, their parts interleaved, with everything in between that the
/// grammar allows.
pub(crate) fn answers() -> impl Strategy<Value = Vec<Event>> {
    let choices = vec((vec(part(), 0..4), finish_reason()), 1..4);
    let picks = vec(any::<Index>(), 64);
    (choices, picks, option::of(usage()), any::<bool>()).prop_map(
        |(choices, picks, usage, fingerprint)| {
            let lines =
                (0..).zip(choices).map(|(choice, (parts, reason))| line(choice, parts, reason));
            let mut events = vec![start()];
            if fingerprint {
                let fields = json!({ "system_fingerprint": "fp_1" });
                events.push(extension(None, &fields));
            }
            events.extend(interleave(lines.collect(), &picks));
            events.extend(usage.map(Event::Usage));
            events
        },
    )
}

fn start() -> Event {
    Event::Start { id: "chatcmpl-1".into(), model: "m".into(), created: Some(7) }
}

fn extension(choice: Option<u32>, fields: &Value) -> Event {
    let fields = fields.as_object().cloned().unwrap_or_default();
    Event::Extension { dialect: Dialect::OpenAiChat, choice, fields: Extensions(fields) }
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec("[a-z\"\\\\\n é{}]{1,6}", 1..4)
}

fn part() -> impl Strategy<Value = Planned> {
    let reasoning = (texts(), option::of("[a-z]{1,4}")).prop_map(|(texts, signature)| {
        let mut deltas: Vec<Delta> = texts.into_iter().map(Delta::Reasoning).collect();
        deltas.extend(
            signature.map(|text| Delta::Signature(Signature::new(Dialect::OpenAiChat, text))),
        );
        Planned { kind: PartKind::Reasoning, deltas }
    });
    prop_oneof![
        texts().prop_map(|texts| Planned {
            kind: PartKind::Text,
            deltas: texts.into_iter().map(Delta::Text).collect(),
        }),
        texts().prop_map(|texts| Planned {
            kind: PartKind::Refusal,
            deltas: texts.into_iter().map(Delta::Refusal).collect(),
        }),
        reasoning,
        call(),
    ]
}

/// A call whose arguments are an object, cut somewhere.
fn call() -> impl Strategy<Value = Planned> {
    ("[a-z_]{1,8}", ".{0,8}", any::<Index>()).prop_map(|(name, value, cut)| {
        let arguments = json!({ "path": value, "more": [{}] }).to_string();
        let places: Vec<usize> = arguments.char_indices().map(|(at, _)| at).collect();
        let (one, two) = arguments.split_at(places[cut.index(places.len())]);
        let pieces = [one, two].into_iter().filter(|piece| !piece.is_empty());
        Planned {
            kind: PartKind::ToolCall { id: String::new(), name, custom: false },
            deltas: pieces.map(|piece| Delta::Arguments(piece.into())).collect(),
        }
    })
}

fn finish_reason() -> impl Strategy<Value = FinishReason> {
    prop_oneof![
        Just(FinishReason::Stop),
        Just(FinishReason::Length),
        Just(FinishReason::ToolCalls),
        Just(FinishReason::ContentFilter),
        Just(FinishReason::Other("insufficient_system_resource".into())),
    ]
}

fn usage() -> impl Strategy<Value = Usage> {
    (0..5_000_u64, 0..5_000_u64, 0..5_000_u64, 0..5_000_u64, 0..5_000_u64).prop_map(
        |(fresh, cached_input, cache_write, said, reasoning)| Usage {
            input: fresh + cached_input + cache_write,
            cached_input,
            cache_write,
            output: said + reasoning,
            reasoning,
            source: Source::Reported,
        },
    )
}

/// The events of one choice, with log probabilities in front of each delta of text.
fn line(choice: u32, parts: Vec<Planned>, reason: FinishReason) -> Vec<Event> {
    let mut events = Vec::new();
    for (index, Planned { kind, deltas }) in (0..).zip(parts) {
        let kind = match kind {
            PartKind::ToolCall { name, .. } => {
                PartKind::ToolCall { id: format!("call-{choice}-{index}"), name, custom: false }
            }
            kind => kind,
        };
        events.push(Event::PartStart { choice, index, kind });
        for delta in deltas {
            if let Delta::Text(text) = &delta {
                let fields = json!({ "logprobs": { "content": [{ "token": text }] } });
                events.push(extension(Some(choice), &fields));
            }
            events.push(Event::PartDelta { choice, index, delta });
        }
        events.extend([Event::PartEnd { choice, index }, Event::Ping]);
    }
    events.push(Event::Finish { choice, reason });
    events
}

/// Takes from the front of any line, as `picks` say, until all are empty.
fn interleave(lines: Vec<Vec<Event>>, picks: &[Index]) -> Vec<Event> {
    let mut lines: Vec<_> = lines.into_iter().map(Vec::into_iter).collect();
    let mut events = Vec::new();
    let mut picks = picks.iter().cycle();
    while lines.iter().any(|line| line.len() > 0) {
        let pick = picks.next().map_or(0, |pick| pick.index(lines.len()));
        events.extend(lines[pick].next());
        lines.retain(|line| line.len() > 0);
    }
    events
}

/// Places at which to cut `length` bytes, both ends included.
pub(crate) fn cuts(length: usize, at: &[Index]) -> Vec<std::ops::Range<usize>> {
    let mut places: Vec<usize> = at.iter().map(|index| index.index(length + 1)).collect();
    places.extend([0, length]);
    places.sort_unstable();
    places.windows(2).map(|pair| pair[0]..pair[1]).collect()
}
