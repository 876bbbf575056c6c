//! Earlier calls and results, as text. Each message is written by itself, so a longer conversation
//! begins with the bytes of the shorter one.

use serde_json::{Value, json};

use crate::{
    chat::{Message, Part, Role, failure},
    parse::CUSTOM_INPUT,
};

/// The messages, without calls and results. Results that came together become one message of the user,
/// in the order of the calls, together with what the user says next: templates want the roles to take
/// turns.
pub(super) fn rendered(messages: &[Message]) -> Vec<Message> {
    let mut written: Vec<Message> = Vec::new();
    let mut calls: Vec<&str> = Vec::new();
    let mut results: Vec<&Part> = Vec::new();
    for message in messages {
        let (more, rest): (Vec<&Part>, Vec<&Part>) =
            message.parts.iter().partition(|part| matches!(part, Part::ToolResult { .. }));
        let answers = !more.is_empty();
        results.extend(more);
        if answers && rest.is_empty() {
            continue;
        }
        let answered = flush(&mut results, &calls, &mut written);
        calls = rest.iter().filter_map(|part| call_id(part)).collect();
        let role = if message.role == Role::Tool { Role::User } else { message.role };
        let mut parts = Vec::new();
        rest.into_iter().for_each(|part| say(&mut parts, part));
        match written.last_mut().filter(|_| answered && role == Role::User) {
            Some(last) => parts.iter().for_each(|part| say(&mut last.parts, part)),
            None => written.push(Message { role, parts, ..message.clone() }),
        }
    }
    flush(&mut results, &calls, &mut written);
    written
}

fn call_id(part: &Part) -> Option<&str> {
    match part {
        Part::ToolCall { id, .. } => Some(id),
        _ => None,
    }
}

/// Writes the results that came, in the order of their calls. Says whether there were any.
fn flush(results: &mut Vec<&Part>, calls: &[&str], written: &mut Vec<Message>) -> bool {
    let place = |part: &&Part| match part {
        Part::ToolResult { call_id, .. } => calls.iter().position(|id| id == call_id),
        _ => None,
    };
    results.sort_by_key(|part| place(part).unwrap_or(usize::MAX));
    let mut parts = Vec::new();
    results.drain(..).for_each(|part| say(&mut parts, part));
    let any = !parts.is_empty();
    if any {
        let message = Message::text(Role::User, "");
        written.push(Message { parts, ..message });
    }
    any
}

/// Adds a part as it is written. Texts next to each other become one where one of them is a call's or a
/// result's.
fn say(parts: &mut Vec<Part>, part: &Part) {
    match part {
        Part::ToolCall { name, arguments, custom: true, .. } => {
            let arguments = json!({ CUSTOM_INPUT: arguments }).to_string();
            append(parts, &call(name, &arguments));
        }
        Part::ToolCall { name, arguments, .. } => append(parts, &call(name, arguments)),
        Part::ToolResult { parts: content, is_error, .. } => {
            append(parts, "<tool_response>\n");
            if *is_error {
                glue(parts, failure(content));
            }
            for part in content {
                match part {
                    Part::Text { text, .. } => glue(parts, text),
                    other => parts.push(other.clone()),
                }
            }
            glue(parts, "\n</tool_response>");
        }
        other => parts.push(other.clone()),
    }
}

/// A call as the model should have written it. The arguments keep their bytes.
pub(super) fn call(name: &str, arguments: &str) -> String {
    let name = Value::from(name);
    let arguments = match arguments.trim() {
        "" => "{}".to_owned(),
        json if serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok() => json.to_owned(),
        broken => Value::from(broken).to_string(),
    };
    format!("<tool_call>\n{{\"name\": {name}, \"arguments\": {arguments}}}\n</tool_call>")
}

/// Adds text in a line of its own.
fn append(parts: &mut Vec<Part>, more: &str) {
    if let Some(Part::Text { text, .. }) = parts.last_mut()
        && !text.is_empty()
        && !text.ends_with('\n')
    {
        text.push('\n');
    }
    glue(parts, more);
}

fn glue(parts: &mut Vec<Part>, more: &str) {
    match parts.last_mut() {
        Some(Part::Text { text, .. }) => text.push_str(more),
        _ => parts.push(Part::Text { text: more.to_owned(), cache: None }),
    }
}
