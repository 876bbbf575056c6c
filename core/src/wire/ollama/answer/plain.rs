//! The object that nearly every object is: one more piece of the message. [`Reader::read`] says the same of
//! it.

use serde::Deserialize;

use super::{Reader, Voice};
use crate::{
    chat::Event,
    wire::plain::{Skipped, Text},
};

/// An object that is not the last one, and without calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    #[serde(rename = "model")]
    _model: Option<Skipped>,
    #[serde(rename = "created_at")]
    _created: Option<Skipped>,
    #[serde(borrow)]
    message: Message<'a>,
    done: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    #[serde(rename = "role")]
    _role: Option<Skipped>,
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
}

impl Reader {
    /// Takes the next object if it is a plain one. `None`: it is not, and nothing was taken.
    pub(super) fn plain(&mut self, object: &str, events: &mut Vec<Event>) -> Option<()> {
        let plain: Plain<'_> = serde_json::from_str(object).ok()?;
        let Plain { message: Message { content, thinking, .. }, done, .. } = plain;
        let sequence = self.sequence.as_mut().filter(|_| self.started && !done)?;
        for (voice, text) in [(Voice::Reasoning, thinking), (Voice::Text, content)] {
            if let Some(text) = text {
                sequence.say(voice, text.0.into_owned(), events);
            }
        }
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
    fn only_pieces_of_an_open_answer_are_plain() {
        let mut reader = Reader::default();
        let text = r#"{"model":"m","created_at":"2026-01-01T12:00:00.1Z","message":{"role":"assistant","content":"so"},"done":false}"#;
        assert_eq!(plain(&mut reader, text), None);
        reader.read(serde_json::from_str(text).unwrap(), &mut Vec::new()).unwrap();
        assert_eq!(plain(&mut reader, text), Some(1));
        let thought =
            r#"{"message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#;
        assert!(plain(&mut reader, thought).is_some());
        let last = r#"{"message":{"role":"assistant","content":""},"done":true}"#;
        for other in [last, r#"{"message":{"content":"","tool_calls":[]},"done":false}"#] {
            assert_eq!(plain(&mut reader, other), None, "{other}");
        }
        reader.read(serde_json::from_str(last).unwrap(), &mut Vec::new()).unwrap();
        assert_eq!(plain(&mut reader, text), None);
    }
}
