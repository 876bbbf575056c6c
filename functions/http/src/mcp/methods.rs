//! What can be asked, and what the gateway says of itself.

use dormouse_core::{Error, Kind, gateway::Gateway};
use rmcp::model::{
    DiscoverResult, ErrorCode, ErrorData, Implementation, InitializeResult, ProtocolVersion,
    ResourcesCapability, ServerCapabilities, ToolsCapability,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Peer, message::Asked, resources, revision, revision::Lifecycle, tools};

const INSTRUCTIONS: &str =
    "Tools work in a directory of their own; what is in it can be read as a resource.";

/// Answers one request.
pub(super) async fn answer(peer: &Peer, asked: Asked) -> Result<Value, ErrorData> {
    let Asked { id, method, params } = asked;
    let by_session = peer.lifecycle == Lifecycle::Session;
    let files = resources::sandbox(&peer.gateway).is_some();
    let mut result = match method.as_str() {
        "server/discover" => discovered(&peer.gateway),
        "ping" if by_session => Ok(json!({})),
        "tools/list" => tools::list(peer, params).await,
        "tools/call" => tools::call(peer, &id, params).await,
        "resources/list" if files => resources::list(peer, params).await,
        "resources/templates/list" if files => resources::templates(params),
        "resources/read" if files => resources::read(peer, params).await,
        _ => {
            let error = format!("Method not found: {method}");
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, error, None));
        }
    };
    if let Ok(Value::Object(fields)) = &mut result {
        if by_session {
            // Clients of these revisions do not know it.
            fields.remove("resultType");
        } else if method != "tools/call" {
            // Every tenant has a list of its own, which may change at any time.
            fields.entry("ttlMs").or_insert(0.into());
            fields.entry("cacheScope").or_insert("private".into());
        }
    }
    result
}

/// The answer to `initialize`.
pub(super) fn initialized(gateway: &Gateway, revision: ProtocolVersion) -> Value {
    let result = InitializeResult::new(capabilities(gateway))
        .with_protocol_version(revision)
        .with_server_info(implementation())
        .with_instructions(INSTRUCTIONS);
    super::answer::value(&result)
}

fn discovered(gateway: &Gateway) -> Result<Value, ErrorData> {
    let mut result = DiscoverResult::new(revision::SPOKEN.to_vec(), capabilities(gateway));
    result.instructions = Some(INSTRUCTIONS.to_owned());
    written(&result.with_server_info(implementation()))
}

fn capabilities(gateway: &Gateway) -> ServerCapabilities {
    let mut capabilities = ServerCapabilities::default();
    capabilities.tools = Some(ToolsCapability::default());
    if resources::sandbox(gateway).is_some() {
        capabilities.resources = Some(ResourcesCapability::default());
    }
    capabilities
}

fn implementation() -> Implementation {
    Implementation::new("dormouse", env!("CARGO_PKG_VERSION")).with_title("Dormouse")
}

/// A result as JSON.
pub(super) fn written(result: &impl Serialize) -> Result<Value, ErrorData> {
    serde_json::to_value(result).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// An error of the gateway as clients of the protocol see it.
pub(super) fn failed(error: &Error) -> ErrorData {
    let code = match error.kind() {
        Kind::Invalid => ErrorCode::INVALID_PARAMS,
        Kind::Unauthenticated | Kind::Forbidden | Kind::NotFound | Kind::MethodNotAllowed => {
            ErrorCode::INVALID_REQUEST
        }
        _ => ErrorCode::INTERNAL_ERROR,
    };
    let data = json!({ "code": error.code().as_str(), "param": error.param() });
    ErrorData::new(code, error.message().to_owned(), Some(data))
}
