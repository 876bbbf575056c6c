//! What a provider's dialect cannot say, said otherwise, and its answer told back.
//!
//! Tools that take free text become functions with one field, and a tool's failure is said in the words of
//! its result. What only the caller's dialect has a word for (what a provider's own tools did, a choice
//! among them) stays behind. Texts that end an answer are looked for here, and so is the one call that an
//! answer may have.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use futures::StreamExt;
use serde_json::{Value, json};

use super::{single, stop};
use crate::{
    chat::{
        Chunk, ChunkStream, Delta, Dialect, Event, Message, Part, PartKind, Request, Tool,
        ToolChoice, failure,
    },
    wire::{Called, openai_responses::reference},
};

/// The field of a function that stands for a tool's free text.
const INPUT: &str = "input";

/// `request` as a provider of `dialect` can be asked in `format`.
pub(super) fn request<'a>(
    request: &'a Request,
    dialect: Dialect,
    format: &dyn Called,
) -> Cow<'a, Request> {
    let passes = request.original.as_ref().is_some_and(|original| original.dialect == dialect);
    if passes || fits(request, dialect, format) {
        return Cow::Borrowed(request);
    }
    let mut adapted = request.clone();
    if !format.tells_failed_tools() {
        let parts = adapted.messages.iter_mut().flat_map(|message| &mut message.parts);
        parts.for_each(say_failure);
    }
    if !format.free_text_tools() {
        adapted.tools.iter_mut().filter(|tool| tool.custom).for_each(as_function);
        let parts = adapted.messages.iter_mut().flat_map(|message| &mut message.parts);
        parts.for_each(as_object);
    }
    if request.dialect != dialect {
        adapted.tools.retain(|tool| !tool.name.is_empty());
        if matches!(adapted.tool_choice, Some(ToolChoice::Other(_))) || adapted.tools.is_empty() {
            adapted.tool_choice = None;
        }
    }
    for message in &mut adapted.messages {
        message.parts.retain(|part| !foreign(part, dialect));
    }
    // What had nothing else to say is not said at all.
    let silenced = |old: &Message, new: &Message| new.parts.is_empty() && !old.parts.is_empty();
    let silent: BTreeSet<usize> = (0..)
        .zip(request.messages.iter().zip(&adapted.messages))
        .filter_map(|(place, (old, new))| silenced(old, new).then_some(place))
        .collect();
    let mut place = 0..;
    adapted.messages.retain(|_| place.next().is_none_or(|place| !silent.contains(&place)));
    Cow::Owned(adapted)
}

/// A request that must call a certain tool, for llama.cpp's server: it takes no notice of the tool's name,
/// so it is shown no other, and must call one.
pub(super) fn only_named(request: Cow<'_, Request>) -> Cow<'_, Request> {
    let Some(ToolChoice::Named(name)) = &request.tool_choice else { return request };
    let name = name.clone();
    let mut request = request.into_owned();
    request.tools.retain(|tool| tool.name == name);
    request.tool_choice = Some(ToolChoice::Required);
    request.original = None;
    Cow::Owned(request)
}

fn fits(request: &Request, dialect: Dialect, format: &dyn Called) -> bool {
    let (free_text, tells_failed) = (format.free_text_tools(), format.tells_failed_tools());
    let other = request.dialect != dialect
        && (matches!(request.tool_choice, Some(ToolChoice::Other(_)))
            || request.tools.iter().any(|tool| tool.name.is_empty()));
    let mut parts = request.messages.iter().flat_map(|message| &message.parts);
    !other
        && (free_text || !request.tools.iter().any(|tool| tool.custom))
        && !parts.any(|part| {
            foreign(part, dialect)
                || (!free_text && matches!(part, Part::ToolCall { custom: true, .. }))
                || (!tells_failed && matches!(part, Part::ToolResult { is_error: true, .. }))
        })
}

/// Whether only another dialect has a word for it. What stands for something that is not here cannot be
/// left out, but must be refused.
fn foreign(part: &Part, dialect: Dialect) -> bool {
    let Part::Other { dialect: of, value } = part else { return false };
    *of != dialect && (*of != Dialect::OpenAiResponses || reference(value).is_none())
}

/// The same words each time, so that the prompt of the next turn begins with those of this one.
fn say_failure(part: &mut Part) {
    let Part::ToolResult { parts, is_error: failed @ true, .. } = part else { return };
    *failed = false;
    let words = failure(parts);
    match parts.first_mut() {
        Some(Part::Text { text, .. }) => text.insert_str(0, words),
        _ => parts.insert(0, Part::Text { text: words.trim_end().to_owned(), cache: None }),
    }
}

fn as_function(tool: &mut Tool) {
    tool.custom = false;
    tool.input_schema = Some(json!({
        "type": "object",
        "properties": { INPUT: { "type": "string" } },
        "required": [INPUT],
        "additionalProperties": false,
    }));
    let format = tool.extensions.0.get("format");
    let text = |field: &str| format.and_then(|format| format.get(field)).and_then(Value::as_str);
    if let Some(grammar) = text("definition") {
        let description = tool.description.get_or_insert_default();
        let syntax = text("syntax").unwrap_or_default();
        description
            .push_str(&format!("\n\nThe input must follow this {syntax} grammar:\n{grammar}"));
    }
}

fn as_object(part: &mut Part) {
    if let Part::ToolCall { arguments, custom: custom @ true, .. } = part {
        *arguments = json!({ INPUT: arguments }).to_string();
        *custom = false;
    }
}

/// The answer of a provider that was asked in `format`, as `request` wants it.
pub(super) fn answer(request: &Request, format: &dyn Called, chunks: ChunkStream) -> ChunkStream {
    let chunks = if format.limits_calls() { chunks } else { single::answer(request, chunks) };
    let chunks = stop::answer(request, format, chunks);
    if format.free_text_tools() { chunks } else { custom_calls(request, chunks) }
}

/// The answer of a provider that was asked with functions instead of the request's free-text tools.
fn custom_calls(request: &Request, chunks: ChunkStream) -> ChunkStream {
    let names: BTreeSet<String> =
        request.tools.iter().filter(|tool| tool.custom).map(|tool| tool.name.clone()).collect();
    if names.is_empty() {
        return chunks;
    }
    let mut calls = Calls { names, open: BTreeMap::new() };
    chunks.map(move |chunk| chunk.map(|chunk| calls.chunk(chunk))).boxed()
}

/// The calls that stand for calls of free-text tools.
#[derive(Debug)]
struct Calls {
    names: BTreeSet<String>,
    /// What was written so far, by choice.
    open: BTreeMap<u32, String>,
}

impl Calls {
    fn chunk(&mut self, chunk: Chunk) -> Chunk {
        let mut events = Vec::with_capacity(chunk.events.len());
        for event in chunk.events {
            self.event(event, &mut events);
        }
        Chunk { events, verbatim: None }
    }

    fn event(&mut self, mut event: Event, events: &mut Vec<Event>) {
        match &mut event {
            Event::PartStart { choice, kind: PartKind::ToolCall { name, custom, .. }, .. }
                if self.names.contains(name) =>
            {
                *custom = true;
                self.open.insert(*choice, String::new());
            }
            Event::PartDelta { choice, delta: Delta::Arguments(piece), .. } => {
                if let Some(written) = self.open.get_mut(choice) {
                    written.push_str(piece);
                    return;
                }
            }
            Event::PartEnd { choice, index } => {
                if let Some(written) = self.open.remove(choice) {
                    let delta = Delta::Arguments(free_text(written));
                    events.push(Event::PartDelta { choice: *choice, index: *index, delta });
                }
            }
            _ => {}
        }
        events.push(event);
    }
}

/// What the model wrote into the field. A model that wrote something else meant that.
fn free_text(arguments: String) -> String {
    match serde_json::from_str(&arguments) {
        Ok(Value::Object(mut fields)) => match fields.shift_remove(INPUT) {
            Some(Value::String(text)) if fields.is_empty() => text,
            _ => arguments,
        },
        Ok(Value::String(text)) => text,
        _ => arguments,
    }
}
