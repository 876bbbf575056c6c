//! Legal answers, made at random.

use dormouse_core::chat::{
    Delta, Dialect, Event, FinishReason, Part, PartKind, Signature, Source, Usage, Whole,
};
use proptest::{collection::vec, option, prelude::*, sample::Index};
use serde_json::json;

/// A part, before it has a place.
type Planned = (PartKind, Vec<Delta>);

/// Any legal answer that the format can tell: one choice, its parts one after the other.
pub(crate) fn answers() -> impl Strategy<Value = Vec<Event>> {
    (vec(part(), 0..5), finish_reason(), option::of(usage()), any::<bool>()).prop_map(
        |(parts, reason, usage, ping)| {
            let mut events =
                vec![Event::Start { id: "up-1".into(), model: "m".into(), created: Some(7) }];
            events.extend(ping.then_some(Event::Ping));
            for (index, (kind, deltas)) in (0..).zip(parts) {
                let kind = numbered(kind, index);
                events.push(Event::PartStart { choice: 0, index, kind });
                let delta = |delta| Event::PartDelta { choice: 0, index, delta };
                events.extend(deltas.into_iter().map(delta));
                events.push(Event::PartEnd { choice: 0, index });
            }
            events.push(Event::Finish { choice: 0, reason });
            events.extend(usage.map(Event::Usage));
            events
        },
    )
}

/// Calls and items have ids of their own.
fn numbered(kind: PartKind, index: u32) -> PartKind {
    match kind {
        PartKind::ToolCall { name, custom, .. } => {
            PartKind::ToolCall { id: format!("call-{index}"), name, custom }
        }
        PartKind::Other { dialect, mut value } => {
            value["id"] = format!("ws_{index}").into();
            PartKind::Other { dialect, value }
        }
        kind => kind,
    }
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec("[a-z\"\\\\\n é{}]{1,6}", 1..4)
}

fn signature() -> impl Strategy<Value = Delta> {
    "[a-z]{1,4}".prop_map(|text| Delta::Signature(Signature::new(Dialect::OpenAiResponses, text)))
}

fn part() -> impl Strategy<Value = Planned> {
    let spoken = |kind: PartKind, wrap: fn(String) -> Delta| {
        texts().prop_map(move |texts| (kind.clone(), texts.into_iter().map(wrap).collect()))
    };
    prop_oneof![
        spoken(PartKind::Text, Delta::Text),
        spoken(PartKind::Refusal, Delta::Refusal),
        (texts(), option::of(signature())).prop_map(|(texts, signature)| {
            let texts = texts.into_iter().map(Delta::Reasoning);
            (PartKind::Reasoning, texts.chain(signature).collect())
        }),
        signature().prop_map(|signature| (PartKind::Redacted, vec![signature])),
        call(),
        texts().prop_map(|texts| {
            let kind = PartKind::ToolCall { id: String::new(), name: "run".into(), custom: true };
            (kind, texts.into_iter().map(Delta::Arguments).collect())
        }),
        Just((
            PartKind::Other {
                dialect: Dialect::OpenAiResponses,
                value: json!({ "type": "web_search_call", "status": "completed" }),
            },
            Vec::new(),
        )),
    ]
}

/// A call whose arguments are an object, cut somewhere.
fn call() -> impl Strategy<Value = Planned> {
    ("[a-z_]{1,8}", ".{0,8}", any::<Index>()).prop_map(|(name, value, cut)| {
        let arguments = json!({ "path": value, "more": [{}] }).to_string();
        let places: Vec<usize> = arguments.char_indices().map(|(at, _)| at).collect();
        let (one, two) = arguments.split_at(places[cut.index(places.len())]);
        let pieces = [one, two].into_iter().filter(|piece| !piece.is_empty());
        let deltas = pieces.map(|piece| Delta::Arguments(piece.into())).collect();
        (PartKind::ToolCall { id: String::new(), name, custom: false }, deltas)
    })
}

fn finish_reason() -> impl Strategy<Value = FinishReason> {
    prop_oneof![
        Just(FinishReason::Stop),
        Just(FinishReason::Length),
        Just(FinishReason::ToolCalls),
        Just(FinishReason::ContentFilter),
        Just(FinishReason::Other("pause".into())),
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

/// The answer as far as the format can tell it: an answer with calls waits for their results.
pub(crate) fn as_told(events: &[Event]) -> Whole {
    let mut whole = Whole::default();
    for event in events {
        whole.push(event.clone()).expect("a legal sequence");
    }
    told(whole)
}

/// What the format has no word for is taken away: ids of thoughts, other reasons to stop.
pub(crate) fn told(mut whole: Whole) -> Whole {
    (whole.id, whole.created) = (String::new(), None);
    let Some(choice) = whole.choices.get_mut(&0) else { return whole };
    let calls = choice.parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    if !matches!(choice.finish_reason, Some(FinishReason::Length | FinishReason::ContentFilter)) {
        choice.finish_reason =
            Some(if calls { FinishReason::ToolCalls } else { FinishReason::Stop });
    }
    for part in &mut choice.parts {
        if let Part::Reasoning { signature: Some(signature), .. } = part {
            signature.id = None;
        }
    }
    whole
}

/// Places at which to cut `length` bytes, both ends included.
pub(crate) fn cuts(length: usize, at: &[Index]) -> Vec<std::ops::Range<usize>> {
    let mut places: Vec<usize> = at.iter().map(|index| index.index(length + 1)).collect();
    places.extend([0, length]);
    places.sort_unstable();
    places.windows(2).map(|pair| pair[0]..pair[1]).collect()
}
