//! The parts that a message's `content` and a tool's `output` are made of, both ways.

use serde_json::{Map, Value, json};

use super::fields::{join, missing, require, take, typed};
use crate::{
    Error, Result,
    chat::{Dialect, Document, Image, Part},
};

/// Reads a text, or a list of parts. An empty text is no part.
pub(super) fn decode_all(content: Option<Value>, at: &str) -> Result<Vec<Part>> {
    match content {
        None | Some(Value::Null) => Err(missing(at)),
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::Text { text, cache: None }]),
        Some(Value::Array(parts)) => {
            let decode = |(index, value)| decode(value, &format!("{at}[{index}]"));
            parts.into_iter().enumerate().map(decode).collect()
        }
        Some(_) => Err(Error::invalid(at, format!("`{at}` must be a string or an array of parts"))),
    }
}

/// Reads a part. Kinds that the vocabulary has no word for are carried whole.
fn decode(value: Value, at: &str) -> Result<Part> {
    let mut part: Map<String, Value> = typed(value, at)?;
    let kind: String = match part.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ => require(&mut part, "type", at)?,
    };
    let text = |part: &Map<String, Value>, field: &str| {
        part.get(field).and_then(Value::as_str).map(str::to_owned)
    };
    Ok(match kind.as_str() {
        "input_text" | "output_text" | "text" => {
            Part::Text { text: require(&mut part, "text", at)?, cache: None }
        }
        "refusal" => Part::Refusal { text: require(&mut part, "refusal", at)? },
        "input_image" if part.get("image_url").is_some_and(|url| !url.is_null()) => {
            let url = require(&mut part, "image_url", at)?;
            Part::Image(Image { url, detail: take(&mut part, "detail", at)?, cache: None })
        }
        "input_image" if text(&part, "file_id").is_none() => {
            return Err(missing(&join(at, "image_url")));
        }
        "input_file" => match document(&part) {
            Some(url) => {
                Part::Document(Document { url, title: text(&part, "filename"), cache: None })
            }
            None => Part::Other { dialect: Dialect::OpenAiResponses, value: part.into() },
        },
        _ => Part::Other { dialect: Dialect::OpenAiResponses, value: part.into() },
    })
}

/// The file itself, or where it is. Files that only OpenAI keeps have neither.
fn document(part: &Map<String, Value>) -> Option<String> {
    let field = |field: &str| part.get(field).and_then(Value::as_str);
    let url = field("file_data").filter(|data| data.starts_with("data:"));
    url.or_else(|| field("file_url")).map(str::to_owned)
}

/// Writes a part that a model is to read. `None`: this format has no word for it, or another place.
pub(super) fn encode_input(part: &Part) -> Option<Value> {
    Some(match part {
        Part::Text { text, .. } | Part::Refusal { text } => {
            json!({ "type": "input_text", "text": text })
        }
        Part::Image(Image { url, detail, .. }) => {
            let detail = detail.as_deref().unwrap_or("auto");
            json!({ "type": "input_image", "image_url": url, "detail": detail })
        }
        Part::Document(Document { url, title, .. }) if url.starts_with("data:") => {
            let title = title.as_deref().unwrap_or("document");
            json!({ "type": "input_file", "filename": title, "file_data": url })
        }
        Part::Document(Document { url, .. }) => json!({ "type": "input_file", "file_url": url }),
        Part::Other { dialect: Dialect::OpenAiResponses, value } => value.clone(),
        Part::Reasoning { .. }
        | Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::Other { .. } => return None,
    })
}

/// Writes a part of what a model has said. `None`: it is an item of its own.
pub(super) fn encode_said(part: &Part) -> Option<Value> {
    match part {
        Part::Text { text, .. } => {
            Some(json!({ "type": "output_text", "text": text, "annotations": [] }))
        }
        Part::Refusal { text } => Some(json!({ "type": "refusal", "refusal": text })),
        _ => None,
    }
}
