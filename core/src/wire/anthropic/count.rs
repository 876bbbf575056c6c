//! Asking how many input tokens a request is (`POST /v1/messages/count_tokens`).

use super::encode_request;
use crate::{
    Result,
    chat::{Dialect, Request},
    wire::{
        Call, Outgoing,
        patch::{self, remove, to_bytes},
    },
};

/// Fields of a request that say how to answer it, not what is to be read: the call refuses them.
const ANSWERING: [&str; 11] = [
    "max_tokens",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "metadata",
    "service_tier",
    "container",
    "inference_geo",
    "diagnostics",
];

/// Writes the call.
///
/// # Errors
///
/// As those of [`encode_request`].
pub(super) fn encode(request: &Request, outgoing: &Outgoing<'_>) -> Result<Call> {
    let call = encode_request(request, outgoing)?;
    let mut fields = patch::read(&call.body)?;
    for field in ANSWERING {
        remove(&mut fields, field);
    }
    Ok(Call { path: "messages/count_tokens".into(), body: to_bytes(&fields)?, ..call })
}

/// Writes the call for a server that answers in another format, so that it counts what it would read
/// there: without what only Anthropic understands.
///
/// # Errors
///
/// As those of [`encode_request`].
pub(in crate::wire) fn encode_foreign(request: &Request, outgoing: &Outgoing<'_>) -> Result<Call> {
    let mut foreign = request.clone();
    foreign.original = None;
    for message in &mut foreign.messages {
        message.parts.retain(|part| !matches!(part, crate::chat::Part::Other { .. }));
    }
    foreign.dialect = Dialect::OpenAiChat;
    encode(&foreign, outgoing)
}
