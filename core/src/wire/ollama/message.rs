//! Writing the messages. Each has one text; pictures stand beside it, in Base64.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    Error, Result,
    chat::{Dialect, Message, Part, Role},
    wire::{data_uri::DataUri, unsaid::unsaid},
};

/// Writes all messages.
pub(super) fn encode_all(messages: &[Message]) -> Result<Value> {
    let mut writer = Writer::default();
    for (index, message) in messages.iter().enumerate() {
        writer.message(message, &format!("messages[{index}]"))?;
    }
    Ok(writer.written.into())
}

#[derive(Debug, Default)]
struct Writer<'a> {
    /// The tool of each call so far; of two calls with one id, of the last.
    called: BTreeMap<&'a str, &'a str>,
    written: Vec<Value>,
}

/// One message of the wire, in the making.
#[derive(Debug, Default)]
struct Words {
    content: String,
    thinking: String,
    images: Vec<Value>,
    calls: Vec<Value>,
}

impl<'a> Writer<'a> {
    /// Each result of a tool is a message of its own here.
    fn message(&mut self, message: &'a Message, at: &str) -> Result<()> {
        let (mut words, mut silent) = (Words::default(), true);
        for (place, part) in message.parts.iter().enumerate() {
            let at = format!("{at}.content[{place}]");
            if let Part::ToolResult { call_id, parts, .. } = part {
                self.result(call_id, message.name.as_deref(), parts, &at)?;
            } else {
                self.note(part);
                words.part(part, &at)?;
                silent = false;
            }
        }
        if !silent || message.parts.is_empty() {
            self.written.push(words.written(role(message.role)).into());
        }
        Ok(())
    }

    fn note(&mut self, part: &'a Part) {
        if let Part::ToolCall { id, name, .. } = part {
            self.called.insert(id, name);
        }
    }

    fn result(
        &mut self,
        call_id: &str,
        name: Option<&str>,
        parts: &[Part],
        at: &str,
    ) -> Result<()> {
        let mut words = Words::default();
        for (place, part) in parts.iter().enumerate() {
            words.part(part, &format!("{at}.content[{place}]"))?;
        }
        let mut message = words.written("tool");
        let name = self.called.get(call_id).copied().or(name).ok_or_else(|| {
            let message = format!("`{at}` is the result of a call that is not in the messages");
            Error::invalid(at, message)
        })?;
        message.insert("tool_name".into(), name.into());
        if !call_id.is_empty() {
            message.insert("tool_call_id".into(), call_id.into());
        }
        self.written.push(message.into());
        Ok(())
    }
}

impl Words {
    fn part(&mut self, part: &Part, at: &str) -> Result<()> {
        match part {
            Part::Text { text, .. } | Part::Refusal { text } => join(&mut self.content, text),
            Part::Reasoning { text, .. } => join(&mut self.thinking, text),
            Part::Image(image) => {
                let uri = DataUri::parse(&image.url).ok_or_else(|| {
                    let message = format!(
                        "`{at}` must hold the picture itself, as a `data:` URI in Base64: a provider that speaks ollama fetches none"
                    );
                    Error::invalid(at, message)
                })?;
                self.images.push(uri.base64.into());
            }
            Part::ToolCall { id, name, arguments, custom: false } => {
                let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
                let arguments: Map<String, Value> =
                    serde_json::from_str(arguments).map_err(|error| {
                        let message = format!(
                            "the arguments of the call at `{at}` must be a JSON object: {error}"
                        );
                        Error::invalid(at, message)
                    })?;
                let mut call = json!({ "function": { "name": name, "arguments": arguments } });
                if let Some(call) = call.as_object_mut().filter(|_| !id.is_empty()) {
                    call.insert("id".into(), id.as_str().into());
                }
                self.calls.push(call);
            }
            _ => return Err(unsaid(Dialect::Ollama, at)),
        }
        Ok(())
    }

    fn written(self, role: &str) -> Map<String, Value> {
        let mut message = Map::new();
        message.insert("role".into(), role.into());
        message.insert("content".into(), self.content.into());
        if !self.thinking.is_empty() {
            message.insert("thinking".into(), self.thinking.into());
        }
        if !self.images.is_empty() {
            message.insert("images".into(), self.images.into());
        }
        if !self.calls.is_empty() {
            message.insert("tool_calls".into(), self.calls.into());
        }
        message
    }
}

/// Parts of a text are lines of it.
fn join(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}
