//! Writing the messages: `systemInstruction` and `contents`.
//!
//! All instructions go into the one `systemInstruction`, in order: the API has no place for them in the
//! middle of a conversation. Neighbours of one role become one content, since Gemini wants all calls of
//! a turn together, and then all results.

use std::mem;

use serde_json::{Map, Value, json};

use super::{SIGNATURE, before_gemini_3, file};
use crate::{
    Error, Result,
    chat::{Dialect, Message, Part, Role},
    wire::unsaid::unsaid,
};

/// What Google documents for calls that Gemini did not make itself, or whose signature the caller could
/// not keep: without any, Gemini 3 refuses the conversation
/// (<https://ai.google.dev/gemini-api/docs/thought-signatures>).
const UNSIGNED: &str = "skip_thought_signature_validator";

/// Writes `messages` for `model`.
pub(super) fn encode(messages: &[Message], model: &str) -> Result<Map<String, Value>> {
    let mut writer = Writer { messages, strict: !before_gemini_3(model), ..Writer::default() };
    for (index, message) in messages.iter().enumerate() {
        writer.message(index, message)?;
    }
    let mut body = Map::new();
    if !writer.instructions.is_empty() {
        body.insert("systemInstruction".into(), json!({ "parts": writer.instructions }));
    }
    let contents = writer.contents.into_iter();
    let contents: Vec<Value> =
        contents.map(|it| json!({ "role": it.role, "parts": it.parts })).collect();
    body.insert("contents".into(), contents.into());
    Ok(body)
}

#[derive(Debug, Default)]
struct Writer<'a> {
    messages: &'a [Message],
    /// The model refuses calls without a signature.
    strict: bool,
    instructions: Vec<Value>,
    contents: Vec<Content>,
}

#[derive(Debug)]
struct Content {
    role: &'static str,
    /// It holds results of tools, which nothing else may stand between.
    results: bool,
    parts: Vec<Value>,
}

impl Writer<'_> {
    fn message(&mut self, index: usize, message: &Message) -> Result<()> {
        let at = format!("messages[{index}]");
        match message.role {
            Role::System | Role::Developer => {
                for (place, part) in message.parts.iter().enumerate() {
                    let part = spoken(part, &format!("{at}.content[{place}]"))?;
                    self.instructions.push(part);
                }
                Ok(())
            }
            Role::Assistant => self.model(message, &at),
            Role::User | Role::Tool => self.user(index, message, &at),
        }
    }

    fn content(&mut self, role: &'static str, results: bool) -> &mut Vec<Value> {
        let fits = |last: &mut Content| last.role == role && last.results == results;
        let last = self.contents.pop_if(|last| fits(last));
        let last = last.unwrap_or(Content { role, results, parts: Vec::new() });
        &mut self.contents.push_mut(last).parts
    }

    fn user(&mut self, index: usize, message: &Message, at: &str) -> Result<()> {
        for (place, part) in message.parts.iter().enumerate() {
            let at = format!("{at}.content[{place}]");
            let Part::ToolResult { call_id, parts, is_error, .. } = part else {
                let part = spoken(part, &at)?;
                self.content("user", false).push(part);
                continue;
            };
            let name = self.name_of(call_id, index).or(message.name.as_deref());
            let name = name.ok_or_else(|| {
                let message = format!("`{at}` is the result of a call that is not in the messages");
                Error::invalid(at.as_str(), message)
            })?;
            let result = result(call_id, name, parts, *is_error, &at)?;
            self.content("user", true).push(result);
        }
        Ok(())
    }

    /// The tool of the last call with this id before the message at `index`.
    fn name_of(&self, id: &str, index: usize) -> Option<&str> {
        let before = self.messages.get(..index).unwrap_or_default();
        before.iter().rev().flat_map(|message| message.parts.iter().rev()).find_map(|part| {
            match part {
                Part::ToolCall { id: call, name, .. } if call == id => Some(name.as_str()),
                _ => None,
            }
        })
    }

    fn model(&mut self, message: &Message, at: &str) -> Result<()> {
        let strict = self.strict;
        let mut signature: Option<String> = None;
        let mut parts = Vec::new();
        for (place, part) in message.parts.iter().enumerate() {
            let at = format!("{at}.content[{place}]");
            let mut written = match part {
                Part::Reasoning { text, signature: signed, .. } => {
                    if let Some(earlier) = signature.take() {
                        parts.push(json!({ "text": "", SIGNATURE: earlier }));
                    }
                    if !text.is_empty() {
                        parts.push(json!({ "text": text, "thought": true }));
                    }
                    // Signatures of others mean nothing to Gemini.
                    let signed = signed.as_ref().filter(|it| it.dialect == Dialect::Gemini);
                    signature = signed.map(|it| it.text.clone());
                    continue;
                }
                Part::ToolCall { .. } => call(part, &at)?,
                part => spoken(part, &at)?,
            };
            let waits = !matches!(part, Part::ToolCall { .. }) && calls_next(message, place);
            if !waits
                && let (Some(signature), Some(part)) = (signature.take(), written.as_object_mut())
            {
                part.insert(SIGNATURE.into(), signature.into());
            }
            parts.push(written);
        }
        if let Some(signature) = signature {
            parts.push(json!({ "text": "", SIGNATURE: signature }));
        }
        let content = self.content("model", false);
        content.append(&mut parts);
        if strict {
            sign_first_call(content);
        }
        Ok(())
    }
}

/// Whether behind the part at `place` a call comes before any further signature. A caller whose dialect
/// tells thoughts in front of everything cannot say that a signature belongs to the call: it does, for the
/// call is what Gemini always signs, and what it looks at.
fn calls_next(message: &Message, place: usize) -> bool {
    let mut behind = message.parts.iter().skip(place + 1);
    let next = behind.find(|part| match part {
        Part::Reasoning { signature, .. } => {
            signature.as_ref().is_some_and(|it| it.dialect == Dialect::Gemini)
        }
        part => matches!(part, Part::ToolCall { .. }),
    });
    matches!(next, Some(Part::ToolCall { .. }))
}

/// The first call of a content must be signed; those beside it need not be.
fn sign_first_call(parts: &mut [Value]) {
    let first = parts.iter_mut().filter_map(Value::as_object_mut);
    let first = first.into_iter().find(|part| part.contains_key("functionCall"));
    if let Some(call) = first {
        call.entry(SIGNATURE).or_insert_with(|| UNSIGNED.into());
    }
}

fn call(part: &Part, at: &str) -> Result<Value> {
    let Part::ToolCall { id, name, arguments, custom } = part else { return Ok(Value::Null) };
    if *custom {
        return Err(unsaid(Dialect::Gemini, at));
    }
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    let args: Map<String, Value> = serde_json::from_str(arguments).map_err(|error| {
        let message = format!("the arguments of the call at `{at}` must be a JSON object: {error}");
        Error::invalid(at, message)
    })?;
    let mut call = Map::new();
    if !id.is_empty() {
        call.insert("id".into(), id.as_str().into());
    }
    call.insert("name".into(), name.as_str().into());
    call.insert("args".into(), args.into());
    Ok(json!({ "functionCall": call }))
}

/// Texts go under `output`, or `error`, the two words that the API knows. They are not parsed, even if
/// they look like JSON: what the tool said stays what it said.
fn result(id: &str, name: &str, parts: &[Part], is_error: bool, at: &str) -> Result<Value> {
    let (mut text, mut files) = (String::new(), Vec::new());
    for (place, part) in parts.iter().enumerate() {
        let at = format!("{at}.content[{place}]");
        match spoken(part, &at)? {
            Value::Object(mut part) if part.contains_key("text") => {
                if let Some(Value::String(more)) = part.get_mut("text").map(mem::take) {
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(&more);
                }
            }
            file => files.push(file),
        }
    }
    let word = if is_error { "error" } else { "output" };
    let mut response = Map::new();
    if !id.is_empty() {
        response.insert("id".into(), id.into());
    }
    response.insert("name".into(), name.into());
    response.insert("response".into(), json!({ word: text }));
    if !files.is_empty() {
        response.insert("parts".into(), files.into());
    }
    Ok(json!({ "functionResponse": response }))
}

/// Writes a part that is neither a thought, nor a call, nor a result.
fn spoken(part: &Part, at: &str) -> Result<Value> {
    match part {
        Part::Text { text, .. } | Part::Refusal { text } => Ok(json!({ "text": text })),
        Part::Image(image) => file::encode(&image.url, at),
        Part::Document(document) => file::encode(&document.url, at),
        Part::Other { dialect: Dialect::Gemini, value } => Ok(value.clone()),
        _ => Err(unsaid(Dialect::Gemini, at)),
    }
}
