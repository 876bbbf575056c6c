//! Writing the messages of a request.

use serde_json::{Map, Value};

use super::{REASONING, SIGNATURE, call, part};
use crate::{
    chat::{Dialect, Message, Part, Role},
    wire::instruction::among_the_users,
};

/// Writes messages as they would be sent in this format, for whoever looks at them.
pub fn encode_messages(messages: &[Message]) -> Value {
    encode_all(messages, true)
}

/// Writes all messages; `own`: they came in this format.
///
/// Those of another format are written as every model's template takes them: instructions in front become
/// one system message, those that come later keep their place as the user's text between `<system>` and
/// `</system>`, and the developer's are the system's, which OpenAI's own models take for the same.
pub(super) fn encode_all(messages: &[Message], own: bool) -> Value {
    if own {
        return messages.iter().flat_map(|it| encode(it, true)).map(Value::Object).collect();
    }
    let is_instruction =
        |message: &&Message| matches!(message.role, Role::System | Role::Developer);
    let leading = messages.iter().take_while(is_instruction).count();
    let (instructions, rest) = messages.split_at(leading);
    let rest = rest.iter().flat_map(|message| match message.role {
        Role::System | Role::Developer => encode(&interjected(message), false),
        _ => encode(message, false),
    });
    let says_something = |message: &Message| !message.parts.iter().all(is_foreign);
    let system = instructions.iter().any(says_something).then(|| system(instructions));
    system.into_iter().chain(rest).map(Value::Object).collect()
}

/// One message of several instructions: one text, unless it has places where a cached prefix may end.
fn system(instructions: &[Message]) -> Map<String, Value> {
    let parts: Vec<&Part> = instructions.iter().flat_map(|message| &message.parts).collect();
    let texts = parts.iter().map(|part| match part {
        Part::Text { text, cache: None } => Some(text.as_str()),
        _ => None,
    });
    let texts: Option<Vec<&str>> = texts.collect();
    match texts {
        Some(texts) if instructions.len() > 1 => {
            let text = Part::Text { text: texts.join("\n\n"), cache: None };
            spoken(Role::System, &[&text])
        }
        _ => spoken(Role::System, &parts),
    }
}

/// An instruction in the middle of the conversation.
fn interjected(message: &Message) -> Message {
    let mut message = Message { role: Role::User, ..message.clone() };
    for part in &mut message.parts {
        if let Part::Text { text, .. } = part {
            *text = among_the_users(text);
        }
    }
    message
}

/// One message, or several: each result of a tool is a message of its own here.
fn encode(message: &Message, own: bool) -> Vec<Map<String, Value>> {
    let (results, rest): (Vec<&Part>, Vec<&Part>) =
        message.parts.iter().partition(|part| matches!(part, Part::ToolResult { .. }));
    let mut written: Vec<_> = results.iter().filter_map(|part| result(part)).collect();
    if !rest.is_empty() && rest.iter().all(|part| is_foreign(part)) {
        return written;
    }
    if results.is_empty() || !rest.is_empty() {
        written.push(spoken(message.role, &rest));
    }
    for object in &mut written {
        if let Some(name) = &message.name {
            object.insert("name".into(), name.as_str().into());
        }
    }
    if let Some(last) = written.last_mut().filter(|_| own) {
        last.extend(message.extensions.0.clone());
        if last.get("role").and_then(Value::as_str) == Some("function") {
            last.shift_remove("tool_call_id");
        }
    }
    written
}

fn result(part: &Part) -> Option<Map<String, Value>> {
    let Part::ToolResult { call_id, parts, .. } = part else { return None };
    let mut object = Map::new();
    object.insert("role".into(), "tool".into());
    object.insert("tool_call_id".into(), call_id.as_str().into());
    object.insert("content".into(), content(&parts.iter().collect::<Vec<_>>()));
    Some(object)
}

fn spoken(role: Role, parts: &[&Part]) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("role".into(), name(role).into());
    if role != Role::Assistant {
        object.insert("content".into(), content(parts));
        return object;
    }
    let calls: Vec<Value> = parts.iter().filter_map(|part| call::encode(part)).collect();
    let mut said: Vec<&Part> =
        parts.iter().copied().filter(|part| call::encode(part).is_none()).collect();
    reasoning(&said, &mut object);
    said.retain(|part| !matches!(part, Part::Reasoning { .. }));
    let refusal = match said.last() {
        Some(Part::Refusal { text }) => {
            said.pop();
            Some(text)
        }
        _ => None,
    };
    let silent = said.is_empty() && (refusal.is_some() || !calls.is_empty());
    object.insert("content".into(), if silent { Value::Null } else { content(&said) });
    if let Some(text) = refusal {
        object.insert("refusal".into(), text.as_str().into());
    }
    if !calls.is_empty() {
        object.insert("tool_calls".into(), calls.into());
    }
    object
}

/// All thoughts become one: this format has a single field for them.
fn reasoning(parts: &[&Part], object: &mut Map<String, Value>) {
    let mut thoughts: Option<String> = None;
    let mut last = None;
    for part in parts {
        if let Part::Reasoning { text, signature, .. } = part {
            thoughts.get_or_insert_default().push_str(text);
            last = signature.as_ref().map(|it| it.text.as_str()).or(last);
        }
    }
    if let Some(thoughts) = thoughts {
        object.insert(REASONING.into(), thoughts.into());
    }
    if let Some(signature) = last {
        object.insert(SIGNATURE.into(), signature.into());
    }
}

/// Whether only a provider of another format understands the part.
fn is_foreign(part: &Part) -> bool {
    matches!(part, Part::Other { dialect, .. } if *dialect != Dialect::OpenAiChat)
}

/// One text is written as such: some servers take nothing else.
fn content(parts: &[&Part]) -> Value {
    let parts: Vec<&Part> = parts.iter().copied().filter(|part| !is_foreign(part)).collect();
    match parts.as_slice() {
        [] => "".into(),
        [Part::Text { text, cache: None }] => text.as_str().into(),
        parts => parts.iter().filter_map(|part| part::encode(part)).collect(),
    }
}

fn name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}
