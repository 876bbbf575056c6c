//! The blocks that a message's `content` is made of, both ways.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::{FREE_INPUT, UNPARSED_INPUT, message, own};
use crate::{
    Result,
    chat::{CacheHint, Dialect, Document, Image, Part, Signature},
    wire::fields::{join, require, take, typed},
};

const PLAIN: &str = "text/plain";

/// Reads a block. Kinds that the vocabulary has no word for (what the provider's own tools did, files that
/// are kept there) are carried whole.
pub(super) fn decode(value: Value, at: &str) -> Result<Part> {
    let mut block: Map<String, Value> = typed(value, at)?;
    let kind: String = match block.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ => require(&mut block, "type", at)?,
    };
    let cache = cache_hint(&block);
    Ok(match kind.as_str() {
        "text" => Part::Text { text: require(&mut block, "text", at)?, cache },
        "image" => match source(&mut block, at)? {
            Some(url) => Part::Image(Image { url, detail: None, cache }),
            None => other(block),
        },
        "document" => match source(&mut block, at)? {
            Some(url) => {
                Part::Document(Document { url, title: take(&mut block, "title", at)?, cache })
            }
            None => other(block),
        },
        "thinking" => {
            let signature: Option<String> = take(&mut block, "signature", at)?;
            let signature = signature.filter(|text| !text.is_empty());
            Part::Reasoning {
                text: require(&mut block, "thinking", at)?,
                signature: signature.map(|text| Signature::new(Dialect::Anthropic, text)),
                redacted: false,
            }
        }
        "redacted_thinking" => {
            let data: String = require(&mut block, "data", at)?;
            let signature = Some(Signature::new(Dialect::Anthropic, data));
            Part::Reasoning { text: String::new(), signature, redacted: true }
        }
        "tool_use" => tool_use(&mut block, at)?,
        "tool_result" => tool_result(&mut block, at, cache)?,
        _ => own::decode(&block).unwrap_or_else(|| other(block)),
    })
}

fn other(block: Map<String, Value>) -> Part {
    Part::Other { dialect: Dialect::Anthropic, value: Value::Object(block) }
}

fn tool_use(block: &mut Map<String, Value>, at: &str) -> Result<Part> {
    let input: Map<String, Value> = take(block, "input", at)?.unwrap_or_default();
    Ok(Part::ToolCall {
        id: require(block, "id", at)?,
        name: require(block, "name", at)?,
        arguments: Value::Object(input).to_string(),
        custom: false,
    })
}

fn tool_result(block: &mut Map<String, Value>, at: &str, cache: Option<CacheHint>) -> Result<Part> {
    let content = block.shift_remove("content").filter(|content| !content.is_null());
    let at_content = join(at, "content");
    Ok(Part::ToolResult {
        call_id: require(block, "tool_use_id", at)?,
        parts: match content {
            Some(content) => message::content(content, &at_content)?,
            None => Vec::new(),
        },
        is_error: take(block, "is_error", at)?.unwrap_or_default(),
        cache,
    })
}

/// Where a picture or document is, as a URL. `None`: only the provider can tell, and the block is as it
/// was.
fn source(block: &mut Map<String, Value>, at: &str) -> Result<Option<String>> {
    let mut source: Map<String, Value> = require(block, "source", at)?;
    let (whole, at) = (source.clone(), join(at, "source"));
    let kind: String = require(&mut source, "type", &at)?;
    let url = match kind.as_str() {
        "base64" => {
            let media: String = require(&mut source, "media_type", &at)?;
            let data: String = require(&mut source, "data", &at)?;
            Some(format!("data:{media};base64,{data}"))
        }
        "url" => Some(require(&mut source, "url", &at)?),
        "text" => {
            let text: String = require(&mut source, "data", &at)?;
            Some(plain(&text))
        }
        "content" => only_text(source.get("content")).map(|text| plain(&text)),
        _ => None,
    };
    if url.is_none() {
        block.insert("source".into(), whole.into());
    }
    Ok(url)
}

fn plain(text: &str) -> String {
    format!("data:{PLAIN};base64,{}", BASE64_STANDARD.encode(text))
}

/// The text of a document that is given as blocks, if it holds nothing else.
fn only_text(content: Option<&Value>) -> Option<String> {
    match content? {
        Value::String(text) => Some(text.clone()),
        Value::Array(blocks) => {
            let texts = blocks.iter().map(|block| match block.get("type")?.as_str()? {
                "text" => block.get("text")?.as_str(),
                _ => None,
            });
            texts.collect()
        }
        _ => None,
    }
}

/// Where a cached prefix may end.
pub(super) fn cache_hint(object: &Map<String, Value>) -> Option<CacheHint> {
    let control = object.get("cache_control")?.as_object()?;
    Some(CacheHint { ttl: control.get("ttl").and_then(Value::as_str).map(str::to_owned) })
}

/// Writes where a cached prefix may end.
pub(super) fn cache_control(hint: &CacheHint) -> Value {
    match &hint.ttl {
        Some(ttl) => json!({ "type": "ephemeral", "ttl": ttl }),
        None => json!({ "type": "ephemeral" }),
    }
}

/// Writes what is said rather than called. `None`: the format has no word for it, or it is nothing.
///
/// Thoughts go only where their signature is Anthropic's: unsigned or foreign ones are refused there.
pub(super) fn encode(part: &Part) -> Option<Value> {
    let (mut block, cache) = match part {
        Part::Text { text, .. } | Part::Refusal { text } if text.is_empty() => return None,
        Part::Text { text, cache } => (json!({ "type": "text", "text": text }), cache),
        Part::Refusal { text } => (json!({ "type": "text", "text": text }), &None),
        Part::Image(Image { url, cache, .. }) => {
            (json!({ "type": "image", "source": to_source(url) }), cache)
        }
        Part::Document(Document { url, title, cache }) => {
            let mut block = json!({ "type": "document", "source": to_source(url) });
            if let (Some(title), Some(block)) = (title, block.as_object_mut()) {
                block.insert("title".into(), title.as_str().into());
            }
            (block, cache)
        }
        Part::Reasoning {
            text,
            signature: Some(Signature { dialect, text: proof, .. }),
            redacted,
        } if *dialect == Dialect::Anthropic => {
            let block = if *redacted {
                json!({ "type": "redacted_thinking", "data": proof })
            } else {
                json!({ "type": "thinking", "thinking": text, "signature": proof })
            };
            (block, &None)
        }
        Part::Other { dialect: Dialect::Anthropic, value } => (value.clone(), &None),
        Part::Reasoning { .. }
        | Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::Other { .. } => return None,
    };
    if let (Some(hint), Some(block)) = (cache, block.as_object_mut()) {
        block.insert("cache_control".into(), cache_control(hint));
    }
    Some(block)
}

fn to_source(url: &str) -> Value {
    let Some((media, data)) = url.strip_prefix("data:").and_then(|rest| rest.split_once(','))
    else {
        return json!({ "type": "url", "url": url });
    };
    let Some(media) = media.strip_suffix(";base64") else {
        return json!({ "type": "text", "media_type": PLAIN, "data": data });
    };
    let text = (media.split(';').next() == Some(PLAIN))
        .then(|| BASE64_STANDARD.decode(data).ok())
        .flatten()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match text {
        Some(text) => json!({ "type": "text", "media_type": PLAIN, "data": text }),
        None => json!({ "type": "base64", "media_type": media, "data": data }),
    }
}

/// The input of a tool: an object, always. Free text and what a model wrote instead of JSON become the
/// one field of one.
pub(super) fn input(arguments: &str, custom: bool) -> Value {
    if custom {
        return json!({ FREE_INPUT: arguments });
    }
    if arguments.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(arguments) {
        Ok(Value::Object(input)) => Value::Object(input),
        _ => json!({ UNPARSED_INPUT: arguments }),
    }
}
