//! Frames that are read in place mean what they mean where a tree is built of them.
//!
//! Every frame is written twice: as providers write it, and in a way that says the same but that no reader
//! takes in place: over two lines of data, or with a field that means nothing.

use dormouse_core::{
    Code,
    chat::{Chunk, Dialect, Event},
    wire::{self, Verbatim},
};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

/// What providers send: the first frame begins the answer, any may follow.
const CHAT: &[&str] = &[
    r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"f","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}"#,
    r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"f","choices":[{"index":0,"delta":{"content":" \"so\"é"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}"#,
    r#"{"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"reasoning_content":"hm","refusal":null}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":null,"type":"function","function":{"name":null,"arguments":"1}"}}]}}]}"#,
    r#"{"choices":[{"index":1,"delta":{"content":"other"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
];
const RESPONSES: &[&str] = &[
    r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","model":"m","created_at":1,"output":[]}}"#,
    r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"i","type":"message","role":"assistant","content":[]}}"#,
    r#"{"type":"response.output_text.delta","sequence_number":2,"item_id":"i","output_index":0,"content_index":0,"delta":"so\n","logprobs":[],"obfuscation":"x"}"#,
    r#"{"type":"response.refusal.delta","sequence_number":2,"item_id":"i","output_index":0,"content_index":0,"delta":"no"}"#,
    r#"{"type":"response.reasoning_summary_text.delta","item_id":"t","output_index":1,"summary_index":0,"delta":"hm"}"#,
    r#"{"type":"response.reasoning_summary_text.delta","item_id":"t","output_index":1,"summary_index":1,"delta":"and"}"#,
    r#"{"type":"response.reasoning_text.delta","item_id":"t","output_index":1,"content_index":0,"delta":"oh"}"#,
    r#"{"type":"response.output_item.added","output_index":2,"item":{"id":"f","type":"function_call","call_id":"c","name":"g","arguments":""}}"#,
    r#"{"type":"response.function_call_arguments.delta","item_id":"f","output_index":2,"delta":"{\"a\":1}"}"#,
    r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"i","type":"message","role":"assistant","content":[{"type":"output_text","text":"so"}]}}"#,
    r#"{"type":"response.completed","response":{"id":"r","output":[],"usage":{"input_tokens":1,"output_tokens":2}}}"#,
];
const ANTHROPIC: &[&str] = &[
    r#"{"type":"message_start","message":{"id":"a","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"so\n"}}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"signature_delta","signature":"s"}}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}}"#,
];
const GEMINI: &[&str] = &[
    r#"{"candidates":[{"content":{"parts":[{"text":"So"}],"role":"model"},"index":0}],"modelVersion":"m","responseId":"g"}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":" so\n"}],"role":"model"},"index":0,"safetyRatings":[]}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2,"thoughtsTokenCount":3,"totalTokenCount":6,"promptTokensDetails":[{"modality":"TEXT","tokenCount":1}]},"modelVersion":"m","responseId":"g"}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}],"role":"model"}}]}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true,"thoughtSignature":"c2ln"}],"role":"model"}}]}"#,
    r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}}}],"role":"model"}}]}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1}}"#,
];
const OLLAMA: &[&str] = &[
    r#"{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"So"},"done":false}"#,
    r#"{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":" so\n"},"done":false}"#,
    r#"{"model":"m","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#,
    r#"{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}"#,
    r#"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","eval_count":2}"#,
];
const ANSWERS: [(Dialect, &[&str]); 5] = [
    (Dialect::OpenAiChat, CHAT),
    (Dialect::OpenAiResponses, RESPONSES),
    (Dialect::Anthropic, ANTHROPIC),
    (Dialect::Gemini, GEMINI),
    (Dialect::Ollama, OLLAMA),
];

/// What becomes of a frame before it is sent.
#[derive(Clone, Debug)]
enum Change {
    Nothing,
    Remove(Index),
    Replace(Index, Value),
    Add(Index, Value),
    /// A field of the frame is written a second time.
    Repeat(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let values = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(0.5),
        json!(""),
        json!("function"),
        json!("text_delta"),
        json!([]),
        json!([1]),
        json!({}),
        json!({ "a": "b" }),
    ];
    let value = prop::sample::select(values);
    prop_oneof![
        2 => Just(Change::Nothing),
        1 => any::<Index>().prop_map(Change::Remove),
        2 => (any::<Index>(), value.clone()).prop_map(|(at, value)| Change::Replace(at, value)),
        1 => (any::<Index>(), value).prop_map(|(at, value)| Change::Add(at, value)),
        1 => any::<Index>().prop_map(Change::Repeat),
    ]
}

impl Change {
    fn apply(&self, frame: &str) -> String {
        let mut object: Value = serde_json::from_str(frame).unwrap();
        let mut places = Vec::new();
        list(&object, "", &mut places);
        let place = |at: &Index| places[at.index(places.len())].as_str();
        match self {
            Self::Nothing => return frame.to_owned(),
            Self::Remove(at) => {
                let (parent, field) = place(at).rsplit_once('/').unwrap();
                if let Some(Value::Object(parent)) = object.pointer_mut(parent) {
                    parent.shift_remove(field);
                }
            }
            Self::Replace(at, value) => {
                *object.pointer_mut(place(at)).unwrap() = value.clone();
            }
            Self::Add(at, value) => {
                if let Some(Value::Object(there)) = object.pointer_mut(place(at)) {
                    there.insert("more".into(), value.clone());
                }
            }
            Self::Repeat(at) => {
                let fields: Vec<_> = object.as_object().unwrap().iter().collect();
                let (field, value) = at.get(&fields);
                return frame.replacen('{', &format!("{{\"{field}\":{value},"), 1);
            }
        }
        object.to_string()
    }
}

/// Every place in a value, as JSON pointers.
fn list(value: &Value, at: &str, places: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, it)| (name.clone(), it)).collect(),
        Value::Array(items) => {
            (0..).zip(items).map(|(n, it): (u32, _)| (n.to_string(), it)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let place = format!("{at}/{name}");
        list(value, &place, places);
        places.push(place);
    }
}

fn usual(dialect: Dialect, frame: &str) -> String {
    if dialect == Dialect::Ollama { format!("{frame}\n") } else { format!("data: {frame}\n\n") }
}

fn unusual(dialect: Dialect, frame: &str) -> String {
    let fields = frame.strip_prefix('{').unwrap();
    match (dialect, fields) {
        (Dialect::Ollama, "}") => usual(dialect, r#"{"unusual":null}"#),
        (Dialect::Ollama, _) => usual(dialect, &format!("{{\"unusual\":null,{fields}")),
        _ => usual(dialect, &format!("{{\ndata: {fields}")),
    }
}

/// The events of each chunk, whether its bytes pass, and the error that ends the answer.
type Read = (Vec<(Vec<Event>, bool)>, Option<Code>);

fn read(dialect: Dialect, frames: impl Iterator<Item = String>) -> Read {
    let mut decoder =
        wire::called(dialect).unwrap().decoder(Verbatim { pass: true, hide_usage: true });
    let mut told = Vec::new();
    let mut tell = |chunks: Vec<Chunk>| {
        told.extend(chunks.into_iter().map(|chunk| (chunk.events, chunk.verbatim.is_some())));
    };
    for frame in frames {
        match decoder.push(frame.as_bytes()) {
            Ok(chunks) => tell(chunks),
            Err(error) => return (told, Some(error.code())),
        }
    }
    let end = decoder.finish().map(tell);
    (told, end.err().map(|error| error.code()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_frame_that_is_read_in_place_means_what_its_tree_means(
        (dialect, frames) in prop::sample::select(ANSWERS.to_vec()),
        changed in prop::collection::vec((any::<Index>(), change()), 0..12),
    ) {
        let following = changed.iter().map(|(which, change)| change.apply(frames[which.index(frames.len())]));
        let sent: Vec<String> = std::iter::once(frames[0].to_owned()).chain(following).collect();
        let in_place = read(dialect, sent.iter().map(|frame| usual(dialect, frame)));
        let as_trees = read(dialect, sent.iter().map(|frame| unusual(dialect, frame)));
        prop_assert_eq!(in_place, as_trees);
    }
}
