//! `tools/list` and `tools/call`: the tools that the gateway runs, as the caller may use them.

use std::{borrow::Cow, sync::Arc};

use dormouse_core::{
    chat::{self, Part},
    mcp,
    ports::hex,
    tools::{Context, Output},
};
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ContentBlock, ErrorData, ListToolsResult,
    PaginatedRequestParams, RequestId, Resource, ResourceContents, Tool,
};
use serde_json::{Map, Value, json};

use super::{
    Peer,
    message::params,
    methods::{failed, written},
    page::page,
};

/// Names, in the metadata of a list, where tools are missing because their server is down.
const MISSING: &str = "dormouse/missing";
/// The longest id of a request that tells one call from another.
const MAX_ID: usize = 64;

/// Lists tools in the order of their names, a page at a time.
pub(super) async fn list(peer: &Peer, given: Map<String, Value>) -> Result<Value, ErrorData> {
    let params: PaginatedRequestParams = params(given)?;
    let offer = peer.gateway.offer(&peer.caller, None).await.map_err(|error| failed(&error))?;
    let (some, next) = page(offer.definitions(), |tool| &tool.name, params.cursor.as_deref())?;
    let mut result = ListToolsResult::with_all_items(some.into_iter().map(described).collect());
    result.next_cursor = next;
    if !offer.missing().is_empty() {
        let missing = json!({ MISSING: offer.missing() });
        result.meta = serde_json::from_value(missing).ok();
    }
    written(&result)
}

/// Runs a tool. What it does wrong is a result for the model to read; only a name or an input that it cannot
/// have is an error.
pub(super) async fn call(
    peer: &Peer,
    id: &RequestId,
    given: Map<String, Value>,
) -> Result<Value, ErrorData> {
    let params: CallToolRequestParams = params(given)?;
    let offer = peer.gateway.offer(&peer.caller, None).await.map_err(|error| failed(&error))?;
    let name = &params.name;
    let Some(offered) = offer.get(name) else {
        let why = format!("Unknown tool: {}", offer.unknown(name));
        return Err(ErrorData::invalid_params(why, None));
    };
    let input = params.arguments.unwrap_or_default();
    let output = match offered.accepts(&input) {
        // A model can mend it, and only sees results (2025-11-25, "Error Handling").
        Err(error) => Output::failed(error.message()),
        Ok(()) => {
            let context = Context {
                workspace: mcp::workspace(&peer.caller, peer.session.as_ref()),
                idempotency_key: idempotency_key(peer, id),
            };
            let tools = peer.gateway.tools();
            tools.run(offered, input, &context, tools.limits()).await
        }
    };
    let content = output.parts.into_iter().map(block).collect();
    let mut result = CallToolResult::success(content);
    result.is_error = Some(output.is_error);
    written(&result)
}

/// Ids are unique within a session, and nowhere else.
fn idempotency_key(peer: &Peer, id: &RequestId) -> String {
    let text = id.to_string();
    match &peer.session {
        Some(session) if text.len() <= MAX_ID => format!("mcp-{}-{text}", session.id),
        _ => format!("mcp-{}", hex(peer.gateway.host().random().into_iter().take(16))),
    }
}

fn described(tool: &chat::Tool) -> Tool {
    let mut schema = match &tool.input_schema {
        Some(Value::Object(schema)) => schema.clone(),
        _ => Map::new(),
    };
    schema.entry("type").or_insert("object".into());
    let description = tool.description.clone().map(Cow::Owned);
    Tool::new_with_raw(tool.name.clone(), description, Arc::new(schema))
}

/// A part of a result. What the protocol has no form for is shown as its JSON.
fn block(part: Part) -> ContentBlock {
    match part {
        Part::Text { text, .. } | Part::Reasoning { text, .. } | Part::Refusal { text } => {
            ContentBlock::text(text)
        }
        Part::Image(image) => match inline(&image.url) {
            Some((media_type, data)) => ContentBlock::image(data, media_type),
            None => link(image.url, None),
        },
        Part::Document(document) => match inline(&document.url) {
            Some((media_type, data)) => {
                let uri = document.title.unwrap_or_else(|| "document".to_owned());
                let contents = ResourceContents::blob(data, uri).with_mime_type(media_type);
                ContentBlock::resource(contents)
            }
            None => link(document.url, document.title),
        },
        other => ContentBlock::text(super::answer::value(&other).to_string()),
    }
}

fn link(url: String, title: Option<String>) -> ContentBlock {
    let name = title.unwrap_or_else(|| url.clone());
    ContentBlock::resource_link(Resource::new(url, name))
}

/// The media type and the base64 of what a `data:` URI holds.
fn inline(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
}
