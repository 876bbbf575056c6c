//! Writing the system prompt and the messages of a request.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::block;
use crate::{
    chat::{Message, Part, Role},
    wire::instruction::among_the_users,
};

/// What an id begins with that had to be rewritten: Anthropic takes only letters, digits, `_` and `-`.
/// The rest is the id itself, in base64 for URLs, so that different ids stay different.
const REWRITTEN: &str = "toolu_b64_";

/// The system prompt and the messages, as this format has them.
#[derive(Debug, Default)]
pub(super) struct Turns {
    pub(super) system: Vec<Value>,
    pub(super) messages: Vec<Value>,
    /// Calls and results without an id (OpenAI's `function_call`), which are told apart by their order.
    nameless_calls: u32,
    nameless_results: u32,
}

/// Writes all messages; `own`: the request came in this format.
///
/// Instructions in front become the system prompt. Those that come later keep their place: as they are if
/// the request came in this format, whose beta for that the caller then named, or else as the user's text
/// between `<system>` and `</system>`. Messages of one role that follow each other become one, as turns
/// must alternate. Names of speakers are left out: there is no word for them.
pub(super) fn encode_all(messages: &[Message], own: bool) -> Turns {
    let mut turns = Turns::default();
    let is_instruction =
        |message: &&Message| matches!(message.role, Role::System | Role::Developer);
    let leading = messages.iter().take_while(is_instruction).count();
    for (index, message) in messages.iter().enumerate() {
        if index < leading {
            turns.system.extend(message.parts.iter().filter_map(block::encode));
        } else {
            turns.add(message, own);
        }
    }
    turns
}

impl Turns {
    fn add(&mut self, message: &Message, own: bool) {
        let mut blocks: Vec<Value> =
            message.parts.iter().filter_map(|part| self.encode(part)).collect();
        let role = match message.role {
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
            Role::System | Role::Developer if own => "system",
            Role::System | Role::Developer => {
                for block in &mut blocks {
                    if let Some(Value::String(text)) = block.get_mut("text") {
                        *text = among_the_users(text);
                    }
                }
                "user"
            }
        };
        let extensions = if own { message.extensions.0.clone() } else { Map::new() };
        self.say(role, blocks, extensions);
    }

    fn say(&mut self, role: &str, blocks: Vec<Value>, extensions: Map<String, Value>) {
        if blocks.is_empty() {
            return;
        }
        if let Some(Value::Object(last)) = self.messages.last_mut()
            && last.get("role").and_then(Value::as_str) == Some(role)
            && let Some(Value::Array(content)) = last.get_mut("content")
        {
            content.extend(blocks);
            last.extend(extensions);
            return;
        }
        let mut message = Map::new();
        message.insert("role".into(), role.into());
        message.insert("content".into(), blocks.into());
        message.extend(extensions);
        self.messages.push(message.into());
    }

    fn encode(&mut self, part: &Part) -> Option<Value> {
        match part {
            Part::ToolCall { id, name, arguments, custom } => {
                let id = named(id, &mut self.nameless_calls);
                let input = block::input(arguments, *custom);
                Some(json!({ "type": "tool_use", "id": id, "name": name, "input": input }))
            }
            Part::ToolResult { call_id, parts, is_error, cache } => {
                let id = named(call_id, &mut self.nameless_results);
                let mut result = json!({ "type": "tool_result", "tool_use_id": id });
                let fields = result.as_object_mut()?;
                let content: Vec<Value> = parts.iter().filter_map(block::encode).collect();
                match parts.as_slice() {
                    [Part::Text { text, cache: None }] => {
                        fields.insert("content".into(), text.as_str().into());
                    }
                    _ if content.is_empty() => {}
                    _ => {
                        fields.insert("content".into(), content.into());
                    }
                }
                if *is_error {
                    fields.insert("is_error".into(), true.into());
                }
                if let Some(hint) = cache {
                    fields.insert("cache_control".into(), block::cache_control(hint));
                }
                Some(result)
            }
            part => block::encode(part),
        }
    }
}

/// An id as Anthropic takes it.
fn named<'a>(id: &'a str, nameless: &mut u32) -> Cow<'a, str> {
    if id.is_empty() {
        *nameless += 1;
        return format!("call_{nameless}").into();
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if id.chars().all(fits) && !id.starts_with(REWRITTEN) {
        return id.into();
    }
    format!("{REWRITTEN}{}", BASE64_URL_SAFE_NO_PAD.encode(id)).into()
}
