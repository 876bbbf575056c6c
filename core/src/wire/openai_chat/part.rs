//! The parts that a message's `content` is made of, both ways.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::wire::fields::{join, require, take, typed};
use crate::{
    Result,
    chat::{CacheHint, Dialect, Document, Image, Part},
};

/// An `image_url` is an object; some clients send just the URL.
#[derive(Deserialize)]
#[serde(untagged)]
enum ImageUrl {
    Url(String),
    Object { url: String, detail: Option<String> },
}

/// Reads a part. Kinds that the vocabulary has no word for are carried whole.
pub(super) fn decode(value: Value, at: &str) -> Result<Part> {
    let mut part: Map<String, Value> = typed(value, at)?;
    let kind: String = match part.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ => require(&mut part, "type", at)?,
    };
    Ok(match kind.as_str() {
        "text" => {
            let cache = cache_hint(part.get("cache_control"));
            Part::Text { text: require(&mut part, "text", at)?, cache }
        }
        "refusal" => Part::Refusal { text: require(&mut part, "refusal", at)? },
        "image_url" => Part::Image(image(&mut part, at)?),
        _ => Part::Other { dialect: Dialect::OpenAiChat, value: Value::Object(part) },
    })
}

fn image(part: &mut Map<String, Value>, at: &str) -> Result<Image> {
    let at_url = join(at, "image_url");
    if let Some(Value::Object(object)) = part.get_mut("image_url") {
        return Ok(Image {
            url: require(object, "url", &at_url)?,
            detail: take(object, "detail", &at_url)?,
            cache: None,
        });
    }
    Ok(match require(part, "image_url", at)? {
        ImageUrl::Url(url) => Image { url, ..Image::default() },
        ImageUrl::Object { url, detail } => Image { url, detail, cache: None },
    })
}

/// `cache_control` is Anthropic's field; OpenRouter and LiteLLM take it in this format too.
fn cache_hint(value: Option<&Value>) -> Option<CacheHint> {
    let object = value?.as_object()?;
    Some(CacheHint { ttl: object.get("ttl").and_then(Value::as_str).map(str::to_owned) })
}

/// Writes a part of `content`. `None`: it belongs elsewhere in the message.
pub(super) fn encode(part: &Part) -> Option<Value> {
    Some(match part {
        Part::Text { text, cache: None } => json!({ "type": "text", "text": text }),
        Part::Text { text, cache: Some(hint) } => {
            let mut control = json!({ "type": "ephemeral" });
            if let (Some(ttl), Some(control)) = (&hint.ttl, control.as_object_mut()) {
                control.insert("ttl".into(), ttl.as_str().into());
            }
            json!({ "type": "text", "text": text, "cache_control": control })
        }
        Part::Image(Image { url, detail: None, .. }) => {
            json!({ "type": "image_url", "image_url": { "url": url } })
        }
        Part::Image(Image { url, detail: Some(detail), .. }) => {
            json!({ "type": "image_url", "image_url": { "url": url, "detail": detail } })
        }
        Part::Refusal { text } => json!({ "type": "refusal", "refusal": text }),
        Part::Other { dialect: Dialect::OpenAiChat, value } => value.clone(),
        Part::Document(Document { url, title, .. }) => {
            let title = title.as_deref().unwrap_or("document");
            json!({ "type": "file", "file": { "filename": title, "file_data": url } })
        }
        Part::Reasoning { .. }
        | Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::Other { .. } => return None,
    })
}
