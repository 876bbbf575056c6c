//! Token counts, both ways. This format's `input_tokens` leave out what was read from or written to the
//! prompt cache; the vocabulary's include both.

use serde_json::{Map, Value, json};

use crate::chat::{Part, Request, Source, Usage};

/// The bytes that one token stands for, on average, in text and JSON.
const BYTES_PER_TOKEN: u64 = 4;
/// The tokens of a picture: Anthropic's (width × height) / 750 of the largest that is not scaled down.
const TOKENS_PER_IMAGE: u64 = 1600;

/// Reads the token counts of an answer, of one of its events, or a `usage` object by itself.
pub fn decode_usage(value: &Value) -> Option<Usage> {
    let object = value.as_object()?;
    let inside = [object.get("usage"), object.get("message").and_then(|it| it.get("usage"))];
    let usage = inside.into_iter().flatten().find_map(Value::as_object).unwrap_or(object);
    of(usage)
}

/// Reads a `usage` object.
pub(super) fn of(usage: &Map<String, Value>) -> Option<Usage> {
    let count = |field: &str| usage.get(field).and_then(Value::as_u64);
    let (fresh, output) = (count("input_tokens"), count("output_tokens"));
    if fresh.is_none() && output.is_none() {
        return None;
    }
    let cached_input = count("cache_read_input_tokens").unwrap_or_default();
    let cache_write = count("cache_creation_input_tokens").unwrap_or_default();
    let output = output.unwrap_or_default();
    let details = usage.get("output_tokens_details").and_then(Value::as_object);
    let reasoning = details.and_then(|it| it.get("thinking_tokens")).and_then(Value::as_u64);
    Some(Usage {
        input: fresh.unwrap_or_default().saturating_add(cached_input).saturating_add(cache_write),
        cached_input,
        cache_write,
        output,
        reasoning: reasoning.unwrap_or_default().min(output),
        source: Source::Reported,
    })
}

/// Adds newer counts to earlier ones. Each is a total, so the last one counts; a provider that leaves one
/// out, or writes 0 where it had counted, has nothing new to say about it.
pub(super) fn merge(there: &mut Map<String, Value>, newer: &Map<String, Value>) {
    for (field, value) in newer {
        let empty = value.is_null() || value.as_u64() == Some(0);
        if !empty || !there.contains_key(field) {
            there.insert(field.clone(), value.clone());
        }
    }
}

/// Writes token counts as a `usage` object.
pub(super) fn encode(usage: &Usage) -> Map<String, Value> {
    let fresh = usage.input.saturating_sub(usage.cached_input).saturating_sub(usage.cache_write);
    let mut written = Map::new();
    written.insert("input_tokens".into(), fresh.into());
    written.insert("cache_creation_input_tokens".into(), usage.cache_write.into());
    written.insert("cache_read_input_tokens".into(), usage.cached_input.into());
    written.insert("output_tokens".into(), usage.output.into());
    if usage.reasoning > 0 {
        let details = json!({ "thinking_tokens": usage.reasoning });
        written.insert("output_tokens_details".into(), details);
    }
    written
}

/// The tokens that so many bytes of text stand for; at least one.
pub(super) fn tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN).max(1)
}

/// About how many input tokens a request is: a quarter of its bytes of text (instructions, messages,
/// calls, results, tools and their schemas), and 1,600 for each picture. Never 0.
///
/// It is told where nobody has counted: clients take it to decide when to compact a conversation.
pub fn estimate_input(request: &Request) -> u64 {
    let mut input = Input::default();
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        input.add(part);
    }
    for tool in &request.tools {
        input.text(&tool.name);
        input.text(tool.description.as_deref().unwrap_or_default());
        input.json(tool.input_schema.as_ref());
        for value in tool.extensions.0.values() {
            input.json(Some(value));
        }
    }
    tokens(input.bytes).saturating_add(input.images.saturating_mul(TOKENS_PER_IMAGE))
}

#[derive(Debug, Default)]
struct Input {
    bytes: u64,
    images: u64,
}

impl Input {
    fn text(&mut self, text: &str) {
        self.bytes = self.bytes.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
    }

    fn json(&mut self, value: Option<&Value>) {
        if let Some(value) = value {
            self.text(&value.to_string());
        }
    }

    fn add(&mut self, part: &Part) {
        match part {
            Part::Text { text, .. } | Part::Refusal { text } | Part::Reasoning { text, .. } => {
                self.text(text);
            }
            Part::Image(_) => self.images += 1,
            Part::Document(document) => self.text(&document.url),
            Part::ToolCall { name, arguments, .. } => {
                self.text(name);
                self.text(arguments);
            }
            Part::ToolResult { parts, .. } => parts.iter().for_each(|part| self.add(part)),
            Part::Other { value, .. } => self.json(Some(value)),
        }
    }
}
