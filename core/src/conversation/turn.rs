//! One question and its answer, as they are stored.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::session::unreadable;
use crate::{
    Result,
    chat::{Dialect, Message, Part, Role},
    keys::Caller,
    ports::Timestamp,
    wire::openai_chat,
};

/// What was added to a conversation at once. It never changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// The receipt of the call that answered.
    pub receipt: String,
    /// When it was added.
    pub at: Timestamp,
    /// The dialect of the request. Extensions of its messages are of this dialect.
    pub dialect: Dialect,
    /// The system's messages, where they are others than before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<Message>,
    /// Whether an agent's instructions are among these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub instructed: bool,
    /// What was asked, and at the end the answer.
    pub messages: Vec<Message>,
}

impl Turn {
    /// Its bytes. The same turn always has the same.
    pub(super) fn write(&self) -> Result<Bytes> {
        serde_json::to_vec(self).map(Bytes::from).map_err(unreadable)
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(unreadable)
    }

    /// Whether it goes on from the turn before in the middle: with the results of its tool calls.
    pub fn continues(&self) -> bool {
        continues(&self.messages)
    }

    /// Its messages, for a request of `dialect`. What only another dialect has a word for stays behind.
    pub(crate) fn told_in(&self, dialect: Dialect) -> impl Iterator<Item = Message> {
        told(&self.messages, self.dialect == dialect)
    }

    /// The system's messages, for a request of `dialect`.
    pub(crate) fn system_in(&self, dialect: Dialect) -> impl Iterator<Item = Message> {
        told(&self.system, self.dialect == dialect)
    }
}

/// All that was said, in the shape of OpenAI's chat, for `reader`: an agent's instructions are for administrators
/// alone. What proves a provider's thoughts is left out: it is of use to that provider alone.
pub fn transcript(turns: &[Turn], reader: &Caller) -> Value {
    let said = |turn: &Turn| {
        let chat = Dialect::OpenAiChat;
        let system = turn.system_in(chat).filter(|_| reader.admin || !turn.instructed);
        system.chain(turn.told_in(chat)).collect::<Vec<_>>()
    };
    let mut messages: Vec<Message> = turns.iter().flat_map(said).collect();
    for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
        if let Part::Reasoning { signature, .. } = part {
            *signature = None;
        }
    }
    openai_chat::encode_messages(&messages)
}

/// Whether messages begin with the results of tool calls.
pub(crate) fn continues(messages: &[Message]) -> bool {
    let result = |part: &Part| matches!(part, Part::ToolResult { .. });
    let first = messages.first();
    first.is_some_and(|first| first.role == Role::Tool || first.parts.iter().any(result))
}

fn told(messages: &[Message], own: bool) -> impl Iterator<Item = Message> {
    messages.iter().map(move |message| {
        let mut message = message.clone();
        if !own {
            message.extensions = Default::default();
        }
        message
    })
}
