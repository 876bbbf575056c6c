//! The event that nearly every event is: one more piece of an item. [`Reader::event`] says the same of it.

use std::borrow::Cow;

use serde::Deserialize;

use super::{
    super::{assembly::THOUGHTS, input::BETWEEN_SUMMARIES},
    Reader, Spot,
};
use crate::{
    Result,
    chat::{Event, PartKind},
    wire::plain::{Skipped, Text},
};

/// A `response.….delta`. Its kinds are told apart where they are read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(rename = "sequence_number")]
    _sequence_number: Option<Skipped>,
    #[serde(borrow)]
    item_id: Text<'a>,
    output_index: Option<u64>,
    content_index: Option<u64>,
    summary_index: Option<u64>,
    #[serde(borrow)]
    delta: Text<'a>,
    #[serde(rename = "logprobs")]
    _logprobs: Option<[(); 0]>,
    #[serde(rename = "obfuscation")]
    _obfuscation: Option<Skipped>,
}

impl Reader {
    /// Takes the next event if it is a plain one. `None`: it is not, and nothing was taken.
    pub(in super::super) fn plain(
        &mut self,
        object: &str,
        out: &mut Vec<Event>,
    ) -> Option<Result<()>> {
        let plain: Plain<'_> = serde_json::from_str(object).ok()?;
        let Plain { kind, item_id, output_index, content_index, summary_index, delta, .. } = plain;
        if !self.started || self.finished {
            return None;
        }
        let spot = Spot {
            index: output_index,
            id: Some(&item_id.0),
            content: content_index.unwrap_or_default(),
            summary: summary_index.unwrap_or_default(),
        };
        self.delta(&kind.0, &spot, delta.0, out)
    }

    /// Takes a piece of an item. `None`: `kind` is no such event, and nothing was taken.
    pub(super) fn delta(
        &mut self,
        kind: &str,
        spot: &Spot<'_>,
        words: Cow<'_, str>,
        out: &mut Vec<Event>,
    ) -> Option<Result<()>> {
        let (part, piece) = match kind {
            "response.output_text.delta" => (Some(PartKind::Text), spot.content),
            "response.refusal.delta" => (Some(PartKind::Refusal), spot.content),
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
                (Some(PartKind::Reasoning), THOUGHTS)
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                (None, 0)
            }
            _ => return None,
        };
        let summarised = kind == "response.reasoning_summary_text.delta";
        Some(self.slot(spot).and_then(|slot| {
            if summarised {
                self.summarised(slot, spot.summary, out)?;
            }
            match part {
                Some(part) => self.say((slot, piece), part, words, out),
                None => self.go_on((slot, piece), words, out),
            }
        }))
    }

    /// The parts of a summary are told as one text, with something between them.
    fn summarised(&mut self, slot: usize, summary: u64, out: &mut Vec<Event>) -> Result<()> {
        let next = self
            .items
            .get_mut(slot)
            .is_some_and(|item| std::mem::replace(&mut item.summary, summary) < summary);
        if next {
            self.say((slot, THOUGHTS), PartKind::Reasoning, BETWEEN_SUMMARIES.into(), out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(reader: &mut Reader, data: &str) {
        reader.event(serde_json::from_str(data).unwrap(), &mut Vec::new()).unwrap();
    }

    fn plain(reader: &mut Reader, data: &str) -> Option<usize> {
        let mut out = Vec::new();
        reader.plain(data, &mut out)?.unwrap();
        Some(out.len())
    }

    #[test]
    fn only_pieces_of_an_open_answer_are_plain() {
        let mut reader = Reader::default();
        let text = r#"{"type":"response.output_text.delta","sequence_number":4,"item_id":"a","output_index":0,"content_index":0,"delta":"so","logprobs":[],"obfuscation":"x"}"#;
        assert_eq!(plain(&mut reader, text), None);
        event(&mut reader, r#"{"type":"response.created","response":{"id":"r"}}"#);
        assert_eq!(plain(&mut reader, text), Some(2), "a part that begins, and a word");
        assert_eq!(plain(&mut reader, text), Some(1));
        event(
            &mut reader,
            r#"{"type":"response.output_item.added","output_index":1,"item":{"id":"f","type":"function_call","call_id":"c","name":"g"}}"#,
        );
        for pieces in [
            r#"{"type":"response.function_call_arguments.delta","sequence_number":5,"item_id":"f","output_index":1,"delta":"{","obfuscation":"x"}"#,
            r#"{"type":"response.reasoning_summary_text.delta","sequence_number":6,"item_id":"t","output_index":2,"summary_index":0,"delta":"hm"}"#,
        ] {
            assert!(plain(&mut reader, pieces).is_some(), "{pieces}");
        }
        for other in [
            r#"{"type":"response.output_text.delta","item_id":"a","output_index":0,"delta":"so","logprobs":[{"token":"so"}]}"#,
            r#"{"type":"response.audio.delta","item_id":"a","output_index":0,"delta":"so"}"#,
            r#"{"type":"response.output_text.done","item_id":"a","output_index":0,"content_index":0,"text":"so"}"#,
        ] {
            assert_eq!(plain(&mut reader, other), None, "{other}");
        }
        event(&mut reader, r#"{"type":"response.completed","response":{"id":"r"}}"#);
        assert_eq!(plain(&mut reader, text), None);
    }
}
