//! What a request says about keeping its answer, and about answers that were kept before.

use std::ops::Range;

use serde_json::{Map, Value, json};

use super::{ENCRYPTED, input};
use crate::{
    Code, Error, Result,
    chat::{Dialect, Request, Role},
    wire::{Opening, sse},
};

/// The field that names the response that a request continues.
pub(super) const PREVIOUS: &str = "previous_response_id";

/// The field that asks for an answer that outlives its caller. It is for the gateway alone.
pub(super) const BACKGROUND: &str = "background";

/// What a request says about keeping answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Whether the answer is to be kept. It is where the request does not say no.
    pub store: bool,
    /// Whether the answer is to be written whether or not the caller waits for it.
    pub background: bool,
    /// The id of the response that the request continues.
    pub previous: Option<String>,
    /// Whether the caller wants to see thoughts encrypted, to bring them back itself.
    pub shows_encrypted: bool,
}

impl Keeping {
    /// What `request` says; `None` if its dialect is another.
    pub fn of(request: &Request) -> Option<Self> {
        if request.dialect != Dialect::OpenAiResponses {
            return None;
        }
        let field = |field: &str| request.extensions.0.get(field);
        let store = field("store").and_then(Value::as_bool).unwrap_or(true);
        let includes = |wanted: &str| {
            let list = field("include").and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|it| it == wanted))
        };
        Some(Self {
            store,
            background: field(BACKGROUND).and_then(Value::as_bool).unwrap_or(false),
            previous: field(PREVIOUS).and_then(Value::as_str).map(str::to_owned),
            shows_encrypted: !store || includes(ENCRYPTED),
        })
    }
}

/// The items of a request's own input, each with an id.
///
/// # Errors
///
/// [`Code::Internal`] if the original is not what it was when it was decoded.
pub fn input_items(request: &Request, opening: Option<&Opening>) -> Result<Vec<Value>> {
    let Some(original) = &request.original else { return Ok(Vec::new()) };
    let mut body: Map<String, Value> = serde_json::from_slice(&original.body).map_err(|error| {
        Error::new(Code::Internal, "the request cannot be kept").caused_by(error)
    })?;
    let mut items = match body.shift_remove("input") {
        Some(Value::String(text)) => {
            vec![json!({ "type": "message", "role": "user", "content": text })]
        }
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let id = opening.map(|opening| opening.id.as_str()).unwrap_or_default();
    for (number, item) in items.iter_mut().filter_map(Value::as_object_mut).enumerate() {
        complete(item, id, number);
    }
    Ok(items)
}

/// Writes an item as strict clients want to read it: with a kind, an id, and its content as parts.
fn complete(item: &mut Map<String, Value>, id: &str, number: usize) {
    if item.contains_key("role") {
        item.entry("type").or_insert("message".into());
    }
    let message = item.get("type").and_then(Value::as_str) == Some("message");
    let said = item.get("role").and_then(Value::as_str) == Some("assistant");
    if let Some(content) = item.get_mut("content").filter(|_| message)
        && let Value::String(text) = content
    {
        *content = if said {
            json!([{ "type": "output_text", "text": text, "annotations": [], "logprobs": [] }])
        } else {
            json!([{ "type": "input_text", "text": text }])
        };
    }
    let prefix = if message { "msg" } else { "item" };
    item.entry("id").or_insert_with(|| format!("{prefix}_{id}_in{number}").into());
}

/// The id of an item that is only named: it stands for one of an earlier response.
pub fn reference(item: &Value) -> Option<&str> {
    let kind = item.get("type").and_then(Value::as_str);
    let named = match kind {
        Some(kind) => kind == "item_reference",
        None => item.get("role").is_none(),
    };
    item.get("id").and_then(Value::as_str).filter(|_| named)
}

/// Puts the items of earlier responses between the instructions of `request` and its own input, and
/// `own` in the place of that, where it had to be completed. The original bytes do not say it all any
/// more, so they go. Returns which messages were put there.
///
/// # Errors
///
/// [`Code::InvalidRequest`](crate::Code::InvalidRequest) if the items are none.
pub fn continued(
    request: &mut Request,
    earlier: Vec<Value>,
    own: Option<Vec<Value>>,
) -> Result<Range<usize>> {
    let earlier = input::decode_items(earlier, PREVIOUS, &mut request.tools)?;
    let first = request.messages.first();
    let place = usize::from(instructed(request) && first.is_some_and(|it| it.role == Role::System));
    if let Some(own) = own {
        // The tools that its items define are known from when it was read first.
        let own = input::decode_items(own, "input", &mut Vec::new())?;
        request.messages.truncate(place);
        request.messages.extend(own);
    }
    let put = place..place + earlier.len();
    request.messages.splice(place..place, earlier);
    request.extensions.0.shift_remove(PREVIOUS);
    request.original = None;
    Ok(put)
}

/// Whether the first message is the request's instructions.
fn instructed(request: &Request) -> bool {
    let body = request
        .original
        .as_ref()
        .and_then(|original| serde_json::from_slice::<Map<String, Value>>(&original.body).ok());
    body.is_some_and(|body| body.get("instructions").is_some_and(|it| !it.is_null()))
}

/// The response in a provider's own last event, or the whole of its answer.
pub fn passed_response(bytes: &[u8]) -> Option<Value> {
    if let Ok(response @ Value::Object(_)) = serde_json::from_slice(bytes) {
        return Some(response);
    }
    let mut frames = Vec::new();
    sse::Decoder::default().push(bytes, &mut frames).ok()?;
    let event: Value = serde_json::from_str(&sse::Frame::read(frames.last()?).data).ok()?;
    event.get("response").cloned()
}

/// The item that an event of a stream says is done.
pub fn done_item(event: &[u8]) -> Option<Value> {
    let event = sse::Frame::read(event);
    if event.event.as_deref() != Some("response.output_item.done") {
        return None;
    }
    let mut data: Map<String, Value> = serde_json::from_str(&event.data).ok()?;
    data.shift_remove("item")
}

/// Takes from `items` what a caller did not ask to see: encrypted thoughts.
pub fn show(items: &mut [Value], include: Option<&str>) {
    if include != Some(ENCRYPTED) {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.shift_remove("encrypted_content");
        }
    }
}
