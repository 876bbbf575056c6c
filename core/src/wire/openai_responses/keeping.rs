//! What a request says about keeping its answer, and about answers that were kept before.

use super::ENCRYPTED;
use crate::chat::{Dialect, Request};
use serde_json::Value;

/// What a request says about keeping answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Whether the answer is to be kept. It is where the request does not say no.
    pub store: bool,
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
            previous: field(PREVIOUS).and_then(Value::as_str).map(str::to_owned),
            shows_encrypted: !store || includes(ENCRYPTED),
        })
    }
}

/// The field that names the response that a request continues.
pub(super) const PREVIOUS: &str = "previous_response_id";
