//! Reading the messages of a request.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{REASONING, SIGNATURE, call, part};
use crate::{
    Error, Result,
    chat::{Dialect, Extensions, Message, Part, Role, Signature},
    wire::{
        fields::{join, missing, require, take, typed},
        plain::Text,
    },
};

/// The roles of the format. `function` is the forerunner of `tool`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireRole {
    System,
    Developer,
    User,
    Assistant,
    Tool,
    Function,
}

/// A message as it is written. Nearly every one has a role and a content and nothing else, and is not worth
/// an object.
#[derive(Debug, Default)]
pub(super) struct Written {
    role: Option<Value>,
    content: Option<Value>,
    rest: Map<String, Value>,
}

pub(super) fn decode_all(messages: Option<Vec<Written>>) -> Result<Vec<Message>> {
    let messages = messages.ok_or_else(|| missing("messages"))?;
    if messages.is_empty() {
        return Err(Error::invalid("messages", "`messages` must not be empty"));
    }
    let decode = |(index, message): (_, Written)| match message.plain() {
        Ok(message) => Ok(message),
        Err(message) => decode(message, &format!("messages[{index}]")),
    };
    messages.into_iter().enumerate().map(decode).collect()
}

impl Written {
    /// A message that is a text and nothing else, or the fields of one that is not. [`decode`] says the same
    /// of it.
    fn plain(self) -> Result<Message, Map<String, Value>> {
        let role = match self.role.as_ref().and_then(Value::as_str) {
            Some("system") => Some(Role::System),
            Some("developer") => Some(Role::Developer),
            Some("user") => Some(Role::User),
            Some("assistant") => Some(Role::Assistant),
            _ => None,
        };
        let Self { role: written, content, rest: mut fields } = self;
        match (role, content) {
            (Some(role), Some(Value::String(text))) if fields.is_empty() && !text.is_empty() => {
                let parts = vec![Part::Text { text, cache: None }];
                Ok(Message { role, parts, name: None, extensions: Extensions(fields) })
            }
            (_, content) => {
                let both = [("role", written), ("content", content)].into_iter();
                fields.extend(both.filter_map(|(field, value)| Some((field.to_owned(), value?))));
                Err(fields)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Written, A::Error> {
                let mut written = Written::default();
                while let Some(Text(field)) = object.next_key()? {
                    match &*field {
                        "role" => written.role = Some(object.next_value()?),
                        "content" => written.content = Some(object.next_value()?),
                        _ => drop(written.rest.insert(field.into_owned(), object.next_value()?)),
                    }
                }
                Ok(written)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn decode(mut message: Map<String, Value>, at: &str) -> Result<Message> {
    let role = require(&mut message, "role", at)?;
    let name = take(&mut message, "name", at)?;
    let content = content(message.shift_remove("content"), &join(at, "content"))?;
    let needed = |content: Option<Vec<Part>>| content.ok_or_else(|| missing(&join(at, "content")));
    let (role, parts) = match role {
        WireRole::System => (Role::System, needed(content)?),
        WireRole::Developer => (Role::Developer, needed(content)?),
        WireRole::User => (Role::User, needed(content)?),
        WireRole::Assistant => (Role::Assistant, assistant(content, &mut message, at)?),
        WireRole::Tool => {
            let call_id = require(&mut message, "tool_call_id", at)?;
            let parts = needed(content)?;
            (Role::Tool, vec![Part::ToolResult { call_id, parts, is_error: false, cache: None }])
        }
        WireRole::Function => {
            message.insert("role".into(), "function".into());
            let (call_id, parts) = (String::new(), content.unwrap_or_default());
            (Role::Tool, vec![Part::ToolResult { call_id, parts, is_error: false, cache: None }])
        }
    };
    Ok(Message { role, parts, name, extensions: Extensions(message) })
}

/// `None`: there is none. An empty text is no part.
fn content(content: Option<Value>, at: &str) -> Result<Option<Vec<Part>>> {
    match content {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(Some(Vec::new())),
        Some(Value::String(text)) => Ok(Some(vec![Part::Text { text, cache: None }])),
        Some(Value::Array(parts)) => {
            let decode = |(index, value)| part::decode(value, &format!("{at}[{index}]"));
            parts.into_iter().enumerate().map(decode).collect::<Result<_>>().map(Some)
        }
        Some(_) => Err(Error::invalid(at, format!("`{at}` must be a string or an array of parts"))),
    }
}

/// Thoughts come first, calls last, as the model produced them.
fn assistant(
    content: Option<Vec<Part>>,
    message: &mut Map<String, Value>,
    at: &str,
) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let field =
        if message.get(REASONING).is_some_and(Value::is_string) { REASONING } else { "reasoning" };
    if message.get(field).is_some_and(Value::is_string) {
        let text: Option<String> = take(message, field, at)?;
        let signature: Option<String> = take(message, SIGNATURE, at)?;
        let signature = signature.map(|text| Signature::new(Dialect::OpenAiChat, text));
        let text = text.unwrap_or_default();
        if !text.is_empty() || signature.is_some() {
            parts.push(Part::Reasoning { text, signature, redacted: false });
        }
    }
    parts.extend(content.unwrap_or_default());
    if let Some(text) = take(message, "refusal", at)? {
        parts.push(Part::Refusal { text });
    }
    let calls: Vec<Value> = take(message, "tool_calls", at)?.unwrap_or_default();
    for (index, value) in calls.into_iter().enumerate() {
        let at = format!("{}[{index}]", join(at, "tool_calls"));
        parts.push(call::decode(typed(value, &at)?, &at)?);
    }
    Ok(parts)
}
