//! Messages and the parts they are made of.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Dialect, Extensions};

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// The speaker's name, where several share a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Fields of the message that the vocabulary does not know.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl Message {
    /// A message of one text part.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        let part = Part::Text { text: text.into(), cache: None };
        Self { role, parts: vec![part], name: None, extensions: Extensions::default() }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions that outrank everything.
    System,
    /// Instructions of the application's author (OpenAI's name for system on newer models).
    Developer,
    /// The person or program asking.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Plain text.
    Text {
        /// The text.
        text: String,
        /// Where the provider may end a cached prefix.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache: Option<CacheHint>,
    },
    /// A picture.
    Image(Image),
    /// A document: a PDF, a text file.
    Document(Document),
    /// The model's thoughts.
    Reasoning {
        /// The thoughts as text; empty when the provider hides them.
        text: String,
        /// The provider's proof that it wrote them. Sent back unchanged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Signature>,
        /// The provider has encrypted the thoughts: there is only the signature.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        redacted: bool,
    },
    /// The model asks for a tool to be run.
    ToolCall {
        /// Ties the result to the call.
        id: String,
        /// Which tool.
        name: String,
        /// JSON text, as the model wrote it: not necessarily valid. Of a custom tool: any text.
        arguments: String,
        /// The tool takes free text instead of a JSON object.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        custom: bool,
    },
    /// What a tool answered.
    ToolResult {
        /// The id of the call.
        call_id: String,
        /// The result.
        parts: Vec<Self>,
        /// Whether the tool failed.
        #[serde(default)]
        is_error: bool,
        /// Where the provider may end a cached prefix.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache: Option<CacheHint>,
    },
    /// The model declines, and says so.
    Refusal {
        /// Its words.
        text: String,
    },
    /// A part of one dialect that the vocabulary has no word for (audio, files): only a provider of
    /// the same dialect understands it.
    Other {
        /// The dialect it comes from.
        dialect: Dialect,
        /// The part as it was sent.
        value: Value,
    },
}

/// The calls among the parts of an answer that the gateway has answered itself: their results are there too.
pub(crate) fn own_calls(parts: &[Part]) -> BTreeSet<&str> {
    let answered = parts.iter().filter_map(|part| match part {
        Part::ToolResult { call_id, .. } => Some(call_id.as_str()),
        _ => None,
    });
    answered.collect()
}

/// An answer in which tools were run, as the messages that a model reads: results are messages of their own.
pub(crate) fn unfolded(message: Message) -> Vec<Message> {
    let is_result = |part: &Part| matches!(part, Part::ToolResult { .. });
    if message.role != Role::Assistant || !message.parts.iter().any(is_result) {
        return vec![message];
    }
    let mut messages: Vec<Message> = Vec::new();
    for part in message.parts {
        let role = if is_result(&part) { Role::Tool } else { Role::Assistant };
        match messages.last_mut() {
            Some(last) if last.role == role => last.parts.push(part),
            _ => messages.push(Message { parts: vec![part], ..Message::text(role, "") }),
        }
    }
    if let Some(last) = messages.last_mut() {
        last.extensions = message.extensions;
    }
    messages
}

/// What a result says in plain text.
pub(crate) fn told(result: &[Part]) -> String {
    let texts = result.iter().map(|part| match part {
        Part::Text { text, .. } | Part::Refusal { text } => text.as_str(),
        Part::Image(_) => "[picture]",
        _ => "",
    });
    texts.collect()
}

/// What goes in front of a failed tool's result where only its text can say that it failed; nothing if it
/// begins by saying so itself.
pub(crate) fn failure(result: &[Part]) -> &'static str {
    let Some(Part::Text { text, .. }) = result.first() else { return FAILED };
    let begins = text.trim_start().get(.."error".len());
    if begins.is_some_and(|word| word.eq_ignore_ascii_case("error")) { "" } else { FAILED }
}

const FAILED: &str = "Error: ";

/// A picture in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// An `https:` URL, or a `data:` URI (RFC 2397) that holds the picture itself.
    pub url: String,
    /// How closely to look: `low`, `high` or `auto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where the provider may end a cached prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheHint>,
}

/// A document in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// An `https:` URL, or a `data:` URI (RFC 2397) that holds the document itself.
    pub url: String,
    /// Its file name or title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where the provider may end a cached prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheHint>,
}

/// A provider's proof that it wrote some thoughts. Only a provider of the same dialect takes it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Whose dialect it comes from.
    pub dialect: Dialect,
    /// The signature, or the encrypted thoughts.
    pub text: String,
    /// The provider's id of the thoughts, where it gives them one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Signature {
    /// A signature of a provider that speaks `dialect`.
    pub fn new(dialect: Dialect, text: impl Into<String>) -> Self {
        Self { dialect, text: text.into(), id: None }
    }
}

/// A hint that the prompt up to here will be sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheHint {
    /// How long to keep it, in the dialect's words (`5m`, `1h`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}
