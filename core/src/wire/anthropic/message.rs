//! Reading the system prompt and the messages of a request.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{ATTRIBUTION, block};
use crate::{
    Error, Result,
    chat::{Dialect, Extensions, Message, Part, Role, unfolded},
    wire::fields::{join, missing, require},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireRole {
    User,
    Assistant,
    /// Instructions in the middle of a conversation (a beta that Claude Code uses).
    System,
}

/// Reads the system prompt, as a first message, and the messages.
pub(super) fn decode_all(
    system: Option<Value>,
    messages: Option<Vec<Map<String, Value>>>,
) -> Result<Vec<Message>> {
    let messages = messages.ok_or_else(|| missing("messages"))?;
    if messages.is_empty() {
        return Err(Error::invalid("messages", "`messages` must not be empty"));
    }
    let mut decoded = Vec::with_capacity(messages.len() + 1);
    if let Some(system) = system.filter(|system| !system.is_null()) {
        let mut parts = content(system, "system")?;
        if let Some(first) = parts.first_mut() {
            set_apart(first);
        }
        if !parts.is_empty() {
            decoded.push(message(Role::System, parts));
        }
    }
    for (index, message) in messages.into_iter().enumerate() {
        decode(message, &format!("messages[{index}]"), &mut decoded)?;
    }
    Ok(decoded)
}

/// The attribution of a request changes with every one of them. As a part that only this dialect
/// understands it reaches Anthropic where it stood, and spoils no one else's prompt cache.
fn set_apart(first: &mut Part) {
    if let Part::Text { text, .. } = first
        && text.starts_with(ATTRIBUTION)
        && let Some(value) = block::encode(first)
    {
        *first = Part::Other { dialect: Dialect::Anthropic, value };
    }
}

/// The results of tools, wherever they stand in a user's message, become a message of their own in front
/// of the rest: they answer the message before.
fn decode(mut wire: Map<String, Value>, at: &str, decoded: &mut Vec<Message>) -> Result<()> {
    let role = require(&mut wire, "role", at)?;
    let content_at = join(at, "content");
    let parts = wire.shift_remove("content").filter(|content| !content.is_null());
    let raw = parts.ok_or_else(|| missing(&content_at))?;
    let answers = holds_results(&raw);
    let parts = content(raw, &content_at)?;
    if role == WireRole::Assistant && !answers {
        let extensions = Extensions(wire);
        let said = Message { extensions, ..message(Role::Assistant, parts) };
        decoded.extend(unfolded(said));
        return Ok(());
    }
    let is_result = |part: &Part| matches!(part, Part::ToolResult { .. });
    let (results, rest): (Vec<_>, Vec<_>) = parts.into_iter().partition(is_result);
    let role = match role {
        WireRole::User => Role::User,
        WireRole::Assistant => Role::Assistant,
        WireRole::System => Role::System,
    };
    if !results.is_empty() && role != Role::User {
        let why = format!("`{content_at}`: only a user's message holds results of tools");
        return Err(Error::invalid(content_at, why));
    }
    let silent = rest.is_empty() && !results.is_empty();
    if !results.is_empty() {
        decoded.push(message(Role::Tool, results));
    }
    if !silent {
        decoded.push(message(role, rest));
    }
    if let Some(last) = decoded.last_mut() {
        last.extensions = Extensions(wire);
    }
    Ok(())
}

/// Whether there are results of the caller's tools.
fn holds_results(content: &Value) -> bool {
    let is_result = |block: &Value| block.get("type").is_some_and(|kind| kind == "tool_result");
    content.as_array().is_some_and(|blocks| blocks.iter().any(is_result))
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, name: None, extensions: Extensions::default() }
}

/// A text, or blocks. An empty text is no part.
pub(super) fn content(content: Value, at: &str) -> Result<Vec<Part>> {
    match content {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![Part::Text { text, cache: None }]),
        Value::Array(blocks) => {
            let decode = |(index, value)| block::decode(value, &format!("{at}[{index}]"));
            blocks.into_iter().enumerate().map(decode).collect()
        }
        _ => Err(Error::invalid(at, format!("`{at}` must be a string or an array of blocks"))),
    }
}
