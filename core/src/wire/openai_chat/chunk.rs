//! Reading the JSON objects that an answer consists of: its chunks, or the whole of it.
//!
//! Nothing is taken for granted. A field of an unexpected type is carried like an unknown one.

mod plain;
mod whole;

use std::collections::BTreeMap;

use plain::Around;
use serde_json::{Map, Value};

use super::{
    MESSAGE, REASONING, SIGNATURE,
    assembly::{Assembly, CallPiece, Voice},
    usage,
};
use crate::{
    Code, Error, Result,
    chat::{Dialect, Event, Extensions, FinishReason, Source, Usage},
    wire::{failure, out::Out},
};

/// The most choices in one answer: OpenAI's limit for `n`.
const MAX_CHOICES: u64 = 128;

/// Where the words of a choice stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// In `delta`: a piece of a streamed answer.
    Chunk,
    /// In `message`: a whole answer.
    Whole,
}

/// Reads the objects of one answer.
#[derive(Debug, Default)]
pub(super) struct Reader {
    dialect: Dialect,
    started: bool,
    choices: BTreeMap<u32, Assembly>,
    /// The fields about the whole answer, as they were last told.
    told: Map<String, Value>,
    /// What the last plain chunk said beside its choice, until more is told.
    around: Option<Around>,
    /// Whether the provider itself reported usage.
    reported: bool,
}

impl Reader {
    /// A reader of chat answers, or of the text completions that differ from them in one thing: a choice's
    /// words are its `text`.
    pub(super) fn of(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// Takes the next object.
    pub(super) fn read(
        &mut self,
        mut object: Map<String, Value>,
        shape: Shape,
        out: &mut Out,
    ) -> Result<()> {
        self.around = None;
        if object.get("error").is_some_and(|error| !error.is_null()) {
            return Err(failure::decode_streamed(object));
        }
        if let Some(progress) = progress(&object) {
            out.events.push(progress);
            return Ok(());
        }
        self.start(&mut object, out);
        let choices = object.shift_remove("choices");
        let usage = usage::of(&object);
        object.shift_remove("usage");
        self.extend(object, out);
        if let Some(Value::Array(choices)) = choices {
            for (position, choice) in choices.into_iter().enumerate() {
                if let Value::Object(choice) = choice {
                    self.choice(choice, position, shape, out)?;
                }
            }
        }
        if let Some(usage) = usage {
            self.count(usage, out);
        }
        Ok(())
    }

    /// Whether there is at least one choice and every one is finished.
    pub(super) fn finished(&self) -> bool {
        self.has_choices() && self.choices.values().all(Assembly::finished)
    }

    pub(super) fn has_choices(&self) -> bool {
        !self.choices.is_empty()
    }

    /// Finishes what the provider left open although it said that it was done.
    pub(super) fn finish(&mut self, out: &mut Out) -> Result<()> {
        for choice in self.choices.values_mut().filter(|choice| !choice.finished()) {
            let reason =
                if choice.has_calls() { FinishReason::ToolCalls } else { FinishReason::Stop };
            choice.finish(reason, out)?;
        }
        Ok(())
    }

    fn start(&mut self, object: &mut Map<String, Value>, out: &mut Out) {
        object.shift_remove("object");
        let mut text = |field| match object.shift_remove(field) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (id, model) = (text("id"), text("model"));
        let created = object.shift_remove("created").as_ref().and_then(usage::whole_number);
        if !self.started {
            self.started = true;
            out.events.push(Event::Start { id, model, created });
        }
    }

    /// Tells what is new about the whole answer. Most providers repeat it in every chunk.
    fn extend(&mut self, object: Map<String, Value>, out: &mut Out) {
        let mut fields = Map::new();
        for (field, value) in object {
            // OpenAI's random padding means nothing.
            if !value.is_null() && field != "obfuscation" && self.told.get(&field) != Some(&value) {
                self.told.insert(field.clone(), value.clone());
                fields.insert(field, value);
            }
        }
        self.extension(None, fields, out);
    }

    fn count(&mut self, usage: Usage, out: &mut Out) {
        if usage.source == Source::Reported {
            self.reported = true;
        } else if self.reported {
            return;
        }
        out.events.push(Event::Usage(usage));
    }

    fn choice(
        &mut self,
        mut choice: Map<String, Value>,
        position: usize,
        shape: Shape,
        out: &mut Out,
    ) -> Result<()> {
        let index = choice.shift_remove("index").as_ref().and_then(usage::whole_number);
        let index = index.unwrap_or(u64::try_from(position).unwrap_or(u64::MAX));
        let index = u32::try_from(index).ok().filter(|index| u64::from(*index) < MAX_CHOICES);
        let Some(index) = index else {
            return Err(Error::new(Code::UpstreamInvalid, "the provider gave too many answers"));
        };
        let mut message = self.message(&mut choice, shape);
        choice.retain(|field, value| !value.is_null() && field != MESSAGE);
        let reason = match choice.shift_remove("finish_reason") {
            Some(Value::String(reason)) if !reason.is_empty() => Some(finish_reason(reason)),
            _ => None,
        };
        let words = Words::take(&mut message, shape);
        if !message.is_empty() {
            choice.insert(MESSAGE.into(), message.into());
        }
        self.extension(Some(index), choice, out);
        let assembly = self.choices.entry(index).or_insert_with(|| Assembly::new(index));
        if assembly.finished() {
            out.inexact |= reason.is_some() || !words.is_empty();
            return Ok(());
        }
        words.tell(assembly, out)?;
        match (reason, shape) {
            (Some(reason), _) => assembly.finish(reason, out),
            (None, Shape::Chunk) => Ok(()),
            (None, Shape::Whole) => {
                let reason =
                    if assembly.has_calls() { FinishReason::ToolCalls } else { FinishReason::Stop };
                assembly.finish(reason, out)
            }
        }
    }

    /// Takes what a choice says.
    fn message(&self, choice: &mut Map<String, Value>, shape: Shape) -> Map<String, Value> {
        let field = match (self.dialect, shape) {
            (Dialect::OpenAiCompletions, _) => {
                let text = choice.shift_remove("text");
                return text.map(|text| ("content".to_owned(), text)).into_iter().collect();
            }
            (_, Shape::Chunk) => "delta",
            (_, Shape::Whole) => MESSAGE,
        };
        match choice.shift_remove(field) {
            Some(Value::Object(message)) => message,
            _ => Map::new(),
        }
    }

    fn extension(&self, choice: Option<u32>, fields: Map<String, Value>, out: &mut Out) {
        if !fields.is_empty() {
            let fields = Extensions(fields);
            out.events.push(Event::Extension { dialect: self.dialect, choice, fields });
        }
    }
}

/// What llama.cpp sends while it reads the prompt: `prompt_progress`, beside which a chunk says nothing
/// that later ones do not say again, and says it before it is final.
fn progress(object: &Map<String, Value>) -> Option<Event> {
    let progress = object.get("prompt_progress")?.as_object()?;
    let choices = object.get("choices").and_then(Value::as_array);
    if choices.into_iter().flatten().any(speaks) {
        return None;
    }
    let count = |field| progress.get(field).and_then(usage::whole_number);
    let (done, all) = (count("processed")?, count("total")?);
    let percent = done.min(all).saturating_mul(100).checked_div(all)?;
    Some(Event::Progress { percent: u8::try_from(percent).ok()? })
}

/// Whether a choice says more than who speaks.
fn speaks(choice: &Value) -> bool {
    let delta = choice.get("delta").and_then(Value::as_object);
    let words = delta.into_iter().flatten();
    choice.get("finish_reason").is_some_and(|reason| !reason.is_null())
        || words.into_iter().any(|(field, value)| field != "role" && !value.is_null())
}

fn finish_reason(reason: String) -> FinishReason {
    match reason.as_str() {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        "tool_calls" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Other(reason),
    }
}

/// What one object says in one choice.
#[derive(Debug, Default)]
struct Words {
    said: Vec<(Voice, String)>,
    signature: Option<String>,
    calls: Vec<CallPiece<'static>>,
}

impl Words {
    fn is_empty(&self) -> bool {
        self.said.is_empty() && self.signature.is_none() && self.calls.is_empty()
    }

    /// Takes what it understands out of `message`, and the rest remains.
    fn take(message: &mut Map<String, Value>, shape: Shape) -> Self {
        let mut words = Self::default();
        message.retain(|_, value| !value.is_null());
        message.shift_remove("role");
        // Some providers send the same thoughts under both names.
        let reasoning = [REASONING, "reasoning"].map(|field| text(message, field));
        let reasoning = reasoning.into_iter().flatten().find(|text| !text.is_empty());
        words.say(Voice::Reasoning, reasoning);
        words.signature = text(message, SIGNATURE).filter(|text| !text.is_empty());
        let content = text(message, "content");
        words.say(Voice::Text, content);
        words.parts(message);
        let refusal = text(message, "refusal");
        words.say(Voice::Refusal, refusal);
        words.calls(message, shape);
        if let Some(Value::Object(call)) = message.get_mut("function_call") {
            let (name, arguments) = (text(call, "name"), text(call, "arguments"));
            let arguments = arguments.unwrap_or_default().into();
            words.calls.push(CallPiece { name, arguments, legacy: true, ..CallPiece::default() });
            message.shift_remove("function_call");
        }
        words
    }

    fn say(&mut self, voice: Voice, text: Option<String>) {
        self.said.extend(text.filter(|text| !text.is_empty()).map(|text| (voice, text)));
    }

    /// Mistral's reasoning models send content as parts, thoughts among them.
    fn parts(&mut self, message: &mut Map<String, Value>) {
        let Some(Value::Array(parts)) = message.get_mut("content") else { return };
        parts.retain_mut(|part| {
            let Some(part) = part.as_object_mut() else { return true };
            let kind = part.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
            match (kind.as_str(), part.get_mut("thinking")) {
                ("text", _) => {
                    let text = text(part, "text");
                    self.say(Voice::Text, text);
                }
                ("thinking", Some(Value::Array(thoughts))) => {
                    for thought in thoughts.iter_mut().filter_map(Value::as_object_mut) {
                        let text = text(thought, "text");
                        self.say(Voice::Reasoning, text);
                    }
                }
                _ => return true,
            }
            false
        });
        if parts.is_empty() {
            message.shift_remove("content");
        }
    }

    /// Calls of other kinds than functions remain.
    fn calls(&mut self, message: &mut Map<String, Value>, shape: Shape) {
        let Some(Value::Array(calls)) = message.get_mut("tool_calls") else { return };
        let mut position = 0;
        calls.retain_mut(|call| {
            let Some(call) = call.as_object_mut() else { return false };
            let other =
                call.get("type").and_then(Value::as_str).is_some_and(|kind| kind != "function");
            if other {
                return true;
            }
            let mut piece = CallPiece {
                index: call.get("index").and_then(usage::whole_number),
                id: text(call, "id").filter(|id| !id.is_empty()),
                ..CallPiece::default()
            };
            if shape == Shape::Whole {
                piece.index = Some(position);
                position += 1;
            }
            if let Some(Value::Object(function)) = call.get_mut("function") {
                piece.name = text(function, "name").filter(|name| !name.is_empty());
                piece.arguments = match function.shift_remove("arguments") {
                    Some(Value::String(arguments)) => arguments.into(),
                    None | Some(Value::Null) => "".into(),
                    Some(other) => other.to_string().into(),
                };
            }
            self.calls.push(piece);
            false
        });
        if calls.is_empty() {
            message.shift_remove("tool_calls");
        }
    }

    fn tell(self, assembly: &mut Assembly, out: &mut Out) -> Result<()> {
        let (thoughts, said): (Vec<_>, Vec<_>) =
            self.said.into_iter().partition(|(voice, _)| *voice == Voice::Reasoning);
        for (voice, text) in thoughts {
            assembly.say(voice, text.into(), out)?;
        }
        if let Some(signature) = self.signature {
            assembly.sign(signature, out)?;
        }
        for (voice, text) in said {
            assembly.say(voice, text.into(), out)?;
        }
        for piece in self.calls {
            assembly.call(piece, out)?;
        }
        Ok(())
    }
}

/// Takes a field if it is a text.
fn text(from: &mut Map<String, Value>, field: &str) -> Option<String> {
    match from.get_mut(field) {
        Some(Value::String(text)) => {
            let text = std::mem::take(text);
            from.shift_remove(field);
            Some(text)
        }
        _ => None,
    }
}
