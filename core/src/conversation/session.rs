//! The one record of a conversation that changes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Prefix;
use crate::{
    Code, Error, Result,
    chat::{Message, Part, Role, Source},
    ports::{Host, Record, Timestamp, hex},
};

/// What every id begins with.
const ID: &str = "conv_";
/// Hexadecimal digits of the time, and of what is random.
const TIME: usize = 12;
const RANDOM: usize = 20;
/// The longest title, in characters.
const TITLE: usize = 80;

/// What is known of a conversation, without what was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The beginning of the first question.
    pub title: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When its last turn was added.
    pub updated_at: Timestamp,
    /// What its tenant calls it, if anything but its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The agent that it is a session with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// How many turns it has.
    pub turns: u32,
    /// How many messages, those of the system not counted.
    pub messages: u32,
    /// How many bytes they have, as they are stored.
    pub bytes: u64,
    /// How many bytes of pictures and documents are kept apart from them; what is shown twice counts twice.
    #[serde(default)]
    pub apart: u64,
    /// How many tokens its last model read and wrote for the last turn: all that it was shown of the
    /// conversation, and the answer.
    pub tokens: u64,
    /// How `tokens` is known.
    pub source: Source,
    /// The model that was asked for the last turn, in the caller's words.
    #[serde(default)]
    pub model: String,
    /// The first turn that models are shown.
    #[serde(default)]
    pub shown_from: u32,
    /// The conversation that this one goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<String>,
    /// The conversation that goes on from this one, which is then archived: it can be read, and no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
    /// The system's messages that count until others take their place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) system: Option<System>,
    /// What was said so far.
    #[serde(default)]
    pub(super) prefix: Prefix,
    /// Until when its turns, and its name, are sure to be kept.
    #[serde(default)]
    pub(super) kept_until: Timestamp,
    /// Who is about to write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<Claim>,
}

/// Where the system's messages are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct System {
    pub(super) turn: u32,
    pub(super) prefix: Prefix,
}

/// A request that is about to write a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    /// Names the request's call.
    pub(super) receipt: String,
    /// From when on it counts no more.
    pub(super) until: Timestamp,
}

impl Session {
    pub(super) fn read(record: &Record) -> Result<Self> {
        serde_json::from_slice(&record.value).map_err(unreadable)
    }

    /// Whether it can be read, and no more.
    pub fn is_archived(&self) -> bool {
        self.successor.is_some()
    }

    /// Where the conversation goes on, if it is archived: [`Code::ConversationArchived`], whose
    /// `details.successor` names the other one. `id` is its own.
    pub fn moved(&self, id: &str) -> Option<Error> {
        let successor = self.successor.as_ref()?;
        let message = format!("conversation `{id}` is archived: `{successor}` goes on from it");
        let details = Map::from_iter([("successor".to_owned(), Value::from(successor.as_str()))]);
        Some(Error::new(Code::ConversationArchived, message).with_details(details))
    }

    /// Whether somebody is about to write it.
    pub(super) fn is_claimed(&self, now: Timestamp) -> bool {
        self.claim.as_ref().is_some_and(|claim| now < claim.until)
    }

    /// Whether nothing was ever answered in it.
    pub(super) fn is_unborn(&self) -> bool {
        self.turns == 0
    }
}

/// Whether `text` has the form of a conversation's id.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix(ID).is_some_and(|digits| {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        digits.len() == TIME + RANDOM && digits.bytes().all(digit)
    })
}

/// A new id. Ids sort by time.
pub(super) fn fresh_id(host: &dyn Host) -> String {
    let random = hex(host.random().into_iter().take(RANDOM / 2));
    format!("{ID}{:0TIME$x}{random}", host.now().0)
}

/// The title of a conversation that begins so.
pub(super) fn title(messages: &[Message]) -> String {
    let asked = messages.iter().filter(|message| message.role == Role::User);
    let texts = asked.flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::Text { text, .. } => Some(text.trim()),
        _ => None,
    });
    let text = texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().take(TITLE).collect();
    words.join(" ").chars().take(TITLE).collect()
}

pub(super) fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::Internal, "a stored conversation cannot be read").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_from_a_name() {
        assert!(is_id("conv_0123456789ab0123456789abcdef0123"));
        for name in ["conv_", "conv_0123456789AB0123456789abcdef0123", "my session", ""] {
            assert!(!is_id(name), "{name}");
        }
    }

    #[test]
    fn a_title_is_the_first_question_on_one_line() {
        let messages = [Message::text(Role::Assistant, "Hi"), Message::text(Role::User, " a\n b ")];
        assert_eq!(title(&messages), "a b");
        assert_eq!(title(&[]), "");
        assert_eq!(title(&[Message::text(Role::User, "é".repeat(99))]).chars().count(), TITLE);
    }
}
