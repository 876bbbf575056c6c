//! Reading the input of a request: a text, or items.
//!
//! What a model says in one turn is several items here (thoughts, a message, calls) and one message in the
//! vocabulary. Items that the vocabulary has no word for are carried whole.

use serde_json::{Map, Value};

use super::{
    content,
    fields::{join, require, take, typed},
    name::flat,
    own, tool,
};
use crate::{
    Error, Result,
    chat::{Dialect, Extensions, Message, Part, Role, Signature, Tool},
};

/// Between the parts of a summary of thoughts.
pub(super) const BETWEEN_SUMMARIES: &str = "\n\n";

/// What an item of the input says about the message as a whole.
const PHASE: &str = "phase";

/// Reads `input`. Tools that its items define are added to `tools`.
pub(super) fn decode(input: Value, tools: &mut Vec<Tool>) -> Result<Vec<Message>> {
    const AT: &str = "input";
    match input {
        Value::String(text) => Ok(vec![Message::text(Role::User, text)]),
        Value::Array(items) => decode_items(items, AT, tools),
        _ => Err(Error::invalid(AT, "`input` must be a string or an array of items")),
    }
}

/// Reads a list of items that stands at `at`.
pub(super) fn decode_items(
    items: Vec<Value>,
    at: &str,
    tools: &mut Vec<Tool>,
) -> Result<Vec<Message>> {
    let mut reader = Reader { messages: Vec::with_capacity(items.len()), tools };
    for (index, item) in items.into_iter().enumerate() {
        let at = format!("{at}[{index}]");
        reader.item(typed(item, &at)?, &at)?;
    }
    Ok(reader.messages)
}

struct Reader<'a> {
    messages: Vec<Message>,
    tools: &'a mut Vec<Tool>,
}

impl Reader<'_> {
    fn item(&mut self, mut item: Map<String, Value>, at: &str) -> Result<()> {
        let kind = match item.get("type") {
            Some(Value::String(kind)) => kind.clone(),
            None | Some(Value::Null) if item.contains_key("role") => "message".into(),
            None | Some(Value::Null) if item.contains_key("id") => "item_reference".into(),
            _ => require(&mut item, "type", at)?,
        };
        match kind.as_str() {
            "message" => self.message(item, at)?,
            "reasoning" => {
                let part = reasoning(item, at)?;
                part.into_iter().for_each(|part| self.said(part));
            }
            own::KIND => match own::decode(&item) {
                Some((call, result)) => {
                    self.said(call);
                    self.push(Role::Tool, result);
                }
                None => self.said(other(item)),
            },
            "function_call" => self.call(item, at, "arguments")?,
            "custom_tool_call" => self.call(item, at, "input")?,
            "function_call_output" | "custom_tool_call_output" => {
                let call_id = require(&mut item, "call_id", at)?;
                let parts = content::decode_all(item.shift_remove("output"), &join(at, "output"))?;
                self.push(
                    Role::Tool,
                    Part::ToolResult { call_id, parts, is_error: false, cache: None },
                );
            }
            "additional_tools" => {
                let tools = item.get("tools").cloned().unwrap_or_default();
                tool::decode_additional(tools, &join(at, "tools"), self.tools)?;
                self.push(Role::Developer, other(item));
            }
            // What the model has done with its provider's tools, or a person's answer to it.
            kind if kind.ends_with("_call") || kind == "mcp_list_tools" => self.said(other(item)),
            _ => self.push(Role::User, other(item)),
        }
        Ok(())
    }

    fn message(&mut self, mut item: Map<String, Value>, at: &str) -> Result<()> {
        let role: Role = match require::<String>(&mut item, "role", at)?.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            "developer" => Role::Developer,
            _ => {
                let at = join(at, "role");
                let message = format!("`{at}` must be user, assistant, system or developer");
                return Err(Error::invalid(at, message));
            }
        };
        let parts = content::decode_all(item.shift_remove("content"), &join(at, "content"))?;
        let mut extensions = Map::new();
        if let Some(phase) = item.shift_remove(PHASE).filter(|phase| !phase.is_null()) {
            extensions.insert(PHASE.into(), phase);
        }
        let extensions = Extensions(extensions);
        match self.messages.last_mut() {
            Some(last)
                if role == Role::Assistant && last.role == role && !apart(last, &extensions) =>
            {
                last.parts.extend(parts);
                last.extensions = extensions;
            }
            _ => self.messages.push(Message { role, parts, name: None, extensions }),
        }
        Ok(())
    }

    fn call(&mut self, mut item: Map<String, Value>, at: &str, words: &str) -> Result<()> {
        let namespace: Option<String> = take(&mut item, "namespace", at)?;
        let name: String = require(&mut item, "name", at)?;
        self.said(Part::ToolCall {
            id: require(&mut item, "call_id", at)?,
            name: flat(namespace.as_deref(), &name),
            arguments: require(&mut item, words, at)?,
            custom: words == "input",
        });
        Ok(())
    }

    /// The model's turn goes on, or begins.
    fn said(&mut self, part: Part) {
        match self.messages.last_mut() {
            Some(last) if last.role == Role::Assistant => last.parts.push(part),
            _ => self.push(Role::Assistant, part),
        }
    }

    fn push(&mut self, role: Role, part: Part) {
        let extensions = Extensions::default();
        self.messages.push(Message { role, parts: vec![part], name: None, extensions });
    }
}

/// Whether a message that says this about itself cannot go on in `last`.
fn apart(last: &Message, extensions: &Extensions) -> bool {
    let spoken = last.parts.iter().any(|part| matches!(part, Part::Text { .. }));
    spoken && last.extensions != *extensions
}

fn other(item: Map<String, Value>) -> Part {
    Part::Other { dialect: Dialect::OpenAiResponses, value: item.into() }
}

/// `None`: there are neither thoughts nor a proof of them.
fn reasoning(mut item: Map<String, Value>, at: &str) -> Result<Option<Part>> {
    let id: Option<String> = take(&mut item, "id", at)?;
    let encrypted: Option<String> = take(&mut item, "encrypted_content", at)?;
    let mut texts = |field: &str| -> Result<String> {
        let parts: Vec<Map<String, Value>> = take(&mut item, field, at)?.unwrap_or_default();
        let text = |part: &Map<String, Value>| part.get("text")?.as_str().map(str::to_owned);
        Ok(parts.iter().filter_map(text).collect::<Vec<_>>().join(BETWEEN_SUMMARIES))
    };
    let (said, summary) = (texts("content")?, texts("summary")?);
    let text = if said.is_empty() { summary } else { said };
    let signature = encrypted.filter(|text| !text.is_empty()).map(|text| Signature {
        dialect: Dialect::OpenAiResponses,
        text,
        id,
    });
    if text.is_empty() && signature.is_none() {
        return Ok(None);
    }
    let redacted = text.is_empty();
    Ok(Some(Part::Reasoning { text, signature, redacted }))
}
