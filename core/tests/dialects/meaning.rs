//! What bytes of a dialect mean, without what each party names for itself: ids, times, signatures.

use dormouse_core::{
    Result,
    chat::{Dialect, FinishReason, Part, Whole},
    wire::{self, Verbatim},
};
use futures::{FutureExt, stream};
use serde_json::{Value, json};

/// What an answer in `dialect` means.
pub(crate) fn of(dialect: Dialect, streamed: bool, bytes: &[u8]) -> Result<Value> {
    Ok(told(&whole(dialect, streamed, bytes)?))
}

/// An answer in `dialect`.
pub(crate) fn whole(dialect: Dialect, streamed: bool, bytes: &[u8]) -> Result<Whole> {
    let format = wire::called(dialect).unwrap();
    let chunks = if streamed {
        let mut decoder = format.decoder(Verbatim::default());
        let mut chunks = decoder.push(bytes)?;
        chunks.extend(decoder.finish()?);
        chunks
    } else {
        vec![format.decode_answer(bytes.to_vec().into(), false)?]
    };
    let whole = Whole::collect(stream::iter(chunks.into_iter().map(Ok)));
    whole.now_or_never().unwrap()
}

fn told(whole: &Whole) -> Value {
    assert_eq!(whole.choices.len(), 1, "one choice was asked for");
    let choice = &whole.choices[&0];
    let usage = whole.usage.unwrap_or_default();
    // A refusal says why the answer ended, whatever the reason is called.
    let refused = choice.parts.iter().any(|part| matches!(part, Part::Refusal { .. }));
    let reason =
        if refused { Some(&FinishReason::ContentFilter) } else { choice.finish_reason.as_ref() };
    json!({
        "parts": choice.parts.iter().filter(|part| !is_proof(part)).map(part).collect::<Vec<_>>(),
        "finish": reason.map(finish),
        "usage": {
            "input": usage.input,
            "cached_input": usage.cached_input,
            "output": usage.output,
            "reasoning": usage.reasoning,
        },
    })
}

/// Thoughts of which nothing is told carry only their signature.
fn is_proof(part: &Part) -> bool {
    matches!(part, Part::Reasoning { text, .. } if text.is_empty())
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text { text, .. } => json!({ "type": "text", "text": text }),
        Part::Reasoning { text, .. } => json!({ "type": "reasoning", "text": text }),
        Part::Refusal { text } => json!({ "type": "refusal", "text": text }),
        Part::ToolCall { id, name, arguments, custom: false } => {
            assert!(!id.is_empty(), "a call that no result can name");
            let arguments: Value = serde_json::from_str(arguments).unwrap();
            json!({ "type": "tool_call", "name": name, "arguments": arguments })
        }
        other => unreachable!("{other:?}"),
    }
}

fn finish(reason: &FinishReason) -> String {
    match reason {
        FinishReason::Stop => "stop".into(),
        FinishReason::StopText(_) => "stop_text".into(),
        FinishReason::Length => "length".into(),
        FinishReason::ToolCalls => "tool_calls".into(),
        FinishReason::ContentFilter => "content_filter".into(),
        FinishReason::Other(word) => word.clone(),
    }
}
