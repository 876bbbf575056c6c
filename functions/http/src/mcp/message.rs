//! Messages as clients send them: JSON-RPC 2.0.

use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use rmcp::model::{CancelledNotificationParam, ErrorData, ProtocolVersion, RequestId};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::answer::Refusal;

/// The most messages of a batch.
const MAX_BATCH: usize = 100;

/// What a body holds.
#[derive(Debug)]
pub(super) enum Sent {
    One(Message),
    /// Only the revision 2025-03-26 has batches.
    Many(Vec<Result<Message, Malformed>>),
}

#[derive(Debug)]
pub(super) enum Message {
    Request(Asked),
    Notification {
        method: String,
        params: Map<String, Value>,
    },
    /// The answer to something the gateway never asked.
    Reply,
}

/// A request.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: RequestId,
    pub(super) method: String,
    pub(super) params: Map<String, Value>,
}

/// What is no message, with its id if that can be told.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) id: Option<RequestId>,
    pub(super) error: Box<ErrorData>,
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::new(StatusCode::BAD_REQUEST, malformed.id, *malformed.error)
    }
}

/// Refuses a body that says it is something else than JSON: what a web page may send without being asked.
pub(super) fn check_form(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(form) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let form = form.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if form.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let error = invalid(None, "the content type must be application/json").error;
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, None, *error))
}

/// Reads a body that says, or does not say, that it is of `revision`.
pub(super) fn read(body: &[u8], revision: Option<&str>) -> Result<Sent, Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let error = ErrorData::parse_error(format!("Parse error: {error}"), None);
        Refusal::new(StatusCode::BAD_REQUEST, None, error)
    })?;
    let Value::Array(values) = value else { return Ok(Sent::One(message(value)?)) };
    // Whoever names no revision speaks this one.
    if revision.is_some_and(|it| it != ProtocolVersion::V_2025_03_26.as_str()) {
        return Err(invalid(None, "this revision of the protocol has no batches").into());
    }
    if values.is_empty() || values.len() > MAX_BATCH {
        return Err(invalid(None, "a batch has 1 to 100 messages").into());
    }
    Ok(Sent::Many(values.into_iter().map(message).collect()))
}

fn message(value: Value) -> Result<Message, Malformed> {
    let Value::Object(mut fields) = value else {
        return Err(invalid(None, "a message is a JSON object"));
    };
    let id = match fields.remove("id") {
        None => None,
        Some(id) => match serde_json::from_value::<RequestId>(id) {
            Ok(id) => Some(id),
            Err(_) => return Err(invalid(None, "`id` must be a text or a whole number")),
        },
    };
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid(id, "`jsonrpc` must be \"2.0\""));
    }
    let method = match fields.remove("method") {
        Some(Value::String(method)) => method,
        None if fields.contains_key("result") || fields.contains_key("error") => {
            return Ok(Message::Reply);
        }
        _ => return Err(invalid(id, "`method` must be a text")),
    };
    let params = match fields.remove("params") {
        Some(Value::Object(params)) => params,
        None | Some(Value::Null) => Map::new(),
        Some(_) => return Err(invalid(id, "`params` must be an object")),
    };
    Ok(match id {
        Some(id) => Message::Request(Asked { id, method, params }),
        None => Message::Notification { method, params },
    })
}

fn invalid(id: Option<RequestId>, why: &'static str) -> Malformed {
    let error = ErrorData::invalid_request(format!("Invalid Request: {why}"), None);
    Malformed { id, error: Box::new(error) }
}

/// Reads the parameters of a method; an error names the field.
pub(super) fn params<T: DeserializeOwned>(params: Map<String, Value>) -> Result<T, ErrorData> {
    serde_path_to_error::deserialize(Value::Object(params)).map_err(|error| {
        let (path, why) = (error.path().to_string(), error.into_inner());
        let place = if path == "." { String::new() } else { format!("`{path}`: ") };
        ErrorData::invalid_params(format!("Invalid params: {place}{why}"), None)
    })
}

/// The request that a client wants no answer to any more.
pub(super) fn cancelled(given: Map<String, Value>) -> Option<RequestId> {
    params::<CancelledNotificationParam>(given).ok()?.request_id
}
