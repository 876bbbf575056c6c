//! The event that nearly every event is: one more piece of a block. [`Reader::event`] says the same of it.

use serde::Deserialize;

use super::{super::blocks::Piece, Reader};
use crate::{
    Result,
    wire::{out::Out, plain::Text},
};

/// A `content_block_delta` with something that is said, thought or called.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    index: u64,
    #[serde(borrow)]
    delta: Delta<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delta<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<Text<'a>>,
}

impl Reader {
    /// Takes the next event if it is a plain one. `None`: it is not, and nothing was taken.
    pub(in super::super) fn plain(&mut self, object: &str, out: &mut Out) -> Option<Result<()>> {
        let plain: Plain<'_> = serde_json::from_str(object).ok()?;
        let Plain { kind, index, delta } = plain;
        if kind.0 != "content_block_delta" || !self.started || self.finished {
            return None;
        }
        let Delta { kind, text, thinking, partial_json } = delta;
        let piece = match &*kind.0 {
            "text_delta" => Piece::Text(text?.0),
            "thinking_delta" => Piece::Thinking(thinking?.0),
            "input_json_delta" => Piece::Input(partial_json?.0),
            _ => return None,
        };
        Some(self.blocks.piece(index, piece, out))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    fn event(reader: &mut Reader, data: &str) {
        let event: Map<String, Value> = serde_json::from_str(data).unwrap();
        let kind = event["type"].as_str().unwrap().to_owned();
        reader.event(&kind, event, &mut Out::default()).unwrap();
    }

    fn plain(reader: &mut Reader, data: &str) -> Option<usize> {
        let mut out = Out::default();
        reader.plain(data, &mut out)?.unwrap();
        Some(out.events.len())
    }

    #[test]
    fn only_pieces_of_an_open_answer_are_plain() {
        let mut reader = Reader::default();
        let text =
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"so"}}"#;
        assert_eq!(plain(&mut reader, text), None);
        event(&mut reader, r#"{"type":"message_start","message":{"id":"a","model":"m"}}"#);
        for (index, kind, field) in [
            (0, "text", r#""type":"text_delta","text":"so""#),
            (1, "thinking", r#""type":"thinking_delta","thinking":"hm""#),
            (
                2,
                r#"tool_use","id":"t","name":"f"#,
                r#""type":"input_json_delta","partial_json":"{""#,
            ),
        ] {
            let start = format!(
                r#"{{"type":"content_block_start","index":{index},"content_block":{{"type":"{kind}"}}}}"#
            );
            event(&mut reader, &start);
            let delta =
                format!(r#"{{"type":"content_block_delta","index":{index},"delta":{{{field}}}}}"#);
            assert_eq!(plain(&mut reader, &delta), Some(1), "{delta}");
        }
        for other in [
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"signature_delta","signature":"s"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{}}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"ping"}"#,
        ] {
            assert_eq!(plain(&mut reader, other), None, "{other}");
        }
        event(&mut reader, r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#);
        assert_eq!(plain(&mut reader, text), None);
    }
}
