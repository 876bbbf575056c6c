//! Fields that a request of one dialect may bring to a provider of another: the vocabulary has no word for
//! them, but both sides do, and mean the same.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    chat::{Dialect, Request},
    ports::hex,
};

/// What OpenAI's two dialects have in common.
const OF_OPENAI: [&str; 5] = [
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
];

/// What model servers take beside OpenAI's chat format (llama.cpp's server, vLLM, SGLang). They are no
/// words of any caller's dialect, so whoever says them means the server.
pub(super) const OF_SERVERS: [&str; 16] = [
    "chat_template_kwargs",
    "grammar",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "json_schema",
    "min_p",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "repeat_last_n",
    "repeat_penalty",
    "repetition_penalty",
    "structured_outputs",
    "typical_p",
];

/// The words of OpenAI's own that `request`, of a dialect that is not the provider's, has for it.
///
/// A caller of Anthropic's dialect names its user and conversation in one text
/// (`metadata.user_id`). OpenAI finds a cached prefix sooner where requests of one conversation have a key
/// in common, and wants to know users apart; it takes 64 characters for either, and need not know who it
/// is.
pub(super) fn of_openai(request: &Request) -> Map<String, Value> {
    match request.dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => some(request, &OF_OPENAI),
        Dialect::Anthropic => {
            let named = request.end_user.iter();
            let fields = named.flat_map(|name| {
                let fingerprints = [
                    ("prompt_cache_key", fingerprint(name)),
                    ("safety_identifier", fingerprint(&without_session(name))),
                ];
                fingerprints.map(|(field, value)| (field.to_owned(), value.into()))
            });
            fields.collect()
        }
        _ => Map::new(),
    }
}

/// The words of model servers that `request` has.
pub(super) fn of_servers(request: &Request) -> Map<String, Value> {
    some(request, &OF_SERVERS)
}

fn some(request: &Request, fields: &[&str]) -> Map<String, Value> {
    let there = fields.iter().filter_map(|field| {
        let value = request.extensions.0.get(*field)?;
        Some(((*field).to_owned(), value.clone()))
    });
    there.collect()
}

/// The user alone, of a name that says in which session it is asking: Claude Code writes
/// `user_…_session_…`, or a JSON object with a `session_id`.
fn without_session(name: &str) -> String {
    if let Ok(Value::Object(mut fields)) = serde_json::from_str(name) {
        fields.shift_remove("session_id");
        return Value::Object(fields).to_string();
    }
    name.split_once("_session_").map_or(name, |(user, _)| user).to_owned()
}

/// 64 characters.
fn fingerprint(text: &str) -> String {
    hex(Sha256::digest(text.as_bytes()).into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(user: &str) -> (String, String) {
        let request = Request {
            dialect: Dialect::Anthropic,
            end_user: Some(user.to_owned()),
            ..Request::default()
        };
        let fields = of_openai(&request);
        let text = |field: &str| fields[field].as_str().unwrap().to_owned();
        (text("prompt_cache_key"), text("safety_identifier"))
    }

    #[test]
    fn a_session_has_a_key_of_its_own_and_a_user_is_the_same_in_all_of_them() {
        for (one, other, stranger) in [
            ("user_1_account__session_a", "user_1_account__session_b", "user_2_account__session_a"),
            (
                r#"{"device_id":"1","session_id":"a"}"#,
                r#"{"device_id":"1","session_id":"b"}"#,
                r#"{"device_id":"2","session_id":"a"}"#,
            ),
        ] {
            let ((key, user), (other_key, same_user)) = (said(one), said(other));
            assert_eq!((key.len(), user.len()), (64, 64));
            assert_ne!(key, other_key);
            assert_eq!(user, same_user);
            assert_ne!(user, said(stranger).1);
            assert_eq!(said(one), said(one), "the same each time");
        }
    }
}
