//! Counting with a server of llama.cpp's from before it had a call for that: it shows the prompt that its
//! template makes of a conversation (`POST /apply-template`), and the tokens of a text (`POST /tokenize`).
//! Both are in its `README.md` (`tools/server`), beside `/v1` and not below it.
//!
//! The number is exact, tools included. Pictures, sound and files are no part of the prompt that is shown,
//! so what holds any is not counted this way.

use serde_json::{Map, Value, json};

use super::encode_request;
use crate::{
    Result,
    chat::{Part, Request},
    wire::{Call, Outgoing, patch::to_bytes},
};

/// The call that shows the prompt of `request`. `None`: it holds more than words.
///
/// # Errors
///
/// As those of [`encode_request`].
pub fn encode_template(request: &Request, outgoing: &Outgoing<'_>) -> Result<Option<Call>> {
    let mut parts = request.messages.iter().flat_map(|message| &message.parts);
    if !parts.all(is_words) {
        return Ok(None);
    }
    Ok(Some(Call::new("/apply-template", encode_request(request, outgoing)?)))
}

fn is_words(part: &Part) -> bool {
    match part {
        Part::Image(_) | Part::Document(_) | Part::Other { .. } => false,
        Part::ToolResult { parts, .. } => parts.iter().all(is_words),
        Part::Text { .. }
        | Part::Reasoning { .. }
        | Part::ToolCall { .. }
        | Part::Refusal { .. } => true,
    }
}

/// The call that shows the tokens of the prompt in `body`, as the server makes them for an answer: special
/// ones are read, and those added that begin every prompt. `None`: there is no prompt.
///
/// # Errors
///
/// [`Code::Internal`](crate::Code::Internal) if the call cannot be written.
pub fn encode_tokens(body: &[u8]) -> Result<Option<Call>> {
    let prompt = field(body, "prompt").filter(Value::is_string);
    let call = |prompt| {
        let body = json!({ "content": prompt, "add_special": true, "parse_special": true });
        Ok(Call::new("/tokenize", to_bytes(&body)?))
    };
    prompt.map(call).transpose()
}

/// How many tokens there are. `None`: the body does not say.
pub fn decode_tokens(body: &[u8]) -> Option<u64> {
    let tokens = field(body, "tokens")?;
    u64::try_from(tokens.as_array()?.len()).ok()
}

fn field(body: &[u8], field: &str) -> Option<Value> {
    serde_json::from_slice::<Map<String, Value>>(body).ok()?.shift_remove(field)
}
