//! What was said so far, in 32 bytes: tells whether a request begins with it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    chat::{Message, Part, Role},
    ports::hex,
};

/// A digest of messages, to which more can be added.
///
/// Two lists have the same digest if they say the same. What clients change when they send a message again
/// does not count: marks for prompt caches, thoughts (which some leave out), the white space around texts and
/// within arguments, and what only one dialect has a word for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prefix(String);

impl Prefix {
    /// The digest of `messages`.
    pub fn of(messages: &[Message]) -> Self {
        Self::default().and(messages)
    }

    /// The digest with more messages behind.
    #[must_use]
    pub fn and(&self, messages: &[Message]) -> Self {
        let add = |before: Self, message| {
            let mut digest = Sha256::new();
            field(&mut digest, before.0.as_bytes());
            add_message(&mut digest, message);
            Self(hex(digest.finalize().into_iter()))
        };
        messages.iter().fold(self.clone(), add)
    }
}

/// With its length in front, so that no two lists of fields are the same bytes.
fn field(digest: &mut Sha256, bytes: &[u8]) {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    digest.update(length.to_le_bytes());
    digest.update(bytes);
}

fn add_message(digest: &mut Sha256, message: &Message) {
    let role: &[u8] = match message.role {
        Role::System | Role::Developer => b"system",
        Role::User => b"user",
        Role::Assistant => b"assistant",
        Role::Tool => b"tool",
    };
    field(digest, role);
    message.parts.iter().for_each(|part| add_part(digest, part));
}

fn add_part(digest: &mut Sha256, part: &Part) {
    let mut add = |kind: &str, texts: &[&str]| {
        field(digest, kind.as_bytes());
        texts.iter().for_each(|text| field(digest, text.trim().as_bytes()));
    };
    match part {
        Part::Text { text, .. } if text.trim().is_empty() => {}
        Part::Text { text, .. } => add("text", &[text]),
        Part::Refusal { text } => add("refusal", &[text]),
        Part::Image(image) => add("image", &[&image.url]),
        Part::Document(document) => add("document", &[&document.url]),
        Part::ToolCall { id, name, arguments, .. } => {
            let written: Option<Value> = serde_json::from_str(arguments).ok();
            let written = written.map_or_else(|| arguments.clone(), |value| value.to_string());
            add("call", &[id, name, &written]);
        }
        Part::ToolResult { call_id, parts, .. } => {
            add("result", &[call_id]);
            parts.iter().for_each(|part| add_part(digest, part));
        }
        Part::Reasoning { .. } | Part::Other { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::CacheHint;

    fn said(texts: &[&str]) -> Vec<Message> {
        texts.iter().map(|text| Message::text(Role::User, *text)).collect()
    }

    #[test]
    fn a_list_has_the_digest_of_its_parts_added_up_and_no_others() {
        let all = Prefix::of(&said(&["one", "two"]));
        assert_eq!(Prefix::of(&said(&["one"])).and(&said(&["two"])), all);
        for other in [&["one"][..], &["two", "one"], &["onetwo"], &["one", "two", ""], &[]] {
            assert_ne!(Prefix::of(&said(other)), all);
        }
    }

    #[test]
    fn what_clients_change_from_request_to_request_does_not_count() {
        let cache = Some(CacheHint { ttl: None });
        let marked = Message {
            parts: vec![
                Part::Reasoning { text: "Hm".into(), signature: None, redacted: false },
                Part::Text { text: "one\n".into(), cache },
            ],
            ..Message::text(Role::User, "")
        };
        assert_eq!(Prefix::of(&[marked]), Prefix::of(&said(&["one"])));
        let call = |arguments: &str| {
            let (id, name) = ("1".into(), "f".into());
            let part = Part::ToolCall { id, name, arguments: arguments.into(), custom: false };
            Prefix::of(&[Message { parts: vec![part], ..Message::text(Role::Assistant, "") }])
        };
        assert_eq!(call(r#"{"a": 1}"#), call(r#"{"a":1}"#));
        assert_ne!(call(r#"{"a": 1}"#), call(r#"{"a":2}"#));
    }
}
