//! The object that nearly every object is: one more piece of what a candidate says or thinks.
//! [`Reader::read`] says the same of it.

use serde::Deserialize;

use super::{super::usage::Counts, Reader, Voice};
use crate::{
    chat::Event,
    wire::plain::{Skipped, Text},
};

/// An object without a reason to end, a call or a signature.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Plain<'a> {
    #[serde(borrow)]
    candidates: [Candidate<'a>; 1],
    usage_metadata: Option<Counts>,
    #[serde(rename = "modelVersion")]
    _model: Option<Skipped>,
    #[serde(borrow)]
    response_id: Option<Text<'a>>,
    #[serde(rename = "createTime")]
    _created: Option<Skipped>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Candidate<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    content: Content<'a>,
    #[serde(rename = "safetyRatings")]
    _safety: Option<Skipped>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<'a> {
    #[serde(borrow)]
    parts: [Part<'a>; 1],
    #[serde(rename = "role")]
    _role: Option<Skipped>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    thought: Option<bool>,
}

impl Reader {
    /// Takes the next object if it is a plain one. `None`: it is not, and nothing was taken.
    pub(in super::super) fn plain(&mut self, object: &str, events: &mut Vec<Event>) -> Option<()> {
        let plain: Plain<'_> = serde_json::from_str(object).ok()?;
        let Plain { candidates: [candidate], usage_metadata, response_id, .. } = plain;
        let Candidate { index, content: Content { parts: [part], .. }, .. } = candidate;
        let choice = self.choices.get_mut(&index).filter(|_| self.started)?;
        if let Some(id) = response_id {
            self.ids.of(&id.0);
        }
        events.extend(usage_metadata.and_then(|counts| counts.usage()).map(Event::Usage));
        let voice = if part.thought == Some(true) { Voice::Reasoning } else { Voice::Text };
        choice.sequence.say(voice, part.text.0.into_owned(), events);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(reader: &mut Reader, data: &str) -> Option<usize> {
        let mut events = Vec::new();
        reader.plain(data, &mut events)?;
        Some(events.len())
    }

    #[test]
    fn only_pieces_of_an_answer_that_has_begun_are_plain() {
        let mut reader = Reader::default();
        let text = r#"{"candidates":[{"content":{"parts":[{"text":"so"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":1,"totalTokenCount":5,"promptTokensDetails":[{"modality":"TEXT","tokenCount":4}]},"modelVersion":"m","responseId":"g"}"#;
        assert_eq!(plain(&mut reader, text), None);
        reader.read(serde_json::from_str(text).unwrap(), &mut Vec::new()).unwrap();
        assert_eq!(plain(&mut reader, text), Some(2), "a word and the counts");
        let thought = r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}],"role":"model"}}]}"#;
        assert!(plain(&mut reader, thought).is_some());
        for other in [
            r#"{"candidates":[{"content":{"parts":[{"text":"so"}]},"finishReason":"STOP"}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"so","thoughtSignature":"c2ln"}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"so"}]},"index":1}]}"#,
        ] {
            assert_eq!(plain(&mut reader, other), None, "{other}");
        }
    }
}
