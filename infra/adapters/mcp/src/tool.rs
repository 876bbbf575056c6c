//! One tool of a server, and what its results are to a model.

use std::{borrow::Cow, sync::Arc, time::Duration};

use async_trait::async_trait;
use dormouse_core::{
    chat::{self, Image, Part},
    tools::{Context, Output, Tool},
};
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ContentBlock, RequestMetaObject, ResourceContents,
};
use serde_json::{Map, Value};

use crate::server::Server;

/// Under which name a server is told what makes a call the same call.
const IDEMPOTENCY_KEY: &str = "dormouse/idempotencyKey";

/// A tool of a server.
#[derive(Debug)]
pub(crate) struct ServerTool {
    server: Server,
    definition: Arc<chat::Tool>,
}

impl ServerTool {
    pub(crate) fn new(server: Server, definition: Arc<chat::Tool>) -> Self {
        Self { server, definition }
    }
}

/// What a server says of a tool, in the gateway's words.
pub(crate) fn described(tool: rmcp::model::Tool) -> chat::Tool {
    chat::Tool {
        name: tool.name.into_owned(),
        description: tool.description.map(Cow::into_owned).or(tool.title),
        input_schema: Some(Value::Object(tool.input_schema.as_ref().clone())),
        ..chat::Tool::default()
    }
}

#[async_trait]
impl Tool for ServerTool {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    fn time_limit(&self) -> Option<Duration> {
        self.server.about().timeout
    }

    async fn call(&self, input: Map<String, Value>, context: &Context) -> Output {
        let mut meta = RequestMetaObject::new();
        meta.insert(IDEMPOTENCY_KEY.to_owned(), context.idempotency_key.clone().into());
        let mut params = CallToolRequestParams::new(self.definition.name.clone());
        params.arguments = Some(input);
        params.meta = Some(meta);
        let called = match self.server.connection().await {
            Ok(connection) => connection.call(params).await,
            Err(why) => Err(why.to_string()),
        };
        match called {
            Ok(result) => output(result),
            Err(why) => {
                let name = &self.server.about().name;
                Output::failed(format!("the MCP server `{name}` failed: {why}"))
            }
        }
    }
}

/// A result for a model. What it cannot be shown is named.
fn output(result: CallToolResult) -> Output {
    let mut parts: Vec<Part> = result.content.into_iter().map(part).collect();
    if let Some(content) = result.structured_content.filter(|_| parts.is_empty()) {
        parts.push(text(content.to_string()));
    }
    Output { parts, is_error: result.is_error.unwrap_or_default() }
}

fn part(block: ContentBlock) -> Part {
    match block {
        ContentBlock::Text(content) => text(content.text),
        ContentBlock::Image(image) => Part::Image(Image {
            url: format!("data:{};base64,{}", image.mime_type, image.data),
            ..Image::default()
        }),
        ContentBlock::Audio(audio) => text(format!("[sound, {}]", audio.mime_type)),
        ContentBlock::Resource(embedded) => match embedded.resource {
            ResourceContents::TextResourceContents { uri, text: content, .. } => {
                text(format!("{uri}:\n{content}"))
            }
            ResourceContents::BlobResourceContents { uri, mime_type, .. } => {
                let form = mime_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                text(format!("[file {uri}, {form}]"))
            }
            _ => text("[something that has no form here]".to_owned()),
        },
        ContentBlock::ResourceLink(link) => text(format!("[{}]({})", link.name, link.uri)),
        _ => text("[something that has no form here]".to_owned()),
    }
}

fn text(text: String) -> Part {
    Part::Text { text, cache: None }
}
